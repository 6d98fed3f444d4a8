"""Every command on a small project on Spark (on Sail), in the order of a week: as on Postgres, it works or says why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from segflow.cli.main import main
from tests import spark_project as made
from tests.sail import Sail
from tests.warehouse import test_postgres_commands as other

_OWN = {
    "move --to postgres": "a project cannot be moved to or from Spark yet, only between DuckDB and Postgres",
    "move --to duckdb --dry-run": "a project cannot be moved to or from Spark yet, only between DuckDB and Postgres",
}
DAYS = [
    (said, code, _OWN.get(said) or told.replace("Postgres 1", "Spark ").replace("Postgres", "Spark"))
    for said, code, told in other.DAYS
]


@pytest.fixture(scope="module")
def root(sail: Sail, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    made.make(folder, made.new_server_url(sail), **{"segflow.yml": "name: shop\ncoupons: {spring: {}}\n"})
    (folder / "people.csv").write_text("contact_id,city\ndora,Berlin\n")
    (folder / "addresses.csv").write_text("channel,address\nemail,other@example.com\n")
    (folder / "codes.txt").write_text("SPRING1\n")
    return folder


@pytest.mark.parametrize(("said", "code", "told"), DAYS, ids=[said for said, _, _ in DAYS])
def test_a_command(
    root: Path, said: str, code: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "argv", ["segflow", *said.split()])
    with pytest.raises(SystemExit) as end:
        main()
    printed: Any = capsys.readouterr()
    assert (end.value.code or 0) == code, printed.out + printed.err
    assert told in printed.out + printed.err


def test_what_was_exported(root: Path) -> None:
    assert (root / "out.csv").read_text(encoding="utf-8").splitlines()[1].startswith('"ben"')
    assert pq.read_table(root / "out.parquet").to_pylist() == [{"contact_id": "ben", "city": "Köln"}]
    assert "ana" in (root / "exits.jsonl").read_text(encoding="utf-8")

"""Every command on a small project on Spark (on Sail), in the order of a week: as on Postgres, it works or says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import spark_project as made
from tests.sail import Sail
from tests.warehouse import test_postgres_commands as other

_OWN = {"move --to postgres": "has no target for Postgres"}
DAYS = [
    (said, code, _OWN.get(said) or told.replace("Postgres 1", "Spark ").replace("Postgres", "Spark"))
    for said, code, told in other.DAYS
]


@pytest.fixture(scope="module")
def root(sail: Sail, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    made.make(folder, made.new_server_url(sail), **{"segflow.yml": "name: shop\ncoupons: {spring: {}}\n"})
    return other.written(folder)


@pytest.mark.parametrize(("said", "code", "told"), DAYS, ids=[said for said, _, _ in DAYS])
def test_a_command(
    root: Path, said: str, code: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    ended, printed = other.run(said, monkeypatch, capsys)
    assert ended == code, printed
    assert told in printed


def test_what_was_exported(root: Path) -> None:
    other.check_exports(root)

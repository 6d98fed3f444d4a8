"""Every command on a small project on Postgres, in the order of a week: it works, or it says why it does not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from segflow.cli.main import main
from tests import postgres_project as made
from tests.postgres import Server
from tests.test_half_made import COMMANDS

DAYS: list[tuple[str, int, str]] = [
    ("validate", 0, "4 segments and 1 flows are fine"),
    ("compile", 0, "files changed"),
    ("compile --check", 0, ""),
    ("doctor", 0, "Postgres 1"),
    ("plan --as-of 2026-01-11", 2, "dbt has not built stg_customers: there is nothing to plan with"),
    ("tick --as-of 2026-01-11 --no-send", 0, "4 contacts as of 2026-01-11"),
    ("outbox drain", 0, "mailbox"),
    ("outbox list", 0, "message id"),
    ("segments", 0, "tea_lovers"),
    ("segments --format json", 0, '"members": 2'),
    ("flows", 0, "welcome_tea"),
    ("flow show welcome_tea --format text", 0, "2 enrolled, 2 inside"),
    ("preview tea_lovers --as-of 2026-01-13", 0, "would exit: ana"),
    ("preview big_spenders --as-of 2026-01-13", 0, "big_spenders"),
    ("explain tea_lovers ana --as-of 2026-01-11", 0, "at least 1 x purchase where category is tea"),
    ("explain big_spenders ana --as-of 2026-01-11", 0, "FROM stg_orders"),
    ("lint", 0, "unused-segment"),
    ("test", 0, "2 tests passed"),
    ("plan --as-of 2026-01-13", 0, "4 contacts, 0 entries, 1 exit"),
    ("import people.csv --trigger-flows", 0, "1 "),
    ("imports", 0, "people.csv"),
    ("flow pause welcome_tea", 0, "paused"),
    ("flow resume welcome_tea", 0, ""),
    ("tick --as-of 2026-01-13", 0, "Tick 20260113T000000Z done"),
    ("export tea_lovers --output out.csv", 0, "1 member in out.csv"),
    ("export tea_lovers --output out.parquet --format parquet --column contact_id --column city", 0, "1 member in"),
    ("export tea_lovers --only exited --output exits.jsonl --format jsonl", 0, "1 "),
    ("history tea_lovers", 0, "20260113T000000Z"),
    ("history tea_lovers --contact ana", 0, "exited"),
    ("trace ana", 0, "flow welcome_tea"),
    ("overlap tea_lovers big_spenders", 0, "in all 2"),
    ("backtest welcome_tea --from 2026-01-11 --to 2026-01-13", 0, "Nothing was written or sent"),
    ("release tea_lovers", 2, "is not held"),
    ("freeze tea_lovers --list kept", 0, "puts 1 member of tea_lovers on list kept"),
    ("render welcome_tea hello --contact ana", 0, "Hello ana@example.com"),
    ("send-test welcome_tea hello --contact ana --to x@example.com", 0, "Sent to x@example.com"),
    ("flow retrigger welcome_tea", 0, "The next tick offers"),
    ("flow enroll welcome_tea --segment tea_lovers", 0, "The next tick enrolls"),
    ("flow remove welcome_tea ben", 2, "ben is not in flow welcome_tea"),
    ("tick --as-of 2026-01-14", 0, "Tick 20260114T000000Z done"),
    ("coupons add spring codes.txt", 0, ""),
    ("coupons", 0, "spring"),
    ("suppressions add email gone@example.com", 0, ""),
    ("suppressions import addresses.csv", 0, ""),
    ("suppressions export suppressed.csv", 0, ""),
    ("suppressions", 0, "gone@example.com"),
    ("suppressions remove email gone@example.com", 0, ""),
    ("contact deleted", 0, ""),
    ("contact restore ana", 2, "ana"),
    ("outbox retry m1", 0, "0 messages"),
    ("outbox release m1", 0, "0 messages"),
    ("outbox drop m1", 0, "0 messages"),
    ("sender check mailbox", 0, ""),
    ("tasks", 0, ""),
    ("vars", 0, '"tick_id"'),
    ("schema", 0, "settings.schema.json"),
    ("fmt", 0, ""),
    ("api-key add desk", 0, ""),
    ("api-key list", 0, "desk"),
    ("api-key calls", 0, ""),
    ("api-key revoke desk", 0, ""),
    ("stop-sending", 0, ""),
    ("compact", 2, "Postgres keeps its ledgers itself"),
    ("rebuild", 2, "Postgres keeps backups of its own"),
    ("move --to postgres", 2, "the project is on Postgres already"),
    ("move --to duckdb --dry-run", 2, "has no target for DuckDB"),
    ("rebuild --delivery-store", 2, "there is nothing to take over"),
    ("doctor --format json", 1, "Postgres 1"),
]
"""Command, exit code, what it says."""


@pytest.fixture(scope="module")
def root(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    url = postgres.new_database()
    made.hostile(url)
    settings = f"name: shop\ndelivery: {{store: '{made.beside(url)}'}}\ncoupons: {{spring: {{}}}}\n"
    made.make(folder, url, seeds=False, **{"segflow.yml": settings})
    return written(folder)


def test_every_command_is_among_them() -> None:
    assert {one for one in COMMANDS if not any(f"{said} ".startswith(f"{one} ") for said, _, _ in DAYS)} == set()


def written(folder: Path) -> Path:
    """`folder` with the files that commands read."""
    (folder / "people.csv").write_text("contact_id,city\ndora,Berlin\n")
    (folder / "addresses.csv").write_text("channel,address\nemail,other@example.com\n")
    (folder / "codes.txt").write_text("SPRING1\n")
    return folder


def run(said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code of a command in this process, and what it printed."""
    monkeypatch.setattr(sys, "argv", ["segflow", *said.split()])
    with pytest.raises(SystemExit) as end:
        main()
    printed: Any = capsys.readouterr()
    return int(end.value.code or 0), printed.out + printed.err


def check_exports(root: Path) -> None:
    """What the commands have exported is whole."""
    assert (root / "out.csv").read_text(encoding="utf-8").splitlines()[1].startswith('"ben"')
    assert pq.read_table(root / "out.parquet").to_pylist() == [{"contact_id": "ben", "city": "Köln"}]
    assert "ana" in (root / "exits.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize(("said", "code", "told"), DAYS, ids=[said for said, _, _ in DAYS])
def test_a_command(
    root: Path, said: str, code: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    ended, printed = run(said, monkeypatch, capsys)
    assert ended == code, printed
    assert told in printed


def test_what_was_exported(root: Path) -> None:
    check_exports(root)

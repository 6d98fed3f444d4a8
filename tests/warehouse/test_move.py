"""`segflow move`: a shop that lives on DuckDB goes on in Postgres, as if it had always been there, and back again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from segflow.cli.main import main
from segflow.doctor.examine import examine
from segflow.errors import InputError, RunError
from segflow.outbox.lease import held_lease
from segflow.project import Project
from segflow.rebuild.carry import CARRIED
from segflow.warehouse.tables import TABLES
from tests import postgres_project as made
from tests.postgres import Server

DAY = {day: datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 32)}
_DUCKDB = {
    "type": "duckdb",
    "path": "{{ env_var('SEGFLOW_WAREHOUSE') }}",
    "threads": 1,
    "settings": {"TimeZone": "UTC"},
}
MORE = {
    "segment_specs/big_spenders.sql": made.FILES["segment_specs/big_spenders.sql"].replace("::numeric", ""),
    "segment_specs/cold.yml": "where: {none: [{event: purchase, within_last: 5 days, count: {gte: 1}}]}\n"
    "on_create: trigger\n",
    "segment_specs/rests.yml": "where: {segment: big_spenders}\nevery: 1 week\n",
    "segment_specs/settled.yml": "where: {attribute: city, is_set: true, held_for: {gte: 2 days}}\n",
    "segment_specs/kept_tag.yml": "where: {all: [{tag: tea_drinker}, {sql: \"city <> 'Rome'\"}]}\n",
    "flow_specs/at_each_order.yml": """\
status: active
trigger: {event: purchase, where: {property: category, is_set: true}}
reentry: always
exit_when: [{exits: tea_lovers}]
steps:
  - {id: thanks, send_email: {subject: Thanks, text: "{{ event.category }} for {{ contact.city }}"}}
  - {id: rest, wait: 3 days}
  - {id: moved, update_contact: {city: Basel}}
""",
    "flow_specs/come_back.yml": """\
status: active
trigger: {enters: cold}
reentry: {after_exit: 1 day}
restart_when: [{event: purchase}, {attribute: wants, is: true}]
steps:
  - {id: first, send_email: {subject: Back, text: Come back}}
  - {id: pause, wait: 2 days}
  - id: which
    split: [{name: a, weight: 50, steps: [{id: a, add_tag: a}]}, {name: b, weight: 50, steps: [{id: b, add_tag: b}]}]
  - {id: code, coupon: {pool: spring}}
""",
}
ORDERS = {
    12: "o0,ben,2026-01-11 12:00:00,3,\"{\"\"category\"\": \"\"Tea\"\"}\"\n",
    14: "o5,cleo,2026-01-13 10:00:00,7,\"{\"\"category\"\": \"\"Tea\"\"}\"\n",
    16: "o6,dora,2026-01-15 10:00:00,70,\"{\"\"category\"\": \"\"Cups\"\"}\"\n",
    19: "o7,ben,2026-01-18 10:00:00,1,\"{\"\"category\"\": \"\"Tea\"\"}\"\n",
}  # fmt: skip
EDITS = {
    16: ("segment_specs/umlauts.yml", "where: {attribute: city, matches: '(?i)^[äkl]'}\n"),
    19: ("segment_specs/big_spenders.sql", MORE["segment_specs/big_spenders.sql"].replace(">= 20", ">= 70")),
}
"""Edits after the move: the old rule, which DuckDB had run, is asked on Postgres."""


@dataclass
class Shop:
    """A project that may work on either of two warehouses."""

    root: Path
    url: str

    @property
    def project(self) -> Project:
        return Project(self.root)

    def turn(self, engine: str, **more: Any) -> None:
        """Write segflow.yml for an engine."""
        told = {"name": "shop", "engine": engine, "dbt": {"target": engine}, "coupons": {"spring": {}}, **more}
        (self.root / "segflow.yml").write_text(yaml.safe_dump(told))

    def load(self, engine: str, day: int) -> None:
        """The raw tables as they are on a day."""
        orders = made.SEEDS["orders"] + "".join(rows for since, rows in ORDERS.items() if since <= day)
        if engine == "postgres":
            made.load(self.url, orders=orders)
            return
        (self.root / ".segflow").mkdir(exist_ok=True)
        with duckdb.connect(str(self.root / ".segflow/warehouse.duckdb")) as connection:
            connection.execute("SET TimeZone = 'UTC'; CREATE SCHEMA IF NOT EXISTS raw")
            for name, kinds in made.TYPES.items():
                file = self.root / f"{name}.csv"
                file.write_text(orders if name == "orders" else made.SEEDS[name])
                listed = ", ".join(f"{column} {kind}" for column, kind in kinds.items())
                connection.execute(f"CREATE OR REPLACE TABLE raw.{name} ({listed})")
                connection.execute(f"COPY raw.{name} FROM '{file}' (HEADER true)")

    def tick(self, day: int, **files: str) -> None:
        for name, text in files.items():
            (self.root / name).write_text(text)
        report = self.project.tick(DAY[day], send=True)
        assert not report.errors, report.errors

    def kept(self) -> dict[str, list[str]]:
        """The rows of every table that a move carries, less wall clocks and what is said in the engine's words."""
        project = self.project
        found = {}
        for table in CARRIED:
            columns = [name for name in TABLES[table].columns if name not in (*_WALL, *_WORDS.get(table, ()))]
            found[table] = sorted(map(repr, project.table(table).select(columns).to_pylist()))
        return found

    def mailbox(self) -> dict[str, Any]:
        """Message -> what was sent."""
        sent = [json.loads(path.read_text()) for path in (self.root / ".segflow/mailbox").glob("*.json")]
        return {one["message_id"]: one for one in sent}


_WALL = ("started_at", "finished_at", "recorded_at", "decided_at")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "segment_versions": ("compiled_sql", "fingerprint", "parts"),
    "ticks": ("compiled", "bounds"),
}


def make(postgres: Server, root: Path) -> Shop:
    """A shop on DuckDB whose profile knows of a database, too."""
    url = postgres.new_database()
    made.hostile(url)
    shop = Shop(made.make(root, url, seeds=False, **MORE), url)
    profile = yaml.safe_load((root / "dbt/profiles.yml").read_text())
    outputs = {"postgres": profile["shop"]["outputs"]["server"], "duckdb": _DUCKDB}
    (root / "dbt/profiles.yml").write_text(yaml.safe_dump({"shop": {"target": "duckdb", "outputs": outputs}}))
    shop.turn("duckdb")
    return shop


@pytest.fixture(scope="module")
def lived(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """One that has lived three ticks on DuckDB."""
    shop = make(postgres, tmp_path_factory.mktemp("lived"))
    project = shop.project
    project.add_coupons("spring", [f"CODE{number}" for number in range(9)])
    (shop.root / "people.csv").write_text("contact_id,city\ndora,Bern\n")
    project.import_contacts(shop.root / "people.csv", trigger_flows=True)
    for day in (11, 12, 13):
        shop.load("duckdb", day)
        shop.tick(day)
    project.store.close()
    return shop


@pytest.fixture
def moving(lived: Shop, postgres: Server, tmp_path: Path) -> Iterator[Shop]:
    """A copy of it, with a database of its own."""
    shop = copy(lived, tmp_path / "moving")
    shop.url = postgres.new_database()
    profile = (shop.root / "dbt/profiles.yml").read_text()
    old, new = (url.rpartition("/")[2] for url in (lived.url, shop.url))
    (shop.root / "dbt/profiles.yml").write_text(profile.replace(f"dbname: {old}", f"dbname: {new}"))
    yield shop
    shop.project.store.close()


def copy(shop: Shop, root: Path) -> Shop:
    subprocess.run(["cp", "-r", shop.root, root], check=True)
    return Shop(root, shop.url)


def test_the_next_ticks_are_those_of_one_that_never_moved(lived: Shop, moving: Shop, tmp_path: Path) -> None:
    stays = copy(lived, tmp_path / "stays")
    before = moving.kept()
    done = moving.project.move("postgres")
    assert (done.tick_id, done.dbt_target, done.left_out, done.to_mend) == ("20260113T000000Z", "postgres", [], [])
    assert done.sql_segments == ["segment_specs/big_spenders.sql"]
    states = {"segment_members", "segment_state", "contact_state", "flow_positions", "flow_restart_state"}
    assert states | {"attribute_history", "outbox", "deliveries", "imports", "flow_events"} <= set(done.rows)
    moving.turn("postgres")
    assert moving.kept() == before
    for day in (14, 15, 16, 19):
        edit = dict([EDITS[day]]) if day in EDITS else {}
        for shop, engine in ((stays, "duckdb"), (moving, "postgres")):
            shop.load(engine, day)
            shop.tick(day, **edit)
        one, other = stays.kept(), moving.kept()
        assert {name for name in one if one[name] != other[name]} == set(), day
        assert stays.mailbox() == moving.mailbox()
    assert any("'definition'" in row for row in one["segment_entries"])
    assert any("'definition'" in row for row in one["segment_exits"])


def test_sql_that_says_something_else_there_is_an_edit(moving: Shop) -> None:
    """DuckDB divides whole numbers exactly, Postgres does not: whom that moves triggers nothing."""
    moving.tick(14, **{
        "segment_specs/halves.sql": "select contact_id from {{ ref('stg_orders') }}\n"
        "where ordered_at < timestamp '2026-01-11' group by contact_id having count(*) / 2 > 0.25\n"
    })  # fmt: skip
    moving.project.move("postgres")
    moving.turn("postgres")
    moving.load("postgres", 14)
    moving.tick(15)
    project = moving.project
    exits = [row for row in project.table("segment_exits").to_pylist() if row["segment"] == "halves"]
    assert [
        (row["contact_id"], row["cause"], row["triggers"]) for row in sorted(exits, key=lambda r: r["contact_id"])
    ] == [
        ("ben", "definition", False),
        ("cleo", "definition", False),
    ]
    assert project.members("halves").column("contact_id").to_pylist() == ["ana"]


def test_there_and_back(moving: Shop) -> None:
    """DuckDB again: the tables, the ledger files that a rebuild reads, and what the doctor says of both."""
    before = moving.kept()
    moving.project.move("postgres")
    moving.turn("postgres")
    old = moving.root / ".segflow/old"
    old.mkdir()
    for name in ("ledgers", "warehouse.duckdb"):
        (moving.root / ".segflow" / name).rename(old / name)
    moving.project.move("duckdb")
    moving.turn("duckdb")
    assert moving.kept() == before
    moving.load("duckdb", 14)
    assert {one.check: one.findings for one in examine(moving.root)}["ledgers"] == []
    moving.tick(14)
    after = moving.kept()
    (moving.root / ".segflow/warehouse.duckdb").unlink()
    moving.project.rebuild()
    assert moving.kept() == after


def test_the_warehouse_that_was_left_is_behind(moving: Shop) -> None:
    moving.project.move("postgres")
    moving.turn("postgres")
    moving.load("postgres", 14)
    moving.tick(14)
    moving.turn("duckdb")
    with pytest.raises(RunError, match=r"ends with tick 20260113T000000Z, done, but tick 20260114T000000Z"):
        moving.project.tick(DAY[15])


def refused(shop: Shop, **told: Any) -> str:
    project = shop.project
    try:
        with pytest.raises((InputError, RunError)) as error:
            project.move(told.pop("to", "postgres"), **told)
    finally:
        project.store.close()
    return str(error.value).replace(str(shop.root), "ROOT")


def _unknown(shop: Shop) -> str:
    return refused(shop, to="postgre")


def _there(shop: Shop) -> str:
    return refused(shop, to="duckdb")


def _other_target(shop: Shop) -> str:
    return refused(shop, target="postgresql")


def _profile(shop: Shop, **outputs: str) -> None:
    file = shop.root / "dbt/profiles.yml"
    told = yaml.safe_load(file.read_text())
    known = told["shop"]["outputs"]
    told["shop"]["outputs"] = {"duckdb": known["duckdb"], **{name: known[like] for name, like in outputs.items()}}
    file.write_text(yaml.safe_dump(told))


def _no_target(shop: Shop) -> str:
    _profile(shop)
    return refused(shop)


def _two_targets(shop: Shop) -> str:
    _profile(shop, one="postgres", two="postgres")
    return refused(shop)


def _edited(shop: Shop) -> str:
    (shop.root / "segment_specs/cold.yml").write_text("where: {attribute: city, is: London}\n")
    return refused(shop)


def _under_way(shop: Shop) -> str:
    command = [Path(sys.executable).with_name("segflow"), "tick", "--as-of", "2026-01-14"]
    told = {**os.environ, "SEGFLOW_CRASH": "cross.committed"}
    assert subprocess.run(command, cwd=shop.root, env=told, check=False).returncode == -signal.SIGKILL
    return refused(shop)


def _no_tick(shop: Shop) -> str:
    for path in (shop.root / ".segflow").glob("*"):
        subprocess.run(["rm", "-r", path], check=True)
    return refused(shop)


def _moved_before(shop: Shop) -> str:
    shop.project.move("postgres")
    return refused(shop)


def _changed_by_hand(shop: Shop) -> str:
    with duckdb.connect(str(shop.root / ".segflow/warehouse.duckdb")) as connection:
        connection.execute("DELETE FROM segflow.segment_members WHERE contact_id = 'ana'")
    return refused(shop)


def _leased(shop: Shop) -> str:
    with held_lease(shop.project.store.leases, "somebody"):
        return refused(shop)


def _unreachable(shop: Shop) -> str:
    file = shop.root / "dbt/profiles.yml"
    told = yaml.safe_load(file.read_text())
    told["shop"]["outputs"]["postgres"]["port"] = 1
    file.write_text(yaml.safe_dump(told))
    return refused(shop)


def _full_of_zeros(shop: Shop) -> str:
    with duckdb.connect(str(shop.root / ".segflow/warehouse.duckdb")) as connection:
        connection.execute("UPDATE segflow.flow_journal SET detail = 'a' || chr(0)")
    return refused(shop)


REFUSALS: dict[str, tuple[Callable[[Shop], str], str]] = {
    "no engine": (_unknown, "--to postgre: is none of duckdb, postgres, spark (did you mean postgres?)"),
    "the engine that it has": (_there, "the project is on DuckDB already"),
    "no target": (
        _no_target,
        "profile shop (ROOT/dbt/profiles.yml) has no target for Postgres: write one below outputs, with type: postgres "
        "(docs/ENGINES.md has an example)",
    ),
    "several targets": (_two_targets, "has several targets for Postgres: say which, --target one or two"),
    "another target": (_other_target, "has no such target for Postgres (did you mean postgres?)"),
    "an edit that no tick has seen": (_edited, "edited since they were compared last: cold. Whom"),
    "a tick under way": (_under_way, "tick 20260114T000000Z is not over, it has come to cross: run segflow tick first"),
    "no tick": (_no_tick, "there is nothing to move: ROOT/.segflow/warehouse.duckdb knows of no tick. Write engine: "
                "postgres in segflow.yml"),
    "moved before": (_moved_before, "has rows of segflow's already, up to tick 20260113T000000Z: a move "
                     "goes to a place that has none"),
    "changed by hand": (_changed_by_hand, "holds a part of its history only (segment_members has"),
    "a tick that runs": (_leased, "another tick runs"),
    "no server": (_unreachable, "cannot open the warehouse"),
    "a text that Postgres cannot hold": (_full_of_zeros, "flow_journal cannot be moved: the warehouse"),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "told"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_refused(moving: Shop, spoil: Callable[[Shop], str], told: str) -> None:
    assert told in spoil(moving)


def test_a_dry_run_copies_nothing(moving: Shop, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    rows = moving.project.move("postgres", dry_run=True).rows
    moving.turn("duckdb", warehouse={"memory_limit": "2GB"})
    (moving.root / "segment_specs/cold.yml").write_text(
        (moving.root / "segment_specs/cold.yml").read_text() + "description: Nothing for five days\n"
    )
    monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(moving.root), "move", "--to", "postgres"])
    with pytest.raises(SystemExit) as end:
        main()
    printed = capsys.readouterr().out
    assert not end.value.code, printed
    assert "leave out warehouse.memory_limit" in printed
    assert "dbt: {target: postgres}" in printed
    assert "read segment_specs/big_spenders.sql again" in printed
    moving.turn("postgres")
    assert {name: len(found) for name, found in moving.kept().items() if found} == rows


@pytest.mark.parametrize(
    ("place", "is_there"), [("move.before_commit", False), ("move.committed", True)], ids=["before", "after"]
)
def test_a_killed_move_is_whole_or_not_there(moving: Shop, place: str, is_there: bool) -> None:
    before = moving.kept()
    command = [Path(sys.executable).with_name("segflow"), "move", "--to", "postgres"]
    done = subprocess.run(command, cwd=moving.root, env={**os.environ, "SEGFLOW_CRASH": place}, check=False)
    assert done.returncode == -signal.SIGKILL
    if is_there:
        assert "has rows of segflow's already" in refused(moving)
    else:
        moving.project.move("postgres")
    moving.turn("postgres")
    assert moving.kept() == before
    moving.load("postgres", 14)
    moving.tick(14)

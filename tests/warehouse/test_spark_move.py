"""`segflow move` to Spark (on Sail) and back: a shop goes on as if it had always been there, and a move that was killed
in the middle has not been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlglot import exp

from segflow.crashpoints import watched
from segflow.doctor.examine import examine
from segflow.errors import InputError, RunError
from segflow.rebuild.carry import CARRIED
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.record_sql import RECORD, ROWS
from segflow.warehouse.spark.engine import SparkEngine
from segflow.warehouse.tables import TABLES
from tests import spark_project
from tests.sail import Sail
from tests.spark_world import Place, SparkWorld
from tests.warehouse import test_move as other
from tests.warehouse.test_spark_kills import unnamed
from tests.world import World

WHOLE = "SEGFLOW_SPARK_WHOLE" in os.environ
whole = pytest.mark.skipif(not WHOLE, reason="make test-spark moves")
DAY = {day: datetime(2026, 3, day, tzinfo=UTC) for day in range(1, 10)}
PEOPLE = {
    1: {"ana": "London", "bob": "London", "eve": "Rome", "kim": None},
    2: {"ana": "London", "bob": "Rome", "eve": "London", "kim": "Köln"},
    3: {"ana": "Rome", "bob": "London", "eve": "London", "kim": "Köln"},
    4: {"bob": "London", "eve": "Rome", "kim": "London", "zoe": "London"},
}
BOUGHT = {"bob": (1, 1), "eve": (2, 10), "ana": (3, 5), "kim": (4, 2)}
"""Contact -> day and amount."""


def load(world: World, day: int) -> None:
    """The raw tables as they are on a day."""
    world.rows_of("contacts", [
        {"contact_id": name, "city": city, "email": f"{name}@shop.example", "phone": "+49 170 1", "subscribed": True}
        for name, city in PEOPLE[day].items()
    ])  # fmt: skip
    world.rows_of("events", [
        {"contact_id": name, "name": "purchase", "at": DAY[since] - timedelta(hours=12),
         "id": f"o-{name}", "properties": f'{{"category": "tea", "amount": {amount}}}'}
        for name, (since, amount) in BOUGHT.items() if since <= day
    ])  # fmt: skip
    for table in ("lists", "tags"):
        world.rows_of(table, [])


def live(root: Path) -> World:
    """A shop that has lived two ticks on DuckDB: members, crossings, enrollments that wait, messages that were sent."""
    world = World(root, settings={"coupons": {"spring": {}}})
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}, "on_create": "trigger"})
    world.segment("buyers", {"where": {"event": "purchase", "within_last": "2 days"}, "on_create": "trigger"})
    world.segment("settled", {"where": {"attribute": "city", "is_set": True, "held_for": {"gte": "2 days"}}})
    world.segment("met", {"where": {"all": [{"tag": "met"}, {"none": [{"segment": "buyers"}]}]}})
    world.flow("hi", {
        "status": "active", "trigger": {"enters": "londoners"}, "reentry": "always",
        "exit_when": [{"exits": "londoners"}],
        "steps": [
            {"id": "hello", "send_email": {"subject": "Hello", "text": "To {{ contact.city }}"}},
            {"id": "rest", "wait": "1 day"}, {"id": "tag", "add_tag": "met"},
            {"id": "code", "coupon": {"pool": "spring"}},
        ],
    })  # fmt: skip
    world.flow("thanks", {
        "status": "active", "trigger": {"event": "purchase"}, "reentry": "always",
        "steps": [{"id": "thanks", "send_sms": {"text": "Thanks for {{ event.category }}"}}],
    })  # fmt: skip
    world.project.add_coupons("spring", [f"CODE{number}" for number in range(9)])
    for day in (1, 2):
        load(world, day)
        report = world.tick(DAY[day], send=True)
        assert not report.errors, report.errors
    return world


def kept(world: World) -> dict[str, list[str]]:
    """The rows of every table that a move carries, less wall clocks and what is said in the engine's words."""
    with world.project.engine.open(keep_ledgers=False) as warehouse:
        return rows_of(warehouse)


def rows_of(warehouse: Warehouse) -> dict[str, list[str]]:
    found = {}
    for table in CARRIED:
        names = [name for name in TABLES[table].columns if name not in (*other._WALL, *other._WORDS.get(table, ()))]
        asked = exp.select(*(exp.column(name, quoted=True) for name in names)).from_(relation(table))
        found[table] = sorted(map(repr, warehouse.query(asked).to_pylist()))
    return found


def turn(world: World, engine: str) -> None:
    """Write segflow.yml for an engine."""
    told = {"name": "world", "engine": engine, "dbt": {"target": engine}, "coupons": {"spring": {}}}
    (world.root / "segflow.yml").write_text(yaml.safe_dump(told))


def moving(root: Path, sail: Sail) -> tuple[World, Place]:
    """The shop, whose profile knows of an empty warehouse of a server, too; nobody has it open."""
    world = World.again(live, root)
    world.close()
    url, location = sail.new_warehouse()
    spark_project.sessions.session(url).conf.set("spark.sql.warehouse.dir", location)
    file = root / "dbt/profiles.yml"
    profile = yaml.safe_load(file.read_text())
    output = {"type": "spark", "method": "session", "host": url, "schema": "raw", "threads": 1}
    profile["segflow"]["outputs"]["spark"] = output
    file.write_text(yaml.safe_dump(profile))
    return world, (url, location)


def there(world: World, place: Place) -> SparkWorld:
    """The shop on its new warehouse."""
    world.project.store.close()
    turn(world, "spark")
    return SparkWorld.there(world.root, place)


def test_there_and_back_as_if_it_had_stayed(sail: Sail, tmp_path: Path) -> None:
    stays = World.again(live, tmp_path / "stays")
    world, place = moving(tmp_path / "moves", sail)
    before = kept(world)
    assert world.project.move("spark", dry_run=True).rows == {name: len(rows) for name, rows in before.items() if rows}
    with SparkEngine(place[0]).look() as warehouse:
        assert warehouse.kept() == [], "a dry run leaves nothing"
    done = world.project.move("spark")
    assert (done.engine, done.dbt_target, done.to_mend) == ("spark", "spark", [])
    assert done.rows == {name: len(rows) for name, rows in before.items() if rows}
    states = {"segment_members", "contact_state", "flow_positions", "attribute_history", "outbox", "deliveries"}
    assert states <= set(done.rows)

    on_spark = there(world, place)
    assert kept(on_spark) == before
    for one in (stays, on_spark):
        load(one, 3)
        report = one.tick(DAY[3], send=True)
        assert not report.errors, report.errors
    same(stays, on_spark)

    old = world.root / ".segflow/old"
    old.mkdir()
    for name in ("ledgers", "warehouse.duckdb"):
        (world.root / ".segflow" / name).rename(old / name)
    before = kept(on_spark)
    assert on_spark.project.move("duckdb").rows == {name: len(rows) for name, rows in before.items() if rows}
    on_spark.project.store.close()
    turn(world, "duckdb")
    again = World.at(world.root)
    assert kept(again) == before
    assert {one.check: one.findings for one in examine(world.root)}["ledgers"] == []
    for one in (stays, again):
        load(one, 4)
        report = one.tick(DAY[4], send=True)
        assert not report.errors, report.errors
    same(stays, again)
    again.check_replay(files=False)
    after = kept(again)
    (world.root / ".segflow/warehouse.duckdb").unlink()
    again.project.rebuild()
    assert kept(again) == after, "from the ledger files, those of the move among them"
    again.project.store.close()
    stays.project.store.close()


def same(one: World, another: World) -> None:
    """They have the same rows and have sent the same."""
    told, said = kept(one), kept(another)
    assert {name: (told[name], said[name]) for name in told if told[name] != said[name]} == {}
    assert one.mailbox() == another.mailbox()


KILLED = {"rows.written:7": False, "rows.named": True}
if WHOLE:
    KILLED |= {"rows.written": False, "move.before_commit": False, "rows.unnamed": False, "move.committed": True}
"""Crash point -> is the move whole there?"""


@pytest.mark.parametrize(("point", "is_there"), KILLED.items(), ids=KILLED)
def test_a_killed_move_is_whole_or_not_there(sail: Sail, tmp_path: Path, point: str, is_there: bool) -> None:
    world, place = moving(tmp_path / "moves", sail)
    before = kept(world)
    command = [Path(sys.executable).with_name("segflow"), "move", "--to", "spark"]
    done = subprocess.run(command, cwd=world.root, env={**os.environ, "SEGFLOW_CRASH": point}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert kept(world) == before, "the old warehouse is as it was"
    with SparkEngine(place[0]).look() as warehouse:
        assert rows_of(warehouse) == (before if is_there else {name: [] for name in before})
    if is_there:
        told = r"has rows of segflow's already, .* drop schemas segflow, segflow_rows and segflow_stages there"
        with pytest.raises(InputError, match=told):
            world.project.move("spark")
    else:
        world.project.move("spark")
    on_spark = there(world, place)
    assert kept(on_spark) == before
    with SparkEngine(place[0]).look() as warehouse:
        assert unnamed(warehouse) == set(), "what the dead one wrote is gone"
    on_spark.project.store.close()


def _lost_in_between(world: World, place: Place) -> str:
    """The server forgets a part of what was committed."""

    def reached(name: str) -> None:
        if name == "move.committed":
            spark_project.rows(place[0], f"DELETE FROM {ROWS}.{RECORD} WHERE relation = 'outbox'")

    with watched(reached):
        return refused(world)


def _somebody_else(world: World, place: Place) -> str:
    """Another move to the same place was quicker."""

    def reached(name: str) -> None:
        if name == "move.before_commit":
            with SparkEngine(place[0]).open() as beside:
                beside.append("imports", "t1", exp.select(exp.Literal.string("a").as_("import_id")))

    with watched(reached):
        return refused(world)


def _held_rows(world: World, place: Place) -> str:
    """A view is dropped, and the rows are there."""
    with SparkEngine(place[0]).open() as beside:
        beside.ensure_tables()
        beside.append("imports", "t1", exp.select(exp.Literal.string("a").as_("import_id")))
        beside._asked("DROP SCHEMA segflow CASCADE")
    return refused(world)


def _another_method(world: World, place: Place) -> str:
    file = world.root / "dbt/profiles.yml"
    file.write_text(file.read_text().replace("method: session", "method: thrift"))
    return refused(world)


def _no_target(world: World, place: Place) -> str:
    file = world.root / "dbt/profiles.yml"
    file.write_text(file.read_text().replace("type: spark", "type: other"))
    return refused(world)


def refused(world: World) -> str:
    with pytest.raises((InputError, RunError)) as error:
        world.project.move("spark")
    return str(error.value)


REFUSALS: dict[str, tuple[Callable[[World, Place], str], str]] = {
    "lost in between": (_lost_in_between, "does not show what was put in (outbox has 0 rows instead of "),
    "somebody else": (_somebody_else, "another process has written to the warehouse in the meantime; nothing was "
                      "committed"),
    "rows without views": (_held_rows, "has rows of segflow's already, in imports: a move goes to a place that has "
                           "none. If they are not needed, drop schemas segflow, segflow_rows and segflow_stages there"),
    "another method": (_another_method, "which is method session"),
    "no target": (_no_target, "has no target for Spark: write one below outputs, with type: spark"),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "told"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_refused(sail: Sail, tmp_path: Path, spoil: Callable[[World, Place], str], told: str) -> None:
    world, place = moving(tmp_path / "moves", sail)
    before = kept(world)
    assert told in spoil(world, place)
    assert kept(world) == before, "the old warehouse is as it was"
    world.project.store.close()


class Shop(other.Shop):
    """A project of real dbt that may work on DuckDB or on a server that speaks Spark Connect."""

    def load(self, engine: str, day: int) -> None:
        if engine == "duckdb":
            super().load(engine, day)
            return
        added = "".join(rows for since, rows in other.ORDERS.items() if since <= day)
        with SparkEngine(self.url).open() as warehouse:
            spark_project.load(warehouse, "spark", orders=spark_project.SEEDS["orders"] + added)


@whole
def test_a_shop_of_dbt_moves_with_its_sql(sail: Sail, tmp_path: Path) -> None:
    """A `.sql` segment is asked in Spark's words from then on, and whoever is in it stays."""
    url = spark_project.new_server_url(sail)
    shops = []
    for name in ("stays", "moves"):
        root = tmp_path / name
        spark_project._write(root, spark_project.profile(url), {**other.MORE})
        shops.append(Shop(root, url))
        file = root / "dbt/profiles.yml"
        outputs = {"spark": yaml.safe_load(file.read_text())["shop"]["outputs"]["server"], "duckdb": other._DUCKDB}
        file.write_text(yaml.safe_dump({"shop": {"target": "duckdb", "outputs": outputs}}))
        shops[-1].turn("duckdb")
        shops[-1].project.add_coupons("spring", [f"CODE{number}" for number in range(9)])
        for day in (11, 12, 13):
            shops[-1].load("duckdb", day)
            shops[-1].tick(day)
    stays, moves = shops
    done: Any = moves.project.move("spark")
    assert done.sql_segments == ["segment_specs/big_spenders.sql"]
    moves.turn("spark")
    for day in (14, 16, 19):
        edit = dict([other.EDITS[day]]) if day in other.EDITS else {}
        for shop, engine in ((stays, "duckdb"), (moves, "spark")):
            shop.load(engine, day)
            shop.tick(day, **edit)
        one, another = stays.kept(), moves.kept()
        assert {name for name in one if one[name] != another[name]} == set(), day
        assert stays.mailbox() == moves.mailbox()
    assert any("'definition'" in row for row in one["segment_entries"])

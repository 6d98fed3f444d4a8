"""Kill -9 on Spark: of the tick between any two writes, of the server. Whoever reads sees whole transactions only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlglot import exp, parse_one

from segflow.crashpoints import watched
from segflow.durations import Duration
from segflow.errors import RunError
from segflow.warehouse.base import Warehouse
from segflow.warehouse.record_sql import RECORD, ROWS
from segflow.warehouse.spark import sessions
from segflow.warehouse.spark.engine import SparkEngine
from segflow.warehouse.spark.warehouse import SparkWarehouse
from segflow.warehouse.tables import TABLES
from segflow.warehouse.tidied import SWEPT_AT
from tests.sail import Sail
from tests.spark_world import Place, SparkWorld

WHOLE = "SEGFLOW_SPARK_WHOLE" in os.environ
DAYS = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2)]
PEOPLE = [{"contact_id": name, "city": "London", "email": f"{name}@shop.example"} for name in ("ana", "bob", "eve")]
Told = dict[str, list[tuple[Any, ...]]]


def settle(world: SparkWorld) -> None:
    """A shop whose next tick writes to many tables."""
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}, "on_create": "trigger"})
    steps = [{"id": "hello", "send_sms": {"text": "Hello"}}, {"id": "tag", "add_tag": "met"}]
    world.flow("hi", {"status": "active", "trigger": {"enters": "londoners"}, "reentry": "always", "steps": steps})
    world.rows_of("contacts", PEOPLE[:2])
    world.tick(DAYS[0])
    world.rows_of("contacts", PEOPLE[1:])


@pytest.fixture(scope="module")
def undisturbed(sail: Sail, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Told], list[str]]:
    """What public names show after each transaction of the second tick, and the crash points that it passes."""
    world = SparkWorld(tmp_path_factory.mktemp("undisturbed"), sail.new_warehouse())
    settle(world)
    shown, passed = [world.ledgers()], []

    def reached(name: str) -> None:
        passed.append(name)
        if name == "rows.named":
            shown.append(world.ledgers())

    with watched(reached):
        world.tick(DAYS[1])
    world.project.store.close()
    return shown, passed


def points(passed: list[str]) -> list[str]:
    """Each crash point each time it is passed."""
    seen: Counter[str] = Counter()
    found = []
    for name in passed:
        seen[name] += 1
        found.append(f"{name}:{seen[name]}")
    return found


CHOSEN = ("rows.written:2", "cross.before_commit:1", "rows.unnamed:4", "rows.named:4")
"""In the middle of a stage, before a transaction ends, between what is written and the record, after the record."""


def kill_at(point: str, sail: Sail, folder: Path, undisturbed: tuple[list[Told], list[str]]) -> None:
    shown, _ = undisturbed
    place = sail.new_warehouse()
    world = SparkWorld(folder, place)
    settle(world)
    world.project.store.close()
    again = f"from tests.warehouse.test_spark_kills import tick; tick({str(folder)!r}, {place!r})"
    environment = {**os.environ, "SEGFLOW_CRASH": point}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", again], env=environment, check=False, timeout=300)
    assert done.returncode == -signal.SIGKILL, point
    assert SparkWorld.there(folder, other_session(place)).ledgers() in shown, point
    world.tick(DAYS[1])
    assert world.ledgers() == shown[-1], point
    with SparkEngine(*place).open() as warehouse:
        assert unnamed(warehouse) == set(), point
    world.project.store.close()


def unnamed(warehouse: SparkWarehouse) -> set[tuple[str, str]]:
    """Table and write of the rows that the record does not know."""
    known = set(warehouse._asked(f"SELECT write_id FROM {ROWS}.{RECORD}")["write_id"].to_pylist())
    found = {
        (name, write)
        for name in TABLES
        for write in warehouse._asked(f"SELECT DISTINCT write_id FROM {ROWS}.{name}")["write_id"].to_pylist()
    }
    return {(name, write) for name, write in found if write not in known}


def other_session(place: Place) -> Place:
    """The same warehouse, seen by somebody else."""
    return f"{place[0].partition(';')[0]};session_id={uuid.uuid4()}", place[1]


def tick(folder: str, place: Place) -> None:
    """What the process does that is killed."""
    SparkWorld.there(Path(folder), place).tick(DAYS[1])


whole = pytest.mark.skipif(not WHOLE, reason="make test-spark kills")
"""A tick takes its time on Sail."""


@whole
@pytest.mark.parametrize("point", CHOSEN)
def test_a_killed_tick_leaves_whole_transactions(
    sail: Sail, tmp_path: Path, undisturbed: tuple[list[Told], list[str]], point: str
) -> None:
    assert point in points(undisturbed[1])
    kill_at(point, sail, tmp_path, undisturbed)


@whole
def test_at_every_point(sail: Sail, tmp_path: Path, undisturbed: tuple[list[Told], list[str]]) -> None:
    for number, point in enumerate(points(undisturbed[1])):
        kill_at(point, sail, tmp_path / str(number), undisturbed)


@whole
@pytest.mark.parametrize("point", ["rows.written", "rows.unnamed", "cross.before_commit", "advance.committed"])
def test_a_killed_server_is_gone_on_with(
    tmp_path: Path, undisturbed: tuple[list[Told], list[str]], own_sail: Sail, point: str
) -> None:
    shown, _ = undisturbed
    world = SparkWorld(tmp_path, own_sail.new_warehouse())
    settle(world)

    def reached(name: str) -> None:
        if name == point:
            own_sail.kill()

    with watched(reached), pytest.raises(RunError, match="is gone"):
        world.tick(DAYS[1])
    own_sail.start()
    world.rows_of("contacts", PEOPLE[1:])
    for table in ("events", "lists", "tags"):
        world.rows_of(table, [])
    world.project.models.make_again()
    assert world.ledgers() in shown
    world.tick(DAYS[1])
    assert world.ledgers() == shown[-1]
    world.project.store.close()


def test_a_server_that_stands_still_is_given_up(own_sail: Sail, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one does that a query leaves no processor: it does not even answer that it stops the query."""
    monkeypatch.setattr(sessions, "_PATIENCE", 2.0)
    with SparkEngine(*own_sail.new_warehouse()).open() as warehouse:
        assert own_sail.process is not None
        own_sail.process.send_signal(signal.SIGSTOP)
        # It may answer until all of its threads have stopped.
        tasks = Path(f"/proc/{own_sail.process.pid}/task")
        while any(") T " not in (task / "stat").read_text() for task in tasks.glob("*")):
            time.sleep(0.01)
        started = time.monotonic()
        with pytest.raises(RunError, match="is gone: it did not answer for 2 seconds when it was asked"):
            stopped(warehouse)
        assert time.monotonic() - started < 20


def stopped(warehouse: SparkWarehouse) -> None:
    with warehouse.time_limit(Duration(0, 1, "1 second")):
        warehouse.query(parse_one("select 1 as n"))


@pytest.mark.parametrize("rows", [parse_one("select 1 as x"), pa.table({"x": [1]})], ids=["tables", "views"])
def test_a_server_that_is_gone_is_not_waited_for_again_and_again(own_sail: Sail, rows: exp.Query | pa.Table) -> None:
    """Who waits for a statement in vain closes what he had, which is on the server, too."""
    with SparkEngine(*own_sail.new_warehouse()).open() as warehouse:
        for number in range(30):
            warehouse.stage(f"stage {number}", rows)
        own_sail.kill()
        with pytest.raises(RunError, match="is gone"):
            warehouse.query(parse_one("select 1 as x"))
        started = time.monotonic()
        warehouse.close()
        assert time.monotonic() - started < 15


def test_two_that_commit_at_once(sail: Sail) -> None:
    """The second one has read what the first one changed: it fails, and nothing of it is seen."""
    place = sail.new_warehouse()
    with SparkEngine(*place).open() as one, SparkEngine(*other_session(place)).open() as other:
        one.ensure_tables()
        other.ensure_tables()

        def write(by: Any, during: Callable[[], None]) -> None:
            with by.transaction():
                by.append("imports", "t1", parse_one("select 'a' as import_id"))
                during()

        with pytest.raises(RunError, match="another process has written"):
            write(one, lambda: write(other, lambda: None))
        assert one.count("imports") == 1
        write(one, lambda: None)
        assert other.count("imports") == 1


def test_states_stay_as_they_were_when_a_transaction_began(sail: Sail) -> None:
    """Their writes are looked up then; who writes after a look at what is old fails."""
    place = sail.new_warehouse()
    with SparkEngine(*place).open() as one, SparkEngine(*other_session(place)).open() as other:
        one.ensure_tables()
        other.ensure_tables()

        def keep(by: Any, segment: str) -> None:
            by.replace("segment_views", parse_one(f"select '{segment}' as segment, 'f' as fingerprint"))

        def kept(by: Any) -> list[str]:
            return [row["segment"] for row in by.rows(parse_one("select segment from segflow.segment_views"))]

        with one.transaction():
            assert kept(one) == [], "a state that nobody has written has no rows"
        keep(one, "first")

        def look_at_what_is_old() -> None:
            with one.transaction():
                keep(other, "second")
                assert (kept(one), kept(other)) == (["first"], ["second"])
                one.append("imports", "t1", parse_one("select 'a' as import_id"))

        with pytest.raises(RunError, match="another process has written"):
            look_at_what_is_old()
        assert kept(one) == ["second"]
        with one.transaction():
            assert kept(one) == ["second"]
            keep(one, "third")
            assert kept(one) == ["third"]
        assert kept(other) == ["third"]


def test_what_was_never_committed_is_cleared(sail: Sail) -> None:
    """Of a transaction that died, and not of a plan that is at work beside it, unless that died long ago."""
    place = sail.new_warehouse()
    row = parse_one("select 'a' as import_id")
    with SparkEngine(*place).open() as warehouse:
        warehouse.ensure_tables()
        warehouse.append("imports", "t1", row)

        def die() -> None:
            with warehouse.transaction():
                warehouse.append("imports", "t2", row)
                raise KeyError

        with pytest.raises(KeyError):
            die()

        def play(plan: Warehouse) -> None:
            plan.append("imports", "t3", row)
            warehouse._write(TABLES["imports"], row, {"tick_id": exp.null()}, write="tried-20200101T000000-died")
            assert len(unnamed(warehouse)) == 3
            warehouse.clear()
            ((name, write),) = unnamed(warehouse)
            assert (name, write.startswith("tried-2")) == ("imports", True)
            assert plan.count("imports") == 2

        SparkEngine(*place).rehearse(play)
        assert unnamed(warehouse) == set()
        assert warehouse.count("imports") == 1


def test_who_looks_removes_nothing(sail: Sail) -> None:
    """Between a tick and the record that it commits by, that would fail the tick. A tick's end does it."""
    place = sail.new_warehouse()
    gone = f"SELECT * FROM {ROWS}.{RECORD} WHERE relation = 'gone imports'"
    with SparkEngine(*place).open() as warehouse:
        warehouse.ensure_tables()
        long_ago = f"SELECT 'gone imports', CAST(id AS STRING), CONCAT('20200101T000000-', id) FROM range({SWEPT_AT})"
        warehouse._asked(f"INSERT INTO {ROWS}.{RECORD} {long_ago}")
        with SparkEngine(*other_session(place)).open() as other:
            other.ensure_tables()
        assert warehouse._asked(gone).num_rows == SWEPT_AT
        warehouse.tidy()
        assert warehouse._asked(gone).num_rows == 0


def test_what_was_written_twice_in_a_transaction_goes_with_the_rest(sail: Sail) -> None:
    with SparkEngine(*sail.new_warehouse()).open() as warehouse:
        warehouse.ensure_tables()
        with warehouse.transaction():
            for name in ("a", "b"):
                warehouse.append("imports", "t1", parse_one(f"select '{name}' as import_id"))
        assert unnamed(warehouse) == set()
        assert warehouse.sweep(least=1, kept=timedelta(hours=-1)) == 1
        assert warehouse._asked(f"SELECT import_id FROM {ROWS}.imports").to_pylist() == [{"import_id": "b"}]

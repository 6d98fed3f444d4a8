"""Conditions and scenarios on Spark, of which Sail stands for the server: what they mean is the same as on DuckDB."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlglot import exp, parse_one

from segflow.crashpoints import watched
from segflow.durations import Duration
from segflow.errors import TimeLimitError, WarehouseError
from segflow.warehouse.base import relation
from segflow.warehouse.record_sql import ROWS
from segflow.warehouse.spark.engine import SparkEngine
from segflow.warehouse.spark.stages import STAGES, is_left_over, new_table
from segflow.warehouse.spark.warehouse import SparkWarehouse
from tests.planned import Planned
from tests.sail import Sail
from tests.scenarios.runner import Scenario, scenarios
from tests.segments import test_property
from tests.spark_world import SparkWorld
from tests.test_scenarios import PLANNED
from tests.warehouse.conftest import MODE
from tests.warehouse.test_postgres import _with_json
from tests.world import CATALOG

ALL = scenarios()
WHOLE = "SEGFLOW_SPARK_WHOLE" in os.environ
"""make test-spark: every scenario and ten worlds of random conditions. Otherwise one of each, and of the conditions a
part: a tick takes its time on Sail."""
CHOSEN = list(ALL) if WHOLE else ["guards/a_segment_may_set_its_own_numbers"]
SEEDS, CONDITIONS = (range(10), 65) if WHOLE else (range(1), 4)

NO_FILE_TO_COUNT = re.compile(r"facts__\w+\.\w+: ExtendedAggregateUdf: no UDF found")
"""Sail's workers write no count where no file has a row: findings/sail-cluster-writes-no-ungrouped-aggregate.sh."""
NO_FUNCTION = re.compile(r"ExtendedScalarUdf: no UDF found|Table already exists: segflow_stages\.(trimmed|read)__")
"""Nor a function of what is read without a filter: findings/sail-cluster-writes-no-function-without-a-filter.sh."""

LONG = """
    select cast(a.n as varchar) as import_id
    from range(40000) as a(n)
    cross join range(40000) as b(n)
    where a.n * b.n = 39999 * 39999
"""
"""One row, after some seconds."""


@pytest.mark.parametrize("seed", SEEDS)
def test_conditions_mean_what_the_naive_model_says(sail: Sail, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(test_property, "CATALOG", _with_json(test_property.CATALOG))
    with SparkEngine(*sail.new_warehouse()).open() as warehouse:
        warehouse.ensure_tables()
        test_property.check(warehouse, seed, CONDITIONS)


def test_facts_are_computed_in_full_and_the_tick_says_why(sail: Sail, tmp_path: Path) -> None:
    catalog = {"events": [{**CATALOG["events"][0], "arrived_at": "at"}]}
    world = SparkWorld(tmp_path / "world", sail.new_warehouse(), catalog=catalog)
    world.segment("buyers", {"where": {"event": "purchase"}})
    for day in (1, 2):
        report = world.tick(datetime(2026, 3, day, tzinfo=UTC))
        assert report.facts == {"facts__event_purchase": "facts.patch is off"}
    world.project.store.close()


def test_ledgers_of_many_ticks_are_brought_together(sail: Sail) -> None:
    """Each tick's rows go on to be its own: they can be counted, amended, written anew."""
    url, location = sail.new_warehouse()
    ticks = [f"t{number}" for number in range(6)]

    def rows(warehouse: SparkWarehouse, table: str) -> list[str]:
        return sorted(map(repr, warehouse.rows(exp.select("*").from_(relation(table)))))

    with SparkEngine(url, location).open() as warehouse:
        warehouse.ensure_tables()
        for tick in ticks:
            two = pa.table({"import_id": [f"{tick} a", f"{tick} b"]})
            warehouse.append("imports", tick, two if tick != "t3" else two.slice(0, 0))
        warehouse.append("contact_updates", "t1", pa.table({"contact_id": ["ana"]}))
        before = {table: rows(warehouse, table) for table in ("imports", "contact_updates")}
        files = files_of(location, "imports")
        warehouse.tidy(least=6)
        assert files_of(location, "imports") == files == 5
        with watched(dying_at("rows.unnamed")), pytest.raises(KeyError):
            warehouse.tidy(least=5)
        assert rows(warehouse, "imports") == before["imports"]
        warehouse.clear()
        warehouse.tidy(least=5)
        warehouse.sweep(least=1, kept=timedelta(hours=-1))
        together = files_of(location, "imports")
        assert together < files
        assert {table: rows(warehouse, table) for table in before} == before
        warehouse.tidy(least=1)
        assert files_of(location, "imports") == together, "those that are together stay as they are"
        with warehouse.transaction():
            warehouse.append("imports", "t2", pa.table({"import_id": ["c"]}))
            warehouse.amend("imports", {"import_id": exp.Literal.string("d")}, exp.column("import_id").eq("t4 a"))
            assert [warehouse.settle(tick, ["imports"])["imports"] for tick in ticks] == [2, 2, 1, 0, 2, 2]
        warehouse.sweep(least=1, kept=timedelta(hours=-1))
        found = sorted(row["import_id"] for row in warehouse.rows(exp.select("import_id").from_(relation("imports"))))
        assert found == ["c", "d", "t0 a", "t0 b", "t1 a", "t1 b", "t4 b", "t5 a", "t5 b"]


@pytest.mark.parametrize("writes", ["append", "stage"])
def test_a_write_that_is_stopped_leaves_nothing(sail: Sail, writes: str) -> None:
    """Above all, it is not begun again to find out why it failed: what is asked for that is run as a query is."""
    long = parse_one(LONG)

    def late(warehouse: SparkWarehouse) -> None:
        with warehouse.time_limit(Duration(0, 1, "1 second")):
            if writes == "append":
                warehouse.append("imports", "t1", long)
            else:
                warehouse.stage("long", long)

    with SparkEngine(*sail.new_warehouse()).open() as warehouse:
        warehouse.ensure_tables()
        with pytest.raises(TimeLimitError):
            late(warehouse)
        warehouse.close()
        assert warehouse._asked(f"SELECT * FROM {ROWS}.imports").num_rows == 0
        assert warehouse._listed(STAGES) == set()


@pytest.mark.parametrize("asks", ["a query", "rows from here", "a write"])
def test_an_answer_that_gets_lost(sail: Sail, asks: str) -> None:
    """It is asked for again where that does no harm. Of a write nobody knows whether it has happened."""
    with SparkEngine(*sail.new_warehouse()).open() as warehouse:
        warehouse.ensure_tables()
        call = warehouse._session.client._stub.ExecutePlan
        reads, lost = call._response_deserializer, iter([True])

        def once(message: bytes) -> Any:
            if next(lost, False):
                raise ValueError("no message")
            return reads(message)

        call._response_deserializer = once
        try:
            if asks == "a query":
                assert warehouse.scalar(parse_one("select 1 as x")) == 1
            elif asks == "rows from here":
                warehouse.append("imports", "t1", pa.table({"import_id": ["a"]}))
                assert warehouse.counts(["imports"]) == {"imports": 1}
            else:
                with pytest.raises(WarehouseError, match="deserializing"):
                    warehouse.stage("rows", parse_one("select 1 as x"))
        finally:
            call._response_deserializer = reads
        assert not next(lost, False)


def test_stages_of_who_died_are_removed(sail: Sail) -> None:
    url, location = sail.new_warehouse()
    died, at_work = SparkWarehouse(url, location), SparkWarehouse(url, location)
    rows = parse_one("select 1 as x")
    died.stage("left", rows)
    died._sweep_stages()
    assert len(died._listed(STAGES)) == 1, "it may be at work"
    died._sweep_stages(kept=timedelta(hours=-1))
    assert died._listed(STAGES) == set()
    mine = at_work.stage("mine", rows)
    at_work.ensure_tables()
    assert at_work.scalar(exp.select("x").from_(mine)) == 1
    at_work.close()


def files_of(location: str, table: str) -> int:
    """How many files a table has, by the log that Delta keeps of it."""
    found: set[str] = set()
    for log in sorted(Path(location, ROWS, table, "_delta_log").glob("*.json")):
        for action in map(json.loads, log.read_text().splitlines()):
            found |= {action["add"]["path"]} if "add" in action else set()
            found -= {action["remove"]["path"]} if "remove" in action else set()
    return len(found)


def dying_at(point: str) -> Callable[[str], None]:
    def reached(name: str) -> None:
        if name == point:
            raise KeyError(point)

    return reached


@pytest.mark.parametrize("name", CHOSEN)
def test_scenario(sail: Sail, tmp_path: Path, name: str) -> None:
    def world(root: Path, *, real: bool, **given: Any) -> SparkWorld:
        return SparkWorld(root, sail.new_warehouse(), **given)

    scenario = (Planned if name in PLANNED else Scenario)(ALL[name], tmp_path, world=world)
    try:
        scenario.run()
    except (AssertionError, WarehouseError) as told:
        if MODE == "local-cluster" and NO_FILE_TO_COUNT.search(str(told)):
            pytest.skip("Sail's workers cannot build facts about an event that nobody has")
        if MODE == "local-cluster" and NO_FUNCTION.search(str(told)):
            pytest.skip("Sail's workers cannot read an import")
        raise
    scenario.world.project.store.close()


@pytest.mark.parametrize(
    ("name", "left"),
    [
        pytest.param(new_table("brought").name, False, id="of now"),
        pytest.param("some_rows__20200101T000000_0123456789ab", True, id="of long ago"),
        pytest.param("some_rows__20200101t000000_0123456789ab", True, id="in small letters"),
        pytest.param("brought__0123456789ab", False, id="of another form"),
        pytest.param("20200101", False, id="somebody else's"),
    ],
)
def test_which_stages_are_left_over(name: str, left: bool) -> None:
    assert is_left_over(name) is left

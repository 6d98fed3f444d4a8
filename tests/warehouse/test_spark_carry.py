"""Rows that go from one warehouse into another, Spark (on Sail) on one side: each comes over as it is, or none does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlglot import exp

from segflow.crashpoints import watched
from segflow.errors import RunError
from segflow.rebuild import carry as carrying
from segflow.rebuild.carry import CARRIED, carry
from segflow.warehouse import portions, recorded
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from segflow.warehouse.postgres.engine import PostgresEngine
from segflow.warehouse.spark.engine import SparkEngine
from segflow.warehouse.spark.warehouse import SparkWarehouse
from segflow.warehouse.tables import TABLES, arrow_schema
from tests.postgres import Server
from tests.sail import Sail
from tests.warehouse.test_spark_kills import unnamed

_VALUES: dict[str, list[Any]] = {
    "string": ["a", None, "", " ", "it's", "\\", "a\nb\tc\r\n", "Ä𝄞\u202eß", "NULL", '{"a": 1.0}', "1e3", "x" * 9_000],
    "int64": [0, None, -1, 2**63 - 1, -(2**63)],
    "bool": [True, None, False],
    "timestamp[us]": [
        datetime(2026, 3, 29, 2, 30, 0, 1), None, datetime(1969, 12, 31, 23, 59, 59, 999_999), datetime(1900, 1, 1),
        datetime(1582, 10, 10), datetime(9999, 12, 31, 23, 59, 59, 999_999),
    ],
}  # fmt: skip
"""What stands in the columns of each type, in turns."""
FILLED = {"ticks": 12, "segment_versions": 30, "outbox": 12, "segment_members": 12, "suppressions": 1, "deliveries": 1}
"""Table -> rows. The others have none."""
_TICKS = 5
WAYS = ["duckdb to spark", "spark to duckdb", "postgres to spark", "spark to postgres"]


def filled(table: str, rows: int) -> pa.Table:
    """Rows in which each column has another value at each row, of a few ticks."""
    columns = {}
    for place, field in enumerate(arrow_schema(table)):
        values = _VALUES[str(field.type)]
        given = [values[(row + place) % len(values)] for row in range(rows)]
        columns[field.name] = [f"t{row % _TICKS}" for row in range(rows)] if field.name == "tick_id" else given
    return pa.table(columns, schema=arrow_schema(table))


def rows_of(warehouse: Warehouse, table: str) -> list[str]:
    columns = (exp.column(name, quoted=True) for name in TABLES[table].columns)
    found = warehouse.query(exp.select(*columns).from_(relation(table))).cast(arrow_schema(table))
    return sorted(map(repr, zip(*(column.to_pylist() for column in found.columns), strict=True)))


@pytest.fixture
def opened(
    postgres: Server, sail: Sail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Warehouse]]:
    """Opens an empty warehouse of an engine. Pieces, portions and lists of names are small."""
    monkeypatch.setattr(carrying, "_ROWS_AT_ONCE", 8)
    monkeypatch.setattr(portions, "BYTES", 20_000)
    monkeypatch.setattr(recorded, "_LISTED", 3)
    with ExitStack() as stack:

        def open_(engine: str) -> Warehouse:
            if engine == "duckdb":
                made: Warehouse = DuckDBWarehouse(tmp_path / "warehouse.duckdb")
            elif engine == "postgres":
                made = PostgresEngine(postgres.new_database()).open()
            else:
                made = SparkEngine(*sail.new_warehouse()).open()
            stack.enter_context(made)
            made.ensure_tables()
            return made

        yield open_


def fill(warehouse: Warehouse) -> None:
    with warehouse.transaction():
        for table, rows in FILLED.items():
            warehouse.restore(table, [filled(table, rows)])


@pytest.mark.parametrize("way", WAYS)
def test_rows_come_over_as_they_are(opened: Callable[[str], Warehouse], way: str) -> None:
    source, target = map(opened, way.split(" to "))
    fill(source)
    with target.transaction():
        assert {name: rows for name, rows in carry(source, target, {}).items() if rows} == FILLED
        assert target.counts(["outbox", "tasks"]) == {"outbox": 12, "tasks": 0}
    for table, rows in FILLED.items():
        expected = filled(table, rows)
        told = sorted(map(repr, zip(*(column.to_pylist() for column in expected.columns), strict=True)))
        assert rows_of(target, table) == told, table
    assert target.counts(list(CARRIED)) == {name: FILLED.get(name, 0) for name in CARRIED}
    # Each tick's rows are its own: they can be written anew, and the others stay.
    target.append("outbox", "t1", pa.table({"message_id": ["m"]}))
    assert target.counts(["outbox", "segment_versions"]) == {"outbox": 10, "segment_versions": 30}
    assert target.settle("t1", ["outbox"]) == {"outbox": 1}


def test_what_died_in_the_middle_is_not_there_and_goes(opened: Callable[[str], Warehouse]) -> None:
    source, target = opened("duckdb"), opened("spark")
    assert isinstance(target, SparkWarehouse)
    fill(source)

    def begin(point: str) -> None:
        def reached(name: str) -> None:
            if name == point:
                raise KeyError(point)

        with watched(reached), pytest.raises(KeyError), target.transaction():
            carry(source, target, {})

    begin("rows.written")
    begin("rows.unnamed")
    assert len({name for name, _ in unnamed(target)}) == len(FILLED)
    assert target.counts(list(FILLED)) == dict.fromkeys(FILLED, 0)
    target.clear()
    assert unnamed(target) == set()
    with target.transaction():
        carry(source, target, {})
    assert target.counts(list(FILLED)) == FILLED


def test_what_does_not_come_back_is_not_committed(
    opened: Callable[[str], Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server loses a row, between what is written and what is read back."""
    source, target = opened("duckdb"), opened("spark")
    assert isinstance(target, SparkWarehouse)
    fill(source)

    def reached(name: str) -> None:
        if name == "rows.written":
            target._asked("DELETE FROM segflow_rows.outbox WHERE message_id = 'a'")

    def move() -> None:
        with watched(reached), target.transaction():
            carry(source, target, {})

    with pytest.raises(RunError, match=r"outbox is not the same there: 12 rows were put in, 11 came back"):
        move()
    assert target.counts(list(FILLED)) == dict.fromkeys(FILLED, 0)


def test_rows_that_are_too_many_for_a_message(opened: Callable[[str], Warehouse]) -> None:
    """A state and a ledger that a tick writes at once, as those of a large import are."""
    target = opened("spark")
    rows = filled("outbox", 12)
    target.append("outbox", "t0", rows.drop_columns(["tick_id"]))
    target.replace("suppressions", filled("suppressions", 12))
    assert target.counts(["outbox", "suppressions"]) == {"outbox": 12, "suppressions": 12}
    assert rows_of(target, "suppressions") == sorted(
        map(repr, zip(*(column.to_pylist() for column in filled("suppressions", 12).columns), strict=True))
    )
    assert isinstance(target, SparkWarehouse)
    assert [name for name in target._listed("segflow_stages") if name.startswith("brought")] == []


def test_rows_of_many_ticks_get_another_name_at_once(opened: Callable[[str], Warehouse]) -> None:
    """As when a segment is renamed; a statement that is as deep as there are ticks ends a server."""
    target = opened("spark")
    ticks = [f"t{number}" for number in range(600)]
    target.restore("imports", [pa.table({"tick_id": ticks, "import_id": ["old", "other"] * 300})])
    with target.transaction():
        target.amend("imports", {"import_id": exp.Literal.string("new")}, exp.column("import_id").eq("old"))
        assert target.counts(["imports"]) == {"imports": 600}
    names = exp.select("import_id").from_(relation("imports")).where(exp.column("tick_id").isin("t0", "t1", "t598"))
    assert sorted(row["import_id"] for row in target.rows(names)) == ["new", "new", "other"]

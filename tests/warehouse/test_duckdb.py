"""The DuckDB warehouse: the two verbs, transactions, and an older file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from sqlglot import exp, parse_one

from segflow.errors import InputError, RunError, WarehouseError
from segflow.warehouse.base import relation
from segflow.warehouse.duckdb.errors import machine_trouble
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from segflow.warehouse.sqlfile import load_query
from segflow.warehouse.tables import TABLES


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    found = DuckDBWarehouse(tmp_path / "w.duckdb")
    found.ensure_tables()
    return found


def _rows(warehouse: DuckDBWarehouse, table: str) -> list[dict[str, object]]:
    return warehouse.rows(exp.select("*").from_(relation(table)))


def test_append_replaces_the_rows_of_its_tick_only(warehouse: DuckDBWarehouse) -> None:
    for tick, stage in (("T1", "build"), ("T2", "build"), ("T1", "cross")):
        warehouse.append("ticks", tick, pa.table({"stage": [stage]}))
    found = {(row["tick_id"], row["stage"]) for row in _rows(warehouse, "ticks")}
    assert found == {("T1", "cross"), ("T2", "build")}


def test_replace_may_read_the_table_it_replaces(warehouse: DuckDBWarehouse) -> None:
    warehouse.replace("contact_state", pa.table({"contact_id": ["a", "b"]}))
    warehouse.replace("contact_state", exp.select("*").from_(relation("contact_state")).where("contact_id = 'b'"))
    assert [row["contact_id"] for row in _rows(warehouse, "contact_state")] == ["b"]


@pytest.mark.parametrize(("verb", "table"), [("append", "contact_state"), ("replace", "ticks")])
def test_a_verb_refuses_tables_of_the_other_kind(warehouse: DuckDBWarehouse, verb: str, table: str) -> None:
    rows = pa.table({"contact_id": ["a"]})
    with pytest.raises(ValueError, match=r"use (append|replace)"):
        warehouse.append(table, "T1", rows) if verb == "append" else warehouse.replace(table, rows)


def test_columns_that_a_table_does_not_have_are_refused(warehouse: DuckDBWarehouse) -> None:
    with pytest.raises(ValueError, match="contact_state has no column foo"):
        warehouse.replace("contact_state", pa.table({"contact_id": ["a"], "foo": [1]}))


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_transaction_that_is_left_by_an_error_leaves_nothing(
    warehouse: DuckDBWarehouse, error: type[BaseException]
) -> None:
    def fail() -> None:
        with warehouse.transaction():
            warehouse.append("ticks", "T1", pa.table({"stage": ["build"]}))
            raise error

    with pytest.raises(error):
        fail()
    assert _rows(warehouse, "ticks") == []


def test_an_older_file_gets_the_columns_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "old.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema segflow; create table segflow.ticks as select 'T1' as tick_id, 'x' as stage")
    with DuckDBWarehouse(path) as warehouse:
        warehouse.ensure_tables()
        (row,) = _rows(warehouse, "ticks")
        assert set(row) == set(TABLES["ticks"].columns)
        assert (row["tick_id"], row["as_of"]) == ("T1", None)


def test_bind_says_what_is_wrong_without_running(warehouse: DuckDBWarehouse) -> None:
    assert warehouse.bind(exp.select("stage").from_(relation("ticks"))) is None
    assert "foo" in (warehouse.bind(exp.select("foo").from_(relation("ticks"))) or "")


def test_batches_cover_all_rows(warehouse: DuckDBWarehouse) -> None:
    warehouse.replace("contact_state", pa.table({"contact_id": [str(n) for n in range(5000)]}))
    sizes = [batch.num_rows for batch in warehouse.batches(exp.select("*").from_(relation("contact_state")), 2048)]
    assert sum(sizes) == 5000
    assert max(sizes) <= 2048


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "w.duckdb").write_bytes(b"no database at all" * 500)
    with pytest.raises((InputError, RunError), match=r"w\.duckdb"):
        DuckDBWarehouse(tmp_path / "w.duckdb")


def test_parameters_of_statements_become_literals(tmp_path: Path) -> None:
    path = tmp_path / "q.sql"
    path.write_text("select 1, :at, :name, :flag, :none, :n", encoding="utf-8")
    query = load_query(path, at=datetime(2026, 1, 2, 3), name="O'Brien", flag=True, none=None, n=3)
    assert duckdb.sql(query.sql("duckdb")).fetchall() == [(1, datetime(2026, 1, 2, 3), "O'Brien", True, None, 3)]
    with pytest.raises(KeyError, match="name"):
        load_query(path, at=datetime(2026, 1, 2), flag=True, none=None, n=3)


@pytest.mark.parametrize(
    "asked",
    ["strptime(told, '%Y')", "regexp_matches('a', told || '(')", "timezone(told, timestamp '2026-01-01')"],
    ids=["no time", "no pattern", "no zone"],
)
def test_what_a_value_says_is_not_what_the_disk_says(warehouse: DuckDBWarehouse, asked: str) -> None:
    """Otherwise a tick would fail for one row, and tell of a disk that is well."""
    query = parse_one(f"select {asked} as x from (select 'Permission denied' as told) as t", dialect="duckdb")
    with pytest.raises(WarehouseError, match="Permission denied"):
        warehouse.query(query)


@pytest.mark.parametrize(
    "statement",
    [
        "select nothing, 'corrupt checksum' from (select 1 as x)",
        "select nothing, 'No space left on device' from (select 1 as x)",
        "select * from nowhere where x = 'Permission denied'",
        "select nofn('database has been invalidated')",
        "selec 'not a valid DuckDB database'",
        "select date '2026-01-01' + 1.5, 'Could not read enough bytes'",
        "select checksum from (select 1 as x)",
    ],
)
def test_a_statement_that_is_shown_says_nothing_of_the_file(tmp_path: Path, statement: str) -> None:
    """DuckDB shows the line of what it cannot bind, as dbt hands it on."""
    with duckdb.connect() as connection, pytest.raises(duckdb.Error) as raised:
        connection.execute(statement)
    assert machine_trouble(tmp_path / "warehouse.duckdb", str(raised.value)) is None
    told = "Runtime Error in model one (models/one.sql)\n  " + str(raised.value).replace("\n", "\n  ")
    assert machine_trouble(tmp_path / "warehouse.duckdb", told) is None

"""The embedded default. One writing process at a time: open late, close early."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from segflow.crashpoints import crash_point
from segflow.durations import Duration
from segflow.errors import RunError, TimeLimitError, WarehouseError
from segflow.files import make_folder
from segflow.warehouse.base import Warehouse, relation, too_long
from segflow.warehouse.duckdb.errors import cannot_open, machine_trouble, plain_message, warehouse_error
from segflow.warehouse.duckdb.words import DuckDBWords
from segflow.warehouse.ledgers import LedgerFiles
from segflow.warehouse.tables import SCHEMA, TABLES, Table

_ROWS_AT_ONCE = 500_000
ARROW_ROWS = "segflow_rows"
"""The name under which a statement finds the rows that it is given."""


class DuckDBWarehouse(Warehouse):
    """A DuckDB file. The session's zone is UTC, as in the dbt profile: casts between timestamp types use it."""

    words = DuckDBWords()
    row_deletes = True

    def __init__(self, path: Path, ledgers: Path | None = None, memory_limit: str | None = None) -> None:
        """`ledgers`: the folder that keeps them as Parquet files; None keeps none. `memory_limit` (like 4GB) holds for
        the file in this whole process, for dbt as well."""
        self._path, self._files = path, LedgerFiles(ledgers) if ledgers is not None else None
        make_folder(path.parent)
        try:
            # No config: dbt-duckdb opens the same file in this process, and DuckDB wants both to be identical.
            self._connection = duckdb.connect(str(path))
        except duckdb.Error as error:
            raise cannot_open(path, error) from error
        self._connection.execute("SET TimeZone = 'UTC'")
        if memory_limit is not None:
            # No parameters in this file: to read one, DuckDB imports pandas, which takes 0.4 s.
            limit = exp.column("memory_limit").eq(exp.Literal.string(memory_limit))
            self.execute(exp.Set(expressions=[exp.SetItem(this=limit)]))

    def query(self, sql: exp.Expr) -> pa.Table:
        with self._telling():
            return self._relation(sql).to_arrow_table()

    def batches(self, sql: exp.Expr, size: int) -> Iterator[pa.RecordBatch]:
        with self._telling():
            yield from self._relation(sql).to_arrow_reader(size)

    def execute(self, sql: exp.Expr) -> None:
        with self._telling():
            self._connection.execute(self.words.sql(sql))

    def bind(self, sql: exp.Expr) -> str | None:
        try:
            # Not EXPLAIN: on DuckDB 2 an error in a statement ends the transaction, and this may be inside one.
            self._relation(sql)
        except duckdb.Error as error:
            self._raise_trouble(error)
            return plain_message(str(error))
        return None

    def attempt(self, sql: exp.Expr, limit: Duration | None = None) -> pa.Table | str:
        beside = DuckDBWarehouse.__new__(DuckDBWarehouse)
        beside._path, beside._files, beside._connection = self._path, None, self._connection.cursor()
        try:
            beside._connection.execute("SET TimeZone = 'UTC'")
            with beside.time_limit(limit) if limit is not None else contextlib.nullcontext():
                return beside.query(sql)
        except (WarehouseError, TimeLimitError) as error:
            return str(error)
        finally:
            beside.close()

    @contextlib.contextmanager
    def time_limit(self, limit: Duration) -> Iterator[None]:
        timer = threading.Timer(limit.seconds, self._connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield
        except WarehouseError as error:
            if isinstance(error.__cause__, duckdb.InterruptException):
                raise TimeLimitError(too_long(limit)) from error
            raise
        finally:
            timer.cancel()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        self._connection.begin()
        try:
            yield
        except BaseException:
            # An error of the disk has ended the transaction already; that error is the one to tell.
            with contextlib.suppress(duckdb.Error):
                self._connection.rollback()
            raise
        try:
            self._connection.commit()
        except duckdb.Error as error:
            self._raise_trouble(error)
            raise warehouse_error(error) from error

    def append(self, table: str, tick_id: str, rows: exp.Query | pa.Table) -> None:
        target = TABLES[table]
        if not target.ledger:
            raise ValueError(f"{table} is state: use replace")
        self._delete(target, exp.column("tick_id").eq(exp.Literal.string(tick_id)))
        if isinstance(rows, pa.Table) and not rows.num_rows:
            return
        with self._source(rows) as source:
            self._insert(target, source, {"tick_id": exp.Literal.string(tick_id)})

    def settle(self, tick_id: str, ledgers: Sequence[str]) -> dict[str, int]:
        mine = exp.column("tick_id").eq(exp.Literal.string(tick_id))
        counts = [
            exp.select(exp.Literal.string(name).as_("ledger"), exp.Count(this=exp.Star()).as_("rows"))
            .from_(relation(name))
            .where(mine)
            for name in ledgers
        ]
        # Most ledgers of most ticks have no rows, so one question to all of them saves a question to each.
        found = {row["ledger"]: row["rows"] for row in self._all_rows(counts)}
        if self._files is not None:
            for name in ledgers:
                columns = (exp.column(column, quoted=True) for column in TABLES[name].columns)
                rows = exp.select(*columns).from_(relation(name)).where(mine)
                self._files.write(name, tick_id, self.batches(rows, _ROWS_AT_ONCE) if found[name] else ())
        return found

    def _all_rows(self, queries: Sequence[exp.Select]) -> list[dict[str, Any]]:
        return self.rows(exp.union(*queries, distinct=False) if len(queries) > 1 else queries[0]) if queries else []

    def replace(self, table: str, rows: exp.Query | pa.Table) -> None:
        target = TABLES[table]
        if target.ledger:
            raise ValueError(f"{table} is a ledger: use append")
        if not isinstance(rows, exp.Query):
            self._delete(target, exp.true())
            with self._source(rows) as source:
                self._insert(target, source, {})
            return
        # The query may read the table that it replaces.
        staged = self.stage(f"replace_{table}", rows)
        self._delete(target, exp.true())
        self._insert(target, exp.select("*").from_(staged), {})
        self.execute(exp.Drop(tables=[staged], kind="TABLE"))

    def restore(self, table: str, pieces: Iterable[pa.Table]) -> int:
        rows = 0
        self._delete(TABLES[table], exp.true())
        for piece in pieces:
            with self._source(piece) as source:
                self._insert(TABLES[table], source, {})
            rows += piece.num_rows
        return rows

    def stage(self, name: str, rows: exp.Query | pa.Table) -> exp.Table:
        staged = exp.table_(name, db="temp", quoted=True)
        temporary = exp.Properties(expressions=[exp.TemporaryProperty()])
        with self._source(rows) as source:
            self.execute(exp.Create(this=staged, kind="TABLE", replace=True, expression=source, properties=temporary))
        return staged.copy()

    def view(self, name: str, rows: exp.Query) -> exp.Table:
        temporary = exp.Properties(expressions=[exp.TemporaryProperty()])
        # Unlike a table, a view is not found to be temporary by its full name.
        named = exp.table_(name, quoted=True)
        self.execute(exp.Create(this=named, kind="VIEW", replace=True, expression=rows, properties=temporary))
        return exp.table_(name, db="temp", quoted=True)

    def create_view(self, name: str, sql: exp.Query) -> None:
        # A segment that was SQL and is YAML now: its table has the name, and a view does not replace a table.
        if self._kind(name) == "BASE TABLE":
            self.execute(exp.Drop(tables=[relation(name)], kind="TABLE"))
        self.execute(exp.Create(this=relation(name), kind="VIEW", replace=True, expression=sql))

    def drop_view(self, name: str) -> None:
        if self._kind(name) == "VIEW":
            self.execute(exp.Drop(tables=[relation(name)], kind="VIEW"))

    def ensure_tables(self) -> None:
        with self._telling():
            self._ensure_tables()

    def _ensure_tables(self) -> None:
        self._connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{SCHEMA}"')
        # Not information_schema.columns: it binds every view of the file to list its columns, half a second a tick.
        listed = exp.select("table_name", "column_count").from_(exp.Table(this=exp.func("duckdb_tables")))
        listed = listed.where(exp.column("schema_name").eq(exp.Literal.string(SCHEMA)))
        present = dict(self._relation(listed).fetchall())
        for table in TABLES.values():
            if table.name not in present:
                self.execute(_create(table))
                crash_point("warehouse.table")
                continue
            if present[table.name] == len(table.columns):
                continue
            known = self._relation(exp.select("*").from_(relation(table.name))).columns
            for column in [name for name in table.columns if name not in known]:
                # A warehouse of an earlier version: what it did not record stays unknown.
                self.execute(exp.Alter(this=relation(table.name), kind="TABLE", actions=[_definition(table, column)]))

    def exists(self, name: str) -> bool:
        return self._kind(name) is not None

    def close(self) -> None:
        self._connection.close()

    def _kind(self, name: str) -> str | None:
        tables = exp.select("table_type").from_("information_schema.tables")
        tables = tables.where(exp.column("table_schema").eq(exp.Literal.string(SCHEMA)))
        tables = tables.where(exp.column("table_name").eq(exp.Literal.string(name)))
        with self._telling():
            found = self._relation(tables).fetchall()
        return found[0][0] if found else None

    def _relation(self, sql: exp.Expr) -> duckdb.DuckDBPyRelation:
        """A query that is bound and not run yet. DuckDB 2 wants every result of `execute` fetched before."""
        return self._connection.sql(self.words.sql(sql))

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn what DuckDB raises for the disk, a damaged file and Ctrl-C into what it means."""
        try:
            yield
        except duckdb.Error as error:
            self._raise_trouble(error)
            raise warehouse_error(error) from error
        except OSError as error:  # Arrow tells in its own words what came up while rows were fetched
            self._raise_trouble(error)
            raise
        except RuntimeError as error:
            # DuckDB's own word for Ctrl-C in the middle of a query.
            if "interrupted" in str(error).lower():
                raise KeyboardInterrupt from error
            raise

    def trouble(self, message: str) -> RunError | None:
        return machine_trouble(self._path, message)

    def _raise_trouble(self, error: Exception) -> None:
        if (trouble := self.trouble(str(error))) is not None:
            raise trouble from error

    @contextlib.contextmanager
    def _source(self, rows: exp.Query | pa.Table) -> Iterator[exp.Query]:
        if isinstance(rows, exp.Query):
            yield rows
            return
        self._connection.register(ARROW_ROWS, rows)
        try:
            yield exp.select(*(exp.column(name, quoted=True) for name in rows.schema.names)).from_(ARROW_ROWS)
        finally:
            self._connection.unregister(ARROW_ROWS)

    def _names(self, source: exp.Query) -> list[str]:
        if not source.is_star:
            return source.named_selects
        with self._telling():
            return list(self._relation(source).columns)

    def _delete(self, target: Table, where: exp.Expr) -> None:
        self.execute(exp.delete(relation(target.name), where=where))

    def _insert(self, target: Table, source: exp.Query, constants: dict[str, exp.Expr]) -> None:
        given = [name for name in self._names(source) if name not in constants]
        unknown = [name for name in given if name not in target.columns]
        if unknown:
            raise ValueError(f"{target.name} has no column {', '.join(unknown)}")
        columns = [*given, *constants]
        select = exp.select(*(_cast(name, target.columns[name]) for name in given), *constants.values()).from_(
            source.subquery("source")
        )
        self.execute(
            exp.insert(select, relation(target.name), columns=[exp.to_identifier(c, quoted=True) for c in columns])
        )


def _cast(column: str, kind: str) -> exp.Cast:
    return exp.Cast(this=exp.column(column, quoted=True), to=_data_type(kind).copy())


@cache
def _data_type(kind: str) -> exp.DataType:
    return exp.DataType.build(kind)


def _create(table: Table) -> exp.Create:
    definitions = [_definition(table, column) for column in table.columns]
    return exp.Create(this=exp.Schema(this=relation(table.name), expressions=definitions), kind="TABLE")


def _definition(table: Table, column: str) -> exp.ColumnDef:
    kind = _data_type(table.columns[column]).copy()
    return exp.ColumnDef(this=exp.to_identifier(column, quoted=True), kind=kind)

"""The embedded default. One writing process at a time: open late, close early."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
from sqlglot import exp

from segflow.errors import RunError
from segflow.files import make_folder
from segflow.warehouse.base import relation
from segflow.warehouse.duckdb.errors import cannot_open, machine_trouble, plain_message, warehouse_error
from segflow.warehouse.duckdb.words import DuckDBWords
from segflow.warehouse.tables import SCHEMA
from segflow.warehouse.transactional import TransactionalWarehouse

_ROWS_AT_ONCE = 500_000
ARROW_ROWS = "segflow_rows"
"""The name under which a statement finds the rows that it is given."""


class DuckDBWarehouse(TransactionalWarehouse):
    """A DuckDB file. The session's zone is UTC, as in the dbt profile: casts between timestamp types use it."""

    words = DuckDBWords()

    def __init__(self, path: Path, ledgers: Path | None = None, memory_limit: str | None = None) -> None:
        """`ledgers`: the folder that keeps them as Parquet files; None keeps none. `memory_limit` (like 4GB) holds for
        the file in this whole process, for dbt as well."""
        super().__init__(ledgers)
        self._path = path
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

    def _beside(self) -> DuckDBWarehouse:
        beside = DuckDBWarehouse.__new__(DuckDBWarehouse)
        TransactionalWarehouse.__init__(beside, None)
        beside._path, beside._connection = self._path, self._connection.cursor()
        beside._connection.execute("SET TimeZone = 'UTC'")
        return beside

    def _interrupt(self) -> None:
        self._connection.interrupt()

    def _was_interrupted(self, error: BaseException | None) -> bool:
        return isinstance(error, duckdb.InterruptException)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        self._connection.begin()
        try:
            yield
        except BaseException:
            # An error of the disk has ended the transaction already; that error is the one to tell.
            with contextlib.suppress(duckdb.Error):
                self._connection.rollback()
            self._staged.clear()  # what there was before is there again
            raise
        try:
            self._connection.commit()
        except duckdb.Error as error:
            self._raise_trouble(error)
            raise warehouse_error(error) from error

    def stage(self, name: str, rows: exp.Query | pa.Table, *, about: int | None = None) -> exp.Table:
        staged = exp.table_(name, db="temp", quoted=True)
        self._remember(name, rows)
        temporary = exp.Properties(expressions=[exp.TemporaryProperty()])
        with self._source(rows) as source:
            self.execute(exp.Create(this=staged, kind="TABLE", replace=True, expression=source, properties=temporary))
        return staged.copy()

    def view(self, name: str, rows: exp.Query, *, about: int | None = None) -> exp.Table:
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

    def create_table(self, name: str, sql: exp.Query) -> None:
        self.execute(exp.Create(this=relation(name), kind="TABLE", replace=True, expression=sql))

    def drop_view(self, name: str) -> None:
        if self._kind(name) == "VIEW":
            self.execute(exp.Drop(tables=[relation(name)], kind="VIEW"))

    def ensure_tables(self) -> None:
        with self._telling():
            self._ensure_tables()

    def _ensure_tables(self) -> None:
        self._connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{SCHEMA}"')
        self._ensure_each_table()

    def _present(self) -> dict[str, int]:
        # Not information_schema.columns: it binds every view of the file to list its columns, half a second a tick.
        listed = exp.select("table_name", "column_count").from_(exp.Table(this=exp.func("duckdb_tables")))
        listed = listed.where(exp.column("schema_name").eq(exp.Literal.string(SCHEMA)))
        return dict(self._relation(listed).fetchall())

    def exists(self, name: str) -> bool:
        return self._kind(name) is not None

    def missing(self, names: Collection[str]) -> list[str]:
        found = self._kinds(names)
        return [name for name in names if name not in found]

    def close(self) -> None:
        self._connection.close()

    def _kind(self, name: str) -> str | None:
        return self._kinds([name]).get(name)

    def _kinds(self, names: Collection[str]) -> dict[str, str]:
        """Those of these tables and views that are there -> what they are."""
        tables = exp.select("table_name", "table_type").from_("information_schema.tables")
        ours = exp.column("table_schema").eq(exp.Literal.string(SCHEMA))
        tables = tables.where(ours, exp.column("table_name").isin(*names))
        with self._telling():
            return dict(self._relation(tables).fetchall()) if names else {}

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

    def _columns(self, source: exp.Query) -> list[str]:
        with self._telling():
            return list(self._relation(source).columns)

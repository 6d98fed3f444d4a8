"""Spark by way of Spark Connect, with tables in Delta."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator

import pyarrow as pa
from sqlglot import exp

from segflow.crashpoints import crash_point
from segflow.durations import Duration
from segflow.errors import RunError, TimeLimitError, WarehouseError
from segflow.warehouse.base import relation, too_long
from segflow.warehouse.record_sql import RECORD, RECORD_COLUMNS, ROWS, WRITE, rows_of, written
from segflow.warehouse.spark import sessions
from segflow.warehouse.spark.errors import RAISED, is_gone, plain_message, trouble, warehouse_error
from segflow.warehouse.spark.stages import STAGES
from segflow.warehouse.spark.staging import StagingWarehouse
from segflow.warehouse.spark.statements import is_query
from segflow.warehouse.tables import SCHEMA, TABLES
from segflow.warehouse.tidied import TOGETHER_AT
from segflow.warehouse.watchdog import stopped_after

_DEFAULT = "default"
"""The schema that is always there."""


class SparkWarehouse(StagingWarehouse):
    """A connection, on the session that the process has with the server."""

    def __init__(self, url: str, location: str | None, *, look_only: bool = False) -> None:
        """`location`: the folder, as the server sees it, of tables that a catalog does not keep for good; None: it
        does. `look_only`: make nothing. Raises InputError when the server cannot be reached."""
        super().__init__(sessions.session(url))
        self._url, self._location, self._where = url, location, sessions.place(url)
        self._interrupted = False
        if not look_only:
            self._know_tables()

    # Statements ---------------------------------------------------------------------------------------------------

    def _ask(self, sql: exp.Expr) -> pa.Table:
        return self._asked(self.words.sql(sql))

    def _run(self, sql: exp.Expr) -> None:
        text = self.words.sql(sql)
        with self._telling(text):
            self._session.sql(text)

    def _asked(self, text: str) -> pa.Table:
        with self._telling(text):
            return sessions.rows(self._session, text)

    def batches(self, sql: exp.Expr, size: int) -> Iterator[pa.RecordBatch]:
        text = self.words.sql(self.resolved(sql))
        with self._telling(text):
            for piece in sessions.pieces(self._session, text):
                yield from piece.to_batches(size)

    def bind(self, sql: exp.Expr) -> str | None:
        text = self.words.sql(self.resolved(sql))
        try:
            with self._tagged():
                _ = self._session.sql(text).schema
        except RAISED as error:
            self._raise_trouble(error)
            return plain_message(error)
        return None

    def attempt(self, sql: exp.Expr, limit: Duration | None = None) -> pa.Table | str:
        with self._beside() as beside:
            try:
                with beside.time_limit(limit) if limit is not None else contextlib.nullcontext():
                    return beside.query(sql)
            except (WarehouseError, TimeLimitError) as error:
                return str(error)

    def _beside(self) -> SparkWarehouse:
        beside = type(self)(self._url, self._location)
        beside._staged = dict(self._staged)
        beside.close = lambda: None  # type: ignore[method-assign]
        return beside

    @contextlib.contextmanager
    def time_limit(self, limit: Duration) -> Iterator[None]:
        self._interrupted = False
        try:
            with stopped_after(limit.seconds, self._interrupt):
                yield
        except WarehouseError as error:
            if self._interrupted:
                raise TimeLimitError(too_long(limit)) from error
            raise

    def _interrupt(self) -> None:
        self._interrupted = True
        sessions.stop(self._url, self._tag)

    # Stages, views, tables ------------------------------------------------------------------------------------------

    def create_view(self, name: str, sql: exp.Query) -> None:
        if self._kind(name) == "TABLE":
            self._drop(relation(name), "TABLE")
        self._make_view(name, sql)

    def _make_view(self, name: str, sql: exp.Query) -> None:
        self._run(exp.Create(this=relation(name), kind="VIEW", replace=True, expression=sql))

    def create_table(self, name: str, sql: exp.Query) -> None:
        made = self.resolved(sql)
        if (kind := self._kind(name)) is not None:
            # In place, an old column would keep its type.
            self._drop(relation(name), kind)
        self._create(relation(name), made)

    def drop_view(self, name: str) -> None:
        if self._kind(name) == "VIEW":
            self._drop(relation(name), "VIEW")

    def exists(self, name: str) -> bool:
        return not self.missing([name])

    def missing(self, names: Collection[str]) -> list[str]:
        there = self._listed(SCHEMA)
        return [name for name in names if name not in there]

    def kept(self) -> list[str]:
        present = self._listed(ROWS)
        return [name for name in TABLES if name in present and RECORD in present]

    def _kind(self, name: str) -> str | None:
        if name not in self._listed(SCHEMA):
            return None
        return "VIEW" if name in self._listed(SCHEMA, "VIEWS") else "TABLE"

    def _listed(self, schema: str, what: str = "TABLES") -> set[str]:
        """The tables and views of a schema, or its views alone; none when there is no such schema."""
        column = "viewName" if what == "VIEWS" else "tableName"
        try:
            found = self._asked(f"SHOW {what} IN `{schema}`")
        except WarehouseError:
            return set()
        names = found[column if column in found.column_names else "tableName"].to_pylist()
        # Views of the session's are said to be in each schema.
        passing = found["isTemporary"].to_pylist() if "isTemporary" in found.column_names else [False] * len(names)
        return {name for name, is_passing in zip(names, passing, strict=True) if not is_passing}

    def _columns(self, source: exp.Query) -> list[str]:
        with self._telling(text := self.words.sql(self.resolved(source))):
            return list(self._session.sql(text).columns)

    # The engine's own tables ----------------------------------------------------------------------------------------

    def _know_tables(self) -> None:
        """Let the catalog know the tables at `location`, if it does not: that of a session begins empty."""
        if getattr(self._session, "_segflow_knows", None) != (self._location,):
            self._look_for_tables()

    def _look_for_tables(self) -> None:
        self._make_schemas()
        if self._location is not None and RECORD not in self._listed(ROWS) and self._know(RECORD):
            for table in TABLES:
                self._know(table)
            self._make_tables()
        self._session._segflow_knows = (self._location,)

    def is_there(self) -> bool:
        """Is there any table that could be asked, in the catalog or at `location`? A schema of somebody else's is taken
        for one with tables: to look into each may take long."""
        found = self._asked("SHOW SCHEMAS")
        schemas = set(found[found.column_names[0]].to_pylist())
        if schemas - {SCHEMA, ROWS, STAGES, _DEFAULT} or any(map(self._listed, (SCHEMA, ROWS, _DEFAULT))):
            return True
        if self._location is None:
            return False
        try:
            self._ask(exp.select("*").from_(exp.table_(self._path(RECORD), db="delta", quoted=True)).limit(0))
        except WarehouseError:
            return False
        return True

    def _know(self, name: str) -> bool:
        """Let the catalog know a table that is at `location`; False when there is none."""
        try:
            # Without its columns: a partition's would be refused for its type.
            self._asked(f"CREATE TABLE IF NOT EXISTS `{ROWS}`.`{name}` USING delta LOCATION '{self._path(name)}'")
        except WarehouseError:
            return False
        return True

    def ensure_tables(self) -> None:
        self._look_for_tables()
        self._make_tables()

    def tidy(self, *, least: int = TOGETHER_AT) -> None:
        # Not where tables are looked for: who merely looks would come between a tick and the record that it commits by.
        super().tidy(least=least)
        self.sweep()
        self._sweep_stages()

    def _make_schemas(self) -> None:
        for schema in (SCHEMA, ROWS, STAGES):
            self._run(
                exp.Create(this=exp.Table(this=exp.to_identifier(schema, quoted=True)), kind="SCHEMA", exists=True)
            )

    def _make_tables(self) -> None:
        present, shown = self._listed(ROWS), self._listed(SCHEMA)
        for name, columns in {
            RECORD: RECORD_COLUMNS,
            **{table.name: {**table.columns, WRITE: "VARCHAR"} for table in TABLES.values()},
        }.items():
            if name not in present:
                self._run(self._definition(name, columns))
                crash_point("warehouse.table")
        for table in TABLES.values():
            if table.name not in shown:
                self._make_view(table.name, rows_of(table))

    def _definition(self, name: str, columns: dict[str, str]) -> exp.Create:
        defined = [
            exp.ColumnDef(this=exp.to_identifier(column, quoted=True), kind=exp.DataType.build(kind))
            for column, kind in columns.items()
        ]
        properties: list[exp.Expr] = []
        if self._location is not None:
            properties.append(exp.LocationProperty(this=exp.Literal.string(self._path(name))))
        if name in TABLES and not TABLES[name].ledger:
            # A state is written whole: what no longer counts goes file by file.
            parts = exp.Schema(expressions=[exp.to_identifier(WRITE, quoted=True)])
            properties.append(exp.PartitionedByProperty(this=parts))
        return exp.Create(
            this=exp.Schema(this=written(name), expressions=defined),
            kind="TABLE",
            exists=True,
            properties=exp.Properties(expressions=properties),
        )

    def _path(self, name: str) -> str:
        return f"{str(self._location).rstrip('/')}/{ROWS}/{name}"

    # Errors ---------------------------------------------------------------------------------------------------------

    def trouble(self, message: str) -> RunError | None:
        return trouble(self._where, message)

    @contextlib.contextmanager
    def _tagged(self) -> Iterator[None]:
        self._session.addTag(self._tag)
        try:
            yield
        finally:
            self._session.removeTag(self._tag)

    @contextlib.contextmanager
    def _telling(self, text: str) -> Iterator[None]:
        try:
            with self._tagged():
                yield
        except RAISED as error:
            self._raise_trouble(error)
            raise warehouse_error(error, unbound=not self._binds(text)) from error

    def _binds(self, text: str) -> bool:
        """Is a statement that failed a query over what is there? Of any other this is not asked: the library runs one
        as soon as it is told, so a write that was stopped would begin anew, with nobody to stop it."""
        if not is_query(text):
            return True
        try:
            _ = self._session.sql(text).schema
        except RAISED:
            return False
        return True

    def _raise_trouble(self, error: Exception) -> None:
        if is_gone(error):
            why = sessions.why_gone(self._url) or plain_message(error)
            sessions.forget(self._url)
            raise RunError(f"the warehouse on {self._where} is gone: {why}") from error
        if (found := self.trouble(str(error))) is not None:
            raise found from error

"""What a connection keeps for a while, and rows that come from here."""

from __future__ import annotations

import contextlib
import itertools
import uuid
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.errors import RunError, WarehouseError
from segflow.warehouse.portions import portions
from segflow.warehouse.spark import sessions
from segflow.warehouse.spark.errors import RAISED
from segflow.warehouse.spark.recursion import is_recursive, unrolled
from segflow.warehouse.spark.rows import has_types, none_of, stored, typed
from segflow.warehouse.spark.stages import LEFT_ALONE_FOR, STAGES, is_left_over, new_table, table_named
from segflow.warehouse.spark.statements import is_of_none, may_be_untyped, table_read_whole
from segflow.warehouse.spark.words import SparkWords
from segflow.warehouse.tidied import TidyWarehouse

_TEMPORARY = "temp"
"""How queries call the schema of what is staged."""
_FEW, _FEW_BYTES = 1_000, 100_000
"""So many rows go along with each query that reads them, where an engine does it like this."""


class StagingWarehouse(TidyWarehouse):
    """Temporary tables, as far as Spark has any."""

    words = SparkWords()
    brings_few = True

    def __init__(self, session: Any) -> None:
        super().__init__()
        self._session = session
        self._staged: dict[str, exp.Expr] = {}
        """Name -> what stands for it: a table of `segflow_stages`, a temporary view of rows that came from here, or a
        query of no rows. A view changes when its name is staged again, if it stands for no other one."""
        self._lent: dict[str, exp.Table] = {}
        self._failed: list[exp.Table] = []
        """What could not be staged. An engine may have begun with the table nevertheless."""
        self._number = itertools.count(1)
        self._tag = f"segflow-{uuid.uuid4().hex}"

    @abstractmethod
    def _telling(self, text: str) -> AbstractContextManager[None]:
        """Raise the library's errors as ours."""

    @abstractmethod
    def _listed(self, schema: str, what: str = "TABLES") -> set[str]:
        """The tables and views of a schema, or its views alone; none when there is no such schema."""

    def _found(self, table: exp.Table) -> exp.Expr | None:
        if table.db == _TEMPORARY:
            staged = self._staged.get(table.name)
            return staged.copy() if staged is not None else None
        return super()._found(table)

    def stage(self, name: str, rows: exp.Query | pa.Table, *, about: int | None = None) -> exp.Table:
        before = self._staged.get(name)
        if isinstance(rows, exp.Query) and about is not None and about <= _FEW:
            rows = self._fetched(rows, about)
        # A table costs a write and a removal, and each reader opens it: most are for few rows, or for none.
        ways = (self._there_already, self._none, partial(self._few, name), partial(self._in_a_table, name))
        self._staged[name] = next(found for way in ways if (found := way(rows)) is not None)
        if before is not None and before not in self._staged.values():
            self._let_go(before)
        return exp.table_(name, db=_TEMPORARY, quoted=True)

    def _fetched(self, rows: exp.Query, about: int) -> exp.Query | pa.Table:
        """The rows of a query, unless there are none and their types would get lost."""
        found = self._ask(self.resolved(self._without_recursion(rows, about)))
        return found if found.num_rows or has_types(found.schema) else rows

    def _there_already(self, rows: exp.Query | pa.Table) -> exp.Expr | None:
        """What stands for another name, when all of that is asked for."""
        read = table_read_whole(rows) if isinstance(rows, exp.Query) else None
        return self._staged.get(read.name) if read is not None and read.db == _TEMPORARY else None

    def _none(self, rows: exp.Query | pa.Table) -> exp.Query | None:
        """A query of no rows, when there are none."""
        if isinstance(rows, pa.Table):
            return None if rows.num_rows else none_of(rows.schema)
        if not is_of_none(rows):
            return None
        with self._telling(text := self.words.sql(self.resolved(rows))):
            schema = sessions.columns(self._session, text)
        return none_of(schema) if has_types(schema) else None

    def _few(self, name: str, rows: exp.Query | pa.Table) -> exp.Table | None:
        """A view of rows that came from here, when it may hold them."""
        if isinstance(rows, exp.Query) or rows.num_rows > _FEW or rows.nbytes > _FEW_BYTES:
            return None
        view = self._staged.get(name)
        if not isinstance(view, exp.Table) or not _is_view(view) or list(self._staged.values()).count(view) > 1:
            view = exp.table_(f"{self._new_view()}_{name.replace(' ', '_')}", quoted=True)
        self._show(rows, view.name)
        return view

    def _in_a_table(self, name: str, rows: exp.Query | pa.Table) -> exp.Table:
        """A table of the rows."""
        made = new_table(name)
        with self._source(rows) as source:
            query = self.resolved(self._without_recursion(source))
            self._failed.append(made)
            self._create(made, query)
            self._failed.remove(made)
        return made

    def _let_go(self, staged: exp.Expr) -> None:
        """Remove what stood for a name and does no longer."""
        if not isinstance(staged, exp.Table):
            return
        if not _is_view(staged):
            self._drop(staged, "TABLE")
            return
        with self._telling(staged.name):
            self._session.catalog.dropTempView(staged.name)

    def _without_recursion(self, query: exp.Query, about: int | None = None) -> exp.Query:
        def keep(name: str, rows: exp.Query) -> tuple[exp.Table, int]:
            kept = self.stage(name, rows, about=about)
            return kept, int(self.scalar(exp.select(exp.Count(this=exp.Star())).from_(kept.copy())))

        return unrolled(query, keep) if is_recursive(query) else query

    def lend(self, name: str) -> exp.Table:
        if name in self._lent:
            self._failed.append(self._lent[name])
        self._lent[name] = new_table(name)
        return self._lent[name].copy()

    def lent(self) -> dict[str, exp.Table]:
        # A catalog may have made the letters small.
        there = {name.lower() for name in self._listed(STAGES)} if self._lent else set()
        return {name: table.copy() for name, table in self._lent.items() if table.name.lower() in there}

    def _create(self, table: exp.Table, rows: exp.Expr) -> None:
        self._run(exp.Create(this=table.copy(), kind="TABLE", expression=self._typed(rows)))

    def _typed(self, rows: exp.Expr) -> exp.Expr:
        """A query whose columns all have a type that can be stored."""
        if not may_be_untyped(rows):
            return rows
        with self._telling(text := self.words.sql(rows)):
            schema = self._session.sql(text).schema
        return typed(rows, schema)

    def _drop(self, table: exp.Table, kind: str) -> None:
        self._run(exp.Drop(tables=[table.copy()], kind=kind, exists=True))

    def close(self) -> None:
        # A server that is gone would be waited for once for each of them.
        with contextlib.suppress(RunError):
            kept = {*self._staged.values(), *self._failed, *self.lent().values()}
            self._staged, self._failed, self._lent = {}, [], {}
            for one in kept:
                with contextlib.suppress(WarehouseError):
                    self._let_go(one)

    def _sweep_stages(self, kept: timedelta = LEFT_ALONE_FOR) -> None:
        """Remove stages of processes that died: a catalog that is no session's keeps them for good."""
        for name in sorted(self._listed(STAGES)):
            if is_left_over(name, kept):
                self._drop(table_named(name), "TABLE")

    # Rows that come from here ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _source(self, rows: exp.Query | pa.Table) -> Iterator[exp.Query]:
        if isinstance(rows, exp.Query):
            yield rows
            return
        if not rows.num_rows:
            yield none_of(rows.schema)
            return
        first, *others = portions(rows)
        if others:
            with self._brought(first, others) as source:
                yield source
            return
        name = self._new_view()
        self._show(rows, name)
        try:
            columns = (exp.column(column, quoted=True) for column in rows.schema.names)
            yield exp.select(*columns).from_(exp.table_(name, quoted=True))
        finally:
            self._hide(name)

    def _new_view(self) -> str:
        return f"{self._tag.replace('-', '_')}_{next(self._number)}"

    def _show(self, rows: pa.Table, name: str) -> None:
        """Make a temporary view of rows, which go to the server with it."""
        with self._telling(name):
            sessions.again(self._session.createDataFrame(stored(rows)).createOrReplaceTempView, name)

    def _hide(self, name: str) -> None:
        with contextlib.suppress(*RAISED):
            self._session.catalog.dropTempView(name)

    @contextlib.contextmanager
    def _brought(self, first: pa.Table, others: Sequence[pa.Table]) -> Iterator[exp.Query]:
        """A query of rows that are too many for one message: they are put together in a table."""
        together = new_table("brought")
        try:
            with self._source(first) as source:
                self._create(together, source)
            for portion in others:
                with self._source(portion) as source:
                    self._run(exp.insert(source, together.copy()))
            yield exp.select(*(exp.column(column, quoted=True) for column in first.schema.names)).from_(together.copy())
        finally:
            with contextlib.suppress(WarehouseError, RunError):
                self._drop(together, "TABLE")


def _is_view(staged: exp.Expr) -> bool:
    return isinstance(staged, exp.Table) and not staged.db

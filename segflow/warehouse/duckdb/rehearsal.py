"""A transaction that is never committed: a whole tick can be tried in it, and nothing is written.

An error at run time ends a transaction, where a tick goes on without what failed. So the statement is remembered, and
everything is begun again from the start: this time the statement fails without being run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import duckdb
import pyarrow as pa
from sqlglot import exp

from segflow.durations import Duration
from segflow.errors import TimeLimitError, WarehouseError
from segflow.warehouse.duckdb.warehouse import ARROW_ROWS, DuckDBWarehouse
from segflow.warehouse.transactional import TransactionalWarehouse

Found = TypeVar("Found")


class _BeginAgain(BaseException):
    """A statement failed at run time. No Exception: nobody on the way may take it for an error of his."""


class Rehearsal(DuckDBWarehouse):
    """The warehouse inside such a transaction. Whoever opens and closes it goes on with the same one."""

    def __init__(self, warehouse: DuckDBWarehouse, failed: dict[str, Exception]) -> None:
        TransactionalWarehouse.__init__(self, None)
        self._path, self._connection = warehouse._path, warehouse._connection
        self._failed = failed

    def query(self, sql: exp.Expr) -> pa.Table:
        return self._unless_failed(sql, super().query)

    def batches(self, sql: exp.Expr, size: int) -> Iterator[pa.RecordBatch]:
        yield from self.query(sql).to_batches(size)

    def execute(self, sql: exp.Expr) -> None:
        self._unless_failed(sql, super().execute)

    def attempt(self, sql: exp.Expr, limit: Duration | None = None) -> pa.Table | str:
        if fault := self.bind(sql):
            return fault
        try:
            with self.time_limit(limit) if limit is not None else contextlib.nullcontext():
                return self.query(sql)
        except (WarehouseError, TimeLimitError) as error:
            return str(error)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        yield

    def settle(self, tick_id: str, ledgers: Sequence[str]) -> dict[str, int]:
        return {}

    def close(self) -> None:
        pass

    def _unless_failed(self, sql: exp.Expr, run: Callable[[exp.Expr], Found]) -> Found:
        text = self.words.sql(sql)
        if text in self._failed:
            raise self._failed[text]
        try:
            return run(sql)
        except WarehouseError as error:
            # Rows that are handed over have one text, whatever they hold.
            if ARROW_ROWS in text:
                raise
            self._failed[text] = error
            raise _BeginAgain from error


def rehearse(warehouse: DuckDBWarehouse, play: Callable[[Rehearsal], Found]) -> Found:
    """What `play` finds in a transaction that is rolled back; it may be called several times. Raises what it raises."""
    failed: dict[str, Exception] = {}
    while True:
        warehouse._connection.begin()
        try:
            return play(Rehearsal(warehouse, failed))
        except _BeginAgain:
            continue
        finally:
            with contextlib.suppress(duckdb.Error):
                warehouse._connection.rollback()

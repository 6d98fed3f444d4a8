"""A transaction that is never committed: a whole tick can be tried in it, and nothing is written."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pyarrow as pa
from sqlglot import exp

from segflow.durations import Duration
from segflow.errors import TimeLimitError, WarehouseError
from segflow.warehouse.postgres.warehouse import PostgresWarehouse
from segflow.warehouse.transactional import TransactionalWarehouse

Found = TypeVar("Found")


class Rehearsal(PostgresWarehouse):
    """The warehouse inside such a transaction. Whoever opens and closes it goes on with the same one. A statement that
    fails takes only itself back."""

    def __init__(self, warehouse: PostgresWarehouse) -> None:
        TransactionalWarehouse.__init__(self, None)
        self._connections, self._made = None, None
        self._url, self._where, self._talk = warehouse._url, warehouse._where, warehouse._talk

    def query(self, sql: exp.Expr) -> pa.Table:
        with self.transaction():
            return super().query(sql)

    def answers(self, *queries: exp.Expr) -> list[list[dict[str, Any]]]:
        return [self.rows(query) for query in queries]

    def execute(self, sql: exp.Expr) -> None:
        with self.transaction():
            super().execute(sql)

    def create_view(self, name: str, sql: exp.Query) -> None:
        with self.transaction():
            super().create_view(name, sql)

    def _execute_all(self, statements: Sequence[exp.Expr]) -> None:
        with self.transaction():
            super()._execute_all(statements)

    def attempt(self, sql: exp.Expr, limit: Duration | None = None) -> pa.Table | str:
        try:
            with self.time_limit(limit) if limit is not None else contextlib.nullcontext():
                return self.query(sql)
        except (WarehouseError, TimeLimitError) as error:
            return str(error)

    def close(self) -> None:
        pass


def rehearse(warehouse: PostgresWarehouse, play: Callable[[Rehearsal], Found]) -> Found:
    """What `play` finds in a transaction that is rolled back. Raises what it raises."""
    warehouse._made = None  # what there was before is there again
    with warehouse._talk.connection.transaction(force_rollback=True):
        return play(Rehearsal(warehouse))

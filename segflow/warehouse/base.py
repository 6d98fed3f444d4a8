"""The one interface between the engine and a warehouse.

The engine hands over sqlglot expressions; each implementation renders them in its own dialect. State changes are
made with two verbs, `append` and `replace`, because those exist on every engine.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Self

import pyarrow as pa
from sqlglot import exp

from segflow.durations import Duration
from segflow.warehouse.tables import SCHEMA, TABLES


def relation(name: str) -> exp.Table:
    """The engine's table or view `name`, in schema `segflow`."""
    return exp.table_(name, db=SCHEMA, quoted=True)


class Warehouse(ABC):
    """A connection to the warehouse. Short-lived: open, work, close."""

    dialect: str
    """The sqlglot dialect that `query` and `execute` render expressions in."""

    @abstractmethod
    def query(self, sql: exp.Expr) -> pa.Table:
        """Run a query and return all of its rows."""

    @abstractmethod
    def batches(self, sql: exp.Expr, size: int) -> Iterator[pa.RecordBatch]:
        """Run a query and yield its rows, at most `size` at a time."""

    @abstractmethod
    def execute(self, sql: exp.Expr) -> None:
        """Run one statement."""

    @abstractmethod
    def bind(self, sql: exp.Expr) -> str | None:
        """Plan a query without running it; the engine's error message when it cannot run, else None."""

    @abstractmethod
    def attempt(self, sql: exp.Expr, limit: Duration | None = None) -> pa.Table | str:
        """Run a query outside of any transaction and return its rows, or why it failed.

        A query that fails inside a transaction takes the transaction with it. What was not committed yet is not seen.
        """

    @abstractmethod
    def time_limit(self, limit: Duration) -> AbstractContextManager[None]:
        """Stop the query that runs when the block takes longer than `limit`. Raises TimeLimitError."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing: commits on leaving, rolls back on any exception (KeyboardInterrupt included)."""

    @abstractmethod
    def append(self, table: str, tick_id: str, rows: exp.Query | pa.Table) -> None:
        """Make `rows` the rows of ledger `table` for this tick: repeating it leaves the same rows.

        `rows` name their columns; `tick_id` is added, other columns that are missing become null.
        """

    @abstractmethod
    def settle(self, tick_id: str, ledgers: Sequence[str]) -> dict[str, int]:
        """These ledgers have all their rows of this tick: keep these where they outlive the warehouse, as far as the
        engine is not safe itself. Returns how many rows each has. Call it in the transaction that wrote them.
        """

    @abstractmethod
    def replace(self, table: str, rows: exp.Query | pa.Table) -> None:
        """Make `rows` the whole content of state `table`. The query may read the table itself."""

    def patch(self, table: str, gone: exp.Query, new: exp.Query) -> None:
        """Take the rows that `gone` names out of state `table` and put `new` in; `gone` names the columns of the key.

        The same as a `replace`, which any engine can do; one that can change single rows does that, because a state
        is large and what a tick changes of it is not. Neither query may read the table.
        """
        keys = gone.named_selects
        same = [exp.column(key, "kept", quoted=True).eq(exp.column(key, "gone", quoted=True)) for key in keys]
        kept = exp.select(*(exp.column(name, "kept", quoted=True) for name in TABLES[table].columns))
        kept = kept.from_(exp.alias_(relation(table), "kept", table=True))
        kept = kept.join(gone.subquery("gone"), on=exp.and_(*same), join_type="left")
        kept = kept.where(exp.column(keys[0], "gone", quoted=True).is_(exp.null()))
        added = exp.select(*(exp.column(name, quoted=True) for name in TABLES[table].columns))
        self.replace(table, exp.union(kept, added.from_(new.subquery("new")), distinct=False))

    @abstractmethod
    def stage(self, name: str, rows: exp.Query | pa.Table) -> exp.Table:
        """Keep `rows` as a temporary table of this connection under `name` (replacing it) and return it."""

    @abstractmethod
    def create_view(self, name: str, sql: exp.Query) -> None:
        """Create or replace view `segflow.name`."""

    @abstractmethod
    def drop_view(self, name: str) -> None:
        """Drop view `segflow.name`, if it is there."""

    @abstractmethod
    def ensure_tables(self) -> None:
        """Create schema `segflow`, the engine's tables and public views, as far as they are missing."""

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Is there a table or view `segflow.name`?"""

    @abstractmethod
    def close(self) -> None:
        """Release the connection, so that other processes may write."""

    def rows(self, sql: exp.Expr) -> list[dict[str, Any]]:
        """The rows of a small result, as dictionaries."""
        found: list[dict[str, Any]] = self.query(sql).to_pylist()
        return found

    def scalar(self, sql: exp.Expr) -> Any:
        """The first column of the first row, or None when there is no row."""
        table = self.query(sql)
        return table.column(0)[0].as_py() if table.num_rows else None

    def count(self, table: str) -> int:
        """How many rows a table of the engine has."""
        return int(self.scalar(exp.select(exp.Count(this=exp.Star())).from_(relation(table))))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

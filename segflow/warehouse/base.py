"""The one interface between the engine and a warehouse.

The engine hands over sqlglot expressions; each implementation renders them in its own dialect. State changes are
made with `append` and `replace`, because those exist on every engine, and with `patch`, which is a `replace` where it
must be.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any, Self

import pyarrow as pa
from sqlglot import exp

from segflow.durations import Duration
from segflow.errors import RunError
from segflow.numbers import shown
from segflow.warehouse.tables import SCHEMA, TABLES, Table
from segflow.warehouse.words import Words


def relation(name: str) -> exp.Table:
    """The engine's table or view `name`, in schema `segflow`."""
    return exp.table_(name, db=SCHEMA, quoted=True)


def all_rows(name: str) -> exp.Select:
    """A query for all of `relation(name)`."""
    return exp.select(exp.Star()).from_(relation(name))


def too_long(limit: Duration) -> str:
    """Why a query was stopped."""
    return f"ran longer than {limit} (sql_segments.timeout in segflow.yml)"


class Warehouse(ABC):
    """A connection to the warehouse. Short-lived: open, work, close.

    What the engine says of a statement that it cannot run is raised as WarehouseError, and what it says of the disk, of
    rights or of a damaged file as RunError.
    """

    words: Words
    """How the engine says SQL; `query` and `execute` render expressions with it."""
    row_deletes: bool = False
    laterals: bool = True
    brings_few: bool = False
    """Does `stage` bring few rows here? Then it is worth a question how many there are."""
    row_store: bool = False
    """Does a scan read whole rows, whatever is asked of them? Then one with alternatives is half the work of two."""
    patches_facts: bool = True
    """See `Engine`, as for `row_deletes`."""

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
    def amend(self, table: str, values: Mapping[str, exp.Expr], where: exp.Expr) -> None:
        """Give the rows of a ledger or state that satisfy `where` other values, for the rare things that change what is
        written: names. Literals, or expressions of the table's columns."""

    @abstractmethod
    def settle(self, tick_id: str, ledgers: Sequence[str]) -> dict[str, int]:
        """These ledgers have all their rows of this tick: keep these where they outlive the warehouse, as far as the
        engine is not safe itself. Returns how many rows each has. Call it in the transaction that wrote them.
        """

    @abstractmethod
    def replace(self, table: str, rows: exp.Query | pa.Table) -> None:
        """Make `rows` the whole content of state `table`. The query may read the table itself."""

    def patch(self, table: str, gone: exp.Query, new: exp.Query, changed: exp.Query | None = None) -> None:
        """Take the rows that `gone` names out of state `table` and put `new` in; `gone` names the columns of the key.
        `changed` has them too, each key once, and other columns, of which the rows that stay get the values.

        The same as a `replace`, which any engine can do; one that can change single rows does that, because a state
        is large and what a tick changes of it is not: to write four million rows anew costs fifty times as much.
        None of the queries may read the table.
        """
        target, keys = TABLES[table], gone.named_selects
        if target.ledger:
            raise ValueError(f"{table} is a ledger: use append")
        others = [name for name in changed.named_selects if name not in keys] if changed is not None else []
        if self.row_deletes:
            if changed is not None:
                self._update(target, keys, others, changed)
            key = exp.Tuple(expressions=[exp.column(name, quoted=True) for name in keys])
            self._delete(target, exp.In(this=key, query=exp.Subquery(this=gone)))
            self._insert(target, new, {})
            return

        def value(name: str) -> exp.Expr:
            old = exp.column(name, "kept", quoted=True)
            if name not in others:
                return old
            is_same = exp.column(keys[0], "changed", quoted=True).is_(exp.null())
            now = exp.column(name, "changed", quoted=True)
            return exp.alias_(exp.Case(ifs=[exp.If(this=is_same, true=old)], default=now), name, quoted=True)

        kept = exp.select(*map(value, target.columns)).from_(exp.alias_(relation(table), "kept", table=True))
        kept = kept.join(gone.subquery("gone"), on=_same(keys, "kept", "gone"), join_type="left")
        if changed is not None:
            kept = kept.join(changed.subquery("changed"), on=_same(keys, "kept", "changed"), join_type="left")
        kept = kept.where(exp.column(keys[0], "gone", quoted=True).is_(exp.null()))
        added = exp.select(*(exp.column(name, quoted=True) for name in target.columns))
        self.replace(table, exp.union(kept, added.from_(new.subquery("new")), distinct=False))

    def _update(self, target: Table, keys: Sequence[str], others: Sequence[str], changed: exp.Query) -> None:
        """Give the rows of `target` the columns `others` of `changed`, where the engine has `row_deletes`."""
        values = [exp.column(name, quoted=True).eq(exp.column(name, "changed", quoted=True)) for name in others]
        update = exp.Update(this=exp.alias_(relation(target.name), "present", table=True))
        update.set("expressions", values)
        update.set("from_", exp.From(this=changed.subquery("changed")))
        self.execute(update.where(_same(keys, "present", "changed")))

    @abstractmethod
    def _delete(self, target: Table, where: exp.Expr) -> None:
        """Delete rows, where the engine has `row_deletes`."""

    @abstractmethod
    def _insert(self, target: Table, source: exp.Query, constants: dict[str, exp.Expr]) -> None:
        """Add the rows of `source`, whose columns bear the table's names, with the same `constants` in each."""

    @abstractmethod
    def restore(self, table: str, pieces: Iterable[pa.Table]) -> int:
        """Make `pieces` the whole content of a ledger or state, `tick_id` included; returns how many rows there are.

        For a rebuild only: it leaves no ledger files, because the rows come from them.
        """

    def trouble(self, message: str) -> RunError | None:
        """The error for a message of dbt that tells of the disk, of rights or of a damaged file and of nothing in a
        query; None for all others."""
        return None

    @abstractmethod
    def stage(self, name: str, rows: exp.Query | pa.Table, *, about: int | None = None) -> exp.Table:
        """Keep `rows` as a temporary table of this connection under `name` (replacing it) and return it. `about`: how
        many they may be, where that is known. An engine without temporary tables may bring few rows here."""

    def view(self, name: str, rows: exp.Query, *, about: int | None = None) -> exp.Table:
        """Give `rows` a name, like `stage`, where they need not be kept: who reads it gets what the query says then.
        A name is for a view or for a table, and what a view reads has other names than itself. An engine without
        temporary views keeps the rows."""
        return self.stage(name, rows, about=about)

    def lend(self, name: str) -> exp.Table:
        """A new name for a table that a model of dbt's makes beside its own, where an engine has no temporary tables:
        `close` drops it. The table has that name for everybody."""
        raise NotImplementedError("models make temporary tables")

    def lent(self) -> dict[str, exp.Table]:
        """Those of the tables of `lend`, by what they were called then, that were made; of one name the last."""
        return {}

    @abstractmethod
    def create_view(self, name: str, sql: exp.Query) -> None:
        """Create or replace view `segflow.name`."""

    @abstractmethod
    def create_table(self, name: str, sql: exp.Query) -> None:
        """Create or replace table `segflow.name`, which is no table of the engine's own."""

    def lost_views(self, names: Collection[str]) -> set[str]:
        """Those of the views `segflow.name` that are gone though nobody dropped them: with a table that they stood on,
        where an engine's views do not outlive it."""
        return set()

    @abstractmethod
    def drop_view(self, name: str) -> None:
        """Drop view `segflow.name`, if it is there."""

    @abstractmethod
    def ensure_tables(self) -> None:
        """Create schema `segflow`, the engine's tables and public views, as far as they are missing."""

    @abstractmethod
    def clear(self) -> None:
        """Remove rows that a process left which died before it could commit them, where an engine does not do so by
        itself. Nobody else may be writing."""

    @abstractmethod
    def tidy(self) -> None:
        """Bring together what many ticks wrote, where an engine keeps the rows of each by themselves. Nobody reads
        other rows because of it. Nobody else may be writing."""

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Is there a table or view `segflow.name`?"""

    def kept(self) -> list[str]:
        """The tables of the engine's own that are there."""
        return [name for name in TABLES if self.exists(name)]

    def sizes(self, staged: Sequence[str]) -> list[int]:
        """How many rows each of these temporary tables has, in one question."""
        each = [exp.select(exp.Count(this=exp.Star())).from_(f"temp.{name}").subquery() for name in staged]
        row = self.rows(exp.select(*(one.as_(f"n{number}") for number, one in enumerate(each))))[0]
        return [int(row[f"n{number}"]) for number in range(len(each))]

    def missing(self, names: Collection[str]) -> list[str]:
        """Those of these tables and views `segflow.name` that are not there, in their order."""
        return [name for name in names if not self.exists(name)]

    @abstractmethod
    def close(self) -> None:
        """Release the connection, so that other processes may write."""

    def rows(self, sql: exp.Expr) -> list[dict[str, Any]]:
        """The rows of a small result, as dictionaries. See `python_rows`."""
        return python_rows(self.query(sql))

    def answers(self, *queries: exp.Expr) -> list[list[dict[str, Any]]]:
        """The rows of each of several small results. A server gets the questions in one message."""
        return [self.rows(query) for query in queries]

    def scalar(self, sql: exp.Expr) -> Any:
        """The first column of the first row, or None when there is no row."""
        table = self.query(sql)
        if not table.num_rows:
            return None
        value = table.column(0)[0].as_py()
        return shown(value) if isinstance(value, Decimal) else value

    def count(self, table: str) -> int:
        """How many rows a table of the engine has."""
        return self.counts([table])[table]

    def counts(self, tables: Sequence[str]) -> dict[str, int]:
        """How many rows each of these tables has: one question, because most of its price is to ask it."""
        each = [
            exp.select(exp.Literal.string(name).as_("name"), exp.Count(this=exp.Star()).as_("n")).from_(relation(name))
            for name in tables
        ]
        asked = exp.union(*each, distinct=False) if len(each) > 1 else each[0]
        return {row["name"]: int(row["n"]) for row in self.rows(asked)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _same(keys: Sequence[str], one: str, other: str) -> exp.Expr:
    return exp.and_(*(exp.column(key, one, quoted=True).eq(exp.column(key, other, quoted=True)) for key in keys))


def python_rows(table: pa.Table | pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows as dictionaries. A decimal is an int when it is whole, and a Number otherwise."""
    rows: list[dict[str, Any]] = table.to_pylist()
    for name in (field.name for field in table.schema if pa.types.is_decimal(field.type)):
        for row in rows:
            if row[name] is not None:
                row[name] = shown(row[name])
    return rows

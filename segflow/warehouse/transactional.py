"""What warehouses with transactions, temporary tables and single-row deletes have in common, said in standard SQL."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
from sqlglot import exp

from segflow.crashpoints import crash_point
from segflow.durations import Duration
from segflow.errors import TimeLimitError, WarehouseError
from segflow.warehouse.base import Warehouse, relation, too_long
from segflow.warehouse.ledgers import LedgerFiles
from segflow.warehouse.tables import TABLES, Table
from segflow.warehouse.watchdog import stopped_after

_ROWS_AT_ONCE = 500_000
_TEMPORARY = ("temp", "pg_temp")
"""Schemas of what is staged."""


class TransactionalWarehouse(Warehouse):
    """Ledgers and state by DELETE and INSERT; a query that reads the table which it replaces is staged first."""

    row_deletes = True

    def __init__(self, ledgers: Path | None) -> None:
        """`ledgers`: the folder that keeps them as Parquet files; None keeps none."""
        self._files = LedgerFiles(ledgers) if ledgers is not None else None
        self._staged: dict[str, list[str] | None] = {}

    @abstractmethod
    def _source(self, rows: exp.Query | pa.Table) -> AbstractContextManager[exp.Query]:
        """A query of `rows`, good for the block."""

    @abstractmethod
    def _columns(self, source: exp.Query) -> list[str]:
        """The names of a query's columns, as the engine binds them."""

    @abstractmethod
    def _present(self) -> dict[str, int]:
        """Table of schema `segflow` -> how many columns it has."""

    @abstractmethod
    def _beside(self) -> Self:
        """Another connection to the same warehouse, which keeps no ledger files."""

    @abstractmethod
    def _interrupt(self) -> None:
        """Stop the query that runs; called from another thread."""

    @abstractmethod
    def _was_interrupted(self, error: BaseException | None) -> bool:
        """Is it what the engine raises for a query that `_interrupt` stopped?"""

    def attempt(self, sql: exp.Expr, limit: Duration | None = None) -> pa.Table | str:
        with self._beside() as beside:
            try:
                with beside.time_limit(limit) if limit is not None else contextlib.nullcontext():
                    return beside.query(sql)
            except (WarehouseError, TimeLimitError) as error:
                return str(error)

    @contextlib.contextmanager
    def time_limit(self, limit: Duration) -> Iterator[None]:
        try:
            with stopped_after(limit.seconds, self._interrupt):
                yield
        except WarehouseError as error:
            if self._was_interrupted(error.__cause__):
                raise TimeLimitError(too_long(limit)) from error
            raise

    def append(self, table: str, tick_id: str, rows: exp.Query | pa.Table) -> None:
        target = TABLES[table]
        if not target.ledger:
            raise ValueError(f"{table} is state: use replace")
        mine = exp.Literal.string(tick_id)
        gone = _deletion(target, exp.column("tick_id").eq(mine))
        if isinstance(rows, pa.Table) and not rows.num_rows:
            self.execute(gone)
            return
        with self._source(rows) as source:
            self._execute_all([gone, self._insertion(target, source, {"tick_id": mine})])

    def amend(self, table: str, values: Mapping[str, exp.Expr], where: exp.Expr) -> None:
        self.execute(exp.update(relation(TABLES[table].name), dict(values), where=where))

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
        gone = _deletion(target, exp.true())
        if isinstance(rows, pa.Table) and not rows.num_rows:
            self.execute(gone)
            return
        if not isinstance(rows, exp.Query):
            with self._source(rows) as source:
                self._execute_all([gone, self._insertion(target, source, {})])
            return
        # The query may read the table that it replaces.
        staged = self.stage(f"replace_{table}", rows)
        added = self._insertion(target, exp.select("*").from_(staged), {})
        self._execute_all([gone, added, exp.Drop(tables=[staged], kind="TABLE")])

    def clear(self) -> None:
        """The engine takes back itself what was not committed."""

    def tidy(self) -> None:
        """Rows lie in one table, whichever tick wrote them."""

    def restore(self, table: str, pieces: Iterable[pa.Table]) -> int:
        rows = 0
        self._delete(TABLES[table], exp.true())
        for piece in pieces:
            with self._source(piece) as source:
                self._insert(TABLES[table], source, {})
            rows += piece.num_rows
        return rows

    def _ensure_each_table(self) -> None:
        present = self._present()
        for table in TABLES.values():
            if table.name not in present:
                self.execute(_create(table))
                crash_point("warehouse.table")
                continue
            if present[table.name] == len(table.columns):
                continue
            known = self._columns(exp.select("*").from_(relation(table.name)))
            for column in [name for name in table.columns if name not in known]:
                # A warehouse of an earlier version: what it did not record stays unknown.
                self.execute(exp.Alter(this=relation(table.name), kind="TABLE", actions=[_definition(table, column)]))

    def _remember(self, name: str, rows: exp.Query | pa.Table) -> None:
        """Keep the columns of temporary table `name`, so that nobody has to ask for them."""
        self._staged[name] = self._known_columns(rows) if isinstance(rows, exp.Query) else list(rows.schema.names)

    def _known_columns(self, source: exp.Query) -> list[str] | None:
        """The names of a query's columns as far as it says them itself, or the tables that were staged; else None."""
        first = source
        while isinstance(first, exp.SetOperation):
            first = first.left
        if not first.is_star:
            # What has no name in the query has the engine's.
            return list(first.named_selects) if all(first.named_selects) else None
        tables = [*first.find_all(exp.From, exp.Join, exp.With)]
        if len(first.selects) == 1 and isinstance(first.selects[0], exp.Star) and len(tables) == 1:
            table = tables[0].this
            if isinstance(table, exp.Table) and table.db in _TEMPORARY and not first.selects[0].args.get("except_"):
                return self._staged.get(table.name)
        return None

    def _execute_all(self, statements: Sequence[exp.Expr]) -> None:
        """Run statements one after the other; an engine that is far away may be sent all of them at once."""
        for statement in statements:
            self.execute(statement)

    def _delete(self, target: Table, where: exp.Expr) -> None:
        self.execute(_deletion(target, where))

    def _insert(self, target: Table, source: exp.Query, constants: dict[str, exp.Expr]) -> None:
        self.execute(self._insertion(target, source, constants))

    def _insertion(self, target: Table, source: exp.Query, constants: dict[str, exp.Expr]) -> exp.Insert:
        names = self._known_columns(source) or self._columns(source)
        given = [name for name in names if name not in constants]
        unknown = [name for name in given if name not in target.columns]
        if unknown:
            raise ValueError(f"{target.name} has no column {', '.join(unknown)}")
        columns = [*given, *constants]
        select = exp.select(*(_cast(name, target.columns[name]) for name in given), *constants.values()).from_(
            source.subquery("source")
        )
        return exp.insert(select, relation(target.name), columns=[exp.to_identifier(c, quoted=True) for c in columns])


def _deletion(target: Table, where: exp.Expr) -> exp.Delete:
    return exp.delete(relation(target.name), where=where)


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

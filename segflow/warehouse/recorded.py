"""What warehouses without transactions have in common: they commit by a record of writes.

Nothing is changed in place. Each write adds rows, with an id of its own, to a table of schema `segflow_rows`; the
record, one more table there, names the write that counts: for each tick of a ledger, and for each state. A transaction
ends with one statement that changes the record, which the engine does wholly or not at all. So whoever reads sees all
of a transaction or nothing of it: a process that dies before leaves rows that no one sees.

Who reads by public names (`segflow.segment_members`) reads views that look into the record.
"""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

import pyarrow as pa
from sqlglot import exp

from segflow.crashpoints import crash_point
from segflow.errors import RunError, WarehouseError
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.portions import portions
from segflow.warehouse.record_sql import (
    BETWEEN,
    GONE,
    RECORD,
    RECORD_COLUMNS,
    WRITE,
    Names,
    begun,
    cast_to,
    counted,
    is_text,
    listed,
    named,
    new_write,
    part_of,
    rows_of,
    rows_of_write,
    written,
)
from segflow.warehouse.tables import SCHEMA, TABLES, Table

_NOTHING = ""
"""The write of a part that has no rows (any more)."""
_LISTED = 1_000
"""So many names a statement says itself. When a whole history is written at once they are many more."""


class RecordedWarehouse(Warehouse):
    """Ledgers and states by the record. An engine adds how it runs statements."""

    row_deletes = False
    patches_facts = False
    laterals = False

    def __init__(self) -> None:
        self._names: Names | None = None
        """What the transaction at work has written; None outside of one."""
        self._replaced: list[tuple[str, str]] = []
        """Relation and write of what it has written and then something else in its place."""
        self._whole: dict[str, str] = {}
        """Table -> the write that is all of it: for a whole history the names of its parts are too many to be said."""
        self._known: dict[str, Names] = {}
        """Part -> what the record says of it, while a transaction is at work: at its end it fails if this is old."""

    @abstractmethod
    def _ask(self, sql: exp.Expr) -> pa.Table:
        """The rows of a query over relations that are there under these names."""

    @abstractmethod
    def _run(self, sql: exp.Expr) -> None:
        """Run a statement over such relations."""

    @abstractmethod
    def _source(self, rows: exp.Query | pa.Table) -> AbstractContextManager[exp.Query]:
        """A query of `rows`, good for the block."""

    @abstractmethod
    def _columns(self, source: exp.Query) -> list[str]:
        """The names of a query's columns, as the engine binds them."""

    def query(self, sql: exp.Expr) -> pa.Table:
        return self._ask(self.resolved(sql))

    def execute(self, sql: exp.Expr) -> None:
        self._run(self.resolved(sql))

    # Reading ------------------------------------------------------------------------------------------------------

    def resolved(self, sql: exp.Expr) -> exp.Expr:
        """A copy of a statement that reads the engine's tables by the record, and what this transaction has written."""
        sql = sql.copy()
        for table in list(sql.find_all(exp.Table)):
            found = self._found(table)
            if found is None:
                continue
            # Columns go on to be called by the name that the statement has for the table.
            alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name, quoted=True))
            if isinstance(found, exp.Query):
                found = exp.Subquery(this=found, alias=alias.copy())
            elif table.args.get("alias") or isinstance(table.parent, exp.From | exp.Join):
                found.set("alias", alias.copy())
            for join in table.args.get("joins") or ():
                found.append("joins", join)
            if table is sql:
                return found
            table.replace(found)
        return sql

    def _found(self, table: exp.Table) -> exp.Expr | None:
        """What stands for a table; None: it is itself."""
        if table.db == SCHEMA and table.name in TABLES:
            target = TABLES[table.name]
            whole = self._whole.get(table.name)
            return rows_of(target, self._counting(target)) if whole is None else rows_of_write(target, whole)
        return None

    def _counting(self, target: Table) -> dict[str, str]:
        """Part -> the write that counts, of those that need not be looked up while rows are read."""
        mine = self._mine(target.name)
        if mine or target.ledger or "" not in self._known:
            return mine
        return {"": self._known[""].get((target.name, ""), _NOTHING)}

    def _mine(self, table: str) -> dict[str, str]:
        """Part -> what this transaction has written of a table."""
        return {part: write for (name, part), write in (self._names or {}).items() if name == table}

    # Writing ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        if self._names is not None:
            raise RuntimeError("a transaction is open")
        self._known = {"": self._of_part("")}
        self._names, self._replaced, self._whole = {}, [], {}
        try:
            yield
            names = self._names
            known = self._known
        finally:
            self._names, self._whole, self._known = None, {}, {}
        if names:
            self._commit(names, known)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Names]:
        """The transaction at work, or one for the block."""
        if self._names is not None:
            yield self._names
            return
        with self.transaction():
            assert self._names is not None
            yield self._names

    def _say(self, names: Names, table: str, writes: Mapping[str, str]) -> None:
        """Let the transaction at work name these writes (by part) of a table."""
        told = {(table, part): write for part, write in writes.items()}
        old = {names[key] for key, write in told.items() if names.get(key, write) not in (_NOTHING, write)}
        self._replaced += [(table, write) for write in sorted(old)]
        names.update(told)
        self._whole.pop(table, None)

    def append(self, table: str, tick_id: str, rows: exp.Query | pa.Table) -> None:
        target = TABLES[table]
        if not target.ledger:
            raise ValueError(f"{table} is state: use replace")
        with self._writing() as names:
            if isinstance(rows, pa.Table) and not rows.num_rows:
                self._say(names, table, {tick_id: _NOTHING})
                return
            with self._source(rows) as source:
                written_as = self._write(target, source, {"tick_id": exp.Literal.string(tick_id)})
            self._say(names, table, {tick_id: written_as})

    def replace(self, table: str, rows: exp.Query | pa.Table) -> None:
        target = TABLES[table]
        if target.ledger:
            raise ValueError(f"{table} is a ledger: use append")
        with self._writing() as names:
            if isinstance(rows, pa.Table) and not rows.num_rows:
                self._say(names, table, {"": _NOTHING})
                return
            with self._source(rows) as source:
                written_as = self._write(target, source, {})
            self._say(names, table, {"": written_as})

    def restore(self, table: str, pieces: Iterable[pa.Table]) -> int:
        target, rows = TABLES[table], 0
        with self._writing() as names:
            write, parts = self._new_write(), set[str]()
            for piece in pieces:
                for portion in portions(piece):
                    with self._source(portion) as source:
                        self._write(target, source, {}, write)
                rows += piece.num_rows
                parts |= set(piece["tick_id"].unique().to_pylist()) if target.ledger else {""}
            self._say(names, table, dict.fromkeys(self._parts(table), _NOTHING))
            self._say(names, table, {part: part_of(write, part) for part in parts})
            self._whole[table] = write
        return rows

    def amend(self, table: str, values: Mapping[str, exp.Expr], where: exp.Expr) -> None:
        target = TABLES[table]
        hit = exp.select(exp.column("tick_id", quoted=True)).distinct().from_(relation(table)).where(where.copy())
        parts = sorted(str(row["tick_id"]) for row in self.rows(hit)) if target.ledger else [""]
        if not parts:
            return
        columns = [
            exp.alias_(exp.Case(ifs=[exp.If(this=where.copy(), true=values[name])], default=column), name, quoted=True)
            if name in values
            else column
            for name in target.columns
            for column in [exp.column(name, quoted=True)]
        ]
        rows = exp.select(*columns).from_(relation(table))
        if target.ledger:
            rows = rows.where(exp.column("tick_id", quoted=True).isin(*map(exp.Literal.string, parts)))
        with self._writing() as names:
            write = self._write(target, rows, {})
            if "tick_id" in values:
                self._say(names, table, dict.fromkeys(parts, _NOTHING))
                mine = exp.select(exp.column("tick_id", quoted=True)).distinct().from_(written(table))
                parts = [row["tick_id"] for row in self._ask(mine.where(begun(write))).to_pylist()]
            self._say(names, table, {part: part_of(write, part) for part in parts})

    def settle(self, tick_id: str, ledgers: Sequence[str]) -> dict[str, int]:
        recorded = self._of_part(tick_id)
        if self._names is not None:
            self._known[tick_id] = recorded
        names = {name: write for (name, _), write in recorded.items()}
        names |= {name: mine[tick_id] for name in ledgers if tick_id in (mine := self._mine(name))}
        found = dict.fromkeys(ledgers, 0)
        counts = [
            exp.select(exp.Literal.string(name).as_("ledger"), exp.Count(this=exp.Star()).as_("rows"))
            .from_(written(name))
            .where(exp.column(WRITE).eq(exp.Literal.string(names[name])))
            for name in ledgers
            if names.get(name, _NOTHING) != _NOTHING
        ]
        if counts:
            asked = exp.union(*counts, distinct=False) if len(counts) > 1 else counts[0]
            found |= {row["ledger"]: int(row["rows"]) for row in self._ask(asked).to_pylist()}
        return found

    def counts(self, tables: Sequence[str]) -> dict[str, int]:
        if self._names:
            return super().counts(tables)
        found = {row["name"]: int(row["n"]) for row in self._ask(counted(tables)).to_pylist()}
        return {name: found.get(name, 0) for name in tables}

    def _delete(self, target: Table, where: exp.Expr) -> None:
        raise AssertionError("rows are not deleted one by one")

    def _insert(self, target: Table, source: exp.Query, constants: dict[str, exp.Expr]) -> None:
        raise AssertionError("rows are written under an id")

    def _new_write(self) -> str:
        return new_write()

    def _write(
        self, target: Table, source: exp.Query, constants: Mapping[str, exp.Expr], write: str | None = None
    ) -> str:
        """Add the rows of `source` under a new id, or `write`; returns it. When they are of several ticks, those of
        each have an id of their own (`part_of`): one tick's can be written anew, and the others go on to count."""
        write = write or self._new_write()
        written_as: exp.Expr = exp.Literal.string(write)
        if target.ledger and "tick_id" not in constants:
            written_as = exp.Concat(
                expressions=[exp.Literal.string(f"{write}-"), exp.column("tick_id", quoted=True)],
                safe=True,
                coalesce=False,
            )
        given = self._columns(source) if source.is_star else source.named_selects
        unknown = [name for name in given if name not in target.columns]
        if unknown:
            raise ValueError(f"{target.name} has no column {', '.join(unknown)}")
        values = [
            exp.alias_(
                constants[name].copy()
                if name in constants
                else cast_to(exp.column(name, quoted=True) if name in given else exp.null(), kind),
                name,
                quoted=True,
            )
            for name, kind in target.columns.items()
        ]
        values.append(exp.alias_(written_as, WRITE, quoted=True))
        select = exp.select(*values).from_(self.resolved(source).subquery("source"))  # type: ignore[attr-defined]
        columns = [exp.to_identifier(name, quoted=True) for name in (*target.columns, WRITE)]
        self._run(exp.insert(select, written(target.name), columns=columns))
        crash_point("rows.written")
        return write

    # The record ---------------------------------------------------------------------------------------------------

    def _recorded(self, where: exp.Expr) -> Names:
        columns = [exp.column(name, quoted=True) for name in RECORD_COLUMNS]
        found = self._ask(exp.select(*columns).from_(written(RECORD)).where(where))
        return {(row["relation"], row["part"]): row[WRITE] for row in found.to_pylist()}

    def _of_part(self, part: str) -> Names:
        """The writes that count of all ledgers for a tick; for none, those of the states and the last transaction."""
        return self._recorded(is_text("part", part))

    def _parts(self, table: str) -> list[str]:
        """The parts of a table that have rows, or had some."""
        return [
            part for _, part in (*self._recorded(is_text("relation", table)), *((table, p) for p in self._mine(table)))
        ]

    def _commit(self, names: Names, known: Mapping[str, Names]) -> None:
        """Let these writes count; `known`: as of `_known`. Raises RunError when another transaction was committed since
        this one began."""
        old = self._before(names, known)
        mine = new_write()
        told = {key: write for key, write in names.items() if write != _NOTHING or key in old}
        told |= {
            (f"{GONE}{name}", write): write
            for (name, part), write in old.items()
            if (name, part) in names and write != _NOTHING
        }
        told |= {(f"{GONE}{name}", write): write for name, write in self._replaced}
        crash_point("rows.unnamed")
        try:
            with self._names_of(told | {("", ""): mine}) as source:
                self._run(named(source, known[""].get(("", ""), "")))
        except WarehouseError as error:
            raise RunError(f"{BETWEEN}; nothing was committed ({error})") from error
        crash_point("rows.named")

    def _before(self, names: Names, known: Mapping[str, Names]) -> Names:
        """What the record says of the same relations and parts."""
        relations, parts = (sorted({key[place] for key in names}) for place in (0, 1))
        if known.keys() >= set(parts):
            return {key: write for part in parts for key, write in known[part].items() if key in names}
        asked: exp.Expr = exp.column("relation", quoted=True).isin(*map(exp.Literal.string, relations))
        if len(parts) <= _LISTED:
            asked = exp.and_(asked, exp.column("part", quoted=True).isin(*map(exp.Literal.string, parts)))
        return self._recorded(asked)

    @contextlib.contextmanager
    def _names_of(self, names: Names) -> Iterator[exp.Query]:
        """A query of the rows that the record is to have, good for the block."""
        rows = [(*key, write) for key, write in names.items()]
        if len(rows) <= _LISTED:
            yield listed(rows, RECORD_COLUMNS)
            return
        columns = zip(RECORD_COLUMNS, zip(*rows, strict=True), strict=True)
        with self._source(pa.table({name: pa.array(texts, pa.string()) for name, texts in columns})) as source:
            yield source

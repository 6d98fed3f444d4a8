"""The tables of an engine that commits by a record: how they are read, and the one statement that lets writes count."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache

from sqlglot import exp

from segflow.warehouse.tables import Table

ROWS = "segflow_rows"
"""The schema of the tables that hold all writes."""
RECORD = "record"
WRITE = "write_id"
RECORD_COLUMNS = {"relation": "VARCHAR", "part": "VARCHAR", WRITE: "VARCHAR"}
"""`part` is the tick of a ledger, and empty for a state. The row without a relation names the last transaction."""
GONE = "gone "
"""Before the name of a relation: a write of it that no longer counts, and whose rows may go."""
BETWEEN = "another process has written to the warehouse in the meantime"

Names = dict[tuple[str, str], str]
"""Relation and part -> the write that counts."""


def written(name: str) -> exp.Table:
    """The table that holds all writes of a table of the engine, or the record."""
    return exp.table_(name, db=ROWS, quoted=True)


def rows_of(table: Table, mine: Mapping[str, str] | None = None) -> exp.Select:
    """The rows of a table that count: by the record, and by what a transaction has written (part -> write)."""
    recorded = exp.select(exp.column(WRITE, quoted=True)).from_(written(RECORD)).where(is_text("relation", table.name))
    counting: exp.Query = recorded
    if mine:
        parts = [exp.Literal.string(part) for part in mine]
        others = recorded.where(exp.not_(exp.column("part", quoted=True).isin(*parts)))
        own = sorted(set(mine.values()))
        if not table.ledger:
            return _select(table).where(exp.column(WRITE, quoted=True).isin(*map(exp.Literal.string, own)))
        # No union of a query for each: there are thousands when a whole history is written at once.
        counting = exp.union(others, listed([(write,) for write in own], [WRITE]), distinct=False)
    counts = exp.In(this=exp.column(WRITE, quoted=True), query=exp.Subquery(this=counting))
    return _select(table).where(counts)


def rows_of_write(table: Table, write: str) -> exp.Select:
    """The rows of a write, of whichever tick."""
    return _select(table).where(begun(write))


def _select(table: Table) -> exp.Select:
    return exp.select(*(exp.column(name, quoted=True) for name in table.columns)).from_(written(table.name))


def listed(rows: Iterable[Sequence[str]], columns: Iterable[str]) -> exp.Select:
    """A query whose rows are these texts."""
    alias = exp.TableAlias(
        this=exp.to_identifier("listed"), columns=[exp.to_identifier(name, quoted=True) for name in columns]
    )
    each = [exp.Tuple(expressions=[exp.Literal.string(text) for text in row]) for row in rows]
    chosen = [exp.column(column.name, quoted=True) for column in alias.columns]
    return exp.select(*chosen).from_(exp.Values(expressions=each, alias=alias))


def named(names: exp.Query, before: str) -> exp.Merge:
    """The statement that lets writes count: `names` has the columns of the record. It fails unless `before` is the last
    transaction (empty: there was none), and when another changes the record at the same time."""
    chosen: list[exp.Expr] = [exp.column(name, quoted=True) for name in RECORD_COLUMNS]
    last = (
        exp.select(exp.Max(this=exp.column(WRITE, quoted=True))).from_(written(RECORD)).where(is_text("relation", ""))
    )
    found = exp.Coalesce(this=exp.Subquery(this=last), expressions=[exp.Literal.string("")])
    failed = exp.Anonymous(this="raise_error", expressions=[exp.Literal.string(BETWEEN)])
    is_last = exp.If(this=found.eq(exp.Literal.string(before)), true=chosen[0])
    chosen[0] = exp.alias_(exp.Case(ifs=[is_last], default=failed), "relation", quoted=True)
    told = exp.select(*chosen).from_(names.subquery("names"))
    same = exp.and_(
        *(
            exp.column(name, "record", quoted=True).eq(exp.column(name, "told", quoted=True))
            for name in ("relation", "part")
        )
    )
    update = exp.Update(
        expressions=[exp.EQ(this=exp.column(WRITE, quoted=True), expression=exp.column(WRITE, "told", quoted=True))]
    )
    insert = exp.Insert(
        this=exp.Tuple(expressions=[exp.column(name, quoted=True) for name in RECORD_COLUMNS]),
        expression=exp.Tuple(expressions=[exp.column(name, "told", quoted=True) for name in RECORD_COLUMNS]),
    )
    return exp.Merge(
        this=exp.alias_(written(RECORD), "record", table=True, quoted=True),
        using=told.subquery("told"),
        on=same,
        whens=exp.Whens(expressions=[exp.When(matched=True, then=update), exp.When(matched=False, then=insert)]),
    )


def counted(tables: Sequence[str]) -> exp.Select:
    """How many rows of each table count, in one look into the record: for each it would be a join."""
    each = [
        exp.select(exp.Literal.string(name).as_("relation"), exp.column(WRITE, quoted=True)).from_(written(name))
        for name in tables
    ]
    rows = exp.union(*each, distinct=False) if len(each) > 1 else each[0]
    same = exp.and_(
        *(exp.column(n, "rows", quoted=True).eq(exp.column(n, "record", quoted=True)) for n in ("relation", WRITE))
    )
    name = exp.column("relation", "rows", quoted=True)
    found = exp.select(name.as_("name"), exp.Count(this=exp.Star()).as_("n")).from_(rows.subquery("rows"))
    return found.join(exp.alias_(written(RECORD), "record", table=True), on=same).group_by(name.copy())


def unnamed(tables: Iterable[str]) -> exp.Query:
    """The writes (`relation`, `write_id`) of each table that the record does not know."""
    known = exp.select(exp.column(WRITE, quoted=True)).from_(written(RECORD))
    each = [
        exp.select(exp.Literal.string(name).as_("relation"), exp.column(WRITE, quoted=True).as_("write_id"))
        .distinct()
        .from_(written(name))
        .where(exp.not_(exp.In(this=exp.column(WRITE, quoted=True), query=exp.Subquery(this=known.copy()))))
        for name in tables
    ]
    return exp.union(*each, distinct=False)


def cast_to(value: exp.Expr, kind: str) -> exp.Cast:
    """A value in the type of a column of the engine's tables."""
    return exp.Cast(this=value, to=_data_type(kind).copy())


@cache
def _data_type(kind: str) -> exp.DataType:
    return exp.DataType.build(kind)


def is_text(column: str, text: str) -> exp.Expr:
    return exp.column(column, quoted=True).eq(exp.Literal.string(text))


def new_write() -> str:
    return f"{write_of(datetime.now(UTC))}-{uuid.uuid4().hex}"


def part_of(write: str, part: str) -> str:
    """The id of the rows of one tick in a write of several; of a state, which has no parts, the write's own."""
    return f"{write}-{part}" if part else write


def tried(write: str) -> str:
    """The id of a write that nobody will let count: `plan` tries a tick."""
    return f"tried-{write}"


def begun(write: str) -> exp.Expr:
    """Are rows of a write, of whichever tick?"""
    return exp.Like(this=exp.column(WRITE, quoted=True), expression=exp.Literal.string(f"{write}%"))


def alone() -> exp.Expr:
    """Does a write consist of the rows of one tick, or of a state? Its id is shorter than one that `part_of` made."""
    return exp.Length(this=exp.column(WRITE, quoted=True)).eq(exp.Literal.number(len(new_write())))


def write_of(moment: datetime) -> str:
    """The beginning of the ids of a moment's writes: they sort as the moments do."""
    return moment.strftime("%Y%m%dT%H%M%S")

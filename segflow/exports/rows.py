"""Which rows a file holds: members now or at an earlier tick, entries or exits, with what is known of each contact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from segflow.history.members import entered_query, exited_query, members_query
from segflow.segments.compiler import CONTACTS
from segflow.segments.sql import col, named
from segflow.specs.exports import OWN_COLUMNS, Kind
from segflow.specs.types import ValueType
from segflow.warehouse import words
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.generations import check_generation

_ROWS = "found"
KEY = "_segment"
"""The first column of what is read for files; no attribute can have this name."""


@dataclass(frozen=True)
class Order:
    """A column to sort by."""

    column: str
    descending: bool = False


def base_query(kind: Kind, tick_id: str, *, past: bool = False) -> exp.Query:
    """(segment, OWN_COLUMNS of `kind`) for the wanted segments, up to tick `tick_id`. See `segflow.history.members`."""
    if kind == "members":
        return members_query(tick_id, past=past)
    return entered_query(tick_id) if kind == "entered" else exited_query(tick_id)


def rows_query(
    base: exp.Query,
    columns: Sequence[str],
    attributes: Sequence[str],
    *,
    matching: exp.Table | None = None,
    order: Sequence[Order] = (),
) -> exp.Select:
    """(KEY, columns) of `base`, by segment, then in `order`, then by contact_id and entry.

    An attribute hides a column of the row that has its name. `matching` (contact_id): only these contacts. Contacts
    that are gone have no attributes.
    """

    def found(name: str) -> exp.Expr:
        return col(name, CONTACTS) if name in attributes else col(name, _ROWS)

    query = exp.select(named(col("segment", _ROWS), KEY), *(named(found(name), name) for name in columns))
    query = query.from_(base.subquery(_ROWS))
    if matching is not None:
        query = query.join(exp.alias_(matching, "matching", table=True), on=_same("matching"))
    if reads_contacts([*columns, *(one.column for one in order)], attributes):
        contacts = exp.alias_(relation(CONTACTS), CONTACTS, table=True)
        query = query.join(contacts, on=_same(CONTACTS), join_type="left")
    by = [exp.Ordered(this=found(one.column), desc=one.descending, nulls_first=False) for one in order]
    last = [exp.Ordered(this=col(name, _ROWS), nulls_first=False) for name in ("contact_id", "entry_number")]
    first = exp.Ordered(this=col("segment", _ROWS), nulls_first=False)
    return query.order_by(first, *by, *last)


def json_lines(query: exp.Select, columns: Sequence[tuple[str, ValueType | None]]) -> exp.Select:
    """(KEY, line) in place of the columns: a JSON object each, with its line break. `columns`: name, and the type.

    Times are ISO with Z; a number is written as briefly as it can be.
    """
    values = {alias.alias: alias.this for alias in query.expressions}
    fields = []
    for name, kind in columns:
        value = values[name]
        if kind == "timestamp":
            value = words.iso_time(value)
        elif kind == "number":
            value = exp.Cast(this=words.text(value), to=exp.DataType(this=exp.DataType.Type.JSON, nested=False))
        fields.append((name, value))
    as_text = exp.DPipe(this=words.json_line(fields), expression=exp.Chr(expressions=[exp.Literal.number(10)]))
    return query.select(named(values[KEY], KEY), named(as_text, "line"), append=False)


def plain_numbers(query: exp.Select, numbers: Sequence[str], *, as_text: bool) -> exp.Select:
    """The query with these columns as brief texts, for CSV, or as doubles, which is what readers of Parquet expect."""
    double = exp.DataType(this=exp.DataType.Type.DOUBLE, nested=False)
    for alias in query.expressions:
        if alias.alias in numbers:
            alias.set("this", words.text(alias.this) if as_text else exp.Cast(this=alias.this, to=double.copy()))
    return query


def reads_contacts(columns: Sequence[str], attributes: Sequence[str]) -> bool:
    """Do these columns say anything about the contact itself?"""
    return not set(columns).isdisjoint(attributes)


def check_contacts(warehouse: Warehouse) -> None:
    """Raise StaleGenerationError when the contacts are older than the members."""
    crossed = exp.select(exp.Max(this=exp.column("tick_id"))).from_(relation("segment_sizes"))
    if (tick_id := warehouse.scalar(crossed)) is not None:
        check_generation(warehouse, [CONTACTS], tick_id, or_newer=True)


def own_types(kind: Kind) -> dict[str, ValueType]:
    """The types of the columns that rows have of their own."""
    times = ("entered_at", "exited_at")
    return {name: "timestamp" if name in times else "integer" if name == "entry_number" else "text"
            for name in OWN_COLUMNS[kind]}  # fmt: skip


def _same(other: str) -> exp.Expr:
    return exp.EQ(this=col("contact_id", other), expression=col("contact_id", _ROWS))

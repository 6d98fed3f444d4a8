"""Pass 6a, later ticks: whose facts are computed again, where the rest is known to be as it was.

A fact of a contact is made of the contact's rows and of bounds that move with `as_of`. It can only change when one of
the rows is another one, or when a bound has passed the time of one of them. The first is told by `arrived_at`, the
second by the two values of each bound. A comparison has the same outcome as before unless what it compares lies between
them: so these contacts, and no others, are looked at again. What cannot be told in this way is computed in full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlglot import exp

from segflow.segments.bounds import AS_OF, Bound, date_literal, timestamp_literal
from segflow.segments.clock import local_day
from segflow.segments.fact_models import (
    Touched,
    event_rows,
    object_rows,
    row_column,
    same_columns,
    values_needed,
)
from segflow.segments.facts import FactColumn
from segflow.segments.nodes import ROW_AT, Compare, Fact, Node, Periods, Source, Value, bounds_of, followed
from segflow.segments.sql import col, id_text, named, ref, select, union_all
from segflow.segments.stored import moment
from segflow.specs.catalog import Catalog, ObjectSpec
from segflow.specs.columns import TimeColumn
from segflow.specs.event_source import EventSource

_RANGED = ("gt", "gte", "lt", "lte", "eq")
_BEGIN, _END = (timestamp_literal(datetime(year, 1, 1)) for year in (1, 9999))
"""What is no time of the calendar, like infinity, is none."""
NO_ARRIVED_AT = "no arrived_at"
_WHY = {
    "message": "they are about messages",
    "list": "flows and imports write lists",
    "tag": "flows and imports write tags",
    "contact": "they are about attributes",
    "held": "they are about the past of attributes",
}


@dataclass(frozen=True)
class Arrivals:
    """The column that says when the rows of a model of the user's were loaded."""

    model: str
    at: TimeColumn

    @property
    def key(self) -> str:
        return f"{self.model}.{self.at.column}"


@dataclass(frozen=True)
class Moved:
    """From one moment to a later one (UTC), in a zone: where bounds have moved."""

    since: datetime
    until: datetime
    zone: ZoneInfo

    def passed(self, value: exp.Expr, bounds: Iterable[Bound]) -> exp.Expr | None:
        """Does `value` lie where one of the bounds has moved? None when none of them did."""
        ends = [[bound.value(self.since, self.zone), bound.value(self.until, self.zone)] for bound in bounds]
        times = _joined(sorted(e) for e in ends if isinstance(e[0], datetime))
        days = _joined(sorted(e) for e in ends if not isinstance(e[0], datetime))
        kinds: list[tuple[Any, Callable[[Any], exp.Expr]]] = [(times, timestamp_literal), (days, date_literal)]
        within = [_within(value, ranges, literal) for ranges, literal in kinds if ranges]
        return exp.Paren(this=exp.or_(*within, copy=False)) if within else None


def _joined(ranges: Iterable[Sequence[Any]]) -> list[tuple[Any, Any]]:
    """Ranges, both ends of which are within, as few as they can be; those from somewhere to there are left out."""
    found: list[tuple[Any, Any]] = []
    for low, high in sorted((low, high) for low, high in ranges if low != high):
        if found and low <= found[-1][1]:
            found[-1] = found[-1][0], max(high, found[-1][1])
        else:
            found.append((low, high))
    return found


def _within(value: exp.Expr, ranges: Sequence[tuple[Any, Any]], literal: Callable[[Any], exp.Expr]) -> exp.Expr:
    """Does `value` lie in one of the ranges, which are in order?"""
    each = [exp.Between(this=value.copy(), low=literal(low), high=literal(high)) for low, high in ranges]
    if len(each) == 1:
        return each[0]
    # An alternative keeps no block of rows from being read; what all of them have in common does.
    all_of_them = exp.Between(this=value.copy(), low=literal(ranges[0][0]), high=literal(ranges[-1][1]))
    return exp.Paren(this=exp.and_(all_of_them, exp.Paren(this=exp.or_(*each, copy=False)), copy=False))


def why_whole(columns: Sequence[FactColumn], catalog: Catalog) -> str | None:
    """Why the facts of one model are computed in full at every tick; None when later ticks may patch them."""
    for fact in (column.fact for column in columns):
        if isinstance(fact.measure, Periods):
            return "they count periods"
        for source, where in _conditions(fact):
            if source.kind in _WHY:
                return _WHY[source.kind]
            if source.contacts_by:
                return "contacts belong to the object"
            for node in where.walk():
                if isinstance(node, Compare) and any(isinstance(operand, Bound) for operand in node.operands):
                    ranged = isinstance(node.subject, Value) and node.operator in _RANGED and len(node.operands) == 1
                    if not ranged:
                        return "they compare rows with the calendar"
    sources = {source for column in columns for source, _ in _conditions(column.fact)}
    loaded = [spec.arrived_at for source in sources for _, spec in _specs(source, catalog)]
    return NO_ARRIVED_AT if not loaded or None in loaded else None


def arrivals(columns: Sequence[FactColumn], catalog: Catalog) -> list[Arrivals]:
    """What tells which rows are new to the facts of one model, by key. `why_whole` has said None."""
    sources = {source for column in columns for source, _ in _conditions(column.fact)}
    specs = [spec for source in sources for _, spec in _specs(source, catalog)]
    found = {one.key: one for spec in specs if spec.arrived_at for one in [Arrivals(spec.model, spec.arrived_at)]}
    return [found[key] for key in sorted(found)]


def touched_form(columns: Sequence[FactColumn], catalog: Catalog) -> Touched:
    """How the model of these columns is written: with a place for the touched contacts, where it can be patched. Their
    ids are compared as they are kept, which is quicker than as texts, where only one model keeps them."""
    if why_whole(columns, catalog) is not None:
        return ""
    sources = {source for column in columns for source, _ in _conditions(column.fact)}
    return "raw" if len(sources) == 1 and next(iter(sources)).kind in ("event", "object") else "text"


def touched_query(
    columns: Sequence[FactColumn],
    catalog: Catalog,
    moved: Moved,
    arrived_until: Mapping[str, datetime],
    *,
    at_once: bool = False,
) -> exp.Select:
    """contact_id, each once, of the contacts whose facts may be others than they were at `moved.since`.

    `arrived_until`: `Arrivals.key` -> the last arrival of a row that the facts of then have seen (UTC). `at_once`: look
    at the rows of a table once, with alternatives, and not once for each way to be found.
    """
    text = touched_form(columns, catalog) == "text"
    compared: dict[Source, dict[Value, set[Bound]]] = {}
    for column in columns:
        for source, where in _conditions(column.fact):
            found = compared.setdefault(source, {ROW_AT: {AS_OF}})
            for node in where.walk():
                if isinstance(node, Compare) and isinstance(node.subject, Value) and any(bounds_of(node)):
                    found.setdefault(node.subject, set()).update(bounds_of(node))
    parts: list[exp.Select] = []
    for source, edges in sorted(compared.items(), key=lambda item: repr(item[0])):
        of = _of_object if source.kind == "object" else _of_events
        parts += of(source, edges, catalog, moved, arrived_until, at_once)
    named_alike = [select([_contact(text)], part.subquery("found", copy=False)) for part in parts]
    together = select([col("contact_id")], union_all(named_alike).subquery("touched", copy=False))
    return together.distinct()


def _contact(text: bool) -> exp.Expr:
    return named(id_text(col("contact_id")) if text else col("contact_id"), "contact_id")


def arrived_query(one: Arrivals, known: datetime | None = None) -> exp.Select:
    """One row about all rows of a model: `until`, the last arrival; `row_count`, how many have one; `nulls`, how many
    have none; `known`, how many arrived at or before `known` (UTC)."""
    at = exp.Case(
        ifs=[exp.If(this=exp.Between(this=moment(one.at), low=_BEGIN.copy(), high=_END.copy()), true=moment(one.at))]
    )
    seen = exp.LTE(this=at.copy(), expression=timestamp_literal(known)) if known is not None else exp.false()
    parts = {
        "until": exp.Max(this=at.copy()),
        "row_count": exp.Count(this=at.copy()),
        "nulls": exp.Sub(this=exp.Count(this=exp.Star()), expression=exp.Count(this=at.copy())),
        "known": exp.Count(this=exp.Case(ifs=[exp.If(this=seen, true=exp.Literal.number(1))])),
    }
    return select([named(part, name) for name, part in parts.items()], ref(one.model, "loaded"))


def _conditions(fact: Fact) -> list[tuple[Source, Node]]:
    """The sources whose rows a fact looks at, each with what it asks of them."""
    found = [(fact.source, fact.where)]
    for source, where in found:
        del source
        found += [(node.source, node.where) for node in followed(where)]
    return found


def _specs(source: Source, catalog: Catalog) -> list[tuple[str, EventSource | ObjectSpec]]:
    """What the catalog says of the models whose rows a source joins or puts together."""
    if source.kind == "event":
        event = catalog.event(source.name)
        assert event is not None, source
        return [(source.name, event[0])]
    if source.kind == "events":
        return [(name, spec) for name, (spec, _) in catalog.events_named(source.name).items()]
    return list(catalog.object_path(source.name)) if source.kind == "object" else []


def _later(spec: EventSource | ObjectSpec, table: str | None, arrived_until: Mapping[str, datetime]) -> exp.Expr:
    assert spec.arrived_at is not None, spec
    until = arrived_until[Arrivals(spec.model, spec.arrived_at).key]
    return exp.GT(this=moment(spec.arrived_at, table), expression=timestamp_literal(until))


def _of_events(
    source: Source,
    edges: Mapping[Value, set[Bound]],
    catalog: Catalog,
    moved: Moved,
    arrived_until: Mapping[str, datetime],
    at_once: bool,
) -> list[exp.Select]:
    values = _values(edges)
    groups = [{source.name}] if source.kind == "event" else same_columns(source.name, values, catalog)
    parts: list[exp.Select] = []
    for names in groups:
        found = catalog.event(min(names))
        assert found is not None, names
        spec = found[0]
        ways = [_later(spec, None, arrived_until), moved.passed(moment(spec.at), edges[ROW_AT])]
        parts += [_less(event_rows(names, [], None, catalog), way) for way in _looks(ways, at_once)]
        if others := _passed(edges, moved):
            rows = event_rows(names, values, None, catalog).subquery("rows_there", copy=False)
            parts.append(select([col("contact_id")], rows, others))
    return parts


def _of_object(
    source: Source,
    edges: Mapping[Value, set[Bound]],
    catalog: Catalog,
    moved: Moved,
    arrived_until: Mapping[str, datetime],
    at_once: bool,
) -> list[exp.Select]:
    path, values = catalog.object_path(source.name), _values(edges)
    parts: list[exp.Select] = []
    for number, (hop, spec) in enumerate(path):
        # Rows come into sight with time, on each hop; windows are about the object's own time.
        bounds = edges[ROW_AT] if number == 0 else {AS_OF}
        ways: list[exp.Expr | None] = [_later(spec, hop, arrived_until)]
        ways.append(moved.passed(moment(spec.created_at, hop), bounds) if spec.created_at else None)
        parts += [_less(object_rows(source, [], None, catalog), way) for way in _looks(ways, at_once)]
    if others := _passed(edges, moved):
        rows = object_rows(source, values, None, catalog).subquery("rows_there", copy=False)
        parts.append(select([col("contact_id")], rows, others))
    return parts


def _looks(ways: Iterable[exp.Expr | None], at_once: bool) -> list[exp.Expr]:
    """A condition for each time that the rows are looked at. `ways`: how one can be found; None for no way."""
    some = [way for way in ways if way is not None]
    # In a store of columns a filter on one column reaches the scan, which passes over blocks then; one on two does not.
    return [exp.Paren(this=exp.or_(*some, copy=False))] if at_once else some


def _values(edges: Mapping[Value, set[Bound]]) -> list[Value]:
    """What is read of rows to compare it with bounds, their own time aside."""
    plain = {Value(v.of, v.name, v.type, v.owner) for v in edges}
    return values_needed([], plain)


def _passed(edges: Mapping[Value, set[Bound]], moved: Moved) -> exp.Expr | None:
    """Has a bound passed one of the values of a row, its time aside?"""
    found = [moved.passed(_read(value), bounds) for value, bounds in edges.items() if value != ROW_AT]
    some = [one for one in found if one is not None]
    return exp.or_(*some, copy=False) if some else None


def _read(value: Value) -> exp.Expr:
    column = col(row_column(value))
    return column if value.day_in is None else local_day(column, value.day_in)


def _less(rows: exp.Select, condition: exp.Expr) -> exp.Select:
    """Whose rows satisfy `condition`, too, which is about the columns below them."""
    rows.set("expressions", rows.expressions[:1])
    return rows.where(condition, copy=False)

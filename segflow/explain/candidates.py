"""The moments at which what conditions say about one contact can change though nothing happens.

A condition changes with time only where a bound passes a time or a day that the contact has, or where a row that lies
in the future comes to be seen. So every time is shifted by every bound that is compared with it. More moments than
needed do no harm; one that is missing would make a prediction wrong.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlglot import exp

from segflow.explain.replay import Replay
from segflow.segments.bounds import Bound, unit_start
from segflow.segments.fact_models import row_values, source_rows
from segflow.segments.nodes import (
    ROW_AT,
    Compare,
    Fact,
    Node,
    Periods,
    Source,
    Value,
    bounds_of,
    followed,
)
from segflow.segments.sql import col, named
from segflow.segments.stored import moment
from segflow.specs.columns import TimeColumn
from segflow.zones import day_start, local_date, offsets, to_local, to_utc

_TICK = timedelta(microseconds=1)
_SLACK = 4
"""Days. A calendar step that is cut to the end of a month lands up to three days from where its reverse does."""


def moments_of_change(replay: Replay, nodes: Iterable[Node], as_of: datetime, zone: ZoneInfo) -> list[datetime]:
    """Moments after `as_of` (UTC), in order: between two neighbours none of `nodes` changes."""
    updated = _times(replay, exp.select(col("at")).from_(replay.of_ledger("contact_updates")))
    found = set(updated)
    contacts = replay.catalog.contacts
    if contacts.created_at:
        found |= _made(replay, contacts.created_at, contacts.model)
    read: dict[Source, tuple[set[Value], set[Bound]]] = {}
    for node in nodes:
        for below in node.walk():
            if isinstance(below, Compare) and isinstance(below.subject, Fact):
                _collect(below, below.subject, read)
    for source, (values, bounds) in read.items():
        seen, rows = _seen(replay, source, values, updated)
        found |= seen
        for time in {*rows, *seen}:
            for bound in bounds:
                found |= _passes(time, bound, as_of, zone)
    # A held value that was recorded at this very moment is one from the next on.
    return sorted({near for moment in found for near in (moment, moment + _TICK) if near > as_of})


def _collect(node: Compare, fact: Fact, read: dict[Source, tuple[set[Value], set[Bound]]]) -> None:
    bounds = set(bounds_of(node))
    if isinstance(fact.measure, Periods):
        bounds |= {Bound("instant", fact.measure.span.times(n)) for n in range(1, fact.measure.number + 1)}
    below: list[tuple[Source, Node]] = [(fact.source, fact.where)]
    for source, where in below:
        values, known = read.setdefault(source, (set(), set()))
        values |= set(row_values(where)) - {ROW_AT}
        known |= bounds
        below += [(later.source, later.where) for later in followed(where)]
    if isinstance(fact.measure, Value) and fact.measure != ROW_AT:
        read[fact.source][0].add(fact.measure)


def _seen(
    replay: Replay, source: Source, values: set[Value], updated: set[datetime]
) -> tuple[set[datetime], set[datetime | date]]:
    """The times from which on rows of a source are seen, and the times and days that its rows hold."""
    catalog = replay.catalog
    if source.kind == "contact":
        return set(), {time for value in values for time in replay.times(_select_all(replay.ever(value.name)))}
    if source.kind == "held":
        return _times(replay, exp.select(col("since")).from_(replay.of_ledger("attribute_history"))), set()
    if source.kind in ("list", "tag"):
        labels = catalog.lists if source.kind == "list" else catalog.tags
        if labels.model is None or labels.added_at is None:
            return updated, set()
        return updated | _made(replay, labels.added_at, labels.model), set()
    rows = replay.times(source_rows(source, [], sorted(values, key=repr), None, catalog))
    seen = {time for time in rows if isinstance(time, datetime)}
    if source.kind == "object":
        for _, spec in catalog.object_path(source.name):
            if spec.created_at:
                seen |= _made(replay, spec.created_at, spec.model)
    return seen, rows


def _times(replay: Replay, query: exp.Select) -> set[datetime]:
    return {time for time in replay.times(query) if isinstance(time, datetime)}


def _made(replay: Replay, time: TimeColumn, model: str) -> set[datetime]:
    return _times(replay, exp.select(named(moment(time), "at")).from_(replay.rows(model)))


def _select_all(query: exp.Query) -> exp.Select:
    return exp.select("*").from_(query.subquery("values_ever"))


def _passes(time: datetime | date, bound: Bound, as_of: datetime, zone: ZoneInfo) -> set[datetime]:
    """The moments around which `bound` passes `time`."""
    try:
        day = local_date(time, zone) if isinstance(time, datetime) else time
        if bound.kind == "anniversaries":
            return set(_anniversaries(day, bound, as_of, zone))
        if bound.unit is not None:
            return set(_units(day, bound, zone))
        if isinstance(time, datetime) and bound.kind == "instant":
            return set(_instants(time, bound, zone))
        return set(_midnights(_back(day, bound), zone))
    except (OverflowError, ValueError):
        return set()  # Beyond the calendar, where no tick comes.


def _back(day: date, bound: Bound) -> date:
    """The day that the shift of `bound` leads to `day` from, as far as months allow."""
    if bound.shift is None:
        return day
    return bound.shift.day_before(day) if bound.forward else bound.shift.day_after(day)


def _instants(time: datetime, bound: Bound, zone: ZoneInfo) -> Iterator[datetime]:
    shift = bound.shift
    if shift is None:
        yield time
        return
    reverse = shift.before(time, zone) if bound.forward else shift.after(time, zone)
    yield reverse
    if not shift.months:
        return
    # Where clocks are changed, at either end, calendar steps jump.
    near = timedelta(days=_SLACK)
    yield from _changes(reverse - near, reverse + near, zone)
    changed = _changes(time - timedelta(days=1), time + timedelta(days=1), zone)
    clocks = {to_local(time, zone), *(to_local(at - _TICK, zone) + _TICK for at in changed)}
    midnight = to_local(time, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    for clock in {*clocks, midnight}:
        for offset in range(-_SLACK, _SLACK + 1):
            day = to_local(reverse, zone).date() + timedelta(days=offset)
            shown = datetime.combine(day, clock.time())
            yield to_utc(shown, zone)
            yield shown.replace(tzinfo=zone, fold=1).astimezone(UTC)


def _changes(start: datetime, end: datetime, zone: ZoneInfo) -> list[datetime]:
    """When the clocks of a zone are changed in [start, end]."""
    changes = offsets(zone.key)
    first, last = (one.astimezone(UTC).replace(tzinfo=None) for one in (start, end))
    found = changes[bisect_left(changes, first, key=_since) : bisect_right(changes, last, key=_since)]
    return [at.replace(tzinfo=UTC) for at, _ in found]


def _since(change: tuple[datetime, timedelta]) -> datetime:
    return change[0]


def _units(day: date, bound: Bound, zone: ZoneInfo) -> Iterator[datetime]:
    assert bound.unit is not None
    for number in range(-1, 3):
        first = unit_start(day, bound.unit, number - bound.number)
        if bound.shift is None:
            yield day_start(first, zone)
        else:
            yield from _midnights(_back(first, bound), zone)


def _anniversaries(born: date, bound: Bound, as_of: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    assert bound.shift is not None
    for year in range(as_of.year - 1, as_of.year + 3):
        # 29 February has its day on the 28th in other years; the slack covers the difference.
        day = date(year, born.month, min(born.day, 28)) + timedelta(days=max(born.day - 28, 0))
        yield from _midnights(day, zone)
        yield from _midnights(bound.shift.day_before(day), zone)


def _midnights(day: date, zone: ZoneInfo) -> Iterator[datetime]:
    for offset in range(-_SLACK, _SLACK + 1):
        yield day_start(day + timedelta(days=offset), zone)

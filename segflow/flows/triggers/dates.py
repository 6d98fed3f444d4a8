"""`date`: the days whose time has come since the flow's last tick, and the contacts that have one of them. The occasion
is the date, so that one that is changed comes again, and one that is told twice does not."""

from __future__ import annotations

import calendar
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from sqlglot import exp

from segflow.firings import day_reached
from segflow.flows.triggers.clocks import contact_zones, lower_bounds, put, zones
from segflow.flows.triggers.kind import Kind, Tick, Work
from segflow.segments.compiler import CONTACTS
from segflow.segments.fact_models import ROW_COLUMNS, source_rows
from segflow.segments.nodes import Source, Value
from segflow.segments.sql import built, col, id_text, named, text_literal, typed, union_all
from segflow.specs.triggers import TriggerModel
from segflow.specs.triggers.dates import DateTrigger, ObjectField
from segflow.ticks.context import TickContext
from segflow.warehouse.sqlfile import load_query
from segflow.zones import day_start

_SQL = Path(__file__).parent / "sql"
_DAYS = pa.schema(
    [
        ("flow", pa.string()),
        ("ordinal", pa.int64()),
        ("zone", pa.string()),
        ("source", pa.string()),
        ("day", pa.date32()),
        ("starts_at", pa.timestamp("us")),
        ("ends_at", pa.timestamp("us")),
        ("occasion", pa.string()),
        ("trigger_data", pa.string()),
    ]
)
_DAY = timedelta(days=1)
_OLDEST = 1900
"""Dates before this year have no anniversaries."""


class Dates(Kind):
    models = (DateTrigger,)

    def stage(self, work: Work) -> bool:
        found = work.triggers(DateTrigger)
        if not found:
            return False
        lower = lower_bounds(work)
        rows: list[dict[str, Any]] = []
        self._sources: dict[str, DateTrigger] = {}
        for row, ordinal, one in found:
            for name, zone in zones(work, one.timezone):
                since = day_reached(one.at, zone, lower[row["flow"]])
                for dated, came, due in _due(one, since, day_reached(one.at, zone, work.context.as_of)):
                    self._sources[one.name()] = one
                    rows.append(
                        {
                            "flow": row["flow"],
                            "ordinal": ordinal,
                            "zone": name,
                            "source": one.name(),
                            "day": dated,
                            **_instants(dated, zone),
                            "occasion": f"{one.word}/{one.name()}/{came}",
                            "trigger_data": json.dumps({"date": str(came), "day": str(due)}),
                        }
                    )
        self._by_contact = any(row["zone"] is not None for row in rows)
        work.context.warehouse.stage("date_days", pa.Table.from_pylist(rows, schema=_DAYS))
        return bool(rows)

    def candidates(self, work: Work, tick: Tick) -> exp.Query | None:
        if not tick.present:
            return None
        query = put(load_query(_SQL / "dates.sql"), "zones", contact_zones(work, self._by_contact))
        parts = [_values(work.context, one) for _, one in sorted(self._sources.items())]
        return put(query, "dates", work.context.fill(union_all(parts)))

    def rows_read(self, one: TriggerModel) -> str:
        return one.name() if isinstance(one, DateTrigger) else one.told()

    def faults(self, context: TickContext, one: TriggerModel, *, read: bool) -> str | None:
        # Attributes were tried by the build.
        if not isinstance(one, DateTrigger) or not isinstance(one.date, ObjectField):
            return None
        values = context.fill(_values(context, one))
        if not read:
            return context.warehouse.bind(values)
        largest = [exp.Max(this=exp.column(name, table="dates")) for name in ("day", "moment")]
        tried = context.warehouse.attempt(exp.select(*largest).from_(values.subquery("dates")))
        return tried if isinstance(tried, str) else None


def _values(context: TickContext, one: DateTrigger) -> exp.Select:
    """(source, contact_id, day, moment) of every date that there is: a day, or an instant."""
    catalog = context.compiled.specs.catalog
    if isinstance(one.date, ObjectField):
        value = Value("row", one.date.field, catalog.objects[one.date.object].fields[one.date.field].type)
        rows = source_rows(Source("object", one.date.object), [], [value], None, catalog)
        base: exp.Expr = rows.subquery("rows_seen")
        dated, contact = ROW_COLUMNS.value(value), col("contact_id")
    else:
        value = Value("contact", one.date, catalog.contacts.attributes[one.date].type)
        base = built(CONTACTS, CONTACTS)
        dated, contact = col(one.date, CONTACTS), col("contact_id", CONTACTS)
    is_day = value.type == "date"
    columns = [
        named(text_literal(one.name()), "source"),
        named(id_text(contact), "contact_id"),
        named(dated if is_day else typed(exp.null(), "date"), "day"),
        named(typed(exp.null(), "timestamp") if is_day else dated, "moment"),
    ]
    return exp.select(*columns).from_(base).where(exp.Not(this=exp.Is(this=dated.copy(), expression=exp.null())))


def _due(one: DateTrigger, since: date, reached: date) -> Iterator[tuple[date, date, date]]:
    """(date, the date that came, the day that it is due) for the days after `since` up to `reached`: the dates that
    contacts have and, of each, the one that came round."""
    for due in (since + number * _DAY for number in range(1, (reached - since).days + 1)):
        for came in _dates_due(one, due):
            yield came, came, due
            if one.repeat == "yearly":
                for year in range(_OLDEST, came.year):
                    yield from ((dated, came, due) for dated in _in_year(came, year))


def _dates_due(one: DateTrigger, due: date) -> Iterator[date]:
    """The dates that are due on a day: `offset` back from it, and several where months are of other lengths."""
    months, seconds = one.offset.span.months, one.offset.span.seconds
    if not months:
        yield due + timedelta(seconds=seconds) * (1 if one.offset.before else -1)
        return
    about = one.offset.span.day_after(due) if one.offset.before else one.offset.span.day_before(due)
    near = (about + number * _DAY for number in range(-4, 5))
    yield from (found for found in near if one.offset.moved(found) == due)


def _in_year(came: date, year: int) -> Iterator[date]:
    """The dates of a year whose anniversary is the day `came`."""
    if (came.month, came.day) != (2, 29) or calendar.isleap(year):
        yield came.replace(year=year)
    if (came.month, came.day) == (2, 28) and not calendar.isleap(came.year) and calendar.isleap(year):
        yield date(year, 2, 29)


def _instants(day: date, zone: ZoneInfo) -> dict[str, datetime]:
    """From when to before when it is that day in the zone."""
    start, end = (day_start(one, zone).astimezone(UTC).replace(tzinfo=None) for one in (day, day + _DAY))
    return {"starts_at": start, "ends_at": end}

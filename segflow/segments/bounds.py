"""Points in time that move with `as_of`. Computed here, in Python, and emitted as literals.

SQL interval arithmetic shifts by an hour to a day under other session zones, and only a literal is pushed down into
the scan; so the generated models carry `{{ bound('as_of - 30 days') }}` and every tick supplies the values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlglot import exp

from segflow.durations import Duration
from segflow.errors import InputError
from segflow.segments.sql import literal
from segflow.warehouse.words import Words

BoundKind = Literal["instant", "date", "anniversaries"]


@dataclass(frozen=True)
class Bound:
    """One moving point: `as_of` (an instant) or `today` (its date in the project's zone), shifted by a duration.

    `anniversaries` is a list instead: month * 100 + day of every day in [today, today + span).
    """

    kind: BoundKind
    shift: Duration | None = None
    forward: bool = False

    @property
    def key(self) -> str:
        """How generated SQL names it, like `as_of - 30 days`."""
        if self.kind == "anniversaries":
            return f"anniversaries {self.span}"
        origin = "as_of" if self.kind == "instant" else "today"
        return origin if self.shift is None else f"{origin} {'+' if self.forward else '-'} {self.span}"

    @property
    def span(self) -> str:
        """The shift in one spelling per meaning: `12 months` is `1 year`. Bounds that are equal must have equal keys,
        or a generated model asks for a key that the tick does not supply."""
        if self.shift is None:
            return ""
        amount, units = (self.shift.months, _CALENDAR) if self.shift.months else (self.shift.seconds, _EXACT)
        number, unit = next((amount // size, unit) for unit, size in units if amount % size == 0)
        return f"{number} {unit}{'' if number == 1 else 's'}"

    def instant(self, as_of: datetime) -> datetime:
        """The instant this bound stands for. Raises InputError when it leaves the calendar (years 1 to 9999)."""
        return _shifted(as_of, self)

    def value(self, as_of: datetime, zone: ZoneInfo) -> datetime | date | list[int]:
        """What it stands for at this `as_of` (UTC): an instant, a day of `zone`, or numbers of days. Raises InputError
        when it leaves the calendar."""
        if self.kind == "instant":
            return _shifted(as_of, self)
        today = as_of.astimezone(zone).date()
        first = datetime(today.year, today.month, today.day)
        if self.kind == "date":
            return _shifted(first, self).date()
        assert self.shift is not None
        return month_days(today, (self.shift.after(first) - first).days)

    def literal(self, as_of: datetime, zone: ZoneInfo) -> exp.Expr:
        """Its SQL literal at this `as_of` (UTC). Anniversaries become a tuple of numbers."""
        match self.value(as_of, zone):
            case datetime() as instant:
                return timestamp_literal(instant)
            case date() as day:
                return date_literal(day)
            case days:
                return exp.Tuple(expressions=[exp.Literal.number(n) for n in days])


AS_OF = Bound("instant")
_CALENDAR = (("year", 12), ("month", 1))
_EXACT = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def bound_from_key(key: str) -> Bound:
    """The inverse of `Bound.key`. Raises ValueError for a text that is no bound."""
    origin, _, rest = key.partition(" ")
    if origin == "anniversaries":
        return Bound("anniversaries", Duration.parse(rest))
    kind: BoundKind = {"as_of": "instant", "today": "date"}[origin]  # type: ignore[assignment]
    if not rest:
        return Bound(kind)
    sign, _, span = rest.partition(" ")
    return Bound(kind, Duration.parse(span), forward=sign == "+")


def bounds_json(bounds: Iterable[Bound], as_of: datetime, zone: ZoneInfo, words: Words) -> str:
    """A JSON object key -> SQL text, as the `bound` macro reads it."""
    values = {bound.key: words.sql(bound.literal(as_of, zone)) for bound in {AS_OF, *bounds}}
    return json.dumps(values, sort_keys=True)


def month_days(first: date, days: int) -> list[int]:
    """month * 100 + day for `days` days from `first`; 28 February brings 229 along in years without one."""
    found: list[int] = []
    for offset in range(min(days, 366)):
        day = first + timedelta(days=offset)
        found.append(day.month * 100 + day.day)
        if (day.month, day.day) == (2, 28) and (day + timedelta(days=1)).month == 3:
            found.append(229)
    return sorted(set(found))


def timestamp_literal(instant: datetime) -> exp.Expr:
    """A UTC timestamp without zone, as the warehouse holds all times."""
    naive = instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant
    return literal(naive.isoformat(sep=" "), "timestamp")


def date_literal(day: date) -> exp.Expr:
    return literal(day.isoformat(), "date")


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The instants [start, end) of a day of the project's zone, in UTC; cut off where the calendar ends."""
    end = datetime.max.replace(tzinfo=UTC) if day == date.max else _day_start(day + timedelta(days=1), zone)
    return _day_start(day, zone), end


def _day_start(day: date, zone: ZoneInfo) -> datetime:
    try:
        return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    except OverflowError:  # the first day of year 1 begins in year 0, the last of 9999 in year 10000
        return (datetime.min if day.year == 1 else datetime.max).replace(tzinfo=UTC)


def _shifted(origin: datetime, bound: Bound) -> datetime:
    if bound.shift is None:
        return origin
    try:
        return bound.shift.after(origin) if bound.forward else bound.shift.before(origin)
    except (OverflowError, ValueError) as error:
        raise InputError(f"'{bound.key}' leaves the calendar at as_of {origin.isoformat()}") from error

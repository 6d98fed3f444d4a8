"""Points in time that move with `as_of`. Computed here, in Python, and emitted as literals.

SQL interval arithmetic shifts by an hour to a day under other session zones, and only a literal is pushed down into
the scan; so the generated models carry `{{ segflow_bound('as_of - 30 days') }}` and every tick supplies the values.
"""

from __future__ import annotations

import json
import re
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
from segflow.zones import day_start, local_date

BoundKind = Literal["instant", "date", "anniversaries"]
WeekDay = Literal["monday", "sunday", "saturday"]
Unit = Literal["day", "week", "sunday week", "saturday week", "month", "quarter", "year"]
"""A part of the calendar. A week begins on Monday unless its name says otherwise."""


@dataclass(frozen=True)
class Bound:
    """One moving point: `as_of` (an instant) or `today` (its date in the project's zone), shifted by a duration.

    With a `unit` it is where that unit of the calendar begins which holds today, shifted by the duration first and by
    `number` of the units afterwards: an instant, or a date.

    `anniversaries` is a list instead: month * 100 + day of every day in [today, today + span).
    """

    kind: BoundKind
    shift: Duration | None = None
    forward: bool = False
    unit: Unit | None = None
    number: int = 0

    @property
    def key(self) -> str:
        """How generated SQL names it, like `as_of - 30 days`, `start of week - 1` or `first day of month`."""
        if self.kind == "anniversaries":
            return f"anniversaries {self.span}"
        if self.unit is not None:
            start = _STARTS[self.kind] + self.unit
            moved = f" {'+' if self.number > 0 else '-'} {abs(self.number)}" if self.number else ""
            of = "" if self.shift is None else f" of today {'+' if self.forward else '-'} {self.span}"
            return f"{start}{moved}{of}"
        origin = "as_of" if self.kind == "instant" else "today"
        return origin if self.shift is None else f"{origin} {'+' if self.forward else '-'} {self.span}"

    @property
    def moves(self) -> bool:
        """Is it `as_of` or today, shifted?"""
        return self.shift is not None and self.unit is None

    @property
    def span(self) -> str:
        """The shift in one spelling per meaning: `12 months` is `1 year`. Bounds that are equal must have equal keys,
        or a generated model asks for a key that the tick does not supply."""
        if self.shift is None:
            return ""
        amount, units = (self.shift.months, _CALENDAR) if self.shift.months else (self.shift.seconds, _EXACT)
        number, unit = next((amount // size, unit) for unit, size in units if amount % size == 0)
        return f"{number} {unit}{'' if number == 1 else 's'}"

    def value(self, as_of: datetime, zone: ZoneInfo) -> datetime | date | list[int]:
        """What it stands for at this `as_of` (UTC): an instant, a day of `zone`, or numbers of days. Raises InputError
        when it leaves the calendar (years 1 to 9999)."""
        try:
            return self._value(as_of, zone)
        except (OverflowError, ValueError) as error:
            raise InputError(f"'{self.key}' leaves the calendar at as_of {as_of.isoformat()}") from error

    def _value(self, as_of: datetime, zone: ZoneInfo) -> datetime | date | list[int]:
        shift = self.shift
        if self.kind == "instant" and self.unit is None:
            if shift is None:
                return as_of
            return shift.after(as_of, zone) if self.forward else shift.before(as_of, zone)
        today = local_date(as_of, zone)
        if self.kind == "anniversaries":
            assert shift is not None
            return month_days(today, (shift.day_after(today) - today).days)
        if shift is not None:
            today = shift.day_after(today) if self.forward else shift.day_before(today)
        if self.unit is None:
            return today
        first = unit_start(today, self.unit, self.number)
        return first if self.kind == "date" else day_start(first, zone)

    def literal(self, as_of: datetime, zone: ZoneInfo) -> exp.Expr:
        """Its SQL literal at this `as_of` (UTC). Anniversaries become a tuple of numbers."""
        match self.value(as_of, zone):
            case datetime() as instant:
                return timestamp_literal(instant)
            case date() as day:
                return date_literal(day)
            case days:
                return exp.Tuple(expressions=[exp.Literal.number(n) for n in days])

    def days_back(self) -> tuple[float, float]:
        """At least and at most how many days before `as_of` it lies, whatever the calendar; negative when later. Only
        a bound of whole units has two different numbers, and one by months."""
        least = most = 0.0
        if self.shift is not None:
            months, days = self.shift.months, self.shift.seconds / 86400
            # A zone can lose or gain a day on the way.
            least, most = (months * 28 - 1, months * 31 + 1) if months else (days, days)
            least, most = (-most, -least) if self.forward else (least, most)
        if self.unit is not None:
            shortest, longest = _LENGTHS[self.unit]
            back = -self.number
            least += back * (shortest if back > 0 else longest) - 1
            most += back * (longest if back > 0 else shortest) + longest + 1
        return least, most


_STARTS = {"instant": "start of ", "date": "first day of "}
_LENGTHS: dict[str, tuple[int, int]] = {
    "day": (1, 1), "week": (7, 7), "sunday week": (7, 7), "saturday week": (7, 7), "month": (28, 31),
    "quarter": (90, 92), "year": (365, 366),
}  # fmt: skip
_WEEK_BEGINS = {"week": 0, "sunday week": 6, "saturday week": 5}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def week_unit(first: WeekDay) -> Unit:
    """The week that begins on this day."""
    return "week" if first == "monday" else f"{first} week"  # type: ignore[return-value]


def unit_start(day: date, unit: Unit, number: int = 0) -> date:
    """The first day of the unit that holds `day`, or of the one `number` units later. Raises OverflowError or
    ValueError beyond the calendar."""
    if unit in _MONTHS:
        size = _MONTHS[unit]
        months = (day.year * 12 + day.month - 1) // size * size + number * size
        return date(months // 12, months % 12 + 1, 1)
    if unit == "day":
        return day + timedelta(days=number)
    return day + timedelta(days=7 * number - (day.weekday() - _WEEK_BEGINS[unit]) % 7)


AS_OF = Bound("instant")
_CALENDAR = (("year", 12), ("month", 1))
_EXACT = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


_UNIT_KEY = re.compile(
    r"(start|first day) of (day|(?:sunday |saturday )?week|month|quarter|year)(?: ([+-]) (\d+))?"
    r"(?: of today ([+-]) (.+))?"
)


def bound_from_key(key: str) -> Bound:
    """The inverse of `Bound.key`. Raises ValueError or KeyError for a text that is no bound."""
    if match := _UNIT_KEY.fullmatch(key):
        what, unit, sign, number, turn, span = match.groups()
        found: BoundKind = "instant" if what == "start" else "date"
        shift = Duration.parse(span) if span else None
        return Bound(found, shift, turn == "+", unit, int(f"{sign}{number}") if sign else 0)  # type: ignore[arg-type]
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
    end = datetime.max.replace(tzinfo=UTC) if day == date.max else day_start(day + timedelta(days=1), zone)
    return day_start(day, zone), end

"""Times of the day on the clocks of a zone: when a rule fires, whether a window is open. All of it in Python: for a
rule and a zone the answer is one value, which SQL joins by the zone of each contact.

A local time that a day does not have (clocks were set forward over it) comes at the first instant after the gap. One
that a day has twice (they were set back) comes once, at the first. Instants that are returned are UTC, with zone.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from segflow.zones import local_date, to_utc

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""As they are written; the place is what `date.weekday` says."""
MIDNIGHT = time()
_DAY = timedelta(days=1)
_LONGEST = 63
"""Within so many days each day of the week and of the month comes round; two 31sts are at most 62 days apart."""
_GRAIN = timedelta(microseconds=1)
_NEAR = 2
"""A zone can be set over a whole day, forward or back."""


@dataclass(frozen=True)
class Days:
    """Some days: of the week (0 is Monday), or of the month (1 to 31; `last` is its last day, whichever that is)."""

    weekdays: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    last: bool = False

    def __contains__(self, day: date) -> bool:
        if day.weekday() in self.weekdays or day.day in self.month_days:
            return True
        return self.last and day.day == calendar.monthrange(day.year, day.month)[1]


EVERY_DAY = Days(weekdays=frozenset(range(7)))


@dataclass(frozen=True)
class Firing:
    """A rule fires: on the local day, at the instant."""

    day: date
    instant: datetime


@dataclass(frozen=True)
class Window:
    """Open on `days` from `start` to before `end`; where `end` is not later it is one of the following day, and the day
    that counts is the one on which it opened. So a window whose start is its end is open around the clock."""

    start: time
    end: time
    days: Days = EVERY_DAY


def moment_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant at which a day of the zone comes to the time `at`. Raises OverflowError beyond the calendar."""
    return to_utc(datetime.combine(day, at), zone)


def day_reached(at: time, zone: ZoneInfo, instant: datetime) -> date:
    """The latest day of the zone whose time `at` has come at an instant (UTC). Between two instants the times of the
    days after the first one's up to the second one's have come. Raises OverflowError beyond the calendar."""
    instant = _aware(instant)
    day = local_date(instant, zone) + _NEAR * _DAY
    while moment_of(day, at, zone) > instant:
        day -= _DAY
    return day


def last_firing(at: time, zone: ZoneInfo, as_of: datetime, days: Days = EVERY_DAY) -> Firing | None:
    """The last time that a rule (`at`, on some days) fired up to `as_of` (UTC), that instant included. None: it never
    does, because `days` is empty."""
    day = day_reached(at, zone, as_of)
    for _ in range(_LONGEST):
        if day in days:
            return Firing(day, moment_of(day, at, zone))
        day -= _DAY
    return None


def next_firing(at: time, zone: ZoneInfo, after: datetime, days: Days = EVERY_DAY) -> Firing | None:
    """The first time that a rule fires later than `after` (UTC)."""
    day = day_reached(at, zone, after) + _DAY
    for _ in range(_LONGEST):
        if day in days:
            return Firing(day, moment_of(day, at, zone))
        day += _DAY
    return None


def window_open(window: Window, zone: ZoneInfo, instant: datetime) -> bool:
    """Is it open at an instant (UTC)? From its start, included, to its end, excluded."""
    opening = next_opening(window, zone, instant)
    return opening is not None and opening == _aware(instant)


def next_opening(window: Window, zone: ZoneInfo, instant: datetime) -> datetime | None:
    """The instant itself where the window is open, else when it opens next. None: never, because it has no days."""
    instant = _aware(instant)
    for start, end in _spans(window, zone, instant):
        if end > instant and start < end:
            return max(start, instant)
    return None


def next_closing(window: Window, zone: ZoneInfo, instant: datetime) -> datetime | None:
    """The instant itself where the window is closed, else when it closes next. None: not within the next weeks."""
    found = _aware(instant)
    for start, end in _spans(window, zone, found):
        if start > found:
            return found
        found = max(found, end)
    return None


def last_opened(window: Window, zone: ZoneInfo, instant: datetime) -> datetime | None:
    """The instant itself where the window is open, else the last one before it at which it was. None: never, because it
    has no days, or opens where its end has passed already."""
    instant = _aware(instant)
    far = instant - _LONGEST // 2 * _DAY
    ends = [min(end - _GRAIN, instant) for start, end in _spans(window, zone, far) if start <= instant and start < end]
    return max(ends, default=None)


def _spans(window: Window, zone: ZoneInfo, instant: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From when to when it is open, in order; from one that may be open at `instant` on."""
    day = local_date(_aware(instant), zone) - 2 * _NEAR * _DAY
    over = _DAY if window.end <= window.start else timedelta()
    for _ in range(_LONGEST + 2 * _NEAR):
        if day in window.days:
            yield moment_of(day, window.start, zone), moment_of(day + over, window.end, zone)
        day += _DAY


def _aware(instant: datetime) -> datetime:
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)

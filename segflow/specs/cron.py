"""Cron schedules of five fields: what is wrong with one, and when it comes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from segflow.zones import local_date, to_utc

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _WEEKDAYS),
)
_PART = re.compile(r"(\*|[0-9a-z]+)(?:-([0-9a-z]+))?(?:/([0-9]+))?")


def cron_times(text: str, zone: ZoneInfo, since: datetime, days: int) -> Iterator[datetime]:
    """The instants (UTC) from `since` on at which a schedule without problems comes on the clocks of a zone, in order,
    within so many days."""
    fields = text.lower().split()
    minutes, hours, month_days, months, weekdays = (
        _numbers(given, field) for given, field in zip(fields, _FIELDS, strict=True)
    )
    # Where both are given, either will do, as cron has it.
    either = fields[2] != "*" and fields[4] != "*"

    def comes(day: date) -> bool:
        of_month, of_week = day.day in month_days, day.isoweekday() % 7 in {number % 7 for number in weekdays}
        return day.month in months and (of_month or of_week if either else of_month and of_week)

    first = local_date(since, zone)
    for day in (first + timedelta(days=number) for number in range(days)):
        for hour in sorted(hours) if comes(day) else ():
            for minute in sorted(minutes):
                if (instant := to_utc(datetime.combine(day, time(hour, minute)), zone)) >= since:
                    yield instant


def cron_problem(text: str) -> str | None:
    """What is wrong with a cron schedule of five fields; None when nothing is.

    What never comes is refused, and what Dagster's iterator, which starts the ticks, reads in another way than it is
    written. The engine does not import Dagster; a test holds what passes here to that iterator.
    """
    fields = text.split()
    if len(fields) != 5:
        return f"it needs 5 fields (minute hour day month weekday), found {len(fields)}"
    for given, (name, low, high, words) in zip(fields, _FIELDS, strict=True):
        parts = given.lower().split(",")
        for part in parts:
            if problem := _part(part, low, high, words):
                return f"the {name}, {part or 'empty'}, {problem}"
        if "*" in parts and len(parts) > 1:
            return f"the {name}, {given}, has * in a list: write * alone, or leave it out"
    days, months = (_numbers(given.lower(), field) for given, field in zip(fields[2:4], _FIELDS[2:4], strict=True))
    if min(days) > max(_LONGEST[month - 1] for month in months):
        found = ", ".join(_MONTHS[month - 1].capitalize() for month in sorted(months))
        return f"it never comes, because there is no day {min(days)} in {found}"
    return None


def _numbers(field: str, known: tuple[str, int, int, tuple[str, ...]]) -> set[int]:
    """The numbers that a field without problems stands for."""
    _, low, high, words = known
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        assert match is not None
        start, end, step = match.groups()
        first, last = (low, high) if start == "*" else (_number(one, low, words) or 0 for one in (start, end or start))
        found |= set(range(first, last + 1, int(step or 1)))
    return found


def _part(part: str, low: int, high: int, words: tuple[str, ...]) -> str | None:
    match = _PART.fullmatch(part)
    if match is None:
        return "cannot be read"
    start, end, step = match.groups()
    if step is not None and not 1 <= int(step[:9]) <= high:
        return f"has a step outside 1 to {high}"
    if start == "*":
        return "cannot be a range from *" if end else None
    numbers = [_number(value, low, words) for value in (start, end) if value is not None]
    if any(number is None or not low <= number <= high for number in numbers):
        return f"is outside {low} to {high}"
    if len(numbers) == 2 and (numbers[0] or 0) > (numbers[1] or 0):
        return "goes from high to low"
    if len(numbers) == 2 and numbers[0] == numbers[1]:
        return f"is a range of one: write {start}"
    return "has a step without a range" if step and len(numbers) == 1 else None


def _number(text: str, low: int, words: tuple[str, ...]) -> int | None:
    if text in words:
        return words.index(text) + low
    return int(text) if text.isdigit() and len(text) <= 3 else None

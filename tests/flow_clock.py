"""Times of the naive interpreter of flows: clocks of zones in plain Python, with nothing of the engine's."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800}


def clock(instant: datetime, zone: str) -> datetime:
    """What clocks of a zone show, without zone."""
    return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


@cache
def shown(local: datetime, zone: str) -> datetime:
    """The first instant at which clocks of a zone show `local`; where they skip it, the first one after that."""
    near = [
        (local + timedelta(days=days)).replace(tzinfo=ZoneInfo(zone)).utcoffset() or timedelta() for days in (-1, 1)
    ]
    for ahead in sorted(near, reverse=True):
        if clock((local - ahead).replace(tzinfo=UTC), zone) == local:
            return (local - ahead).replace(tzinfo=UTC)
    instant = (local - max(near)).replace(second=0, microsecond=0, tzinfo=UTC)
    while clock(instant, zone) < local:
        instant += timedelta(minutes=1)
    return instant


def moved(when: date, text: str) -> Any:
    """A day or a local time, so far (`-3 days`, `1 month`) away."""
    sign, number, unit = re.fullmatch(r"(-?)(\d+) (\w+?)s?", text).groups()  # type: ignore[union-attr]
    steps = int(f"{sign}{number}")
    if unit != "month":
        return when + timedelta(seconds=steps * _SECONDS[unit])
    years, month = divmod(when.month - 1 + steps, 12)
    last = calendar.monthrange(when.year + years, month + 1)[1]
    return when.replace(year=when.year + years, month=month + 1, day=min(when.day, last))


def after(instant: datetime, text: str, zone: str) -> datetime:
    """The instant so far away: months on the clocks of a zone, all else exact."""
    if "month" in text:
        return shown(moved(clock(instant, zone), text), zone)
    found: datetime = moved(instant, text)
    return found


def zone_for(wanted: str | None, of_contact: str | None, project: str) -> str:
    """The zone that a rule means: one by name, `contact`, or the project's."""
    if wanted == "contact":
        return of_contact if of_contact in available_timezones() else project
    return wanted or project


def _time(text: str) -> time:
    return time.fromisoformat(text)


def _on(days: list[str] | None, day: date) -> bool:
    return days is None or DAYS[day.weekday()] in days


def firing(rule: Mapping[str, Any], since: datetime, zone: str) -> datetime:
    """The first time of the day (`time`, `days`) at `since` or later."""
    today = clock(since, zone).date()
    near = (today + timedelta(days=days) for days in range(-2, 10))
    return min(
        at
        for day in near
        if _on(rule.get("days"), day) and (at := shown(datetime.combine(day, _time(rule["time"])), zone)) >= since
    )


def spans(window: Mapping[str, Any], near: datetime, zone: str) -> list[tuple[datetime, datetime]]:
    """From when to when a window is open, around an instant."""
    start, end = _time(window["from"]), _time(window["to"])
    today = clock(near, zone).date()
    days = [day for n in range(-8, 16) if _on(window.get("days"), day := today + timedelta(days=n))]
    ends = [day + timedelta(days=end <= start) for day in days]
    return [
        (shown(datetime.combine(day, start), zone), shown(datetime.combine(last, end), zone))
        for day, last in zip(days, ends, strict=True)
    ]


def opening(window: Mapping[str, Any], since: datetime, zone: str) -> datetime:
    """`since` where the window is open, else when it opens next."""
    return min(max(opens, since) for opens, closes in spans(window, since, zone) if opens < closes and closes > since)


def date_due(until: Mapping[str, Any], value: date | None, zone: str) -> datetime | None:
    """When a date of a contact's lets it go; None without one. A timestamp is UTC."""
    if value is None:
        return None
    offset = until.get("offset", "0 days")
    if isinstance(value, datetime):
        if "at" not in until:
            return after(value, offset, zone)
        value = clock(value, zone).date()
    return shown(datetime.combine(moved(value, offset), _time(until.get("at", "00:00"))), zone)

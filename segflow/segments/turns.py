"""When segments with `every:` are due: at the first tick of each period of the calendar, in the project's zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from segflow.segments.bounds import Unit, unit_start, week_unit
from segflow.specs.every import Every
from segflow.specs.settings import Settings
from segflow.zones import day_start, local_date, to_local, to_utc

_MINUTES = {"minute": 1, "hour": 60}


def turn(every: Every, as_of: datetime, settings: Settings) -> datetime:
    """When the period that holds `as_of` began (UTC): two ticks are of one period when this is the same.

    Where clocks go back, each of two hours with the same name is one, and so is what divides an hour; what is longer
    has the hour that comes twice as one hour more.
    """
    zone = settings.zone
    local = to_local(as_of, zone)
    if every.unit in _MINUTES:
        length = every.number * _MINUTES[every.unit]
        passed = (local.hour * 60 + local.minute) // length * length
        begun = local.replace(hour=passed // 60, minute=passed % 60, second=0, microsecond=0)
        if length > 60:
            return to_utc(begun, zone)
        return (begun - (as_of.astimezone(zone).utcoffset() or timedelta())).replace(tzinfo=UTC)
    day = unit_start(local.date(), _unit(every, settings))
    if every.unit == "month":
        day = day.replace(month=(day.month - 1) // every.number * every.number + 1)
    return day_start(day, zone)


def next_turn(every: Every, as_of: datetime, settings: Settings) -> datetime:
    """When the period after the one that holds `as_of` begins (UTC): a segment compared at `as_of` is due from then on.

    Raises OverflowError or ValueError beyond the calendar."""
    zone, begun = settings.zone, turn(every, as_of, settings)
    if every.unit not in _MINUTES:
        return day_start(unit_start(local_date(begun, zone), _unit(every, settings), every.number), zone)
    length = timedelta(minutes=every.number * _MINUTES[every.unit])
    if length <= timedelta(hours=1):
        return begun + length
    local = to_local(begun, zone)
    return to_utc(local + length, zone)


def told(moment: datetime, zone: ZoneInfo) -> str:
    """A moment for people: on the clocks of the zone, which is named."""
    return f"{to_local(moment, zone):%Y-%m-%d %H:%M} {zone.key}"


def _unit(every: Every, settings: Settings) -> Unit:
    if every.unit == "week":
        return week_unit(settings.week_starts)
    return "month" if every.unit == "month" else "day"

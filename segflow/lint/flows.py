"""What is probably not meant in a flow: a trigger that looks at a clock, and ticks that seldom do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from segflow.firings import EVERY_DAY, Days, moment_of, next_firing
from segflow.lint.findings import Report
from segflow.segments.compiler import Compiled
from segflow.specs.clock_times import CONTACT_ZONE
from segflow.specs.cron import cron_times
from segflow.specs.flow import NamedFlow
from segflow.specs.triggers import AnyTrigger, TriggerModel
from segflow.specs.triggers.broadcast import BroadcastTrigger
from segflow.specs.triggers.dates import DateTrigger
from segflow.specs.triggers.level import LevelTrigger
from segflow.zones import zone_of

CLOCKS = (LevelTrigger, DateTrigger, BroadcastTrigger)
_LATE = timedelta(hours=1)
"""So long after its time a trigger may be seen."""
_AHEAD, _TICKS_AHEAD = timedelta(days=32), 72
"""How far the times of a trigger are looked at, and (in days) the ticks after them."""


def flows(report: Report, compiled: Compiled, now: datetime) -> None:
    """Flows whose triggers look at a clock."""
    everything = compiled.specs.flows.values()
    found = [flow for flow in everything if any(isinstance(one, CLOCKS) for one in flow.spec.triggers())]
    if not found:
        return
    ticks = list(cron_times(compiled.specs.settings.cadence, compiled.zone, now, _TICKS_AHEAD))
    for flow in found:
        several = isinstance(flow.spec.trigger, AnyTrigger)
        for number, one in enumerate(flow.spec.triggers()):
            loc = ("trigger", "any", number, one.word) if several else ("trigger", one.word)
            _late(report, compiled, flow, one, loc, ticks, now)
            if isinstance(one, BroadcastTrigger) and _over(one, compiled.zone, now):
                what = f"its moment, {one.broadcast.at:%Y-%m-%d %H:%M}, is over: if no tick has begun it, none will"
                report.add_flow(flow, "moment-is-over", loc, what, "give a later at:, or remove the flow")
            if isinstance(one, DateTrigger) and one.repeat == "yearly" and flow.spec.reentry == "never":
                what = "it comes every year, and reentry: never lets each contact in once"
                report.add_flow(flow, "once-ever", loc, what, "give reentry: always")


def _late(
    report: Report,
    compiled: Compiled,
    flow: NamedFlow,
    one: TriggerModel,
    loc: tuple[str | int, ...],
    ticks: list[datetime],
    now: datetime,
) -> None:
    match one:
        case LevelTrigger():
            timezone, at, days = one.timezone, one.every_day_at, one.days
        case DateTrigger():
            timezone, at, days = one.timezone, one.at, EVERY_DAY
        case BroadcastTrigger():
            timezone, at, days = one.broadcast.timezone, one.broadcast.at.time(), EVERY_DAY
        case _:
            return
    if timezone == CONTACT_ZONE:
        # Somewhere it is that time at every quarter of an hour.
        latest = max((after - before for before, after in pairwise(ticks)), default=_AHEAD)
        cadence = "0 * * * *"
    else:
        zone = compiled.zone if timezone is None else zone_of(timezone)
        moments = [moment_of(one.broadcast.at.date(), at, zone)] if isinstance(one, BroadcastTrigger) else None
        latest = _latest(moments or list(_times(at, days, zone, now)), ticks, now)
        cadence = f"{at.minute} {at.hour} * * *" if zone == compiled.zone else "0 * * * *"
    if latest <= _LATE:
        return
    hours = round(latest / timedelta(hours=1))
    told = f"{hours} hours" if hours < 48 else f"{hours // 24} days"
    what = f"{one.told()}: the next tick can be {told} later, with cadence: {compiled.specs.settings.cadence}"
    do = f'set cadence: "{cadence}" in segflow.yml, or one with more ticks'
    report.add_flow(flow, "ticks-too-seldom", loc, what, do)


def _times(at: time, days: Days, zone: ZoneInfo, now: datetime) -> Iterator[datetime]:
    instant = now
    while (fired := next_firing(at, zone, instant, days)) is not None and fired.instant <= now + _AHEAD:
        instant = fired.instant
        yield instant


def _latest(moments: list[datetime], ticks: list[datetime], now: datetime) -> timedelta:
    """The longest time from one of `moments` to the tick after it. What is over or far away is not looked at."""
    late = timedelta()
    for moment in moments:
        if now <= moment <= now + _AHEAD:
            late = max(late, next((tick - moment for tick in ticks if tick >= moment), _AHEAD))
    return late


def _over(one: BroadcastTrigger, project: ZoneInfo, now: datetime) -> bool:
    told = one.broadcast
    if told.timezone == CONTACT_ZONE:
        return moment_of(told.at.date(), told.at.time(), zone_of("UTC")) + timedelta(hours=12) < now
    zone = project if told.timezone is None else zone_of(told.timezone)
    return moment_of(told.at.date(), told.at.time(), zone) < now

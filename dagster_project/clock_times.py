"""The moments at which flows look at a clock: level and date triggers, broadcasts, openings of send windows. On days
when clocks are set forward or back they are the engine's (`segflow.firings`), not those of Dagster's schedules."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, time
from zoneinfo import ZoneInfo

from segflow.firings import EVERY_DAY, Days, next_firing
from segflow.specs.flow import NamedFlow
from segflow.specs.project import Specs
from segflow.specs.triggers.broadcast import BroadcastTrigger
from segflow.specs.triggers.dates import DateTrigger
from segflow.specs.triggers.level import LevelTrigger
from segflow.zones import to_utc, zone_of


def moments(specs: Specs, zones: Collection[str], since: datetime, until: datetime) -> list[tuple[datetime, str]]:
    """(instant, what is due then) after `since` and up to `until`, in order. `zones`: those of contacts."""
    found = [
        (instant, f"flow {flow.id}: {what}")
        for flow in specs.flows.values()
        if flow.spec.status == "active"
        for instant, what in _of_flow(flow, specs, zones, since, until)
        if since < instant <= until
    ]
    return sorted(found)


def _of_flow(
    flow: NamedFlow, specs: Specs, zones: Collection[str], since: datetime, until: datetime
) -> Iterator[tuple[datetime, str]]:
    project = specs.settings.zone

    def places(name: str | None) -> list[ZoneInfo]:
        if name == "contact":
            return list(dict.fromkeys([project, *(zone_of(zone) for zone in zones)]))
        return [project if name is None else zone_of(name)]

    def firings(at: time, name: str | None, days: Days, what: str) -> Iterator[tuple[datetime, str]]:
        for zone in places(name):
            after = since
            while (firing := next_firing(at, zone, after, days)) is not None and firing.instant <= until:
                yield firing.instant, what
                after = firing.instant

    for trigger in flow.spec.triggers():
        if isinstance(trigger, LevelTrigger):
            yield from firings(trigger.every_day_at, trigger.timezone, trigger.days, trigger.told())
        elif isinstance(trigger, DateTrigger):
            yield from firings(trigger.at, trigger.timezone, EVERY_DAY, trigger.told())
        elif isinstance(trigger, BroadcastTrigger):
            for zone in places(trigger.broadcast.timezone):
                yield to_utc(trigger.broadcast.at, zone), trigger.told()
    windows = [flow.spec.window, *(getattr(step, "window", None) for step in flow.spec.walk())]
    for window in dict.fromkeys(one for one in windows if one is not None):
        yield from firings(window.from_, window.timezone, window.days, f"the window {window} opens")

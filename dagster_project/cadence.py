"""How often ticks are to come, by the project's cadence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

from dagster import FreshnessPolicy
from dagster._utils.schedules import cron_string_iterator

from segflow.specs.every import Every
from segflow.specs.settings import Settings

_LOOK = 64
"""So many ticks ahead are looked at: every gap of a week at hourly ticks of working days is among them."""
_LEAST = timedelta(minutes=10)


def longest_gap(settings: Settings, now: datetime | None = None) -> timedelta:
    """The longest time between two ticks that follow each other. Clocks that are set back make it an hour longer."""
    start = (now or datetime.now(UTC)).timestamp()
    local = islice(cron_string_iterator(start, settings.cadence, settings.time_zone), _LOOK)
    ticks = [one.astimezone(UTC) for one in local]
    return max((later - earlier for earlier, later in pairwise(ticks)), default=timedelta(days=1))


def freshness(settings: Settings, every: Every | None = None) -> FreshnessPolicy:
    """A segment is late when a tick that was to compare it did not, and stale for good when two did not. `every`: what
    its file says."""
    gap = longest_gap(settings)
    room = max(gap / 4, _LEAST)
    if every is None:
        return FreshnessPolicy.time_window(fail_window=2 * gap + room, warn_window=gap + room)
    # Its ticks are the first of their periods: they may lie a period and a gap apart.
    period = every.longest
    return FreshnessPolicy.time_window(fail_window=2 * period + gap + room, warn_window=period + gap + room)

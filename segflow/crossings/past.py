"""What a segment's own past lets expect of its next tick: robust bounds on exits and entries, and on size.

The past are the ticks that compared the segment (none in which it was stale or held), by the crossings because of
`data`. It is looked at in stretches as long as the time that the tick at hand makes up for, so that an hour is held
against hours and a weekend against three days. Each look at it allows a number; the highest counts:

- **usual**: the median and six times its spread (by the median of deviations), of at least seven stretches.
- **of the hour**, for ticks shorter than half a day: the same, of what earlier days did at this time of the day.
- **of the week**: the second highest of what earlier weeks did at this time of the week. One may be an accident.
  Once three weeks are known, their median and six times what changes from week to week take the place of the first two:
  a segment that empties each Monday is not to be empty on a Thursday.
- **lately**: the lowest of the last three. What came three times in a row is how things are now.

So one huge tick that somebody let pass opens the gate for no other.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from statistics import median

LOOSENS = 3
"""So many ticks by the present rule may allow more than the fixed numbers. With fewer, those by its older rules may."""
TIGHTENS = 7
"""So many, over at least OVER, may allow less."""
OVER = timedelta(days=14)
LOOK_BACK = timedelta(days=35)
"""How far back from the last tick that compared the segment; AT_LEAST ticks in any case."""
AT_LEAST = 20
_STRETCHES, _WEEKS = 7, 3
_SPREADS = 6 * 1.4826
"""1.4826 makes of a median of deviations what a standard deviation is of even noise."""
_HOUR, _DAY, _WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True)
class Compared:
    """What one tick did to a segment by `data`."""

    since: datetime
    """The tick before that compared it; this one made up for the time in between."""
    as_of: datetime
    members: int
    """Before the tick."""
    entered: int
    exited: int
    same_rule: bool = True
    """Was it the rule that counts now?"""


@dataclass(frozen=True)
class Expected:
    """What may be expected of one tick. Shares are those of the members before it."""

    ticks: int
    since: datetime
    exits: float
    """The highest share of members that exit."""
    loss: float
    """The highest share by which the segment shrinks: exits less entries."""
    entries: float
    """The highest number of contacts that enter."""
    growth: float
    """The highest number by which the segment grows: entries less exits."""
    usual_exits: float
    usual_loss: float
    usual_entries: float
    usual_growth: float
    """The medians, for people."""
    may_tighten: bool
    """Is the past long enough to allow less than the fixed numbers do?"""


@dataclass(frozen=True)
class _Stretch:
    first: int
    last: int
    as_of: datetime
    members: int
    entered: int
    exited: int


def expected(past: Sequence[Compared], as_of: datetime, members: int) -> Expected | None:
    """What the past (oldest first) lets expect of a tick at `as_of` that finds `members`; None while there is none."""
    same = [one for one in past if one.same_rule]
    known = _recent(same if len(same) >= LOOSENS else past)
    if len(known) < LOOSENS:
        return None
    whole = known[-1].as_of - known[0].since
    length = min(as_of - known[-1].as_of, whole / _STRETCHES)
    stretches = _stretches(known, length)
    # Shares of a handful say nothing about those of thousands.
    alike = [one for one in stretches if one.members > 0 and one.members * 10 >= members]

    def bound(
        which: list[_Stretch], value: Callable[[_Stretch], float], slack: Callable[[float], float]
    ) -> tuple[float, float] | None:
        return _bound(which, value, slack, as_of, length)

    exits = bound(alike, lambda one: min(1.0, one.exited / one.members), _slack_of_share)
    loss = bound(alike, lambda one: min(1.0, (one.exited - one.entered) / one.members), _slack_of_share)
    entries = bound(stretches, lambda one: one.entered, _slack_of_count)
    growth = bound(stretches, lambda one: one.entered - one.exited, _slack_of_count)
    if exits is None or loss is None or entries is None or growth is None:
        return None
    return Expected(
        ticks=len(known),
        since=known[0].since,
        exits=min(1.0, exits[0]),
        loss=min(1.0, loss[0]),
        entries=entries[0],
        growth=growth[0],
        usual_exits=exits[1],
        usual_loss=max(0.0, loss[1]),
        usual_entries=entries[1],
        usual_growth=max(0.0, growth[1]),
        may_tighten=len(same) >= TIGHTENS and len(_apart(alike)) >= _STRETCHES and whole >= OVER,
    )


def _recent(past: Sequence[Compared]) -> list[Compared]:
    """Not counted from now: a segment that is held for long must not forget its past."""
    if not past:
        return []
    cut = past[-1].as_of - LOOK_BACK
    return [one for number, one in enumerate(past) if one.as_of > cut or number >= len(past) - AT_LEAST]


def _stretches(past: list[Compared], length: timedelta) -> list[_Stretch]:
    """For each tick the stretch of that length which ends with it. A tick is in it when more than half of it is."""
    middles = [one.since + (one.as_of - one.since) / 2 for one in past]
    entered = [0, *accumulate(one.entered for one in past)]
    exited = [0, *accumulate(one.exited for one in past)]
    found = []
    for last, one in enumerate(past):
        start = one.as_of - length
        first = min(last, bisect_left(middles, start))
        if start < past[0].since - length / 2 and first == 0 and last > 0:
            continue
        totals = entered[last + 1] - entered[first], exited[last + 1] - exited[first]
        found.append(_Stretch(first, last, one.as_of, past[first].members, *totals))
    return found


def _bound(
    stretches: list[_Stretch],
    value: Callable[[_Stretch], float],
    slack: Callable[[float], float],
    as_of: datetime,
    length: timedelta,
) -> tuple[float, float] | None:
    """The highest number that one of the looks allows, and the median; None when no look sees enough."""
    apart = [value(one) for one in _apart(stretches)]
    weeks = _at_this_time(stretches, value, as_of, _WEEK, length) if length < _WEEK else []
    allowed = []
    if len(apart) >= LOOSENS:
        lowest = min(apart[:LOOSENS])
        allowed.append(lowest + slack(lowest))
    if len(weeks) >= 2:
        second = sorted(weeks)[-2]
        allowed.append(second + slack(second))
    if len(weeks) >= _WEEKS:
        changes = _week_over_week(stretches, value)
        allowed.append(median(weeks) + max(_SPREADS * median(map(abs, changes)), slack(median(weeks))))
    elif len(apart) >= _STRETCHES:
        allowed.append(_usual(apart, slack))
        days = _at_this_time(stretches, value, as_of, _DAY, length) if length < _DAY / 2 else []
        if len(days) >= _STRETCHES:
            allowed.append(_usual(days, slack))
    return (max(allowed), median(weeks if len(weeks) >= _WEEKS else apart)) if allowed else None


def _week_over_week(stretches: list[_Stretch], value: Callable[[_Stretch], float]) -> list[float]:
    """How much each stretch differs from the one a week before it."""
    ends = [one.as_of for one in stretches]
    found = []
    for one in stretches:
        before = one.as_of - _WEEK
        near = bisect_left(ends, before)
        partners = [other for other in stretches[max(0, near - 1) : near + 1] if abs(other.as_of - before) < _DAY / 2]
        if partners:
            found.append(value(one) - value(min(partners, key=lambda other: abs(other.as_of - before))))
    return found or [0.0]


def _usual(values: Sequence[float], slack: Callable[[float], float]) -> float:
    middle = median(values)
    return middle + max(_SPREADS * median(abs(value - middle) for value in values), slack(middle))


def _apart(stretches: list[_Stretch]) -> list[_Stretch]:
    """Those that have no tick in common, newest first."""
    found: list[_Stretch] = []
    for one in reversed(stretches):
        if not found or one.last < found[-1].first:
            found.append(one)
    return found


def _at_this_time(
    stretches: list[_Stretch],
    value: Callable[[_Stretch], float],
    as_of: datetime,
    period: timedelta,
    length: timedelta,
) -> list[float]:
    """The highest value of each earlier day or week at the time of `as_of`, give or take: a schedule may be late, and
    summer time moves it by an hour."""
    near = min(max(length / 2, _HOUR), _DAY / 2)
    highest: dict[int, float] = {}
    for one in stretches:
        ago = as_of - one.as_of
        number = round(ago / period)
        if number >= 1 and abs(ago - number * period) <= near:
            highest[number] = max(highest.get(number, value(one)), value(one))
    return list(highest.values())


def _slack_of_share(share: float) -> float:
    """Half of the way to the nearer end of 0 and 1, and at least a twentieth: 0.75 for 0.5, 0.9 for 0.8."""
    return max(min(abs(share), abs(1 - share)) / 2, 0.05)


def _slack_of_count(contacts: float) -> float:
    return abs(contacts) / 2

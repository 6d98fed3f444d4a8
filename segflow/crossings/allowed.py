"""How many contacts may cross a segment's border in one tick before a person has to look: fixed numbers or the past."""

from __future__ import annotations

from dataclasses import dataclass

from segflow.crossings.past import Expected
from segflow.specs.guards import EntriesGuard, ExitsGuard


@dataclass(frozen=True)
class Crossed:
    """What one tick would do to a segment by `data`."""

    members: int
    """Before the tick."""
    entered: int
    exited: int


@dataclass(frozen=True)
class Bounds:
    """The most that a guard lets pass; None where there is no guard, or too few members for one."""

    exits: float | None
    """Percent of the members that exit."""
    loss: float | None
    """Percent of the members by which the segment shrinks, entries counted. None without a past: exits say more."""
    entries: int | None
    growth: int | None
    """Contacts by which the segment grows, exits counted. None without a past, as for `loss`."""
    past: Expected | None = None
    """What the past lets expect, where it changed a bound."""
    exits_by_past: bool = False
    entries_by_past: bool = False


def bounds(exits: ExitsGuard | None, entries: EntriesGuard | None, members: int, past: Expected | None) -> Bounds:
    """The bounds of a segment of `members`.

    A short past only allows more than the fixed numbers do; a long one takes their place.
    """
    share = loss = count = growth = None
    exits_by_past = entries_by_past = False
    if exits is not None and members >= exits.of_at_least:
        share, lowest = float(exits.percent), exits.lowest
        if past is not None and lowest is not None:
            floor = lowest if past.may_tighten else max(lowest, share)
            share, loss = max(floor, past.exits * 100), max(floor, past.loss * 100)
            exits_by_past = past.may_tighten or share > exits.percent
    if entries is not None:
        times, lowest = float(entries.times), entries.lowest
        allowed = times * members
        if past is not None and lowest is not None:
            floor = lowest if past.may_tighten else max(lowest, times)
            allowed = max(floor * members, past.entries)
            entries_by_past = past.may_tighten or allowed > times * members
            growth = max(entries.above, int(floor * members), int(past.growth))
        count = max(entries.above, int(allowed))
    shown = past if exits_by_past or entries_by_past else None
    return Bounds(share, loss, count, growth, shown, exits_by_past, entries_by_past)


def over_lowest(exits: ExitsGuard | None, entries: EntriesGuard | None, crossed: Crossed) -> bool:
    """Are they more than is never too much, past or not?"""
    guarded = exits is not None and crossed.members >= exits.of_at_least
    if exits is not None and guarded and crossed.exited * 100 > least(exits.percent, exits.lowest) * crossed.members:
        return True
    if entries is None or crossed.entered <= entries.above:
        return False
    return crossed.entered > least(entries.times, entries.lowest) * crossed.members


def least(fixed: float, lowest: float | None) -> float:
    """What is never too much, with a past and without."""
    return fixed if lowest is None else min(fixed, lowest)


def too_many(allowed: Bounds, crossed: Crossed) -> str | None:
    """Why so many crossings are too many; None when they are not."""
    members, entered, exited = crossed.members, crossed.entered, crossed.exited
    past = allowed.past if allowed.exits_by_past else None
    if allowed.exits is not None and exited * 100 > allowed.exits * members:
        usual = None if past is None else past.usual_exits
        share = f"{_percent(exited, members)}, {_allows(f'{_number(allowed.exits)}%', past, usual)}"
        return f"{exited:,} of {members:,} members would exit ({share})"
    lost = exited - entered
    if allowed.loss is not None and lost * 100 > allowed.loss * members:
        usual = None if past is None else past.usual_loss
        share = f"{_percent(lost, members)}, {_allows(f'{_number(allowed.loss)}%', past, usual)}"
        return f"{exited:,} of {members:,} members would exit and {entered:,} contacts enter: {lost:,} less ({share})"
    past = allowed.past if allowed.entries_by_past else None
    if allowed.entries is not None and entered > allowed.entries:
        told = f"{entered:,} contacts would enter where {members:,} are members"
        usual_count = None if past is None else f"{past.usual_entries:,.0f}"
        return f"{told} ({_allows(f'{allowed.entries:,}', past, usual_count)})"
    if allowed.growth is not None and past is not None and -lost > allowed.growth:
        told = f"{entered:,} contacts would enter and {exited:,} of {members:,} members exit: {-lost:,} more"
        return f"{told} ({_allows(f'{allowed.growth:,}', past, f'{past.usual_growth:,.0f}')})"
    return None


def allowed_words(allowed: Bounds) -> str:
    """`exits 71.2% (net 20%), entries 2,280 (net 1,140); by 21 ticks`: what the guards let pass. `fixed`: no past."""
    told = []
    if allowed.exits is not None:
        less = "" if allowed.loss is None else f" (net {_number(allowed.loss)}%)"
        told.append(f"exits {_number(allowed.exits)}%{less}")
    if allowed.entries is not None:
        more = "" if allowed.growth is None else f" (net {allowed.growth:,})"
        told.append(f"entries {allowed.entries:,}{more}")
    if not told:
        return "no guard"
    return f"{', '.join(told)}; {'fixed' if allowed.past is None else f'by {allowed.past.ticks} ticks'}"


def _allows(bound: str, past: Expected | None, usual: float | str | None) -> str:
    if past is None:
        return f"the guard allows {bound}"
    seen = usual if isinstance(usual, str) else f"{_number((usual or 0) * 100)}%"
    return f"the guard allows {bound}: in {past.ticks} ticks since {past.since:%Y-%m-%d}, usually {seen}"


def _percent(part: int, whole: int) -> str:
    return f"{_number(part * 100 / whole)}%"


def _number(value: float) -> str:
    """`61.2`, and `50` where there is nothing behind the point."""
    return f"{value:.1f}".removesuffix(".0")

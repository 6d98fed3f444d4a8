"""Guards know the segment: months of ticks of segments that live in different ways, and of sources that break.

The numbers are lived through here with sets of contacts and the guard's own judgement, without a warehouse;
the end of this file holds that a tick judges by the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from segflow.crossings.allowed import Crossed, bounds, over_lowest, too_many
from segflow.crossings.past import Compared, expected
from segflow.specs.guards import EntriesGuard, ExitsGuard
from tests.planned import done, planned
from tests.world import World

MONDAY = datetime(2026, 3, 2, 6, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
Truth = Callable[[datetime], set[int]]
"""Who matches at a moment. It is asked in the order of time."""


@dataclass
class Life:
    """One segment through its ticks; with `releases` a person lets pass what is held, and ticks again an hour later."""

    truth: Truth
    releases: bool = True
    exits: ExitsGuard | None = field(default_factory=ExitsGuard)
    entries: EntriesGuard | None = field(default_factory=EntriesGuard)
    members: set[int] = field(default_factory=set)
    past: list[Compared] = field(default_factory=list)
    compared: datetime | None = None
    held: dict[datetime, str] = field(default_factory=dict)
    released: bool = False

    def tick(self, at: datetime, broken: Callable[[set[int]], set[int]] | None = None) -> str | None:
        """Why the tick is held."""
        there = self.truth(at)
        if broken is not None:
            there = broken(there)
        if self.compared is None:
            self.members, self.compared = there, at
            return None
        crossed = Crossed(len(self.members), len(there - self.members), len(self.members - there))
        reason = None
        if over_lowest(self.exits, self.entries, crossed):
            past = expected(self.past, at, crossed.members)
            reason = too_many(bounds(self.exits, self.entries, crossed.members, past), crossed)
        if reason and not self.released:
            self.held[at] = reason
            if self.releases:
                self.released = True
                self.tick(at + HOUR, broken)
            return reason
        self.past.append(Compared(self.compared, at, crossed.members, crossed.entered, crossed.exited))
        self.members, self.compared, self.released = there, at, False
        return None


def churn(size: int, share: float) -> Truth:
    """`size` members, of which a share goes each day and as many come."""
    rng, fresh = random.Random(1), count(size)
    members, last = set(range(size)), [MONDAY]

    def truth(at: datetime) -> set[int]:
        days, last[0] = (at - last[0]) / DAY, at
        for one in rng.sample(sorted(members), round(len(members) * min(1.0, share * days * rng.uniform(0.6, 1.4)))):
            members.remove(one)
            members.add(next(fresh))
        return set(members)

    return truth


def event(window: timedelta, a_day: Callable[[datetime], int], noise: float = 0.1) -> Truth:
    """Whoever did something within `window`, another contact each time; by calendar days for a window of none."""
    rng, fresh = random.Random(2), count()
    done: list[tuple[datetime, int]] = []
    until = [MONDAY - window - 2 * DAY]

    def truth(at: datetime) -> set[int]:
        while until[0] < at:
            until[0] += HOUR
            for _ in range(round(a_day(until[0]) * rng.uniform(1 - noise, 1 + noise) / 24)):
                done.append((until[0], next(fresh)))
        start = at - window if window else at.replace(hour=0) - timedelta(seconds=1)
        done[:] = [(when, one) for when, one in done if start < when]
        return {one for _, one in done}

    return truth


def days(number: int = 66) -> list[datetime]:
    return [MONDAY + DAY * one for one in range(number)]


def hours(number: int = 24 * 23) -> list[datetime]:
    return [MONDAY + HOUR * one for one in range(number)]


def open_days(a_day: int) -> Callable[[datetime], int]:
    """The shop is closed on Sundays."""
    return lambda at: 0 if (at - HOUR).weekday() == 6 else a_day


def weekends(at: datetime) -> int:
    return 4000 if at.weekday() >= 5 else 1500


def growing(at: datetime) -> int:
    return round(1000 * 1.02 ** ((at - MONDAY) / DAY))


@dataclass(frozen=True)
class Kind:
    truth: Callable[[], Truth]
    ticks: Callable[[], list[datetime]]
    learns: int
    """So many ticks are held, and released, before the segment is known: those of the fixed numbers."""
    known: int = 16
    """The tick from which on none is held."""


KINDS = {
    "steady": Kind(lambda: churn(10_000, 0.005), days, 0),
    "lively": Kind(lambda: churn(5_000, 0.15), days, 0),
    "cart of two days": Kind(lambda: event(2 * DAY, lambda _: 1500), days, 3),
    "bought yesterday": Kind(lambda: event(DAY, lambda _: 2000), days, 3),
    "empty each Monday": Kind(lambda: event(DAY, open_days(2000)), days, 6),
    "busy weekends": Kind(lambda: event(2 * DAY, weekends), days, 6, 22),
    "growing by 2% a day": Kind(lambda: event(2 * DAY, growing), days, 4),
    "only working days": Kind(
        lambda: event(2 * DAY, lambda _: 1500), lambda: [at for at in days(90) if at.weekday() < 5], 4, 16
    ),
    "every hour, steady": Kind(lambda: event(7 * DAY, lambda _: 1500), hours, 0),
    "every hour, today's": Kind(lambda: event(timedelta(), lambda _: 3000), hours, 14, 24 * 15),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_a_segment_always_does_is_not_held(kind: Kind) -> None:
    life = Life(kind.truth())
    ticks = kind.ticks()
    for at in ticks:
        life.tick(at)
    assert len(life.past) > kind.known
    late = {f"{at:%a %d.%m. %H}": reason for at, reason in life.held.items() if at >= ticks[kind.known]}
    assert late == {}
    assert len(life.held) <= kind.learns


def half(there: set[int]) -> set[int]:
    return {one for one in there if one % 2}


def gone(there: set[int]) -> set[int]:
    return set()


def doubled(there: set[int]) -> set[int]:
    return there | {-one - 1 for one in there}


@pytest.mark.parametrize("broken", [half, gone, doubled])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_broken_source_is_held_until_it_is_mended(kind: Kind, broken: Callable[[set[int]], set[int]]) -> None:
    """For three ticks: half of a busy weekend looks like a Thursday."""
    life, ticks = Life(kind.truth()), kind.ticks()
    # A Thursday; or noon.
    start = next(n for n, at in enumerate(ticks) if at >= MONDAY + 52 * DAY or at == MONDAY + 21 * DAY + 6 * HOUR)
    for at in ticks[:start]:
        life.tick(at)
    life.held, life.releases = {}, False
    breaks = ticks[start : start + 3]
    for at in breaks:
        life.tick(at, broken)
    assert list(life.held) == breaks
    for at in ticks[start + 3 :]:
        life.tick(at)
    assert list(life.held) == breaks


def test_what_a_person_let_pass_once_opens_no_gate() -> None:
    life, ticks = Life(churn(10_000, 0.005)), days(80)
    for number, at in enumerate(ticks):
        life.tick(at, gone if number in (30, 33) else None)
        if number == 30:
            assert life.members == set()
    # All gone, and back, twice; a weekday of its own each time.
    assert [at - MONDAY for at in life.held] == [30 * DAY, 31 * DAY, 33 * DAY, 34 * DAY]


def test_a_segment_that_is_held_for_months_does_not_forget() -> None:
    life = Life(churn(10_000, 0.005))
    for at in days(30):
        life.tick(at)
    life.releases = False
    later = [MONDAY + DAY * number for number in range(30, 120)]
    for at in later:
        life.tick(at, half)
    assert list(life.held) == later
    life.releases = True
    life.tick(MONDAY + 120 * DAY, half)
    life.held = {}
    for number in range(121, 140):
        life.tick(MONDAY + DAY * number, half)
    assert life.held == {}


def test_three_days_without_a_tick_are_held_against_three_days() -> None:
    life, ticks = Life(event(2 * DAY, lambda _: 1500)), days(50)
    for number, at in enumerate(ticks):
        if number not in (40, 41, 42):
            life.tick(at)
    assert [at for at in life.held if at > ticks[10]] == []


def test_another_rule_has_another_past() -> None:
    steady = [Compared(MONDAY + DAY * n, MONDAY + DAY * (n + 1), 5000, 20, 20, same_rule=False) for n in range(40)]
    lively = [Compared(MONDAY + DAY * n, MONDAY + DAY * (n + 1), 5000, 2500, 2500) for n in range(40, 44)]

    def exits(past: list[Compared]) -> tuple[float | None, bool]:
        found = expected(past, past[-1].as_of + DAY, 5000)
        return bounds(ExitsGuard(), EntriesGuard(), 5000, found).exits, found is not None and found.may_tighten

    assert exits([*steady]) == (50, False)
    assert exits([*steady, *lively[:2]]) == (50, False)
    assert exits([*steady, *lively[:3]]) == (75, False)


WITH_PAST: dict[str, tuple[ExitsGuard, float]] = {
    "the defaults": (ExitsGuard(), 20),
    "a number for those with a past": (ExitsGuard(percent_with_past=35), 35),
    "the past is not asked": (ExitsGuard(percent_with_past="off"), 50),
    "who writes one number says both": (ExitsGuard(percent=80), 80),
    "a strict one": (ExitsGuard(percent=10), 10),
    "both": (ExitsGuard(percent=80, percent_with_past=30), 30),
}


@pytest.mark.parametrize(("guard", "allowed"), WITH_PAST.values(), ids=WITH_PAST)
def test_the_lowest_number(guard: ExitsGuard, allowed: float) -> None:
    past = [Compared(MONDAY + DAY * n, MONDAY + DAY * (n + 1), 5000, 20, 20) for n in range(20)]
    found = bounds(guard, EntriesGuard(), 5000, expected(past, MONDAY + 21 * DAY, 5000))
    assert (found.exits, found.entries) == (allowed, 2500)


# The same by ticks.

GUARDS = {"exits": {"percent": 50, "percent_with_past": 20, "of_at_least": 4}, "entries": {"above": 4}}


def move(world: World, number: int, londoners: set[int] | None = None) -> None:
    """Of eight people in London six leave each day, and six come; the others are in Rome."""
    there = {(6 * number + one) % 24 for one in range(8)} if londoners is None else londoners
    cities = [{"contact_id": f"c{one}", "city": "London" if one in there else "Rome"} for one in range(24)]
    world.rows_of("contacts", cities)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A segment of which three quarters leave each day, through eighteen ticks."""
    world = World(tmp_path_factory.mktemp("lived"), settings={"guards": GUARDS})
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    for number in range(18):
        move(world, number)
        if world.tick(MONDAY + DAY * number).errors:
            world.project.release(["londoners"], reason=f"tick {number}")
    world.close()
    return world


@pytest.fixture
def world(lived: World, tmp_path: Path) -> Iterator[World]:
    found = World.copy_of(lived, tmp_path / "world")
    yield found
    found.close()


def held(world: World) -> list[int]:
    rows = world.rows("SELECT as_of FROM segflow.segment_sizes WHERE status = 'held' ORDER BY as_of")
    return [(row["as_of"].replace(tzinfo=UTC) - MONDAY).days for row in rows]


def test_a_tick_learns_what_a_segment_does(world: World) -> None:
    assert held(world) == [1, 3, 5]
    sizes = world.project.history("londoners").sizes
    allowed = [None if one.allowed is None else one.allowed.exits for one in sizes]
    assert allowed[:7] == [None, 50, 50, 50, 50, 50, 50]
    last = sizes[-1].allowed
    assert last is not None
    assert last.past is not None
    assert (last.exits, last.loss, last.entries, last.growth, last.past.ticks) == (87.5, 20, 9, 4, 13)


BROKEN: dict[str, tuple[set[int], str]] = {
    "gone": (
        set(),
        "8 of 8 members would exit (100%, the guard allows 87.5%: in 14 ticks since 2026-03-02, usually 75%)",
    ),
    "half": (
        {12, 13, 14, 15},
        "6 of 8 members would exit and 2 contacts enter: 4 less "
        "(50%, the guard allows 20%: in 14 ticks since 2026-03-02, usually 0%)",
    ),
    "doubled": (
        set(range(12, 24)) | {0, 1, 2, 3},
        "14 contacts would enter where 8 are members (the guard allows 9: in 14 ticks since 2026-03-02, usually 6)",
    ),
}


@pytest.mark.parametrize(("there", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_tick_holds_what_is_unlike_the_past(world: World, there: set[int], reason: str) -> None:
    move(world, 18, there)
    at = MONDAY + 18 * DAY
    plan = world.project.plan(at)
    report = world.tick(at)
    assert planned(plan) == done(world, report)
    (told,) = report.segments
    assert (told.status, told.reason) == ("held", f"{reason}; look at the data, then: segflow release londoners")
    move(world, 19)
    assert world.tick(at + DAY).errors == []
    world.check_replay()

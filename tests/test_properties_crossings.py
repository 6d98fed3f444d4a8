"""Crossings against a naive model: sets of contacts, tick by tick; contacts go and return, rules are edited."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.planned import done, planned
from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
CONTACTS = ("ana", "bob", "eve", "kim", "lee")
SEGMENTS = ("one", "two")
Ages = dict[str, int | None]


@dataclass(frozen=True)
class Rule:
    """Members are at least `least` years old; without an age only with `unknown`."""

    least: int
    unknown: bool
    on_create: str
    on_change: str

    def matches(self, age: int | None) -> bool:
        return self.unknown if age is None else age >= self.least

    def spec(self) -> dict[str, Any]:
        grown = {"attribute": "age", "gte": self.least}
        where = {"any": [grown, {"attribute": "age", "is_set": False}]} if self.unknown else grown
        return {"where": where, "on_create": self.on_create, "on_change": self.on_change}

    @property
    def meaning(self) -> tuple[int, bool]:
        return self.least, self.unknown


rules = st.builds(
    Rule,
    st.integers(1, 4),
    st.booleans(),
    st.sampled_from(["baseline", "trigger"]),
    st.sampled_from(["suppress", "trigger"]),
)
worlds = st.dictionaries(st.sampled_from(CONTACTS), st.one_of(st.none(), st.integers(0, 5)), max_size=5)
ticks = st.tuples(worlds, st.dictionaries(st.sampled_from(SEGMENTS), rules, max_size=2))


@dataclass
class Naive:
    """What DESIGN's table of causes says, one contact at a time."""

    present: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    live: dict[str, Rule] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    entries: dict[tuple[str, str], int] = field(default_factory=dict)

    def tick(self, ages: Ages, now: dict[str, Rule]) -> set[tuple[Any, ...]]:
        """(kind, segment, contact, cause, triggers, entry_number) of one tick."""
        gone = self.present - set(ages)
        returned = (set(ages) & self.seen) - self.present
        found: set[tuple[Any, ...]] = set()
        for segment in set(now) | set(self.live):
            before = self.members.get(segment, set()) if segment in self.live else set()
            rule, old = now.get(segment), self.live.get(segment)
            matching = {c for c, age in ages.items() if rule.matches(age)} if rule else set()
            for contact in before ^ matching:
                enters = contact in matching
                cause, triggers = self._cause(contact, enters, rule, old, ages, gone, returned)
                key = (segment, contact)
                self.entries[key] = self.entries.get(key, 0) + enters
                found.add(("enters" if enters else "exits", segment, contact, cause, triggers, self.entries[key]))
            self.members[segment] = matching
        self.present, self.live = set(ages), dict(now)
        self.seen |= self.present
        return found

    def _cause(
        self,
        contact: str,
        enters: bool,
        rule: Rule | None,
        old: Rule | None,
        ages: Ages,
        gone: set[str],
        returned: set[str],
    ) -> tuple[str, bool]:
        if rule is None:
            return "deleted", False
        if contact in gone:
            return "gone", False
        if contact in returned and enters:
            return "returned", False
        if old is None:
            return "baseline", rule.on_create == "trigger"
        if rule.meaning == old.meaning or old.matches(ages[contact]) == enters:
            return "data", True
        return "definition", rule.on_change == "trigger"


@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ticks, min_size=3, max_size=5))
def test_crossings(story: list[tuple[Ages, dict[str, Rule]]]) -> None:
    naive = Naive()
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        world.segment("all", {"where": {"everyone": True}})
        for number, (ages, now) in enumerate(story):
            world.rows_of("contacts", [{"contact_id": name, "age": age} for name, age in ages.items()])
            for segment in SEGMENTS:
                world.segment(segment, now[segment].spec() if segment in now else None)
            at = FIRST + timedelta(days=number)
            # A plan costs half a tick, and the last tick of a story has the most behind it.
            plan = world.project.plan(at) if number == len(story) - 1 else None
            report = world.tick(at)
            assert plan is None or planned(plan) == done(world, report)
            wanted = naive.tick(ages, now)
            assert _crossings(world, report.tick_id) == wanted
            sizes = {one.segment: one.members for one in report.segments if one.segment in now}
            assert sizes == {segment: len(naive.members[segment]) for segment in now}
        world.close()


def _crossings(world: World, tick_id: str) -> set[tuple[Any, ...]]:
    found = set()
    for kind, ledger in (("enters", "segment_entries"), ("exits", "segment_exits")):
        rows = world.rows(f"SELECT * FROM segflow.{ledger} WHERE tick_id = '{tick_id}' AND segment <> 'all'")
        found |= {(kind, r["segment"], r["contact_id"], r["cause"], r["triggers"], r["entry_number"]) for r in rows}
    return found

"""Flows against a naive interpreter: one contact at a time, in plain Python, over random specs, data and ticks."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
CONTACTS = ("ana", "bob", "eve", "kim")
CITIES = ("London", "Rome")
Spec = dict[str, Any]
Person = dict[str, Any]

grown = st.integers(1, 4).map(lambda least: {"attribute": "age", "gte": least})
bought = st.just({"event": "visit", "since": "enrollment"})
lately = st.sampled_from([{"event": "visit", "since": "last_tick"}, {"event": "visit", "since": "s0"}])
inside = st.one_of(grown, st.just({"segment": "londoners"}), bought, lately)
edges = st.sampled_from([{"enters": "londoners"}, {"exits": "londoners"}, {"enters": "grown"}, {"exits": "grown"}])
leaves = st.one_of(
    st.integers(1, 3).map(lambda days: {"wait": f"{days} days"}),
    st.sampled_from(["a", "b"]).map(lambda name: {"add_to_list": name}),
    st.just({"send_sms": {"text": "x"}}),
)


def _branch(arm: st.SearchStrategy[list[Spec]]) -> st.SearchStrategy[Spec]:
    arms = st.tuples(inside, arm, arm, st.booleans())
    return arms.filter(lambda a: bool(a[1] or a[2] or a[3])).map(
        lambda a: {"branch": {"if": a[0], "then": [*a[1], {"exit": True}] if a[3] else a[1], "else": a[2]}}
    )


arms = st.recursive(st.lists(leaves, max_size=2), lambda arm: st.lists(st.one_of(leaves, _branch(arm)), max_size=2))
steps = st.lists(st.one_of(leaves, _branch(arms)), min_size=1, max_size=4)
flows = st.fixed_dictionaries(
    {
        "trigger": st.one_of(edges, st.lists(edges, min_size=1, max_size=3, unique_by=str).map(lambda e: {"any": e})),
        "reentry": st.sampled_from(["never", "always", {"after_entry": "2 days"}, {"after_exit": "2 days"}]),
        "steps": steps,
    },
    optional={
        "where": grown,
        "exit_when": st.lists(st.one_of(inside, edges), min_size=1, max_size=2),
        "restart_when": st.lists(st.one_of(grown, st.just({"event": "visit"}), edges), min_size=1, max_size=2),
        "goal": st.one_of(grown, bought, edges),
        "max_enrollments": st.integers(1, 2),
        "not_while_in": st.just(["flow0"]),
    },
).map(lambda flow: {k: v for k, v in flow.items() if k != "max_enrollments" or flow["reentry"] != "never"})
people = st.fixed_dictionaries({"city": st.sampled_from(CITIES), "age": st.integers(0, 5), "visits": st.booleans()})
worlds = st.dictionaries(st.sampled_from(CONTACTS), people, min_size=1)
stories = st.lists(st.tuples(worlds, st.sampled_from(["active", "active", "active", "paused"])), min_size=4, max_size=7)


def numbered(spec: list[Spec], numbers: count[int] | None = None) -> list[Spec]:
    """The steps with ids."""
    numbers = count() if numbers is None else numbers
    found = []
    for step in spec:
        own = {"id": f"s{next(numbers)}", **step}
        if "branch" in own:
            branch = own["branch"]
            own["branch"] = {"if": branch["if"], **{arm: numbered(branch[arm], numbers) for arm in ("then", "else")}}
        found.append(own)
    return found


@dataclass
class Enrollment:
    """A passage: what is left to do, since when it stands there, when it began."""

    todo: list[Spec]
    since: int
    began: int
    first_step: int | None = None
    """The day on which it took the first step, on this visit."""
    rests: list[bool] = field(default_factory=list)
    """Which restart conditions held when they were looked at last, without anything that had just happened."""


@dataclass
class Naive:
    """Ticks are days; a crossing is (kind, segment, contact) of a day."""

    flow: Spec
    others: dict[str, Naive]
    """The flows by name, this one included, in the order in which they take contacts in."""
    before: dict[str, Person] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    inside: dict[str, Enrollment] = field(default_factory=dict)
    last_start: dict[str, int] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    last_end: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, tuple[str, str]] = field(default_factory=dict)
    crossings: dict[tuple[str, str, str], int] = field(default_factory=dict)
    visits: dict[str, int] = field(default_factory=dict)
    journal: set[tuple[Any, ...]] = field(default_factory=set)
    ends: set[tuple[Any, ...]] = field(default_factory=set)
    day: int = -1
    now: dict[str, Person] = field(default_factory=dict)
    triggering: set[tuple[str, str, str]] = field(default_factory=set)
    new: list[str] = field(default_factory=list)

    def member(self, segment: str, person: Person) -> bool:
        return bool(person["city"] == "London" if segment == "londoners" else person["age"] >= 3)

    def leave(self, now: dict[str, Person], status: str) -> None:
        self.day, self.now, self.journal, self.ends = self.day + 1, now, set(), set()
        self.triggering = self._cross()
        for contact, person in now.items():
            if person["visits"]:
                self.visits[contact] = self.day
        for contact in list(self.inside):
            if contact not in now:
                self._end(contact, "gone")
        if status == "active":
            for contact in list(self.inside):
                if "goal" in self.flow and self._holds(self.flow["goal"], contact):
                    self._end(contact, "converted")
            self._exits(list(self.inside))
            self._restart()

    def move(self, status: str) -> None:
        self._exits(self.new)
        if status == "active":
            for contact in sorted(self.inside):
                self._move(contact)
        self.before, self.seen = self.now, self.seen | set(self.now)

    def _restart(self) -> None:
        conditions = self.flow.get("restart_when", [])
        for contact, enrollment in self.inside.items():
            turned = []
            for number, condition in enumerate(conditions):
                level = "attribute" in condition
                since = enrollment.began if level else max(enrollment.began, self.day - 1)
                holds = self._holds({"since": "enrollment", **condition}, contact, since)
                if holds and not (level and enrollment.rests[number]):
                    turned.append(f"restart_when[{number}]")
                enrollment.rests[number] = holds
            if turned:
                enrollment.todo, enrollment.since, enrollment.first_step = list(self.flow["steps"]), self.day, None
                self.journal.add((contact, None, "restarted", turned[0]))

    def _cross(self) -> set[tuple[str, str, str]]:
        found = set()
        for segment in ("londoners", "grown"):
            for contact in set(self.now) | set(self.before):
                was = contact in self.before and self.member(segment, self.before[contact])
                is_ = contact in self.now and self.member(segment, self.now[contact])
                if was != is_:
                    kind = "enters" if is_ else "exits"
                    self.crossings[kind, segment, contact] = self.day
                    back = contact in self.seen and contact not in self.before
                    if self.day > 0 and contact in self.now and not back:
                        found.add((kind, segment, contact))
        return found

    def _holds(self, condition: Spec, contact: str, began: int | None = None) -> bool:
        person = self.now[contact]
        if began is None:
            began = self.inside[contact].began if contact in self.inside else self.day
        if "attribute" in condition:
            return bool(person["age"] >= condition["gte"])
        if "segment" in condition:
            return self.member("londoners", person)
        if "event" in condition:
            # What lies at a moment's tick was seen by that tick. What has not come yet has nothing after it.
            first_step = self.inside[contact].first_step if contact in self.inside else None
            moments = {"enrollment": began, "last_tick": self.day - 1 if self.day else None, "s0": first_step}
            moment = moments[condition["since"]]
            return moment is not None and self.visits.get(contact, -1) > moment
        ((kind, segment),) = condition.items()
        return self.crossings.get((kind, segment, contact), -1) > began

    def _exits(self, contacts: list[str]) -> None:
        for contact in contacts:
            if any(self._holds(condition, contact) for condition in self.flow.get("exit_when", [])):
                self._end(contact, "exit_when")

    def _end(self, contact: str, reason: str) -> None:
        del self.inside[contact]
        self.last_end[contact] = self.day
        self.ends.add((contact, reason))

    def enroll(self, status: str) -> None:
        triggering = self.triggering
        trigger = self.flow["trigger"]
        edges = [next(iter(edge.items())) for edge in trigger.get("any", [trigger])]
        self.new = []
        for contact in set(self.now) | set(self.waiting):
            offers = [(edge, False) for edge in edges if (*edge, contact) in triggering]
            if status == "active" and contact in self.waiting:
                offers.insert(0, (self.waiting.pop(contact), True))
            verdicts = [(edge, waited, self._verdict(contact, edge, waited, status)) for edge, waited in offers]
            entered, blocked = False, [n for n in self.flow.get("not_while_in", []) if contact in self.others[n].inside]
            for edge, waited, verdict in verdicts:
                if verdict == "enroll" and blocked:
                    self.journal.add((contact, None, "dropped", f"not_while_in {blocked[0]}", *edge))
                elif verdict == "enroll" and not entered:
                    entered = True
                    rests = ["attribute" in c and self._holds(c, contact) for c in self.flow.get("restart_when", [])]
                    self.inside[contact] = Enrollment(list(self.flow["steps"]), self.day, self.day, rests=rests)
                    self.last_start[contact] = self.day
                    self.starts[contact] = self.starts.get(contact, 0) + 1
                    self.new.append(contact)
                elif verdict == "wait":
                    if not waited:
                        self.journal.add((contact, None, "waiting", "reentry_after_exit", *edge))
                else:
                    reason = "already_enrolled" if verdict == "enroll" else verdict
                    self.journal.add((contact, None, "dropped", reason, *edge))
            # The latest crossing waits; of several at once the first by name.
            told = [edge for edge, waited, verdict in verdicts if verdict == "wait" and not waited]
            again = [edge for edge, waited, verdict in verdicts if verdict == "wait" and waited]
            if told or again:
                self.waiting[contact] = min(told, key=lambda edge: edge[1]) if told else again[0]

    def _verdict(self, contact: str, edge: tuple[str, str], waited: bool, status: str) -> str:
        rule = self.flow["reentry"]
        too_soon = isinstance(rule, dict) and "after_exit" in rule and self.last_end.get(contact, -99) > self.day - 2
        if status == "paused":
            return "paused"
        if contact not in self.now:
            return "gone"
        if waited and too_soon:
            return "wait"
        if "where" in self.flow and not self._holds(self.flow["where"], contact):
            return "filter"
        if "goal" in self.flow and self._holds(self.flow["goal"], contact, self.day):
            return "goal_met"
        if rule == "never" and contact in self.last_start:
            return "reentry_never"
        if contact in self.inside:
            return "already_enrolled"
        if self.starts.get(contact, 0) >= self.flow.get("max_enrollments", 99):
            return "max_enrollments"
        if isinstance(rule, dict) and "after_entry" in rule and self.last_start.get(contact, -99) > self.day - 2:
            return "reentry_after_entry"
        if too_soon:
            return "wait"
        if waited and self.member(edge[1], self.now[contact]) != (edge[0] == "enters"):
            return "no_longer_matches"
        return "enroll"

    def _move(self, contact: str) -> None:
        enrollment = self.inside[contact]
        while enrollment.todo:
            step = enrollment.todo[0]
            action = next(key for key in step if key != "id")
            detail = None
            if action == "wait" and self.day - enrollment.since < int(step["wait"].split()[0]):
                return
            del enrollment.todo[0]
            enrollment.since = self.day
            if step["id"] == "s0":
                enrollment.first_step = self.day
            if action == "branch":
                detail = "then" if self._holds(step["branch"]["if"], contact) else "else"
                enrollment.todo[:0] = step["branch"][detail]
            self.journal.add((contact, step["id"], action, detail))
            if action == "exit":
                self._end(contact, "exit")
                return
        self._end(contact, "completed")


@settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(flows, min_size=5, max_size=8), stories)
def test_flows(specs: list[Spec], story: list[tuple[dict[str, Person], str]]) -> None:
    """Several flows per story: a tick costs the same for many."""
    named = {f"flow{number}": {**spec, "steps": numbered(spec["steps"])} for number, spec in enumerate(specs)}
    named["flow0"].pop("not_while_in", None)
    naive: dict[str, Naive] = {}
    for name, spec in named.items():
        naive[name] = Naive(spec, naive)
    events: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
        world.segment("grown", {"where": {"attribute": "age", "gte": 3}})
        status = None
        for day, (now, wanted_status) in enumerate(story):
            if status != wanted_status:
                status = wanted_status
                for name, spec in named.items():
                    world.flow(name, {"status": status, **spec})
            at = FIRST + timedelta(days=day)
            events += [{"contact_id": c, "name": "visit", "at": at} for c, person in now.items() if person["visits"]]
            world.rows_of("events", events)
            people = [{"contact_id": c, "city": person["city"], "age": person["age"]} for c, person in now.items()]
            world.rows_of("contacts", people)
            report = world.tick(at)
            assert report.errors == []
            for one in naive.values():
                one.leave(now, status)
            for one in naive.values():
                one.enroll(status)
            for name, one in naive.items():
                one.move(status)
                assert _journal(world, name, report.tick_id) == one.journal, f"journal of {name} on day {day}"
                assert _ends(world, name, report.tick_id) == one.ends, f"ends of {name} on day {day}"
                standing = world.rows(f"SELECT contact_id, step FROM segflow.flow_positions WHERE flow = '{name}'")
                places = {contact: passage.todo[0]["id"] for contact, passage in one.inside.items()}
                assert {row["contact_id"]: row["step"] for row in standing} == places, f"places in {name} on day {day}"
        world.close()


def _journal(world: World, flow: str, tick_id: str) -> set[tuple[Any, ...]]:
    found: set[tuple[Any, ...]] = set()
    for row in world.rows(f"SELECT * FROM segflow.flow_journal WHERE flow = '{flow}' AND tick_id = '{tick_id}'"):
        if row["step"] is None:
            if row["action"] == "restarted":
                found.add((row["contact_id"], None, "restarted", row["detail"]))
                continue
            reason, _, edge = row["detail"].removesuffix(")").partition(" (")
            found.add((row["contact_id"], None, row["action"], reason, *edge.split()))
        else:
            detail = row["detail"] if row["action"] == "branch" else None
            found.add((row["contact_id"], row["step"], row["action"], detail))
    return found


def _ends(world: World, flow: str, tick_id: str) -> set[tuple[Any, ...]]:
    rows = world.rows(f"SELECT * FROM segflow.flow_enrollment_ends WHERE flow = '{flow}' AND tick_id = '{tick_id}'")
    return {(row["contact_id"], row["reason"]) for row in rows}

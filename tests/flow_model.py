"""A naive interpreter of flows: one contact at a time, in plain Python, as docs/FLOWS.md says it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.flow_passage import NEVER, SOON, Enrollment, Passing, Person, Spec


@dataclass(kw_only=True)
class Naive(Passing):
    """One flow. A crossing is (kind, segment, contact) of a tick."""

    others: dict[str, Naive]
    """The flows by name, this one included, in the order in which they take contacts in."""
    before: dict[str, Person] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    last_start: dict[str, datetime] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    crossings: dict[tuple[str, ...], datetime] = field(default_factory=dict)
    visits: dict[str, datetime] = field(default_factory=dict)
    ends: set[tuple[Any, ...]] = field(default_factory=set)
    triggering: set[tuple[str, str, str]] = field(default_factory=set)
    new: list[str] = field(default_factory=list)
    status: str = "active"

    def member(self, segment: str, person: Person) -> bool:
        return bool(person["city"] == "London" if segment == "londoners" else person["age"] >= 3)

    def leave(self, status: str) -> None:
        """The beginning of a tick: who must leave, who must start again."""
        self.stood_still, self.status = self.status == "paused" and self.all.previous is not None, status
        self.journal, self.ends, self.messages, self.tasks = set(), set(), set(), set()
        self.triggering = self._cross()
        for contact, person in self.now.items():
            if person["visits"]:
                self.visits[contact] = self.at
        for contact in list(self.inside):
            if contact not in self.now:
                self.end(contact, "gone")
            elif ("leave_flow", self.name, contact) in self.all.heard:
                self.end(contact, "left")
        if status == "active":
            for contact in list(self.inside):
                if "goal" in self.flow and self.holds(self.flow["goal"], contact):
                    self.end(contact, "converted")
            self._exits(list(self.inside))
            self._restart()

    def move(self) -> None:
        """The end of a tick: everybody goes as far as they can."""
        self._exits(self.new)
        if self.status == "active":
            for contact in sorted(self.inside):
                self.pass_on(contact)
        self.before, self.seen = self.now, self.seen | set(self.now)

    def forget(self) -> None:
        """After everybody has moved: nothing is left of whom a step has deleted."""
        for contact in self.all.doomed:
            self.waiting.pop(contact, None)
            if contact in self.inside:
                self.end(contact, "deleted")

    def _restart(self) -> None:
        conditions = self.flow.get("restart_when", [])
        for contact, enrollment in self.inside.items():
            turned = []
            for number, condition in enumerate(conditions):
                level = "attribute" in condition
                since = enrollment.began if level else max(enrollment.began, self.all.previous or NEVER)
                asked = {"since": "enrollment", **condition} if "event" in condition else condition
                holds = self.holds(asked, contact, since)
                if holds and not (level and enrollment.rests[number]):
                    turned.append(f"restart_when[{number}]")
                enrollment.rests[number] = holds
            if turned:
                enrollment.todo, enrollment.since, enrollment.first_step = list(self.flow["steps"]), self.at, None
                enrollment.visit, enrollment.due = enrollment.visit + 1, self.at
                self.journal.add((contact, None, "restarted", turned[0]))

    def _cross(self) -> set[tuple[str, str, str]]:
        found = set()
        for segment in ("londoners", "grown"):
            for contact in set(self.now) | set(self.before):
                was = contact in self.before and self.member(segment, self.before[contact])
                is_ = contact in self.now and self.member(segment, self.now[contact])
                if was != is_:
                    kind = "enters" if is_ else "exits"
                    self.crossings[kind, segment, contact] = self.at
                    back = contact in self.seen and contact not in self.before
                    if self.all.previous is not None and contact in self.now and not back:
                        found.add((kind, segment, contact))
        return found

    def holds(self, condition: Spec, contact: str, began: datetime | None = None) -> bool:
        person = self.now[contact]
        if began is None:
            began = self.inside[contact].began if contact in self.inside else self.at
        if condition.get("attribute") == "points":
            return contact in self.all.points and self.all.points[contact] >= condition["gte"]
        if "attribute" in condition:
            return bool(person["age"] >= condition["gte"])
        if "tag" in condition:
            return condition["tag"] in self.all.tags[contact]
        if "segment" in condition:
            return self.member("londoners", person)
        if "event" in condition:
            # What lies at a moment's tick was seen by that tick. What has not come yet has nothing after it.
            first_step = self.inside[contact].first_step if contact in self.inside else None
            moments = {"enrollment": began, "last_tick": self.all.previous, "s0": first_step}
            moment = moments[condition["since"]]
            return moment is not None and self.visits.get(contact, NEVER) > moment
        ((kind, segment),) = condition.items()
        return self.crossings.get((kind, segment, contact), NEVER) > began

    def _exits(self, contacts: list[str]) -> None:
        for contact in contacts:
            if any(self.holds(condition, contact) for condition in self.flow.get("exit_when", [])):
                self.end(contact, "exit_when")

    def end(self, contact: str, reason: str) -> None:
        del self.inside[contact]
        self.last_end[contact] = self.at
        self.ends.add((contact, reason))

    def _offers(self, contact: str) -> Iterator[tuple[tuple[str, ...], bool, str]]:
        """What offers the contact: the trigger, did it wait, the occasion."""
        tick = f"{self.at:%Y%m%dT%H%M%SZ}"
        if self.status == "active" and contact in self.waiting:
            edge, occasion = self.waiting.pop(contact)
            yield edge, True, occasion
        trigger = self.flow["trigger"]
        edges = [next(iter(edge.items())) for edge in trigger.get("any", [trigger])]
        crossed = [edge for edge in edges if (*edge, contact) in self.triggering]
        called = ("enter_flow", self.name, contact) in self.all.heard
        for edge in crossed or ([("enter_flow",)] if called else []):
            yield edge, False, tick

    def enroll(self) -> None:
        """Let in who may come in."""
        self.new = []
        called = {contact for _, flow, contact in self.all.heard if flow == self.name}
        for contact in set(self.now) | set(self.waiting) | called:
            verdicts = [
                (edge, waited, occasion, self._verdict(contact, edge, waited))
                for edge, waited, occasion in self._offers(contact)
            ]
            entered, blocked = False, [n for n in self.flow.get("not_while_in", []) if contact in self.others[n].inside]
            for edge, waited, occasion, verdict in verdicts:
                if verdict == "enroll" and blocked:
                    self.journal.add((contact, None, "dropped", f"not_while_in {blocked[0]}", *edge))
                elif verdict == "enroll" and not entered:
                    entered = True
                    rests = ["attribute" in c and self.holds(c, contact) for c in self.flow.get("restart_when", [])]
                    name = hashlib.md5(f"{self.name}|{contact}|{occasion}".encode()).hexdigest()
                    todo = list(self.flow["steps"])
                    self.inside[contact] = Enrollment(name, todo, self.at, self.at, rests=rests, due=self.at)
                    self.last_start[contact] = self.at
                    self.starts[contact] = self.starts.get(contact, 0) + 1
                    self.new.append(contact)
                elif verdict == "wait":
                    if not waited:
                        self.journal.add((contact, None, "waiting", "reentry_after_exit", *edge))
                else:
                    reason = "already_enrolled" if verdict == "enroll" else verdict
                    self.journal.add((contact, None, "dropped", reason, *edge))
            # The latest crossing waits; of several at once the first by name.
            told = [(edge, since) for edge, waited, since, verdict in verdicts if verdict == "wait" and not waited]
            again = [(edge, since) for edge, waited, since, verdict in verdicts if verdict == "wait" and waited]
            if told or again:
                edge, since = min(told, key=lambda one: one[0][1:]) if told else again[0]
                self.waiting[contact] = (("flow",) if edge == ("enter_flow",) else edge, since)

    def _verdict(self, contact: str, edge: tuple[str, ...], waited: bool) -> str:
        rule = self.flow["reentry"]
        ended_soon = self.last_end.get(contact, NEVER) > self.at - SOON
        too_soon = isinstance(rule, dict) and "after_exit" in rule and ended_soon
        if self.status == "paused":
            return "paused"
        if contact not in self.now:
            return "not_a_contact" if edge == ("enter_flow",) else "gone"
        if waited and too_soon:
            return "wait"
        if "where" in self.flow and not self.holds(self.flow["where"], contact):
            return "filter"
        if "goal" in self.flow and self.holds(self.flow["goal"], contact, self.at):
            return "goal_met"
        if rule == "never" and contact in self.last_start:
            return "reentry_never"
        if contact in self.inside:
            return "already_enrolled"
        if self.starts.get(contact, 0) >= self.flow.get("max_enrollments", 99):
            return "max_enrollments"
        if isinstance(rule, dict) and "after_entry" in rule and self.last_start.get(contact, NEVER) > self.at - SOON:
            return "reentry_after_entry"
        if too_soon:
            return "wait"
        if waited and len(edge) == 2 and self.member(edge[1], self.now[contact]) != (edge[0] == "enters"):
            return "no_longer_matches"
        return "enroll"

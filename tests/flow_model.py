"""A naive interpreter of flows: one contact at a time, in plain Python, as docs/FLOWS.md says it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.flow_clock import after, clock, date_due, firing, opening, spans, zone_for

Spec = dict[str, Any]
Person = dict[str, Any]
MESSAGES = {"send_email", "send_sms", "send_whatsapp", "send", "webhook", "notify"}
TO_CONTACTS = {"send_email", "send_sms", "send_whatsapp", "send"}
MAX_LATENESS = timedelta(days=1)
NEVER = datetime.min.replace(tzinfo=UTC)
SOON = timedelta(days=2)
"""What all re-entry rules of the stories say."""


def drawn(*texts: str) -> float:
    """A number from 0 to 1, always the same for the same texts."""
    return int(hashlib.md5("|".join(texts).encode()).hexdigest()[:8], 16) / 16**8


@dataclass
class Everybody:
    """What all flows share: the contacts as the tick built them, and what steps have done to them."""

    zone: str
    """The project's."""
    people: dict[str, Person] = field(default_factory=dict)
    at: datetime = NEVER
    previous: datetime | None = None
    points: dict[str, int] = field(default_factory=dict)
    tags: dict[str, set[str]] = field(default_factory=lambda: defaultdict(lambda: {"blue"}))
    """contact -> its tags; everybody begins with one."""
    met: dict[str, datetime] = field(default_factory=dict)
    """contact -> moved_at"""
    updates: list[tuple[str, str, str, Any]] = field(default_factory=list)
    """(contact, action, name, value) of this tick; segments and conditions see them at the next one."""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    """(action, flow, contact), which the next tick hears."""
    heard: list[tuple[str, str, str]] = field(default_factory=list)
    claims: set[tuple[Any, ...]] = field(default_factory=set)
    """Who got a coupon in this tick. Of several who want the last ones the order of ids decides: the engine's."""
    claimed: list[tuple[Any, ...]] = field(default_factory=list)
    """Who wanted one."""

    def build(self, at: datetime, people: dict[str, Person]) -> None:
        """Begin a tick."""
        self.previous, self.at, self.people = (None if self.at == NEVER else self.at), at, people
        for contact, action, name, value in self.updates:
            match action:
                case "points":
                    self.points[contact] = self.points.get(contact, 0) + value
                case "moved_at":
                    self.met[contact] = value
                case "add_tag":
                    self.tags[contact].add(name)
                case "remove_tag":
                    self.tags[contact].discard(name)
        self.heard, self.calls, self.updates, self.claimed = self.calls, [], [], []

    def zone_of(self, wanted: str | None, contact: str) -> str:
        return zone_for(wanted, self.people[contact]["zone"], self.zone)


@dataclass
class Enrollment:
    """A passage: what is left to do, since when it stands there, when it began."""

    id: str
    todo: list[Spec]
    since: datetime
    began: datetime
    visit: int = 1
    first_step: datetime | None = None
    """When it took the first step, on this visit."""
    rests: list[bool] = field(default_factory=list)
    """Which restart conditions held when they were looked at last, without anything that had just happened."""
    due: datetime = NEVER
    """When it could have come to the step before which it stands, had the flow never stood still."""


@dataclass
class Naive:
    """One flow. A crossing is (kind, segment, contact) of a tick."""

    name: str
    flow: Spec
    all: Everybody
    others: dict[str, Naive]
    """The flows by name, this one included, in the order in which they take contacts in."""
    before: dict[str, Person] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    inside: dict[str, Enrollment] = field(default_factory=dict)
    last_start: dict[str, datetime] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    last_end: dict[str, datetime] = field(default_factory=dict)
    waiting: dict[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)
    """contact -> the crossing that waits, and the tick that saw it"""
    crossings: dict[tuple[str, ...], datetime] = field(default_factory=dict)
    visits: dict[str, datetime] = field(default_factory=dict)
    journal: set[tuple[Any, ...]] = field(default_factory=set)
    ends: set[tuple[Any, ...]] = field(default_factory=set)
    messages: set[tuple[Any, ...]] = field(default_factory=set)
    tasks: set[tuple[Any, ...]] = field(default_factory=set)
    triggering: set[tuple[str, str, str]] = field(default_factory=set)
    new: list[str] = field(default_factory=list)
    status: str = "active"
    stood_still: bool = False

    @property
    def now(self) -> dict[str, Person]:
        return self.all.people

    @property
    def at(self) -> datetime:
        return self.all.at

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
                self._end(contact, "gone")
            elif ("leave_flow", self.name, contact) in self.all.heard:
                self._end(contact, "left")
        if status == "active":
            for contact in list(self.inside):
                if "goal" in self.flow and self._holds(self.flow["goal"], contact):
                    self._end(contact, "converted")
            self._exits(list(self.inside))
            self._restart()

    def move(self) -> None:
        """The end of a tick: everybody goes as far as they can."""
        self._exits(self.new)
        if self.status == "active":
            for contact in sorted(self.inside):
                self._move(contact)
        self.before, self.seen = self.now, self.seen | set(self.now)

    def _restart(self) -> None:
        conditions = self.flow.get("restart_when", [])
        for contact, enrollment in self.inside.items():
            turned = []
            for number, condition in enumerate(conditions):
                level = "attribute" in condition
                since = enrollment.began if level else max(enrollment.began, self.all.previous or NEVER)
                asked = {"since": "enrollment", **condition} if "event" in condition else condition
                holds = self._holds(asked, contact, since)
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

    def _holds(self, condition: Spec, contact: str, began: datetime | None = None) -> bool:
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
            if any(self._holds(condition, contact) for condition in self.flow.get("exit_when", [])):
                self._end(contact, "exit_when")

    def _end(self, contact: str, reason: str) -> None:
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
                    rests = ["attribute" in c and self._holds(c, contact) for c in self.flow.get("restart_when", [])]
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
        if "where" in self.flow and not self._holds(self.flow["where"], contact):
            return "filter"
        if "goal" in self.flow and self._holds(self.flow["goal"], contact, self.at):
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

    def _move(self, contact: str) -> None:
        enrollment = self.inside[contact]
        enrollment.due = enrollment.since
        while enrollment.todo:
            step = enrollment.todo[0]
            action = kind_of(step)
            skip = self._skipped(enrollment, contact, step)
            way: tuple[str | None, list[Spec], datetime] | None = None
            if skip is None:
                way = self._way(enrollment, contact, step)
                if way is None:
                    return
            del enrollment.todo[0]
            enrollment.since = self.at
            if step["id"] == "s0":
                enrollment.first_step = self.at
            place = (contact, step["id"], enrollment.visit)
            if way is None:
                self.journal.add((*place, "skipped", skip))
                continue
            detail, steps, enrollment.due = way
            enrollment.todo[:0] = steps
            if action == "coupon":
                self.all.claimed.append((self.name, *place))
                if (self.name, *place) not in self.all.claims:
                    self.journal.add((*place, "failed", "no_coupon: pool spring is empty"))
                    if step["on_failure"] == "end":
                        self._end(contact, "failed")
                        return
                    continue
            self.journal.add((*place, action, detail))
            self._do(place, action, step)
            if action == "exit":
                self._end(contact, "exit")
                return
        self._end(contact, "completed")

    def _do(self, place: tuple[Any, ...], action: str, step: Spec) -> None:
        contact, body = place[0], step[action]
        if action in MESSAGES:
            self.messages.add(place)
        elif action == "create_task":
            due = after(self.at, body["due"], self.all.zone) if "due" in body else None
            self.tasks.add((contact, step["id"], f"Call {contact}", due))
        elif action in ("add_tag", "remove_tag", "add_to_list", "remove_from_list"):
            self.all.updates.append((contact, action, body, None))
        elif action == "update_contact":
            value = self.at if "moved_at" in body else body["points"]["increment"]
            self.all.updates.append((contact, next(iter(body)), "", value))
        elif action in ("enter_flow", "leave_flow"):
            self.all.calls.append((action, body, contact))

    def _skipped(self, enrollment: Enrollment, contact: str, step: Spec) -> str | None:
        if self._too_late(enrollment, contact, step):
            return "too_late"
        after_ = step.get("skip_after")
        limit = self.now[contact][after_["attribute"]] if isinstance(after_, dict) else after_
        if isinstance(limit, str):
            limit = datetime.fromisoformat(limit) if "T" in limit else date.fromisoformat(limit)
        if limit is None:
            return None
        if isinstance(limit, datetime):
            return "skip_after" if self.at > limit else None
        return "skip_after" if clock(self.at, self.all.zone).date() > limit else None

    def _too_late(self, enrollment: Enrollment, contact: str, step: Spec) -> bool:
        """After a pause: could the message have been sent more than `max_lateness` ago?"""
        if not self.stood_still or kind_of(step) not in MESSAGES:
            return False
        window = self._window(step)
        if window is not None:
            enrollment.due = opening(window, enrollment.due, self.all.zone_of(window.get("timezone"), contact))
        return enrollment.due <= self.at - MAX_LATENESS

    def _window(self, step: Spec) -> Spec | None:
        found: Spec | None = step.get("window") or (self.flow.get("window") if kind_of(step) in TO_CONTACTS else None)
        return found

    def _way(self, enrollment: Enrollment, contact: str, step: Spec) -> tuple[str | None, list[Spec], datetime] | None:
        """The way on: what the journal says, its steps, when it could be taken first. None: none yet."""
        action, body = kind_of(step), step[kind_of(step)]
        come = enrollment.due
        match action:
            case "branch":
                arm = "then" if self._holds(body["if"], contact) else "else"
                return arm, body[arm], come
            case "switch":
                for number, case in enumerate(body["cases"], start=1):
                    if self._holds(case["if"], contact):
                        return case.get("name", f"case_{number}"), case["then"], come
                return "else", body["else"], come
            case "split":
                chance, total = drawn(self.name, step["id"], contact), sum(part["weight"] for part in body)
                for number, part in enumerate(body, start=1):
                    if chance < sum(one["weight"] for one in body[:number]) / total:
                        return part["name"], part["steps"], come
            case "wait":
                return self._waited(enrollment, contact, step)
        window = self._window(step)
        if window is not None and action in MESSAGES | {"create_task"}:
            zone = self.all.zone_of(window.get("timezone"), contact)
            if opening(window, self.at, zone) != self.at:
                return None
            return None, [], opening(window, come, zone)
        return None, [], come

    def _waited(
        self, enrollment: Enrollment, contact: str, step: Spec
    ) -> tuple[str | None, list[Spec], datetime] | None:
        body = step["wait"]
        over = self._over(enrollment, contact, step, enrollment.since)
        # The same for who would have come earlier, had the flow not stood still.
        was_over = self._over(enrollment, contact, step, enrollment.due)
        until = body.get("until", {})
        timeout = after(enrollment.since, body["timeout"], self.all.zone) if "timeout" in body else None
        if "for" in body or "time" in until:
            return (None, [], was_over) if over is not None and was_over is not None and over <= self.at else None
        lates = [one for one in (was_over, timeout) if one and one <= self.at]
        named = "then" if timeout or "date" not in until else None
        if (over is not None and over <= self.at) or ("date" not in until and self._holds(until, contact)):
            since = enrollment.due if enrollment.since == self.at else self.at
            return named, body.get("then", []), min(lates, default=since)
        return ("timed_out", body.get("timed_out", []), timeout) if timeout and timeout <= self.at else None

    def _over(self, enrollment: Enrollment, contact: str, step: Spec, since: datetime) -> datetime | None:
        """When a time or date comes, or has come, for which somebody waits who came at `since`."""
        body = step["wait"]
        until = body.get("until", {})
        zone = self.all.zone_of(until.get("timezone"), contact)
        if "date" in until:
            due = date_due(until, self.now[contact][until["date"]], zone)
            return None if due is None else max(due, since)
        if "for" not in body and "time" not in until:
            return None
        due = after(since, body["for"], self.all.zone) if "for" in body else firing(until, since, zone)
        spread = after(due, body["jitter"], "UTC") - due if "jitter" in body else timedelta()
        return due + drawn("spread", enrollment.id, step["id"]) * spread

    def moments(self) -> set[datetime]:
        """When something may happen to those who stand somewhere, and the edges of their windows."""
        found = {end + SOON for end in self.last_end.values()} if self.waiting else set()
        for contact, enrollment in self.inside.items():
            step = enrollment.todo[0]
            window = self._window(step)
            if window is not None:
                zone = self.all.zone_of(window.get("timezone"), contact)
                found |= {edge for span in spans(window, self.at, zone) for edge in span}
            if "wait" in step and contact in self.now:
                over = self._over(enrollment, contact, step, enrollment.since)
                found |= {over} if over is not None else set()
                if "timeout" in step["wait"]:
                    found.add(after(enrollment.since, step["wait"]["timeout"], self.all.zone))
        return {one.replace(microsecond=0) for one in found if one > self.at}


def kind_of(step: Spec) -> str:
    """The word that says what a step does."""
    return next(key for key in step if key not in ("id", "skip_after", "window", "on_failure"))

"""How one contact passes through the steps of a flow; see tests/flow_model.py."""

from __future__ import annotations

import hashlib
from collections import defaultdict
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
    doomed: set[str] = field(default_factory=set)
    """Whom steps of this tick delete; who was deleted in earlier ones is no contact any more."""
    deleted: set[str] = field(default_factory=set)
    claims: set[tuple[Any, ...]] = field(default_factory=set)
    """Who got a coupon in this tick. Who of several gets the last ones is up to the engine."""
    claimed: list[tuple[Any, ...]] = field(default_factory=list)
    """Who wanted one."""

    def build(self, at: datetime, people: dict[str, Person]) -> None:
        """Begin a tick."""
        self.deleted, self.doomed = self.deleted | self.doomed, set()
        there = {contact: person for contact, person in people.items() if contact not in self.deleted}
        self.previous, self.at, self.people = (None if self.at == NEVER else self.at), at, there
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


def kind_of(step: Spec) -> str:
    """The word that says what a step does."""
    return next(key for key in step if key not in ("id", "skip_after", "window", "on_failure"))


@dataclass(kw_only=True)
class Passing:
    """One flow, as far as contacts move in it."""

    name: str
    flow: Spec
    all: Everybody
    inside: dict[str, Enrollment] = field(default_factory=dict)
    last_end: dict[str, datetime] = field(default_factory=dict)
    waiting: dict[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)
    """contact -> the crossing that waits, and the tick that saw it"""
    journal: set[tuple[Any, ...]] = field(default_factory=set)
    messages: set[tuple[Any, ...]] = field(default_factory=set)
    tasks: set[tuple[Any, ...]] = field(default_factory=set)
    stood_still: bool = False

    @property
    def now(self) -> dict[str, Person]:
        return self.all.people

    @property
    def at(self) -> datetime:
        return self.all.at

    def holds(self, condition: Spec, contact: str, began: datetime | None = None) -> bool:
        """Is a condition true of a contact?"""
        raise NotImplementedError

    def end(self, contact: str, reason: str) -> None:
        """End an enrollment."""
        raise NotImplementedError

    def pass_on(self, contact: str) -> None:
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
                        self.end(contact, "failed")
                        return
                    continue
            self.journal.add((*place, action, detail))
            self._do(place, action, step)
            if action in ("exit", "delete_contact"):
                self.all.doomed |= {contact} if action == "delete_contact" else set()
                self.end(contact, "exit" if action == "exit" else "deleted")
                return
        self.end(contact, "completed")

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
        return enrollment.due < self.at - MAX_LATENESS

    def _window(self, step: Spec) -> Spec | None:
        found: Spec | None = step.get("window") or (self.flow.get("window") if kind_of(step) in TO_CONTACTS else None)
        return found

    def _way(self, enrollment: Enrollment, contact: str, step: Spec) -> tuple[str | None, list[Spec], datetime] | None:
        """The way on: what the journal says, its steps, when it could be taken first. None: none yet."""
        action, body = kind_of(step), step[kind_of(step)]
        come = enrollment.due
        match action:
            case "branch":
                arm = "then" if self.holds(body["if"], contact) else "else"
                return arm, body[arm], come
            case "switch":
                for number, case in enumerate(body["cases"], start=1):
                    if self.holds(case["if"], contact):
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
        if (over is not None and over <= self.at) or ("date" not in until and self.holds(until, contact)):
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

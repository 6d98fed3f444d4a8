"""Random lives of a project for comparing its builds: rows that are on time or late, edits, renames, broken sources.

A life is told as data, so that it can be lived more than once, in worlds whose tables are made in different ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from tests.facts_world import EVENTS, OBJECTS, FactsWorld
from tests.flow_stories import BIRTHDAYS, RENEWALS, ZONES
from tests.world import CATALOG

FIRST = datetime(2026, 3, 25, 6, tzinfo=UTC)
"""A Wednesday; Europe/Berlin sets its clocks forward on the Sunday after it."""
SLOTS = ("londoners", "grown", "third", "fourth")
"""What `flow_stories` and FLOWS call the segments, whatever their files are called by now."""
ASKED = "select contact_id from {{ ref('contacts') }} where city = 'CITY'"
RULES: list[dict[str, Any]] = [
    {"event": "purchase", "count": {"gte": 1}},
    {"event": "purchase", "within_last": "2 days", "count": {"gte": 1}},
    {"event": "visit", "within": {"this": "week"}, "count": {"gte": 1}},
    {"event": "purchase", "not_within_last": "3 days", "count": {"gte": 1}},
    {"event": "purchase", "sum": {"property": "amount", "gte": 5}},
    {"event": "visit", "followed_by": {"event": "purchase", "within": "1 day"}, "count": {"gte": 1}},
    {"event": "booking", "where": {"property": "starts_at", "within_next": "2 days"}, "count": {"gte": 1}},
    {"object": "item", "where": {"field": "category", "is": "tea"}, "count": {"gte": 1}},
    {"object": "order", "within_last": "3 days", "count": {"gte": 1}},
    {"all": [{"attribute": "city", "is": "London"}, {"event": "visit", "count": {"gte": 1}}]},
    {"any": [{"tag": "red"}, {"not": {"event": "visit", "within_last": "2 days", "count": {"gte": 1}}}]},
    {"any": [{"list": "news"}, {"attribute": "renews_at", "within_next": "2 days"}]},
    {"attribute": "city", "is": "London"},
    {"attribute": "points", "gte": 1},
]
BREAKS = [("events", "arrived_at"), ("events", "name"), ("orders", "ordered_at"), ("contacts", "city")]
CODES = ("A", "B", "C", "D")
FLOWS: dict[str, dict[str, Any]] = {
    "flow0": {
        "trigger": {"any": [{"enters": "londoners"}, {"exits": "grown"}]},
        "reentry": "always",
        "exit_when": [{"segment": "third"}],
        "steps": [
            {"id": "hello", "send_email": {"subject": "x", "text": "x"}},
            {"id": "points", "update_contact": {"points": {"increment": 1}}},
            {"id": "think", "wait": "1 day"},
            {
                "id": "bought",
                "branch": {
                    "if": {"any": [{"event": "visit", "since": "enrollment"}, {"segment": "fourth"}]},
                    "then": [{"id": "red", "add_tag": "red"}],
                    "else": [{"id": "code", "coupon": "spring", "on_failure": "continue"}],
                },
            },
            {"id": "bye", "send_sms": {"text": "x"}},
        ],
    },
    "flow1": {
        "trigger": {"any": [{"enters": "of_many"}, {"enters": "grown"}]},
        "reentry": {"after_exit": "1 day"},
        "goal": {"event": "purchase", "since": "enrollment"},
        "steps": [
            {"id": "news", "add_to_list": "news"},
            {
                "id": "until",
                "wait": {
                    "until": {"segment": "londoners"},
                    "timeout": "2 days",
                    "then": [{"id": "mail", "send_email": {"subject": "x", "text": "x"}}],
                    "timed_out": [{"id": "call", "create_task": {"title": "Call"}}],
                },
            },
            {"id": "off", "remove_tag": "red"},
        ],
    },
}
"""Two flows for whoever draws none."""


@dataclass(frozen=True)
class Day:
    """What happens before a tick."""

    at: datetime
    rows: tuple[str, ...] = ()
    """Statements about the raw tables."""
    segments: Mapping[str, Any] = field(default_factory=dict)
    """File -> what it says now; None: it is gone."""
    flows: Mapping[str, Any] = field(default_factory=dict)
    broken: tuple[str, str] | None = None
    """A raw table and a column of it that is not there for this tick."""


class _Teller:
    """Tells one life."""

    def __init__(self, seed: int, flows: Mapping[str, Any], people: int) -> None:
        self.random, self.flows = Random(seed), flows
        self.people = [f"c{number:02}" for number in range(people)]
        self.at = self.loaded = FIRST
        self.files = {slot: [slot] for slot in (*SLOTS, "asked", "of_many", *flows)}
        """What a segment or a flow is called, last, and what it was called before."""
        self.rules: dict[str, Any] = {}
        self.status = "active"

    def days(self, number: int) -> Iterator[Day]:
        for day in range(number):
            rows = [row for who in self.people for row in self._contact(who)] if day == 0 else self._person()
            rows += [row for _ in range(self.random.choice([1, 3, 9])) for row in self._row()]
            change = self.random.random()
            if day and change < 0.1:
                # Alone: as many that come as those that go, with times that were seen, would be taken for the same.
                rows = [f"DELETE FROM raw.events WHERE contact_id = '{self.random.choice(self.people)}'"]
            gone = self._rename() if day and 0.2 < change < 0.5 else None
            if day == 0 or change > 0.8:
                for slot in SLOTS if day == 0 else self.random.sample(SLOTS, 2):
                    self.rules[slot] = self._rule()
                self.rules["asked"] = self.random.choice(["London", "Rome"])
            self.status = self.random.choice(["active"] * 6 + ["paused"])
            broken = self.random.choice(BREAKS) if day and self.random.random() < 0.3 else None
            before: dict[str, Any] = {} if gone is None else {gone: None}
            segments, flows = self._segments(), self._flows()
            if gone in {one for slot in self.flows for one in self.files[slot]}:
                flows = before | flows
            else:
                segments = before | segments
            yield Day(self.at, tuple(rows), segments, flows, broken)
            self.at += timedelta(hours=self.random.choice([1, 12, 24, 24, 36, 24 * 8]))
            self.loaded = max(self.loaded, self.at) + timedelta(seconds=1)

    def _contact(self, who: str) -> Iterator[str]:
        city, age = self.random.choice(["London", "Rome"]), self.random.randrange(6)
        more: list[Any] = [self.random.choice(some) for some in (ZONES, BIRTHDAYS, RENEWALS)]
        shown = ", ".join(
            "NULL" if one is None else f"'{one:%F %T}'" if hasattr(one, "year") else f"'{one}'" for one in more
        )
        yield f"DELETE FROM raw.contacts WHERE contact_id = '{who}'"
        yield (
            "INSERT INTO raw.contacts (contact_id, city, age, email, phone, zone, birthday, renews_at) "
            f"VALUES ('{who}', '{city}', {age}, '{who}@example.com', '+4420794601{who[1:]}', {shown})"
        )

    def _person(self) -> list[str]:
        """Some contacts change, come or go."""
        found = []
        for who in self.random.sample(self.people, 2):
            what = self.random.random()
            if what < 0.5:
                city = self.random.choice(["London", "Rome"])
                found.append(f"UPDATE raw.contacts SET city = '{city}' WHERE contact_id = '{who}'")
            elif what < 0.6:
                found.append(f"DELETE FROM raw.contacts WHERE contact_id = '{who}'")
            elif what < 0.8:
                found += self._contact(who)
        return found

    def _row(self) -> Iterator[str]:
        """A row of some time, most of them loaded after all that there are."""
        self.loaded += timedelta(minutes=self.random.choice([0, 10]))
        late = timedelta(days=1) if self.random.random() < 0.03 else timedelta(0)
        stamp = f"{self.loaded - late:%F %T}"
        when = self.at + timedelta(hours=self.random.choice([-200, -72, -49, -48, -24, -3, 0, 5, 24]))
        who, number = self.random.choice(self.people), str(self.random.randrange(10**6))
        kind = self.random.choice(["purchase", "purchase", "visit", "visit", "booking", "order"])
        if kind == "order":
            columns = "order_id, contact_id, ordered_at, arrived_at"
            yield f"INSERT INTO raw.orders ({columns}) VALUES ('{number}', '{who}', '{when:%F %T}', '{stamp}')"
            columns = "order_id, item_id, category, arrived_at"
            yield f"INSERT INTO raw.items ({columns}) VALUES ('{number}', '{number}', 'tea', '{stamp}')"
        else:
            starts = (when + timedelta(hours=self.random.choice([1, 47, 70]))).isoformat()
            values = f'{{"amount": {self.random.choice([1, 3])}, "starts_at": "{starts}"}}'
            columns = 'contact_id, name, "at", id, arrived_at, properties'
            row = f"'{who}', '{kind}', '{when:%F %T}', '{number}', '{stamp}', '{values}'"
            yield f"INSERT INTO raw.events ({columns}) VALUES ({row})"

    def _rule(self) -> dict[str, Any]:
        spec = {"where": self.random.choice(RULES), "on_change": self.random.choice(["trigger", "suppress"])}
        return {**spec, **({"every": "1 day"} if self.random.random() < 0.15 else {})}

    def _rename(self) -> str:
        """Give a segment or a flow another name, and return the one that it had. Steps of others name `flow0`."""
        slot = self.random.choice([slot for slot in self.files if slot != "flow0"])
        before = self.files[slot]
        self.files[slot] = [*before, f"{slot}_{len(before)}"]
        return before[-1]

    def _segments(self) -> dict[str, Any]:
        found = {self.files[slot][-1]: {**self.rules[slot], **self._earlier(slot)} for slot in SLOTS}
        asked = ASKED.replace("CITY", self.rules["asked"])
        earlier = self._earlier("asked").get("renamed_from")
        found[self.files["asked"][-1]] = f"/*\nrenamed_from: {earlier}\n*/\n{asked}\n" if earlier else f"{asked}\n"
        parts = [{"segment": self.files[slot][-1]} for slot in ("third", "asked")]
        found[self.files["of_many"][-1]] = {"where": {"any": parts}, "on_change": "trigger", **self._earlier("of_many")}
        return found

    def _flows(self) -> dict[str, Any]:
        return {
            self.files[name][-1]: {
                "status": self.status,
                "allow_loop": True,
                **self._named(spec),
                **self._earlier(name),
            }
            for name, spec in self.flows.items()
        }

    def _earlier(self, slot: str) -> dict[str, Any]:
        earlier = self.files[slot][:-1]
        return {"renamed_from": earlier} if earlier else {}

    def _named(self, tree: Any) -> Any:
        """With the names that segments have now."""
        if isinstance(tree, list):
            return [self._named(one) for one in tree]
        if not isinstance(tree, dict):
            return tree
        known = {word: self.files[one][-1] for word, one in tree.items() if word in ("enters", "exits", "segment")}
        return {word: known.get(word) or self._named(one) for word, one in tree.items()}


def told(seed: int, number: int, flows: Mapping[str, Any] = FLOWS, people: int = 6) -> list[Day]:
    """A life of so many ticks."""
    return list(_Teller(seed, flows, people).days(number))


class MixedWorld(FactsWorld):
    """A world that lives such a life."""

    def __init__(self, root: Path, zone: str = "Europe/Berlin", *, real: bool = False, every: int = 24) -> None:
        senders = {"senders": {"people": {"type": "notify", "people": {"manager": "json://example.com"}}}}
        settings = {"time_zone": zone, **senders, "default_senders": {"notify": "people"}}
        super().__init__(root, real=real, settings={**settings, "facts": {"patch": True, "verify_every": every}})
        attributes = {
            **CATALOG["contacts"]["attributes"],
            "points": {"type": "number", "written_by": "flows"},
            "moved_at": {"type": "timestamp", "written_by": "flows"},
        }
        contacts = {**CATALOG["contacts"], "attributes": attributes, "deletions": True}
        self.catalog({**CATALOG, "contacts": contacts, "events": [EVENTS], "objects": OBJECTS})
        self.project.add_coupons("spring", CODES)
        self.run("DELETE FROM raw.contacts")
        self._files: dict[str, Any] = {}

    def edit(self, day: Day) -> None:
        """Write the files of a day."""
        for name, spec in day.segments.items():
            if self._files.get(name) != spec:
                self.segment(name, spec)
        for name, spec in day.flows.items():
            if self._files.get(name) != spec:
                self.flow(name, spec)
        self._files |= {**day.segments, **day.flows}

    def happen(self, *statements: str) -> None:
        """Let the raw tables change."""
        if statements:
            self.run("; ".join(statements))

    def breaks(self, day: Day) -> None:
        """Take the column away that is not there on this day."""
        if day.broken is not None:
            self.run(f"ALTER TABLE raw.{day.broken[0]} RENAME COLUMN {day.broken[1]} TO elsewhere")

    def mends(self, day: Day) -> None:
        """Put it back."""
        if day.broken is not None:
            self.run(f"ALTER TABLE raw.{day.broken[0]} RENAME COLUMN elsewhere TO {day.broken[1]}")

    def live(self, day: Day) -> None:
        """A day with a tick that is left alone."""
        self.edit(day)
        self.happen(*day.rows)
        self.breaks(day)
        self.tick(day.at, send=True)
        self.mends(day)

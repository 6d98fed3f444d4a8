"""Flows that events trigger: what messages say, each event once whatever comes when, stopped ticks, plans."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.planned import done, planned
from tests.test_rebuild import stopped_at
from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PEOPLE = [{"contact_id": name, "city": "Rome", "phone": f"+4420794600{n}"} for n, name in enumerate(("ana", "bob"), 18)]
THANKS = """\
{{ event.name }} of {{ event.amount }} ({{ event.amount * 2 }}), {{ event.category | default('of nothing') }}, \
{{ event.at.strftime('%d.%m. %H:%M') }}, then {{ next_step }}, no. {{ enrollment.visit }}; \
{{ enrollment.enrolled_at.day }}; {{ flow.goal }}"""
GOAL = "any of: at least 1 x visit since enrollment; tagged vip"
JOINED = """\
{{ segment.description }} ({{ segment.name }}, {{ segment.owner }}): {{ crossing.kind }}, {{ crossing.cause }}, \
{{ crossing.entry_number }}; {{ event.amount | default('no event') }}; {{ next_step | default('the end') }}"""


def bought(contact: str, at: datetime, **properties: Any) -> dict[str, Any]:
    said = {"contact_id": contact, "name": "purchase", "at": at, "id": properties.pop("id", None)}
    return {**said, "properties": json.dumps(properties)}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.rows_of("contacts", PEOPLE)
    yield world
    world.close()


def texts(world: World) -> list[str]:
    """The texts that the mailbox has, by contact, less the line that says how to opt out."""
    found = [json.loads((world.root / ".segflow/mailbox" / name).read_text()) for name in world.mailbox()]
    return sorted(f"{one['contact_id']}: {one['text'].splitlines()[0]}" for one in found)


def test_messages_say_what_triggered_them(world: World) -> None:
    described = {"where": {"attribute": "city", "is": "London"}, "description": "Our Londoners", "owner": "eve"}
    world.segment("londoners", described)
    world.flow(
        "thanks",
        {
            "status": "active",
            "trigger": {"event": "purchase"},
            "goal": {"any": [{"event": "visit", "since": "enrollment"}, {"tag": "vip"}]},
            "steps": [{"id": "say", "send_sms": {"text": THANKS}}, {"id": "think", "wait": "1 day"}],
        },
    )
    world.flow(
        "joined",
        {
            "status": "active",
            "trigger": {"any": [{"enters": "londoners"}, {"event": "visit"}, {"event": "purchase"}]},
            "where": {"crossing": "kind", "is": "enters"},
            "steps": [{"id": "say", "send_sms": {"text": JOINED}}],
        },
    )
    world.tick(FIRST)
    world.rows_of(
        "events",
        [
            bought("ana", FIRST + 5 * HOUR, amount=49.50, category="tea"),
            bought("bob", FIRST + 6 * HOUR, amount=100),
        ],
    )
    world.rows_of("contacts", [PEOPLE[0], {**PEOPLE[1], "city": "London"}])
    report = world.tick(FIRST + DAY, send=True)
    assert report.sent is not None
    assert report.sent.total("sent") == 3
    assert texts(world) == [
        "ana: purchase of 49.5 (99), tea, 01.03. 05:00, then think, no. 1; 2; " + GOAL,
        "bob: Our Londoners (londoners, eve): enters, data, 1; no event; the end",
        "bob: purchase of 100 (200), of nothing, 01.03. 06:00, then think, no. 1; 2; " + GOAL,
    ]


def test_a_segment_that_was_renamed_before_its_message_goes_out(world: World) -> None:
    world.segment("old", {"where": {"attribute": "city", "is": "London"}})
    hello = {"id": "say", "send_sms": {"text": "{{ segment.name }}: {{ crossing.entry_number }}"}}
    world.flow("hi", {"status": "active", "trigger": {"enters": "old"}, "steps": [hello]})
    world.tick(FIRST)
    world.rows_of("contacts", [PEOPLE[0], {**PEOPLE[1], "city": "London"}])
    world.tick(FIRST + DAY)
    world.segment("old", None)
    world.segment("new", {"where": {"attribute": "city", "is": "London"}, "renamed_from": "old"})
    world.flow("hi", {"status": "active", "trigger": {"enters": "new"}, "steps": [hello]})
    world.tick(FIRST + DAY + HOUR, send=True)
    assert texts(world) == ["bob: new: 1"]


@pytest.mark.parametrize("place", ["advance.before_commit", "record.written:5"])
def test_a_tick_that_was_stopped_takes_its_events_once(tmp_path: Path, place: str) -> None:
    worlds = []
    for name in ("stopped", "whole"):
        (tmp_path / name).mkdir()
        world = World(tmp_path / name)
        world.rows_of("contacts", PEOPLE)
        steps = [{"id": "say", "send_sms": {"text": "{{ event.amount }}"}}]
        world.flow(
            "thanks", {"status": "active", "reentry": "always", "trigger": {"event": "purchase"}, "steps": steps}
        )
        world.tick(FIRST)
        world.rows_of("events", [bought("ana", FIRST + HOUR, amount=1), bought("bob", FIRST + HOUR, amount=2)])
        if name == "stopped":
            with stopped_at(place):
                world.tick(FIRST + DAY, send=True)
        world.tick(FIRST + DAY, send=True)
        world.rows_of("events", [bought("ana", FIRST + 2 * HOUR, amount=3), bought("bob", FIRST + HOUR, amount=2)])
        world.tick(FIRST + 2 * DAY, send=True)
        world.check_replay()
        worlds.append((world.ledgers(), texts(world)))
        world.close()
    assert worlds[0][1] == worlds[1][1] == ["ana: 1", "ana: 3", "bob: 2"]
    assert worlds[0][0] == worlds[1][0]


def test_a_plan_counts_the_events(world: World) -> None:
    steps = [{"id": "say", "send_sms": {"text": "{{ event.amount }}"}}]
    world.flow("thanks", {"status": "active", "trigger": {"event": "purchase"}, "steps": steps})
    world.tick(FIRST)
    world.rows_of("events", [bought("ana", FIRST + HOUR, amount=1), bought("bob", FIRST + HOUR, amount=2)])
    plan = world.project.plan(FIRST + DAY)
    said = planned(plan)
    assert said["flows"] == {"thanks": ("active", 2, 0)}
    report = world.tick(FIRST + DAY)
    assert done(world, report)["messages"] == said["messages"]


class Naive:
    """What event triggers do, one event at a time."""

    def __init__(self, late_by: timedelta) -> None:
        self.late_by, self.seen, self.begun = late_by, set[Any](), set[Any]()
        self.before: datetime | None = None
        self.since: datetime | None = None

    def tick(self, as_of: datetime, rows: list[dict[str, Any]]) -> list[tuple[str, str, datetime]]:
        """(contact, what became of it, when it happened) of each event that is new."""
        before, self.before = self.before, as_of
        if before is None:
            self.since = as_of
            return []
        assert self.since is not None
        earliest = max(self.since, before - self.late_by)
        found: dict[Any, dict[str, Any]] = {}
        for row in sorted(rows, key=lambda row: (row["at"], row["contact_id"])):
            identity = row["id"] or (row["contact_id"], row["at"], row["properties"])
            if earliest < row["at"] <= as_of and identity not in self.seen:
                found.setdefault(identity, row)
        told, enrolled = [], set()
        for identity, row in found.items():
            self.seen.add(identity)
            contact = row["contact_id"]
            if (contact, identity) in self.begun:
                continue
            told.append((contact, "dropped" if contact in enrolled else "enrolled", row["at"]))
            if contact not in enrolled:
                self.begun.add((contact, identity))
            enrolled.add(contact)
        return told


@pytest.mark.parametrize("seed", range(2))
def test_each_event_triggers_once_whatever_comes_when(world: World, seed: int) -> None:
    drawn = random.Random(seed)
    steps = [{"id": "note", "add_to_list": "news"}]
    world.flow("thanks", {"status": "active", "reentry": "always", "trigger": {"event": "purchase"}, "steps": steps})
    rows = []
    for number in range(60):
        at = FIRST + HOUR * drawn.randrange(-24, 24 * 12)
        row = bought(drawn.choice(("ana", "bob")), at, amount=drawn.randrange(3))
        row["id"] = drawn.choice((None, f"e{number}", f"e{number // 3}"))
        rows.append((at + HOUR * drawn.choice((0, 0, 1, 30, 60, 75, 100)), row))
    naive, as_of = Naive(3 * DAY), FIRST
    for _ in range(7):
        there = [row for arrived, row in rows if arrived <= as_of]
        world.rows_of("events", there)
        report = world.tick(as_of)
        this = f"tick_id = '{report.tick_id}'"
        found = world.rows(
            "SELECT contact_id, 'enrolled' AS became, trigger_data ->> '$.\"@at\"' AS at "
            f"FROM segflow.flow_enrollment_starts WHERE {this} UNION ALL "
            f"SELECT contact_id, 'dropped', NULL FROM segflow.flow_journal WHERE {this} AND action = 'dropped'"
        )
        told = naive.tick(as_of, there)
        kept = [(who, what, at if what == "enrolled" else None) for who, what, at in told]
        shown = [
            (row["contact_id"], row["became"], datetime.fromisoformat(row["at"]) if row["at"] else None)
            for row in found
        ]
        assert sorted(shown, key=repr) == sorted(kept, key=repr), as_of
        as_of += HOUR * drawn.choice((1, 7, 24, 60))
    assert len(naive.begun) > 3
    world.check_replay()

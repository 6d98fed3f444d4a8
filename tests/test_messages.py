"""What became of messages, in conditions: facts from the ledgers, and the enrollment's own messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segflow.outbox.message_events import MessageEvent
from tests.world import World

FIRST = datetime(2026, 3, 1, 9, tzinfo=UTC)
PEOPLE = [{"contact_id": name, "city": "Rome", "email": f"{name}@example.com"} for name in ("ana", "bob", "eve")]


def on(day: float) -> datetime:
    return FIRST + timedelta(days=day)


def flow(steps: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"status": "active", "trigger": {"enters": "londoners"}, "steps": steps, **more}


OFFER = {"id": "offer", "send_email": {"subject": "Tea", "text": "Tea?"}}
WAIT = {"id": "think", "wait": "1 day"}


def branch(condition: dict[str, Any], name: str = "yes") -> dict[str, Any]:
    """Who satisfies the condition gets on list `name`."""
    return {"id": f"is_{name}", "branch": {"if": condition, "then": [{"id": name, "add_to_list": name}]}}


@pytest.fixture
def world(tmp_path: Path) -> Any:
    made = World(tmp_path)
    made.rows_of("contacts", PEOPLE)
    made.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    yield made
    made.close()


def move(world: World, *names: str) -> None:
    """These live in London from now on, the others in Rome."""
    world.rows_of("contacts", [{**row, "city": "London" if row["contact_id"] in names else "Rome"} for row in PEOPLE])


def tell(world: World, kind: Any, flow: str, contact: str, at: datetime, provider_event: str | None = None) -> int:
    """A provider tells about the latest message that a flow sent to a contact."""
    told = f"FROM segflow.outbox WHERE flow = '{flow}' AND contact_id = '{contact}'"
    found = world.rows(f"SELECT message_id {told} ORDER BY planned_at DESC")
    event = MessageEvent(message_id=found[0]["message_id"], kind=kind, at=at, provider_event=provider_event)
    return world.project.store.message_events.record([event])


def listed(world: World, name: str = "yes") -> set[str]:
    found = world.rows(f"SELECT contact_id FROM segflow.contact_updates WHERE kind = 'list' AND name = '{name}'")
    return {row["contact_id"] for row in found}


def members(world: World, segment: str) -> set[str]:
    return {
        r["contact_id"] for r in world.rows(f"SELECT contact_id FROM segflow.memberships WHERE segment = '{segment}'")
    }


def test_a_branch_knows_the_message_of_its_own_enrollment(world: World) -> None:
    """Both flows mail ana and bob from a step of the same name; ana opens the one, bob the other."""
    for name in ("first", "second"):
        world.flow(
            name, flow([OFFER, WAIT, branch({"message": "opened", "step": "offer"}), {"id": "end", "exit": True}])
        )
    world.tick(on(0))
    move(world, "ana", "bob")
    world.tick(on(1), send=True)
    assert tell(world, "opened", "first", "ana", on(1.5)) == 1
    assert tell(world, "opened", "second", "bob", on(1.5)) == 1
    report = world.tick(on(2))
    assert report.errors == []
    taken = world.rows("SELECT flow, contact_id, detail FROM segflow.flow_journal WHERE action = 'branch'")
    assert {(row["flow"], row["contact_id"], row["detail"]) for row in taken} == {
        ("first", "ana", "then"), ("first", "bob", "else"), ("second", "ana", "else"), ("second", "bob", "then"),
    }  # fmt: skip


def test_an_enrollment_does_not_see_the_messages_of_the_one_before(world: World) -> None:
    steps = [OFFER, WAIT, branch({"message": "opened", "step": "offer"})]
    world.flow("again", flow(steps, reentry="always"))
    world.tick(on(0))
    move(world, "ana")
    world.tick(on(1), send=True)
    tell(world, "opened", "again", "ana", on(1.5))
    move(world)
    world.tick(on(2))
    assert listed(world) == {"ana"}
    move(world, "ana")
    world.tick(on(3), send=True)
    world.tick(on(4))
    rows = world.rows("SELECT detail FROM segflow.flow_journal WHERE action = 'branch' ORDER BY tick_id")
    assert [row["detail"] for row in rows] == ["then", "else"]


def test_what_a_tick_sends_is_seen_from_the_next_on(world: World) -> None:
    sent = {"message": "sent", "step": "offer"}
    world.flow("mail", flow([OFFER, branch(sent, "at_once"), WAIT, branch(sent, "later")]))
    world.segment("mailed", {"where": {"message": "sent", "flow": "mail"}})
    world.tick(on(0))
    move(world, "ana")
    world.tick(on(1), send=True)
    assert members(world, "mailed") == set()
    world.tick(on(2))
    assert members(world, "mailed") == {"ana"}
    rows = world.rows("SELECT step, detail FROM segflow.flow_journal WHERE action = 'branch'")
    assert {row["step"]: row["detail"] for row in rows} == {"is_at_once": "else", "is_later": "then"}


def test_segments_count_messages_once(world: World) -> None:
    world.flow("mail", flow([OFFER], reentry="always"))
    world.segment("opened", {"where": {"message": "opened", "channel": "email"}})
    world.segment("twice", {"where": {"message": "opened", "flow": "mail", "step": "offer", "count": 2}})
    world.segment("late", {"where": {"message": "opened", "within_last": "1 day"}})
    world.segment("silent", {"where": {"all": [{"message": "sent"}, {"message": "opened", "count": 0}]}})
    world.tick(on(0))
    move(world, "ana", "bob")
    world.tick(on(1), send=True)
    assert tell(world, "opened", "mail", "ana", on(1.5), "e1") == 1
    assert tell(world, "opened", "mail", "ana", on(1.6), "e2") == 1
    assert tell(world, "opened", "mail", "ana", on(1.7), "e2") == 0  # a callback that came twice
    world.tick(on(2))
    assert (members(world, "opened"), members(world, "twice")) == ({"ana"}, set())
    assert (members(world, "late"), members(world, "silent")) == ({"ana"}, {"bob"})
    move(world)
    world.tick(on(3))
    move(world, "ana", "bob")
    world.tick(on(4), send=True)
    tell(world, "opened", "mail", "ana", on(4.5))
    tell(world, "opened", "mail", "bob", on(9.5))  # later than the next tick
    world.tick(on(5))
    assert (members(world, "twice"), members(world, "late"), members(world, "silent")) == ({"ana"}, {"ana"}, {"bob"})
    world.tick(on(10))
    assert (members(world, "late"), members(world, "silent")) == ({"bob"}, set())
    rows = world.rows("SELECT contact_id, flow, step, channel, kind, tick_id FROM segflow.message_events")
    assert len(rows) == 4
    assert all(row["flow"] == "mail" and row["step"] == "offer" and row["channel"] == "email" for row in rows)


def test_events_of_unknown_messages_are_left_out(world: World) -> None:
    event = MessageEvent(message_id="never sent", kind="opened", at=on(1))
    assert world.project.store.message_events.record([event, event]) == 0
    assert world.project.store.message_events.record([]) == 0


def test_since_a_step_and_since_the_last_tick(world: World) -> None:
    """ana visits before the step, bob after it, eve never; both visits lie after the enrollment."""
    branches = [
        branch({"event": "visit", "since": moment}, name)
        for moment, name in (("think", "yes"), ("enrollment", "x"), ("last", "z"))
    ]
    steps = [WAIT, {"id": "rest", "wait": "2 days"}, *branches, {"id": "last", "exit": True}]
    world.flow("steps", flow(steps))
    world.flow("ticks", flow([{"id": "long", "wait": "30 days"}], exit_when=[{"event": "visit", "since": "last_tick"}]))
    then = {"event": "visit", "since": "enrollment", "followed_by": {"event": "purchase", "within": "1 hour"}}
    world.flow("sequence", flow([{"id": "long", "wait": "30 days"}], exit_when=[then]))
    world.tick(on(0))
    move(world, "ana", "bob", "eve")
    visits = [("ana", 0.5), ("eve", 0.9), ("ana", 1.5), ("bob", 3.5)]
    buys = [("eve", 0.91), ("bob", 3.51), ("ana", 1.9)]
    events = [{"contact_id": c, "name": "visit", "at": on(at)} for c, at in visits]
    events += [{"contact_id": c, "name": "purchase", "at": on(at)} for c, at in buys]
    world.rows_of("events", events)
    ended: dict[str, dict[str, int]] = {"ticks": {}, "sequence": {}}
    for day in (1, 2, 3, 4):
        report = world.tick(on(day))
        assert report.errors == []
        for row in world.rows(f"SELECT * FROM segflow.flow_enrollment_ends WHERE tick_id = '{report.tick_id}'"):
            ended.get(row["flow"], {})[row["contact_id"]] = day
    assert listed(world) == {"bob"}
    assert listed(world, "x") == {"ana", "bob"}
    assert listed(world, "z") == set()
    # ana and eve had visited between the first two ticks, when they were enrolled.
    assert ended == {"ticks": {"ana": 1, "eve": 1, "bob": 4}, "sequence": {"bob": 4}}


def test_added_since_the_enrollment_a_step_and_the_last_tick(world: World) -> None:
    """ana is on the list before she is enrolled, bob comes on it before the step, eve after it."""
    since = {moment: {"list": "news", "added": {"since": moment}} for moment in ("enrollment", "think", "last_tick")}
    ends = [branch(since["enrollment"], "enrolled"), branch(since["think"], "thought"), branch(since["last_tick"], "z")]
    world.flow("added", flow([WAIT, {"id": "rest", "wait": "2 days"}, *ends]))
    world.flow("waits", flow([{"id": "long", "wait": "30 days"}], exit_when=[since["last_tick"]]))
    world.tick(on(0))
    move(world, "ana", "bob", "eve")
    added = [("ana", on(0.5)), ("bob", on(1.5)), ("eve", on(3.5))]
    world.rows_of("lists", [{"contact_id": name, "name": "news", "added_at": at} for name, at in added])
    for day in (1, 2, 3, 4):
        report = world.tick(on(day))
        assert report.errors == []
    assert listed(world, "enrolled") == {"bob", "eve"}
    assert listed(world, "thought") == {"eve"}
    assert listed(world, "z") == {"eve"}
    ended = world.rows("SELECT contact_id, ended_at FROM segflow.flow_enrollment_ends WHERE flow = 'waits'")
    days = {row["contact_id"]: row["ended_at"].day for row in ended}
    assert days == {"ana": on(1).day, "bob": on(2).day, "eve": on(4).day}


def test_when_messages_were_opened(world: World) -> None:
    """ana opens on two days, bob once and long ago; what one enrollment asks is about its own message."""
    world.flow(
        "mail", flow([OFFER, WAIT, branch({"message": "opened", "step": "offer", "days": {"of_last": 9, "gte": 2}})])
    )
    rules = {
        "lately": {"message": "opened", "last_time": {"within_last": "1 day"}},
        "never": {"message": "opened", "first_time": {"is_not_set": True}},
        "two_days": {"message": "opened", "days": {"of_last": 5, "gte": 2}},
        "stopped": {"message": "opened", "flow": "mail", "stopped": "2 days"},
    }
    for name, rule in rules.items():
        world.segment(name, {"where": rule})
    world.tick(on(0))
    move(world, "ana", "bob")
    world.tick(on(1), send=True)
    for name, at in (("ana", 1.2), ("bob", 1.3), ("ana", 2.4), ("ana", 2.5)):
        tell(world, "opened", "mail", name, on(at), f"{name}{at}")
    world.tick(on(3))
    assert listed(world) == {"ana"}
    assert {name: members(world, name) for name in rules} == {
        "lately": {"ana"}, "never": {"eve"}, "two_days": {"ana"}, "stopped": set(),
    }  # fmt: skip
    world.tick(on(4))
    assert (members(world, "lately"), members(world, "stopped")) == (set(), {"bob"})


def test_a_rebuild_brings_message_events_back(world: World) -> None:
    world.flow("mail", flow([OFFER]))
    world.tick(on(0))
    move(world, "ana")
    world.tick(on(1), send=True)
    tell(world, "opened", "mail", "ana", on(1.5))
    world.tick(on(2))
    kept = world.ledgers()["message_events"]
    assert len(kept) == 1
    world.close()
    (world.root / ".segflow/warehouse.duckdb").unlink()
    again = World.at(world.root)
    again.project.rebuild()
    assert again.ledgers()["message_events"] == kept
    again.close()

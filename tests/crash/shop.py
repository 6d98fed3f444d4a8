"""The project whose ticks are killed: two ticks behind it, and a third that does everything a tick can do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from segflow.decisions.release import release
from segflow.outbox.consent_changes import ConsentChange
from segflow.outbox.message_events import MessageEvent
from segflow.outbox.spool import LinkUse
from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = FIRST + timedelta(days=1)
THIRD = FIRST + timedelta(days=2)
FOURTH = FIRST + timedelta(days=3)

ONCE = "hook"
"""A live sender that is not idempotent: nothing may reach it twice."""
AGAIN = "safe"
"""A live sender that may be called again for the same message."""
SHUT = "shut"
"""Another, whose provider refuses all: its messages wait."""

_SETTINGS: dict[str, Any] = {
    # The ticks lie in the past; a live sender would skip what is that late.
    "delivery": {"mode": "live", "max_lateness": "100 years", "batch_size": 10},
    "senders": {
        ONCE: {"type": "webhook", "allow_private": True},
        AGAIN: {"type": "webhook", "idempotent": True, "allow_private": True},
        SHUT: {"type": "webhook", "idempotent": True, "allow_private": True},
    },
    "exports": {"columns": ["contact_id", "city"], "keep": "2 ticks"},
}
_SEGMENTS: dict[str, Any] = {
    "londoners": {
        "where": {"attribute": "city", "is": "London"},
        "export": {"path": "exports/crm", "format": "jsonl", "only": ["members", "entered", "exited"]},
    },
    "recent": {"where": {"event": "purchase", "within_last": "2 days"}},
    "grown": {"where": {"attribute": "age", "gte": 15}},
    "teens": "select contact_id from {{ ref('stg_contacts') }} where age between 13 and 19",
    "old": {"where": {"attribute": "age", "gte": 25}},
    # Both are held at the second tick; a person releases the first.
    "romans": {"where": {"attribute": "city", "is": "Rome"}, "guards": {"exits": {"percent": 5, "of_at_least": 1}}},
    "abroad": {"where": {"attribute": "city", "is": "Rome"}, "guards": {"exits": {"percent": 5, "of_at_least": 1}}},
    "regulars": {"where": {"all": [{"segment": "londoners"}, {"event": "purchase"}]}},
}


def _call(step: str, sender: str, url: str) -> dict[str, Any]:
    return {"id": step, "webhook": {"url": url, "sender": sender, "body": {"contact": "{{ contact.contact_id }}"}}}


def _flows(url: str) -> dict[str, dict[str, Any]]:
    return {
        "hi": {
            "status": "active",
            "reentry": "always",
            "trigger": {"any": [{"enters": "londoners"}, {"enters": "recent"}]},
            "exit_when": [{"attribute": "age", "lt": 2}],
            "steps": [
                {"id": "hello", "send_sms": {"text": "Hello {{ contact.contact_id }}"}},
                {"id": "news", "add_to_list": "news"},
                {"id": "think", "wait": "1 day"},
                {
                    "id": "bought",
                    "branch": {
                        "if": {"event": "purchase", "since": "enrollment"},
                        "then": [{"id": "thanks", "send_email": {"subject": "Thanks", "text": "Thank you"}}],
                    },
                },
            ],
        },
        "tell": {
            "status": "active",
            "trigger": {"enters": "londoners"},
            "steps": [
                _call("once", ONCE, f"{url}/ok"),
                {"id": "mark", "update_contact": {"stage": "told", "score": 3}},
                {"id": "think", "wait": "1 day"},
                _call("again", AGAIN, f"{url}/ok"),
                _call("never", SHUT, f"{url}/shut"),
            ],
        },
        # Withheld: c0. At the third tick c1 meets the goal, and its message, which waits, is withdrawn.
        "promo": {
            "status": "active",
            "trigger": {"enters": "londoners"},
            "restart_when": [{"attribute": "city", "is": "London"}, {"event": "purchase"}],
            "goal": {"attribute": "stage", "is": "met"},
            "holdout": "40%",
            "steps": [_call("wait", SHUT, f"{url}/shut"), {"id": "think", "wait": "9 days"}],
        },
        "bye": {
            "status": "active",
            "trigger": {"exits": "recent"},
            "steps": [
                {"id": "off", "remove_from_list": "news"},
                {"id": "mail", "send_email": {"subject": "Bye", "text": "Bye {{ contact.contact_id }}"}},
            ],
        },
        "crowd": {
            "status": "active",
            "trigger": {"enters": "londoners"},
            "guards": {"messages": {"percent": 1, "above": 1}},
            "steps": [{"id": "hello", "send_sms": {"text": "Hello"}}],
        },
        "codes": {
            "status": "active",
            "trigger": {"enters": "londoners"},
            "steps": [
                {"id": "code", "coupon": "spring"},
                {"id": "offer", "send_email": {"subject": "Tea", "text": "Take {{ coupons.code }}", "fallback": "sms"}},
                {"id": "call", "create_task": {"title": "Call {{ contact.contact_id }}", "due": "2 days"}},
            ],
        },
        # Some at the second tick, of whom a person restores one before the third; some at the third.
        "forget": {
            "status": "active",
            "trigger": {"exits": "recent"},
            "where": {"attribute": "age", "gte": 10},
            "steps": [{"id": "bye", "delete_contact": True}],
        },
        # Over its guard, and not released: the codes that it has claimed go back.
        "too_many": {
            "status": "active",
            "trigger": {"enters": "londoners"},
            "guards": {"messages": {"percent": 1, "above": 1}},
            "steps": [{"id": "code", "coupon": "spring"}, {"id": "offer", "send_sms": {"text": "{{ coupons.code }}"}}],
        },
        "named": {
            "status": "active",
            "trigger": {"enters": "londoners"},
            "steps": [{"id": "hello", "send_sms": {"text": "Hello"}}, {"id": "think", "wait": "9 days"}],
        },
        "edited": {
            "status": "active",
            "trigger": {"enters": "londoners"},
            "steps": [{"id": "think", "wait": "9 days"}, {"id": "after", "add_to_list": "after"}],
        },
        "removed": {
            "status": "active",
            "trigger": {"enters": "londoners"},
            "steps": [{"id": "think", "wait": "9 days"}, {"id": "after", "add_to_list": "after"}],
        },
    }


def fresh(root: Path, url: str) -> None:
    """The project with nothing done yet: its next tick is FIRST. `url`: where live messages go."""
    _left_alone(_made(root, url))


def _made(root: Path, url: str) -> World:
    root.mkdir(parents=True)
    world = World(root, settings=_SETTINGS, contacts={"deletions": True})
    # A table of the user's own: dbt builds it beside the old one and renames twice, unlike the generated models.
    events = "{{ config(materialized='table') }}\nselect * from raw.events\n"
    root.joinpath("dbt/models/staging/stg_events.sql").write_text(events, encoding="utf-8")
    for name, spec in _SEGMENTS.items():
        world.segment(name, spec)
    for name, spec in _flows(url).items():
        world.flow(name, spec)
    world.rows_of("contacts", _contacts(in_london=0))
    world.rows_of("events", _purchases())
    world.project.add_coupons("spring", [f"CODE-{number}" for number in range(40)])
    return world


def _left_alone(world: World) -> None:
    world.project.store.close()
    world.close()


def lived(root: Path, url: str) -> None:
    """The project with two ticks behind it, and data and definitions that changed since: its next tick is THIRD."""
    world = _made(root, url)
    world.tick(FIRST, send=True)
    world.rows_of("contacts", _contacts(in_london=3, without=range(24, 27)))
    # Told of a message that is not known: the second tick lays it by, the third one looks for its message again.
    assert world.project.spool is not None
    world.project.spool.prepare()
    early = LinkUse(kind="opened", message_id="not yet", contact_id="c1", channel="email", received_at=SECOND)
    world.project.spool.write([early])
    world.tick(SECOND, send=True)
    sent = world.rows(
        "SELECT message_id, contact_id FROM segflow.deliveries WHERE outcome = 'sent' ORDER BY message_id LIMIT 3"
    )
    told = [MessageEvent(message_id=row["message_id"], kind="opened", at=SECOND) for row in sent]
    assert world.project.store.message_events.record(told) == 3
    said = ConsentChange(contact_id="c4", state="opted_out", at=SECOND, source="page", channel="sms", topic="news")
    world.project.store.consent_changes.record([said])
    # What came in by `segflow serve`: the third tick takes it from the spool, in two files.
    for kind, row in zip(("clicked", "unsubscribed"), sent, strict=False):
        use = LinkUse(
            kind=kind,  # type: ignore[arg-type]
            message_id=row["message_id"],
            contact_id=row["contact_id"],
            channel="email",
            received_at=SECOND + timedelta(hours=1),
        )
        world.project.spool.write([use])
    release(world.project, ["romans"], ["crowd"], reason="we looked")
    rows = [{"contact_id": "c1", "stage": "met"}, {"contact_id": "new", "city": "London", "age": 40, "stage": None}]
    world.project.import_contacts(pa.Table.from_pylist(rows), trigger_flows=False, list_name="fair")
    world.rows_of("contacts", _contacts(in_london=6, without=range(20, 23)))
    world.segment("grown", {"where": {"attribute": "age", "gte": 12}, "on_change": "trigger"})
    world.segment("teens", "select contact_id from {{ ref('stg_contacts') }} where age between 12 and 21")
    world.segment("old", None)
    world.segment("new", {"where": {"attribute": "age", "lt": 20}, "on_create": "trigger"})
    flow = {"status": "active", "trigger": {"any": [{"enters": "new"}, {"enters": "grown"}]}}
    world.flow("welcome", {**flow, "steps": [{"id": "hello", "send_sms": {"text": "Welcome"}}]})
    steps = [{"id": "think", "wait": "1 day"}, {"id": "later", "add_to_list": "later"}]
    world.flow("edited", {"status": "active", "trigger": {"enters": "londoners"}, "steps": steps})
    world.flow("removed", None)
    # A person pauses a flow and takes somebody out of it; then it gets another name.
    world.project.pause("named", "we look at it")
    world.project.remove("named", ["c0"], "asked")
    world.project.restore([world.project.deleted()[0].contact_id], "asked")
    world.flow("named", None)
    world.flow("called", {**_flows("")["named"], "renamed_from": "named"})
    _left_alone(world)


def _contacts(in_london: int, without: range = range(0)) -> list[dict[str, Any]]:
    return [
        {
            "contact_id": f"c{number}",
            "city": "London" if number < in_london else "Rome",
            "age": number,
            "phone": f"+4420794601{number:02}",
            # Who has none gets messages with a fallback by SMS.
            # c3 and c5, who come to London at the third tick, share one.
            "email": f"c{3 if number == 5 else number}@example.com" if number % 5 != 4 else None,
        }
        for number in range(30)
        if number not in without
    ]


def _purchases() -> list[dict[str, Any]]:
    return [
        {"contact_id": f"c{number % 30}", "name": "purchase", "at": FIRST + timedelta(hours=2 * number - 60)}
        for number in range(0, 70, 3)
    ]

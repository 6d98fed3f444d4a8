"""`segflow plan` says what would hold messages back, and what SMS would cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segflow.plan import sending
from segflow.plan.words import details, markdown
from tests.world import World

FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SETTINGS: dict[str, Any] = {
    "delivery": {
        "mode": "live",
        "max_lateness": "10000 days",
        "caps": [{"channel": "email", "at_most": 1, "per": "7 days"}],
        "quiet_hours": [{"from": "11:00", "to": "13:00", "channels": ["sms"]}],
        "throttle": "100 per hour",
    },
    "senders": {
        "mail": {"type": "smtp", "host": "127.0.0.1", "port": 9, "from": "a@a.example"},
        "gateway": {"type": "webhook", "url": "https://g.example/", "price_per_part": 0.05, "currency": "EUR"},
        "other": {"type": "webhook", "url": "https://o.example/"},
    },
    "default_senders": {"email": "mail", "sms": "gateway"},
}
CHANNELS = {"email": {"address": "email", "consent": "subscribed"}, "sms": {"address": "phone"}}
STEPS = [
    {"id": "mail", "send_email": {"subject": "Hi", "text": "Hello", "fallback": [{"sms": {"text": "Hi"}}]}},
    {"id": "again", "send_email": {"subject": "Hi", "text": "Hello"}},
    {"id": "text", "send_sms": {"text": "x" * 161, "category": "transactional"}},
    {"id": "broken", "send_sms": {"text": "{{ contact.score }}", "category": "transactional"}},
    {"id": "free", "send_sms": {"text": "x", "category": "transactional", "sender": "other"}},
]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, settings=SETTINGS, contacts={"channels": CHANNELS})
    world.segment("grown", {"where": {"attribute": "age", "gte": 18}})
    world.flow("hi", {"status": "active", "trigger": {"enters": "grown"}, "steps": STEPS})
    people(world, 1)
    world.tick(FIRST)
    yield world
    world.project.store.close()
    world.close()


def people(world: World, age: int, number: int = 6) -> None:
    world.rows_of(
        "contacts",
        [
            {
                "contact_id": f"c{n}",
                "age": age,
                # One says no, one has no address at all, the last two share one.
                "subscribed": n != 1,
                "email": None if n == 2 else f"c{min(n, number - 2)}@a.example",
                "phone": f"+4420794600{n:02}" if n != 2 else None,
            }
            for n in range(number)
        ],
    )


def test_what_holds_messages_back_and_what_sms_cost(world: World) -> None:
    people(world, 20)
    store = world.project.store
    store.suppress("email", "c0@a.example", "bounced")
    before = {path: path.read_bytes() for path in (world.root / ".segflow").glob("delivery.db")}
    plan = world.project.plan(FIRST + DAY)
    assert {path: path.read_bytes() for path in before} == before
    found = {one.step: one for one in plan.sending}
    mails = [found[step] for step in ("mail", "again")]
    # Of two emails at one time either may be the one that the cap lets go.
    skipped = Counter[str]()
    for one in mails:
        skipped.update(one.skipped)
    assert sum(one.goes for one in mails) == 2
    assert skipped == {
        "capped: 1 email per 7 days": 2,
        "no_channel": 1,  # by mail, with the words of each channel
        "no_address": 1,
        "same_address": 2,
        "no_consent": 1,
        "suppressed: bounced": 1,
    }
    assert [one.held for one in mails] == [{"quiet_hours: 11:00 to 13:00 UTC": 2}, {}]
    assert [(found[step].sms_parts, found[step].sms_cost) for step in ("text", "free", "mail")] == [
        (10, "0.5 EUR"), (5, None), (0, None),
    ]  # fmt: skip
    lines = [line for line in details(plan) if line.startswith("flow hi, step")]
    assert [line for line in lines if "mail" not in line and "again" not in line] == [
        "flow hi, step broken: of 6 messages 0 would go, 1 be skipped (1 no_address), 5 fail (5 template_error)",
        "flow hi, step free: of 6 messages 5 would go, 1 be skipped (1 no_address); 5 parts of SMS",
        "flow hi, step text: of 6 messages 5 would go, 1 be skipped (1 no_address); 10 parts of SMS, 0.5 EUR",
    ]
    assert "2 wait (2 quiet_hours: 11:00 to 13:00 UTC)" in next(line for line in lines if "step mail" in line)
    assert all(line in markdown(plan) for line in lines)
    # What it cannot know it says.
    assert plan.notes == [
        "delivery.throttle (100 per hour) may keep more back: when it lets them go is not in this plan."
    ]
    store.stop_sending("wrong price")
    assert (
        "Sending is stopped: wrong price. Until that is lifted none of the messages go."
        in world.project.plan(FIRST + DAY).notes
    )


def test_of_many_messages_some_are_looked_at(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "AT_MOST", 20)
    people(world, 20, 40)
    plan = world.project.plan(FIRST + DAY)
    looked_at = {one.step: one.looked_at for one in plan.sending}
    # Four contacts of each of the five steps, with all their messages, whoever they are.
    (number,) = set(looked_at.values())
    assert (len(looked_at), 4 <= number <= 20) == (5, True)
    (note,) = [note for note in plan.notes if "200 messages" in note]
    assert note.startswith(f"What holds messages back, and what SMS cost, is of {5 * number} of the 200 messages: ")


def test_a_plan_without_messages_looks_at_none(world: World) -> None:
    plan = world.project.plan(FIRST + DAY)
    assert (plan.sending, plan.notes) == ([], [])

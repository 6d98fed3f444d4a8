"""What is told of a message before its outcome is kept, or of no message of ours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from segflow.cli import show
from segflow.outbox.lease import Lease, held_lease
from segflow.outbox.provider_events import Answer, Taken
from segflow.outbox.records import Outcome
from segflow.outbox.store import DeliveryStore
from tests.serve.shop import DELIVERY, START, messages, shop, suppressed, told
from tests.serve.test_taking import call, event, spool_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEPT = timedelta(days=7)


class Life:
    """A store in which one message to ana comes to be known, is sent, and is told of."""

    def __init__(self, store: DeliveryStore, lease: Lease) -> None:
        self.store, self.lease, self.ticks = store, lease, 0

    @property
    def tick_id(self) -> str:
        return f"2026030{self.ticks}T000000Z"

    def step(self, what: str) -> None:
        """`known`, `sent`, or an answer like `bounced!` (with suppress); `theirs` and `ours` say which id it names."""
        if what == "known":
            row = dict.fromkeys(("enrollment_id", "flow", "flow_version", "step", "visit", "content"), None)
            row |= {"trigger_segment": None, "enrolled_at": None, "planned_at": NOON, "tick_id": self.tick_id}
            row |= {"message_id": "m", "contact_id": "ana", "channel": "email", "sender": "post", "content": "{}"}
            self.store.insert_new(self.lease, [row])
        elif what == "sent":
            claimed = self.store.claim(self.lease, "post", 9, NOON, hand_over=True, repeatable=False)
            assert len(claimed) == 1
            sent = Outcome(message_id="m", attempt=1, outcome="sent", at=NOON, sender="post",
                           address="ana@shop.example", provider_id="p", live=True)  # fmt: skip
            self.store.settle(self.lease, self.tick_id, [sent])
        else:
            self.store.provider_events.take(self.lease, [answer(what)])

    def tick(self, now: datetime | None = None) -> Taken:
        """The part of a tick that looks again."""
        self.ticks += 1
        return self.store.provider_events.match(self.lease, self.tick_id, KEPT, now or datetime.now(UTC))

    def events(self) -> list[str]:
        return [row["kind"] for row in self.store.message_events.waiting()]

    def suppressed(self) -> dict[str, str]:
        return {row["address"]: row["reason"] for row in self.store.all_suppressions()}


def answer(what: str) -> Answer:
    kind, names = what.split()
    of: dict[str, Any] = {
        "theirs": {"provider_id": "p"},
        "ours": {"message_id": "m"},
        "both": {"message_id": "m", "provider_id": "p"},
    }[names]
    return Answer(source="post", event_id=what, kind=kind.rstrip("!"), at=NOON, channel="email",
                  suppress=kind.endswith("!"), **of)  # fmt: skip


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    with DeliveryStore(tmp_path / "delivery.db") as store, held_lease(store.leases, "test") as lease:
        yield Life(store, lease)


ANSWERS: dict[str, tuple[list[str], dict[str, str]]] = {
    "opened": (["opened theirs"], {}),
    "a hard bounce": (["bounced! theirs"], {"ana@shop.example": "bounced"}),
    "a soft bounce": (["bounced theirs"], {}),
    "unsubscribed": (["unsubscribed! ours"], {"ana@shop.example": "unsubscribed"}),
    "two of them, by either id": (["delivered both", "complained! theirs"], {"ana@shop.example": "complained"}),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_in_whatever_order_they_come(life: Life, tmp_path: Path, name: str) -> None:
    """All orders of the message becoming known, its outcome, and what is told of it, also when it is told again: the
    same comes of all of them."""
    told_of, expected = ANSWERS[name]
    orders = [one for one in permutations(["known", "sent", *told_of]) if one.index("known") < one.index("sent")]
    for number, order in enumerate(orders):
        with DeliveryStore(tmp_path / f"{number}.db") as store, held_lease(store.leases, "test") as lease:
            one = Life(store, lease)
            for what in order:
                one.tick()
                one.step(what)
                if what in told_of:
                    one.step(what)
            one.tick()
            for what in told_of:
                one.step(what)
            one.tick()
            assert sorted(one.events()) == sorted(what.split()[0].rstrip("!") for what in told_of), order
            assert one.suppressed() == expected, order
            assert one.tick() == Taken()


def test_what_belongs_to_no_message_is_given_up(life: Life) -> None:
    """After a time, and counted; what it says of an address stays."""
    stranger = Answer(source="post", event_id="x", kind="unsubscribed", at=NOON, channel="email", provider_id="theirs",
                      addresses=("bob@shop.example",), suppress=True)  # fmt: skip
    taken = life.store.provider_events.take(life.lease, [stranger, answer("opened theirs"), answer("opened ours")])
    assert (taken.new, taken.unmatched) == (3, 3)
    soon, later = (datetime.now(UTC) + timedelta(days=days) for days in (6.9, 7.1))
    assert life.tick(soon) == Taken()
    assert life.tick(later) == Taken(given_up=3)
    assert life.tick(later) == Taken()
    assert life.suppressed() == {"bob@shop.example": "unsubscribed"}
    life.step("known")
    life.step("sent")
    life.tick(later)
    assert life.events() == []
    # Told again it is new, and what was said of the address before still counts.
    back = Answer(source="post", event_id="y", kind="subscribed", at=NOON - timedelta(1), channel="email",
                  addresses=("bob@shop.example",))  # fmt: skip
    assert life.store.provider_events.take(life.lease, [answer("opened theirs"), back]).new == 2
    assert (life.events(), life.suppressed()) == (["opened"], {"bob@shop.example": "unsubscribed"})


def test_a_tick_looks_again(tmp_path: Path) -> None:
    """The provider calls back before the tick that sends has kept the outcome."""
    world = shop(tmp_path / "world")
    world.tick(START)
    ids = messages(world)
    spool_of(world).write([call(event("bounced", 1, provider_id=f"p-{ids['ana']}", suppress=True))])
    report = world.tick(START + timedelta(minutes=1), send=True)
    assert (report.answers.unmatched, report.sent.total("sent"), told(world)) == (1, 4, [])
    plan = world.project.plan(START + timedelta(minutes=2))
    assert plan.stopped is None
    report = world.tick(START + timedelta(minutes=2))
    assert (report.answers.matched_later, told(world)) == (1, [("ana", "bounced")])
    assert suppressed(world) == {"email:ana@shop.example": "bounced"}
    world.check_replay()
    world.close()


def test_the_report_says_what_was_given_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = shop(tmp_path / "world", delivery={**DELIVERY, "keep_unmatched": "1 second"})
    spool_of(world).write([call(event("opened", 1, provider_id="of another system"))])
    assert world.tick(START).answers.unmatched == 1
    sleep(1.1)
    report = world.tick(START + timedelta(minutes=1))
    show.tick_report(report, world.root)
    assert "1 things that were told belong to no message of this project" in " ".join(capsys.readouterr().out.split())
    assert show.report_data(report)["answers"]["given_up"] == 1
    world.close()

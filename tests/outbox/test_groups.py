"""Handing over in groups and over several connections: what is in doubt, rates, and a provider that is down."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from segflow import senders
from segflow.errors import ConfigurationError, SendError, TransientError
from segflow.messages import AnyMessage, Receipt
from segflow.outbox import drain
from segflow.outbox.breaker import JITTER, Rest, backoff, spread
from segflow.outbox.hand_over import sizes
from segflow.outbox.rates import RateLimit
from segflow.senders.base import Sender
from segflow.senders.shared.deadline import Deadline
from segflow.specs.settings import Settings
from segflow.warehouse.tick import Tick

from .conftest import AS_OF, World, contact, planned
from .test_send import Scripted, outcomes

FAR = AS_OF + timedelta(days=10_000)


@pytest.fixture
def location(tmp_path: Path) -> str:
    return str(tmp_path / "delivery.db")


def waiting(world: World, number: int, **settings: Any) -> None:
    world.delivery(mode="live", max_lateness="1000 years", **settings)
    world.contacts([contact(n) for n in range(number)])
    world.plan([planned(n, sender="live") for n in range(number)])


class Many(Sender):
    """Takes several messages at once, and can be made again for more connections."""

    def __init__(self, at_once: int = 1, connections: int = 1, family: list[Many] | None = None) -> None:
        super().__init__("many")
        self.at_once, self.connections = at_once, connections
        self.family: list[Many] = family if family is not None else []
        self.family.append(self)
        self.requests: list[list[str]] = []
        self.threads: set[int] = set()
        self.open_now = 0

    def another(self) -> Sender:
        return Many(self.at_once, self.connections, self.family)

    def open(self) -> None:
        self.open_now += 1

    def close(self) -> None:
        self.open_now -= 1

    def send(self, message: AnyMessage) -> Receipt:
        self.threads.add(threading.get_ident())
        time.sleep(0.02)
        self.requests.append([message.message_id])
        return Receipt()

    def send_many(self, messages: Sequence[AnyMessage]) -> list[Receipt | SendError]:
        self.requests.append([one.message_id for one in messages])
        return [Receipt() for _ in messages]


SIZES: dict[str, tuple[dict[str, Any], int, tuple[int, int]]] = {
    "usual": ({}, 20, (10, 2)),
    "one": ({}, 1, (1, 1)),
    "three": ({}, 3, (1, 2)),
    "a request of four": ({"at_once": 4}, 20, (8, 2)),
    "a request of fifteen": ({"at_once": 15}, 20, (15, 1)),
    "a request that is cut": ({"at_once": 500}, 20, (20, 1)),
    "idempotent": ({"idempotent": True}, 1, (20, 2)),
    "idempotent, large requests": ({"idempotent": True, "at_once": 500}, 20, (500, 2)),
}


@pytest.mark.parametrize(("told", "in_doubt", "wanted"), SIZES.values(), ids=SIZES.keys())
def test_no_more_is_announced_than_may_be_in_doubt(
    told: dict[str, Any], in_doubt: int, wanted: tuple[int, int]
) -> None:
    sender = Scripted()
    for name, value in told.items():
        setattr(sender, name, value)
    size, groups = sizes(sender, in_doubt)
    assert (size, groups) == wanted
    assert sender.idempotent or size * groups <= in_doubt


@pytest.mark.parametrize("in_doubt", [1, 4, 20])
def test_what_is_announced_at_a_time_in_the_store(world: World, in_doubt: int) -> None:
    waiting(world, 30, in_doubt_at_most=in_doubt)
    seen: list[int] = []
    sender = Scripted()

    def look(_: AnyMessage) -> None:
        with world.store._database.read() as connection:
            asked = "SELECT count(*) FROM messages WHERE status = 'claimed' AND handed_at IS NOT NULL"
            seen.append(connection.exec_driver_sql(asked).scalar() or 0)

    sender.before = look
    world.send({"live": sender})
    assert len(seen) == 30
    assert 1 <= max(seen) <= in_doubt


def test_each_connection_has_a_sender_of_its_own(world: World) -> None:
    waiting(world, 40, in_doubt_at_most=4)
    first = Many(connections=3)
    world.send({"live": first})
    assert world.store.counts() == {("live", "sent"): 40}
    assert len(first.family) == 3
    assert all(len(one.threads) == 1 and one.requests for one in first.family)
    assert len(set().union(*(one.threads for one in first.family))) == 3
    assert [one.open_now for one in first.family] == [0, 0, 0]
    assert sorted(request[0] for one in first.family for request in one.requests) == [f"m{n:05}" for n in range(40)]


def test_send_many_gets_no_more_than_may_be_in_doubt(world: World) -> None:
    waiting(world, 25, in_doubt_at_most=10)
    sender = Many(at_once=500)
    world.send({"live": sender})
    assert [len(one) for one in sender.requests] == [10, 10, 5]


def test_what_was_sent_before_a_configuration_error_is_kept(world: World) -> None:
    waiting(world, 4)
    sender = Scripted(None, ConfigurationError("key revoked"))
    sender.at_once = 4
    report = world.send({"live": sender})
    assert report.errors == ["sender live: key revoked"]
    assert world.store.counts() == {("live", "sent"): 1, ("live", "planned"): 3}


def test_contacts_are_read_once_for_many_batches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting(world, 30, batch_size=4)
    staged: list[str] = []
    stage = world.warehouse.stage
    monkeypatch.setattr(world.warehouse, "stage", lambda name, *rest: (staged.append(name), stage(name, *rest))[1])
    world.send({"live": Scripted()})
    assert world.store.counts() == {("live", "sent"): 30}
    assert staged.count("send_batch") == 1


def test_a_rate_lets_so_many_go_and_says_how_long_to_wait() -> None:
    limit = RateLimit(3, 60)
    assert limit.take(2, 100.0) == (2, 0.0)
    taken, wait = limit.take(5, 110.0)
    assert (taken, round(wait)) == (1, 50)
    assert limit.take(5, 110.0)[0] == 0
    assert limit.take(5, 160.1)[0] == 2


def test_a_rate_holds_what_is_over(world: World) -> None:
    waiting(world, 5)
    sender = Scripted()
    sender.rate = (2, 3600)
    report = world.send({"live": sender}, Tick("t1", FAR))
    assert sender.got == ["m00000", "m00001"]
    assert "2 messages in 3600 s went" in report.deferred["live"]
    assert world.store.counts() == {("live", "sent"): 2, ("live", "planned"): 3}
    world.send({"live": sender}, Tick("t2", FAR + timedelta(minutes=59)))
    assert len(sender.got) == 2
    sender.rate = None
    world.send({"live": sender}, Tick("t3", FAR + timedelta(minutes=61)))
    assert len(sender.got) == 5


def test_what_went_in_another_tick_counts_against_a_rate(world: World) -> None:
    waiting(world, 2)
    sender = Scripted()
    sender.rate = (3, 3600)
    assert "live" not in world.send({"live": sender}, Tick("t1", FAR)).deferred
    world.contacts([contact(n) for n in range(5)])
    world.plan([planned(n, sender="live", tick_id="t2") for n in range(2, 5)])
    report = world.send({"live": sender}, Tick("t2", FAR + timedelta(minutes=30)))
    assert sender.got == ["m00000", "m00001", "m00002"]
    assert "3 messages in 3600 s went" in report.deferred["live"]
    world.send({"live": sender}, Tick("t3", FAR + timedelta(minutes=61)))
    assert sender.got == ["m00000", "m00001", "m00002", "m00003", "m00004"]


def test_a_rate_that_is_soon_over_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting(world, 5)
    sender = Scripted()
    sender.rate = (2, 1)
    made = drain.Drain.__init__

    def patient(self: drain.Drain, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **{**kwargs, "patience": 5.0})

    monkeypatch.setattr(drain.Drain, "__init__", patient)
    began = time.monotonic()
    world.send({"live": sender})
    assert len(sender.got) == 5
    assert time.monotonic() - began > 1.9


@pytest.mark.parametrize("attempt", [1, 2, 3, 4, 9])
def test_delays_are_spread_within_bounds(attempt: int) -> None:
    delays = [spread(backoff(attempt), f"m{n}", attempt) for n in range(200)]
    assert all(backoff(attempt) <= one <= backoff(attempt) * (1 + JITTER) for one in delays)
    assert max(delays) - min(delays) > backoff(attempt) * JITTER * 0.8
    assert spread(backoff(attempt), "m1", attempt) == delays[1]


def test_rests_grow_and_are_kept() -> None:
    now, rest = FAR, None
    lengths = []
    for _ in range(9):
        rest = Rest.after(rest, now, "down")
        lengths.append((rest.until - now).total_seconds())
    assert lengths == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert rest is not None
    assert Rest.load(rest.dump()) == rest


def test_a_provider_that_is_down_is_asked_with_one_message(world: World) -> None:
    waiting(world, 20)
    sender = Scripted(*[TransientError("refused")] * 6)
    told = [world.send({"live": sender}, Tick("t1", FAR)).deferred["live"]]
    assert len(sender.got) == 5
    told.append(world.send({"live": sender}, Tick("t2", FAR + timedelta(seconds=59))).deferred["live"])
    assert len(sender.got) == 5
    assert told[0] == told[1]
    assert told[0].endswith("after 5 transient errors in a row: refused")
    again = world.send({"live": sender}, Tick("t3", FAR + timedelta(seconds=61)))
    assert len(sender.got) == 6
    assert "left alone until" in again.deferred["live"]
    assert world.send({"live": sender}, Tick("t4", FAR + timedelta(hours=1))).deferred == {}
    assert world.store.counts() == {("live", "sent"): 20}
    assert world.store.mark("breaker:live") is None
    assert [row[2] for row in outcomes(world)].count("held") == 6


RATES: dict[str, tuple[Any, tuple[int, int] | None]] = {
    "second": ("100 per second", (100, 1)),
    "hour": ("10000 per hour", (10_000, 3600)),
    "day": (" 5 per day ", (5, 86_400)),
    "none": ("0 per second", None),
    "no unit": ("100", None),
    "other unit": ("1 per fortnight", None),
    "number": (100, None),
}


@pytest.mark.parametrize(("text", "wanted"), RATES.values(), ids=RATES.keys())
def test_rates_in_segflow_yml(text: Any, wanted: tuple[int, int] | None, tmp_path: Path) -> None:
    told = {"senders": {"crm": {"type": "webhook", "rate": text}}}
    if wanted is None:
        with pytest.raises(ValueError, match="is no rate; write one like 100 per second"):
            Settings.model_validate(told)
        return
    settings = Settings.model_validate(told).senders["crm"]
    built = senders.build("crm", settings.model_dump(), tmp_path)
    assert (built.rate, built.connections) == (wanted, 4)
    assert built.another() is not built


@pytest.mark.parametrize("number", [0, 33, "four"])
def test_connections_that_are_refused(number: Any) -> None:
    with pytest.raises(ValueError, match="connections"):
        Settings.model_validate({"senders": {"crm": {"type": "webhook", "connections": number}}})


def test_deadlines_share_one_thread() -> None:
    before = threading.active_count()
    late = Deadline(30)
    with late:
        soon = [Deadline(0.05) for _ in range(20)]
        for one in soon:
            one.__enter__()
        assert threading.active_count() <= before + 1
        end = time.monotonic() + 5
        while not all(one.expired for one in soon) and time.monotonic() < end:
            time.sleep(0.01)
        assert all(one.expired for one in soon)
    assert not late.expired

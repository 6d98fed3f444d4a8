# ruff: noqa: E501 (tables: one case per line)
"""Frequency caps, quiet hours, one message per address, the throttle: what the send stage makes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from segflow.errors import TransientError
from segflow.outbox.addresses import comparable
from segflow.outbox.records import Outcome
from segflow.outbox.same_address import keys
from segflow.outbox.schema import messages
from segflow.outbox.store import DeliveryStore
from segflow.warehouse.tick import Tick

from .conftest import AS_OF, EMAIL, World, contact, later, planned
from .test_send import Scripted, outcomes

TRANSACTIONAL = {**EMAIL, "category": "transactional"}


def told(world: World) -> list[tuple[str, str, str | None]]:
    return [(message, outcome, reason) for message, _, outcome, reason in outcomes(world)]


def to_c1(number: int, **changes: Any) -> dict[str, Any]:
    return planned(number, contact_id="c1", **changes)


CAPS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "all together": ({"at_most": 2}, ["sent", "sent", "capped: 2 per 7 days", "capped: 2 per 7 days"]),
    "of a channel": ({"channel": "email", "at_most": 1}, ["sent", "capped: 1 email per 7 days", "sent", "capped: 1 email per 7 days"]),
    "of a category": ({"category": "marketing", "at_most": 1}, ["sent", "sent", "capped: 1 marketing per 7 days", "capped: 1 marketing per 7 days"]),
    "of both": ({"channel": "email", "category": "marketing", "at_most": 1}, ["sent", "sent", "sent", "capped: 1 email marketing per 7 days"]),
    "wide enough": ({"at_most": 4}, ["sent", "sent", "sent", "sent"]),
}  # fmt: skip


@pytest.mark.parametrize(("cap", "expected"), CAPS.values(), ids=CAPS)
def test_a_cap_counts_the_messages_of_a_batch_in_their_order(
    world: World, cap: dict[str, Any], expected: list[str]
) -> None:
    world.delivery(caps=[{"per": "7 days", **cap}])
    world.contacts([contact(1), contact(2)])
    world.plan([
        to_c1(1), to_c1(2, content=TRANSACTIONAL), to_c1(3, channel="sms", content={"text": "x"}), to_c1(4), planned(9, contact_id="c2"),
        to_c1(8, channel="webhook", content={"url": "https://a.example"}),
    ])  # fmt: skip
    world.send()
    assert [reason or outcome for _, outcome, reason in told(world)] == [*expected, "sent", "sent"]


@pytest.mark.parametrize("per", ["7 days", "168 hours"])
def test_a_message_counts_until_the_period_is_over(world: World, per: str) -> None:
    world.delivery(caps=[{"at_most": 1, "per": per}])
    world.contacts([contact(1)])
    for number, days in ((1, 0.0), (2, 6.999), (3, 7.0), (4, 13.0)):
        world.plan([to_c1(number, tick_id=f"t{number}", planned_at=AS_OF + timedelta(days=days))])
        world.send(tick=Tick(f"t{number}", AS_OF + timedelta(days=days)))
    assert [outcome for _, outcome, _ in told(world)] == ["sent", "skipped", "sent", "skipped"]


def test_a_held_message_goes_when_there_is_room_and_no_attempt_is_lost(world: World) -> None:
    world.delivery(
        mode="live", max_attempts=1, max_lateness="100 years", caps=[{"at_most": 1, "per": "1 day", "over": "hold"}]
    )
    start = datetime.now(UTC)
    world.contacts([contact(1)])
    world.plan([to_c1(number, sender="live") for number in (1, 2, 3)])
    live = Scripted(None, None, TransientError("busy"))
    for number in range(3):
        world.send({"live": live}, Tick(f"t{number + 1}", start + timedelta(days=number, minutes=number)))
    assert [(m, o) for m, o, _ in told(world)] == [
        ("m00001", "sent"), ("m00002", "held"), ("m00002", "sent"), ("m00003", "held"), ("m00003", "held"), ("m00003", "failed"),
    ]  # fmt: skip
    assert told(world)[1][2] == "capped: 1 per 1 day"
    assert told(world)[-1][2] == "gave up after 1 attempts: busy"


def test_who_waited_for_a_limit_is_not_late(world: World) -> None:
    """Late is who waits longer than `max_lateness` after that."""
    start = datetime.now(UTC) + timedelta(days=1)
    world.delivery(mode="live", max_lateness="1 hour", caps=[{"at_most": 1, "per": "2 days", "over": "hold"}])
    world.contacts([contact(1)])
    world.plan([to_c1(n, sender="live", planned_at=start) for n in (1, 2, 3)])
    for number, hours in enumerate((0, 48.5, 48.6, 100)):
        world.send({"live": Scripted()}, Tick(f"t{number + 1}", start + timedelta(hours=hours)))
    assert [(m, o) for m, o, _ in told(world)] == [
        ("m00001", "sent"), ("m00002", "held"), ("m00002", "sent"), ("m00003", "held"), ("m00003", "held"), ("m00003", "skipped"),
    ]  # fmt: skip
    assert str(told(world)[-1][2]).startswith("too_late: due ")


def test_a_crash_after_a_hold_does_not_make_a_message_late(world: World) -> None:
    start = datetime.now(UTC) + timedelta(days=1)
    world.delivery(
        mode="live", max_lateness="1 hour", quiet_hours={"from": "00:00", "to": "00:00", "days": f"{start:%a}".lower()}
    )
    world.contacts([contact(1)])
    world.plan([planned(1, sender="live", planned_at=start)])
    world.send({"live": Scripted()}, Tick("t1", start))
    over = (start + timedelta(days=1)).replace(hour=0, minute=30)
    assert len(world.store.claim(world.lease, "live", 9, over, hand_over=False, repeatable=False)) == 1
    world.send({"live": Scripted()}, Tick("t2", over))
    assert [o for _, o, _ in told(world)] == ["held", "sent"]


def test_what_may_have_arrived_counts_until_a_person_says_that_it_did_not(world: World) -> None:
    world.delivery(mode="live", max_lateness="100 years", caps=[{"at_most": 1, "per": "7 days"}])
    world.contacts([contact(1)])
    world.plan([to_c1(1, sender="live")])
    world.send({"live": Scripted(RuntimeError("a defect"))})
    world.plan([to_c1(2, sender="live", tick_id="t2")])
    world.send({"live": Scripted()}, later(hours=1))
    assert [o for _, o, _ in told(world)] == ["unknown", "skipped"]
    world.store.release()
    world.plan([to_c1(3, sender="live", tick_id="t3")])
    live = Scripted()
    world.send({"live": live}, Tick("t3", AS_OF + timedelta(hours=2)))
    assert (live.got, told(world)[-1][1]) == (["m00001"], "skipped")


def test_what_was_only_simulated_does_not_count_for_live_senders(world: World) -> None:
    cap = {"caps": [{"at_most": 1, "per": "7 days"}]}
    world.delivery(**cap)
    world.contacts([contact(1)])
    world.plan([to_c1(1, sender="live")])
    world.send({"live": Scripted()})
    world.delivery(mode="live", max_lateness="100 years", **cap)
    world.plan([to_c1(2, sender="live", tick_id="t2"), to_c1(3, tick_id="t2")])
    world.send({"live": Scripted()}, later(hours=1))
    assert [o for _, o, _ in told(world)] == ["sent", "sent", "skipped"]


def test_a_batch_that_is_still_being_handed_over_counts(world: World) -> None:
    """Batches may be judged ahead: what goes is not in the store yet."""
    from segflow.outbox.caps import CapCounts
    from segflow.specs.limits import Cap

    world.contacts([contact(1)])
    world.plan([to_c1(1), to_c1(2)])
    world.store.insert_new(world.lease, [to_c1(1), to_c1(2)])
    first, second = world.store.claim(world.lease, "mailbox", 2, AS_OF, hand_over=True, repeatable=True)
    counts = CapCounts([Cap.model_validate({"at_most": 1, "per": "1 day"})], world.store, world.settings.zone)

    def over(message_id: str) -> bool:
        counts.look(["c1"], AS_OF, simulated=True)
        return counts.over(message_id, "c1", "email", "marketing", AS_OF) is not None

    assert not over(first.message_id)
    counts.goes(first.message_id, "c1", "email", "marketing", AS_OF)
    assert over(second.message_id)
    assert not over(first.message_id)
    failed = Outcome(message_id=first.message_id, attempt=1, outcome="failed", at=AS_OF)
    world.store.settle(world.lease, "t1", [failed])
    assert not over(second.message_id)


QUIET: dict[str, tuple[Any, dict[str, Any], list[tuple[str, str | None]]]] = {
    "held until they are over": ({"from": "08:00", "to": "10:00"}, {}, [("held", "quiet_hours: 08:00 to 10:00 UTC"), ("sent", None)]),
    "skipped": ({"from": "08:00", "to": "10:00", "then": "skip"}, {}, [("skipped", "quiet_hours: 08:00 to 10:00 UTC")]),
    "transactional passes": ({"from": "08:00", "to": "10:00"}, {"content": TRANSACTIONAL}, [("sent", None)]),
    "unless they are for any": ({"from": "08:00", "to": "10:00", "category": "any"}, {"content": TRANSACTIONAL}, [("held", "quiet_hours: 08:00 to 10:00 UTC"), ("sent", None)]),
    "another channel": ({"from": "08:00", "to": "10:00", "channels": ["sms"]}, {}, [("sent", None)]),
    "the end is excluded": ({"from": "08:00", "to": "09:00"}, {}, [("sent", None)]),
    "the start is included": ({"from": "09:00", "to": "09:01"}, {}, [("held", "quiet_hours: 09:00 to 09:01 UTC"), ("sent", None)]),
    "over midnight, another day": ({"from": "21:00", "to": "10:00", "days": ["sun"]}, {}, [("sent", None)]),
    "over midnight": ({"from": "21:00", "to": "10:00", "days": "sat"}, {}, [("held", "quiet_hours: 21:00 to 10:00 UTC"), ("sent", None)]),
    "a zone": ({"from": "10:00", "to": "11:00", "timezone": "Europe/Berlin"}, {}, [("held", "quiet_hours: 10:00 to 11:00 Europe/Berlin"), ("sent", None)]),
    "one that skips is enough": ([{"from": "08:00", "to": "10:00"}, {"from": "09:00", "to": "09:30", "then": "skip"}], {}, [("skipped", "quiet_hours: 09:00 to 09:30 UTC")]),
    "to nobody's phone": ({"from": "08:00", "to": "10:00", "category": "any"}, {"channel": "webhook", "content": {"url": "https://a.example"}}, [("sent", None)]),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "changes", "expected"), QUIET.values(), ids=QUIET)
def test_quiet_hours(world: World, rule: Any, changes: dict[str, Any], expected: list[tuple[str, str | None]]) -> None:
    """AS_OF is 09:00 UTC, on a Sunday."""
    world.delivery(quiet_hours=rule)
    world.contacts([contact(1)])
    world.plan([planned(1, **changes)])
    world.send()
    world.send(tick=later(hours=1))
    assert [(o, r) for _, o, r in told(world)] == expected


def test_rules_that_follow_one_another_hold_once(world: World) -> None:
    world.delivery(quiet_hours=[{"from": "08:00", "to": "10:00"}, {"from": "10:00", "to": "12:00", "timezone": "UTC"}])
    world.contacts([contact(1)])
    world.plan([planned(1)])
    for hours in range(4):
        world.send(tick=Tick(f"t{hours + 1}", AS_OF + timedelta(hours=hours)))
    assert [(row["outcome"], row["tick_id"]) for row in world.deliveries()] == [("held", "t1"), ("sent", "t4")]


SHARED: dict[str, tuple[dict[str, Any], list[dict[str, Any]], dict[str, str]]] = {
    "the first by id": ({}, [{}, {}], {"m00002": "same_address as c1"}),
    "whoever can get it": ({}, [{"agreed": False}, {}], {"m00001": "no_consent"}),
    "in whatever case": ({}, [{"email": " Home@Shop.example.com"}, {}], {"m00002": "same_address as c1"}),
    "nobody can": ({}, [{"agreed": False}, {"agreed": None}], {"m00001": "no_consent", "m00002": "no_consent"}),
    "switched off": ({"once_per_address": False}, [{}, {}], {}),
    "another channel": ({"once_per_address": ["sms"]}, [{}, {}], {}),
}


@pytest.mark.parametrize(("settings", "people", "skipped"), SHARED.values(), ids=SHARED)
@pytest.mark.parametrize("order", [(1, 2), (2, 1)], ids=["first first", "first last"])
def test_one_address_two_contacts(
    world: World,
    settings: dict[str, Any],
    people: list[dict[str, Any]],
    skipped: dict[str, str],
    order: tuple[int, int],
) -> None:
    """However the batches are cut: here each message is one."""
    world.delivery(batch_size=1, **settings)
    world.contacts([contact(n, **{"email": "home@shop.example.com", **one}) for n, one in enumerate(people, 1)])
    world.plan([planned(n, planned_at=AS_OF - timedelta(minutes=9 - place)) for place, n in enumerate(order)])
    world.send()
    assert {message: reason for message, outcome, reason in told(world) if outcome == "skipped"} == skipped


def test_all_messages_of_a_tick_go_to_the_same_contact_and_other_flows_and_ticks_decide_anew(world: World) -> None:
    world.contacts([contact(n, email="home@shop.example.com") for n in (1, 2)])
    world.plan([to_c1(1), planned(2), to_c1(3, step="more"), planned(4, contact_id="c2", step="more"), planned(5, contact_id="c2", flow="other")])  # fmt: skip
    world.send()
    world.plan([planned(6, contact_id="c2", tick_id="t2")])
    world.send(tick=later(hours=1))
    assert [o for _, o, _ in told(world)] == ["sent", "skipped", "sent", "skipped", "sent", "sent"]


def test_who_was_first_stays_first_over_retries_and_changes(world: World) -> None:
    """c1's message is tried again later; by then its consent is gone, and c2 was told already."""
    world.delivery(mode="live", max_lateness="100 years", batch_size=1)
    world.contacts([contact(n, email="home@shop.example.com") for n in (1, 2)])
    world.plan([planned(1, sender="live"), planned(2, sender="live", planned_at=AS_OF + timedelta(seconds=1))])
    world.store.insert_new(world.lease, [planned(1, sender="live")])
    world.send({"live": Scripted(TransientError("busy"))})
    world.contacts([contact(1, agreed=False, email="home@shop.example.com"), contact(2, email="home@shop.example.com")])
    world.send({"live": Scripted()}, Tick("t2", datetime.now(UTC) + timedelta(hours=1)))
    assert [(m, o, r) for m, o, r in told(world)] == [
        ("m00001", "held", "busy"), ("m00001", "skipped", "no_consent"), ("m00002", "skipped", "same_address as c1"),
    ]  # fmt: skip


def test_a_fallback_is_no_way_around_a_shared_address(world: World) -> None:
    content = {"ways": [{"channel": "email", "sender": None, "content": EMAIL}, {"channel": "sms", "sender": None, "content": {"text": "x"}}]}  # fmt: skip
    world.contacts([contact(n, email="home@shop.example.com") for n in (1, 2)])
    world.plan([planned(1, content=content), planned(2, content=content)])
    world.send()
    assert told(world) == [("m00001", "sent", None), ("m00002", "skipped", "same_address as c1")]


def test_the_keys_of_a_whole_column_are_those_of_each_address() -> None:
    import pyarrow as pa

    given = [
        "ana@shop.example", " Ana@SHOP.example ", "a+b@shop.example", '"ana"@shop.example', "ana@xn--mller-kva.example",
        "ana@M\u00fcller.example", "Stra\u00dfe@shop.example", "no address", "", None, "a@b..c", "ana@shop.example.", "\u0130@a.example",
    ]  # fmt: skip
    got = keys("email", pa.chunked_array([given])).to_pylist()
    assert got == [comparable("email", one.strip()) if one else one for one in given]
    assert keys("sms", pa.chunked_array([["+52 1 55 1234 5678", "+525512345678"]])).to_pylist() == ["+525512345678"] * 2


class Two:
    """Two live senders and what they were handed."""

    def __init__(self) -> None:
        self.mail, self.text = Scripted(), Scripted()

    def send(self, world: World, tick: Tick) -> Any:
        return world.send({"mail": self.mail, "text": self.text}, tick)

    @property
    def got(self) -> tuple[int, int]:
        return len(self.mail.got), len(self.text.got)


def test_the_throttle_lets_all_live_senders_share_and_loses_nothing(world: World) -> None:
    start = datetime.now(UTC) + timedelta(days=1)
    world.delivery(mode="live", throttle="10 per hour", max_lateness="1 hour")
    world.contacts([contact(n, phone=f"+4420794600{n:02}") for n in range(1, 31)])
    mails = [planned(n, sender="mail", planned_at=start) for n in range(1, 21)]
    texts = [planned(n, sender="text", channel="sms", content={"text": "x"}, planned_at=start) for n in range(21, 24)]
    world.plan(mails + texts)
    two = Two()
    report = two.send(world, Tick("t1", start))
    assert two.got == (7, 3)  # five each at first, then what is left
    assert list(report.deferred) == ["mail"]
    assert report.deferred["mail"].startswith("13 messages wait for the throttle of 10 per hour, until ")
    two.send(world, Tick("t2", start + timedelta(minutes=59)))
    assert two.got == (7, 3)
    two.send(world, Tick("t3", start + timedelta(minutes=60)))
    assert two.got == (17, 3)
    two.send(world, Tick("t4", start + timedelta(minutes=121)))
    assert two.got == (20, 3)
    assert sorted(two.mail.got) == sorted(row["message_id"] for row in mails)
    held = [m for m, o, r in told(world) if (o, r) == ("held", "throttled: 10 per hour")]
    assert len(held) == len(set(held)) == 13
    assert two.send(world, Tick("t5", start + timedelta(minutes=200))).deferred == {}


def test_simulated_senders_are_not_throttled(world: World) -> None:
    world.delivery(throttle="1 per day")
    world.contacts([contact(n) for n in (1, 2)])
    world.plan([planned(1), planned(2)])
    assert world.send().outcomes == {"mailbox": {"sent": 2}}


def test_what_waits_for_the_throttle_keeps_its_attempts(world: World) -> None:
    start = datetime.now(UTC) + timedelta(days=1)
    world.delivery(mode="live", throttle="1 per minute", max_attempts=1)
    world.contacts([contact(n) for n in (1, 2)])
    world.plan([planned(n, sender="live", planned_at=start) for n in (1, 2)])
    live = Scripted()
    for number in range(3):
        world.send({"live": live}, Tick(f"t{number + 1}", start + timedelta(minutes=number)))
    assert live.got == ["m00001", "m00002"]
    assert [(m, a, o) for m, a, o, _ in outcomes(world)] == [
        ("m00001", 1, "sent"),
        ("m00002", 1, "held"),
        ("m00002", 2, "sent"),
    ]


@pytest.mark.parametrize("point", ["store.throttle.before_commit", "store.throttle.committed"])
def test_a_tick_that_dies_while_its_queue_is_held_is_resumed(
    world: World, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    start = datetime.now(UTC) + timedelta(days=1)
    world.delivery(mode="live", throttle="1 per minute")
    world.contacts([contact(n) for n in (1, 2, 3)])
    world.plan([planned(n, sender="live", planned_at=start) for n in (1, 2, 3)])
    live = Scripted()

    def dies(name: str) -> None:
        if name == point:
            raise KeyboardInterrupt

    monkeypatch.setattr("segflow.outbox.database.crash_point", dies)
    with pytest.raises(KeyboardInterrupt):
        world.send({"live": live}, Tick("t1", start))
    monkeypatch.undo()
    world.send({"live": live}, Tick("t1", start))
    assert [(m, o) for m, o, _ in told(world)] == [("m00001", "sent"), ("m00002", "held"), ("m00003", "held")]


def test_a_store_of_an_earlier_version_gets_what_limits_need(location: str) -> None:
    """As it was before: without the columns. Rows of then are told apart as far as `attempts` and contents go."""
    with DeliveryStore(location) as store:
        lease = store.leases.acquire("test", 600)
        sent, mail = planned(1), planned(2, content=TRANSACTIONAL)
        store.insert_new(lease, [sent, mail])
        store.claim(lease, "mailbox", 9, AS_OF, hand_over=True, repeatable=True)
        outcome = {"attempt": 1, "outcome": "sent", "at": AS_OF, "sender": "smtp"}
        store.settle(lease, "t1", [Outcome(message_id=row["message_id"], **outcome) for row in (sent, mail)])
        with store._database.write("old") as connection:
            for index in ("messages_sent", "messages_live"):
                connection.exec_driver_sql(f"DROP INDEX {index}")
            for column in ("category", "holds", "held_until", "sent_at", "sent_live"):
                connection.exec_driver_sql(f"ALTER TABLE messages DROP COLUMN {column}")
            connection.exec_driver_sql("DROP TABLE address_turns")
            connection.exec_driver_sql("UPDATE marks SET value = '6' WHERE name = 'schema_version'")
    with DeliveryStore(location) as store:
        got = store.sent_to(["c1", "c2"], AS_OF - timedelta(days=1), live_only=True)
        assert {(one.message_id, one.category, one.sent_at) for one in got} == {
            ("m00001", "marketing", AS_OF), ("m00002", "transactional", AS_OF),
        }  # fmt: skip
        assert store.insert_new(lease, [planned(3)]) == 1


def test_a_lost_store_knows_what_was_sent_from_the_ledger(world: World) -> None:
    from segflow.outbox.adopt import adopt

    world.contacts([contact(1)])
    world.plan([planned(1)])
    world.send()
    with world.store._database.write("lose") as connection:
        connection.execute(messages.delete())
    adopt(world.warehouse, world.store, world.lease)
    assert [one.sent_at for one in world.store.sent_to(["c1"], AS_OF - timedelta(1), live_only=False)] == [AS_OF]

"""The send stage over a real store, warehouse and mailbox."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, TransientError
from segflow.messages import AnyMessage, Receipt
from segflow.outbox.dead_letters import Chosen
from segflow.outbox.records import Outcome
from segflow.senders.base import Sender
from segflow.warehouse.tick import Tick

from .conftest import AS_OF, EMAIL, World, contact, later, planned


class Scripted(Sender):
    """Raises what its script says for each attempt, then accepts. `live` like a real provider unless told otherwise."""

    channels = frozenset({"email", "sms", "webhook"})

    def __init__(self, *script: Exception | None, idempotent: bool = False, simulated: bool = False) -> None:
        super().__init__("scripted")
        self.idempotent, self.simulated = idempotent, simulated
        self.script = list(script)
        self.got: list[str] = []
        self.before: Callable[[AnyMessage], None] = lambda _: None

    def send(self, message: AnyMessage) -> Receipt:
        self.before(message)
        self.got.append(message.message_id)
        error = self.script.pop(0) if self.script else None
        if error is not None:
            raise error
        return Receipt(provider_id=f"p-{message.message_id}")


def outcomes(world: World) -> list[tuple[str, int, str, str | None]]:
    return [(r["message_id"], r["attempt"], r["outcome"], r["reason"]) for r in world.deliveries()]


def test_messages_become_files_and_deliveries(world: World) -> None:
    world.contacts([contact(1), contact(2)])
    world.plan([planned(1), planned(2, channel="sms", content={"text": "Hi {{ contact.name }}"})])
    report = world.send()
    assert report.inserted == 2
    assert report.outcomes == {"mailbox": {"sent": 2}}
    assert world.files() == ["2026-03-01/email/m00001.eml", "2026-03-01/sms/m00002.json"]
    first = world.deliveries()[0]
    assert (first["address"], first["at"], first["tick_id"], first["channel"]) == (
        "c1@shop.example.com",
        AS_OF.replace(tzinfo=None),
        "t1",
        "email",
    )


def test_repeating_a_tick_and_a_quiet_tick_change_nothing(world: World) -> None:
    world.contacts([contact(1)])
    world.plan([planned(1)])
    world.send()
    before = world.deliveries()
    assert world.send().outcomes == {}
    quiet = world.send(tick=later(days=1))
    assert (quiet.inserted, quiet.outcomes) == (0, {})
    assert world.deliveries() == before
    assert len(world.files()) == 1


CHECKS: dict[str, tuple[dict[str, Any], dict[str, Any] | None, str, str]] = {
    "contact gone": ({}, None, "skipped", "contact_gone"),
    "consent false": ({}, {"agreed": False}, "skipped", "no_consent"),
    "consent missing": ({}, {"agreed": None}, "skipped", "no_consent"),
    "no address": ({}, {"email": None}, "skipped", "no_address"),
    "blank address": ({}, {"email": "  "}, "skipped", "no_address"),
    "suppressed": ({}, {"email": "Bounced@Shop.example.com"}, "skipped", "suppressed: hard bounce"),
    "no email": ({}, {"email": "c1.example.com"}, "skipped", "invalid_address: An email address must have an @-sign."),
    "two emails": ({}, {"email": "a@x.example.com, b@x.example.com"}, "skipped", "invalid_address: "),
    "line break": ({}, {"email": "a@x.example.com\nBcc: b@x.example.com"}, "skipped", "invalid_address: "),
    "no country code": ({"channel": "sms", "content": {"text": "x"}}, {"phone": "020 1234"}, "skipped", "invalid_addr"),
    "phone too short": ({"channel": "sms", "content": {"text": "x"}}, {"phone": "+4412"}, "skipped", "invalid_address"),
    "missing value": (
        {},
        {"name": None},
        "failed",
        "template_error: flow welcome, step hello, text, line 1: contact.name is missing",
    ),
    "unknown attribute": (
        {"content": {"subject": "x", "text": "a\n{{ contact.nmae }}"}},
        {},
        "failed",
        "template_error: flow welcome, step hello, text, line 2: contact has no attribute nmae (did you mean name?)",
    ),
}


@pytest.mark.parametrize(("changes", "person", "outcome", "reason"), CHECKS.values(), ids=CHECKS.keys())
def test_each_check_has_its_own_reason(
    world: World, changes: dict[str, Any], person: dict[str, Any] | None, outcome: str, reason: str
) -> None:
    world.store.suppress("email", "bounced@shop.example.com", "hard bounce")
    world.contacts([contact(2)] if person is None else [contact(1, **person), contact(2)])
    world.plan([planned(1, **changes), planned(2)])
    assert world.send().outcomes == {"mailbox": {outcome: 1, "sent": 1}}
    refused = outcomes(world)[0]
    assert refused[2] == outcome
    assert str(refused[3]).startswith(reason)
    assert [row["address"] for row in world.warehouse.rows(_all("suppressions"))] == ["bounced@shop.example.com"]


def _all(table: str) -> Any:
    from sqlglot import exp

    from segflow.warehouse.base import relation

    return exp.select("*").from_(relation(table))


@pytest.mark.parametrize(
    ("reason", "outcome"), [("completed", "sent"), ("exit", "sent"), ("exit_when", "skipped"), ("gone", "skipped")]
)
def test_who_left_the_flow_gets_nothing(world: World, reason: str, outcome: str) -> None:
    world.contacts([contact(1)])
    world.plan([planned(1)])
    ends = pa.table({"enrollment_id": ["e1"], "flow": ["welcome"], "contact_id": ["c1"], "reason": [reason]})
    world.warehouse.append("flow_enrollment_ends", "t1", ends)
    assert world.send().outcomes == {"mailbox": {outcome: 1}}
    if outcome == "skipped":
        assert outcomes(world)[0][3] == f"withdrawn: {reason}"


def test_who_left_before_a_person_released_their_message_gets_nothing(world: World) -> None:
    """Nothing waited when the contact left: the last look before sending is what finds it."""
    world.contacts([contact(1)])
    world.plan([planned(1, sender="live")])
    world.delivery(mode="live", max_lateness="100 years")
    world.send({"live": Scripted(AmbiguousError("lost"))})
    ends = pa.table({"enrollment_id": ["e1"], "flow": ["welcome"], "contact_id": ["c1"], "reason": ["exit_when"]})
    world.warehouse.append("flow_enrollment_ends", "t1", ends)
    world.send({"live": Scripted()}, later(days=1))
    world.store.release()
    assert world.send({"live": Scripted()}, Tick("t3", AS_OF + timedelta(days=2))).outcomes == {"live": {"skipped": 1}}
    assert outcomes(world)[-1][3] == "not_enrolled: exit_when"


def test_live_senders_are_replaced_in_mode_simulate(world: World) -> None:
    sender = Scripted()
    world.contacts([contact(1)])
    world.plan([planned(1, sender="live")])
    assert world.send({"live": sender}).outcomes == {"live": {"sent": 1}}
    assert sender.got == []
    assert world.deliveries()[0]["sender"] == "mailbox"


def test_mode_test_sends_to_the_allowlist_only(world: World) -> None:
    world.delivery(mode="test", allowlist=["*@ours.example.com", "+442079460018", "https://hook.example.com"])
    world.contacts([contact(1, email="ana@OURS.example.com"), contact(2), contact(3), contact(4), contact(5)])
    hook = {"method": "POST", "body": {"id": "{{ contact.contact_id }}"}}
    world.plan(
        [
            planned(1),
            planned(2),
            planned(3, channel="sms", content={"text": "x"}),
            planned(4, channel="webhook", content={"url": "https://hook.example.com/a", **hook}),
            planned(5, channel="webhook", content={"url": "https://hook.example.com.evil.org/a", **hook}),
        ]
    )
    world.send()
    assert [(row[2], row[3]) for row in outcomes(world)] == [
        ("sent", None),
        ("skipped", "not_on_allowlist"),
        ("sent", None),
        ("sent", None),
        ("skipped", "not_on_allowlist"),
    ]


def test_a_live_sender_skips_what_is_too_late(world: World) -> None:
    world.delivery(mode="live", max_lateness="1 day")
    sender = Scripted()
    world.contacts([contact(1), contact(2)])
    tick = later(days=10_000)
    world.plan([planned(1, sender="live"), planned(2, sender="live", planned_at=tick.as_of - timedelta(hours=23))])
    world.send({"live": sender}, tick)
    assert sender.got == ["m00002"]
    assert outcomes(world)[0][3] == "too_late: due 2026-03-01 09:00 UTC"


def test_transient_errors_are_retried_and_then_given_up(world: World) -> None:
    world.delivery(max_attempts=3)
    sender = Scripted(*[TransientError("busy")] * 5, simulated=True)
    world.contacts([contact(1)])
    world.plan([planned(1, sender="busy")])
    from segflow.warehouse.tick import Tick

    for number, minutes in enumerate((0, 0, 1, 10, 100), start=1):
        world.send({"busy": sender}, Tick(f"t{number}", AS_OF + timedelta(minutes=minutes)))
    assert outcomes(world) == [
        ("m00001", 1, "held", "busy"),
        ("m00001", 2, "held", "busy"),
        ("m00001", 3, "failed", "gave up after 3 attempts: busy"),
    ]
    assert [row["tick_id"] for row in world.deliveries()] == ["t1", "t3", "t4"]


def test_retry_after_is_honoured(world: World) -> None:
    sender = Scripted(TransientError("slow down", retry_after=3600), simulated=True)
    world.contacts([contact(1)])
    world.plan([planned(1, sender="busy")])
    world.send({"busy": sender})
    assert world.send({"busy": sender}, later(minutes=59)).outcomes == {}
    assert world.send({"busy": sender}, later(minutes=61)).outcomes == {"busy": {"sent": 1}}


def test_a_short_retry_happens_within_the_stage(world: World) -> None:
    world.delivery(mode="live", max_lateness="1000 years")
    sender = Scripted(TransientError("greylisted"))
    world.contacts([contact(1)])
    world.plan([planned(1, sender="live")])
    from segflow.outbox import outcomes as outcome_module
    from segflow.outbox.send import send_outbox
    from segflow.specs.catalog import Catalog
    from segflow.specs.project import Specs
    from segflow.warehouse.tick import Tick

    from .conftest import CATALOG

    specs = Specs(world.root, world.settings, Catalog.model_validate(CATALOG))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outcome_module, "backoff", lambda attempt: 0.1)
        senders = {"live": sender, "mailbox": world.mailbox()}
        send_outbox(specs, world.warehouse, world.store, senders, Tick("t1", AS_OF), world.lease, patience=1)
    assert [row[2] for row in outcomes(world)] == ["held", "sent"]


def test_a_provider_that_is_down_is_left_alone(world: World) -> None:
    world.delivery(mode="live", max_lateness="1000 years")
    sender = Scripted(*[TransientError("connection refused")] * 100)
    world.contacts([contact(n) for n in range(20)])
    world.plan([planned(n, sender="live") for n in range(20)])
    report = world.send({"live": sender})
    assert len(sender.got) == 5
    assert "transient errors in a row" in report.deferred["live"]
    assert world.store.counts() == {("live", "held"): 5, ("live", "planned"): 15}


def test_a_busy_recipient_does_not_stop_the_sender(world: World) -> None:
    world.delivery(mode="live", max_lateness="1000 years")
    sender = Scripted(*[TransientError("too fast for this number", 6, of_message=True)] * 6)
    world.contacts([contact(n) for n in range(8)])
    world.plan([planned(n, sender="live") for n in range(8)])
    report = world.send({"live": sender})
    assert len(sender.got) == 8
    assert report.deferred == {}
    assert world.store.counts() == {("live", "held"): 6, ("live", "sent"): 2}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(PermanentError("opted out", unsubscribed=True), "unsubscribed", id="opted out"),
        pytest.param(PermanentError("inactive", suppress="inactive"), "inactive", id="on the list of the provider"),
        pytest.param(PermanentError("5.1.1 no such user", suppress="bounced"), "bounced", id="dead"),
        pytest.param(PermanentError("too large"), None, id="of the message"),
    ],
)
def test_a_refusal_that_is_about_the_address_suppresses_it(
    world: World, error: PermanentError, reason: str | None
) -> None:
    world.delivery(mode="live", max_lateness="1000 years")
    world.contacts([contact(1)])
    world.plan([planned(1, sender="live")])
    world.send({"live": Scripted(error)})
    assert [row["reason"] for row in world.store.all_suppressions()] == ([reason] if reason else [])


def test_who_has_opted_out_at_the_provider_is_suppressed(world: World) -> None:
    world.delivery(mode="live", max_lateness="1000 years")
    sms = {"channel": "sms", "sender": "live", "content": {"text": "Hi"}}
    world.contacts([contact(1), contact(2, phone="+442079460019")])
    world.plan([planned(1, **sms)])
    world.send({"live": Scripted(PermanentError("Twilio 21610: opted out", unsubscribed=True))})
    world.plan([planned(2, **{**sms, "contact_id": "c1"}), planned(3, **{**sms, "contact_id": "c2"})])
    world.send({"live": Scripted()}, later(minutes=1))
    told = [(row["message_id"], row["outcome"], row["reason"]) for row in world.deliveries()]
    assert told == [
        ("m00001", "failed", "Twilio 21610: opted out"),
        ("m00002", "skipped", "suppressed: unsubscribed"),
        ("m00003", "sent", None),
    ]
    assert [row["channel"] for row in world.warehouse.rows(_all("suppressions"))] == ["sms"]


def test_a_permanent_error_fails_one_message(world: World) -> None:
    world.delivery(mode="live", max_lateness="1000 years")
    world.contacts([contact(1), contact(2)])
    world.plan([planned(1, sender="live"), planned(2, sender="live")])
    world.send({"live": Scripted(PermanentError("no such mailbox"))})
    assert outcomes(world) == [("m00001", 1, "failed", "no such mailbox"), ("m00002", 1, "sent", None)]


def test_a_configuration_error_stops_one_sender_and_loses_nothing(world: World) -> None:
    world.delivery(mode="live", max_lateness="1000 years")
    world.contacts([contact(1), contact(2), contact(3)])
    world.plan([planned(1, sender="bad"), planned(2, sender="bad"), planned(3)])
    bad = Scripted(ConfigurationError("wrong password"))
    report = world.send({"bad": bad})
    assert report.errors == ["sender bad: wrong password"]
    assert report.outcomes == {"mailbox": {"sent": 1}}
    assert world.store.counts() == {("bad", "planned"): 2, ("mailbox", "sent"): 1}
    assert world.send({"bad": bad}).outcomes == {"bad": {"sent": 2}}
    assert [row["attempt"] for row in world.deliveries()] == [1, 1, 1]


@pytest.mark.parametrize("error", [AmbiguousError("reset"), ValueError("a defect")], ids=["ambiguous", "defect"])
@pytest.mark.parametrize("idempotent", [True, False], ids=["idempotent", "not idempotent"])
def test_what_is_in_doubt(world: World, error: Exception, idempotent: bool) -> None:
    world.delivery(mode="live", max_lateness="1000 years")
    world.contacts([contact(1), contact(2)])
    world.plan([planned(1, sender="live"), planned(2, sender="live")])
    sender = Scripted(error, idempotent=idempotent)
    world.send({"live": sender})
    assert [row[2] for row in outcomes(world)] == ["held" if idempotent else "unknown", "sent"]
    assert sender.got == ["m00001", "m00002"]


def test_a_person_releases_or_drops_what_is_unknown(world: World) -> None:
    world.delivery(mode="live", max_lateness="1 day")
    sender = Scripted(AmbiguousError("reset"), AmbiguousError("reset"))
    world.contacts([contact(1), contact(2)])
    tick = later(days=10_000)
    world.plan([planned(n, sender="live", planned_at=tick.as_of) for n in (1, 2)])
    world.send({"live": sender}, tick)
    assert [row["message_id"] for row in world.store.listing("unknown")] == ["m00001", "m00002"]
    assert world.store.release(["m00001", "m99999"]) == 1
    assert world.store.drop() == 1
    assert world.store.drop() == 0
    world.send({"live": sender}, tick)
    assert [row[:3] for row in outcomes(world)] == [
        ("m00001", 1, "unknown"),
        ("m00001", 1, "released"),
        ("m00001", 2, "sent"),
        ("m00002", 1, "unknown"),
        ("m00002", 1, "dropped"),
    ]


def test_a_release_is_one_more_attempt_however_many_there_were(world: World) -> None:
    world.delivery(mode="live", max_lateness="1000 years", max_attempts=1)
    sender = Scripted(AmbiguousError("reset"), AmbiguousError("reset"))
    world.contacts([contact(1)])
    world.plan([planned(1, sender="live")])
    for _ in range(3):
        world.send({"live": sender})
        world.store.release()
    told = [row[1:3] for row in outcomes(world)]
    assert [row for row in told if row[1] != "released"] == [(1, "unknown"), (2, "unknown"), (3, "sent")]
    assert [row[0] for row in told if row[1] == "released"] == [1, 2]


def test_a_retry_has_all_the_attempts_of_a_new_message(world: World) -> None:
    world.delivery(mode="live", max_lateness="1000 years", max_attempts=2)
    sender = Scripted(*(TransientError("busy") for _ in range(3)))
    world.contacts([contact(1)])
    world.plan([planned(1, sender="live")])
    for day in (1, 2):
        world.send({"live": sender}, Tick(f"t{day}", datetime.now(UTC) + timedelta(days=day)))
    assert world.store.letters.decide("retry", Chosen(outcomes=("failed",)), "mended") == 1
    for day in (3, 4):
        world.send({"live": sender}, Tick(f"t{day}", datetime.now(UTC) + timedelta(days=day)))
    assert [row[1:3] for row in outcomes(world)] == [
        (1, "held"), (2, "failed"), (2, "retried"), (3, "held"), (4, "sent"),
    ]  # fmt: skip


def test_stop_sending_is_honoured_between_messages(world: World) -> None:
    world.delivery(mode="live", max_lateness="1000 years")
    world.contacts([contact(1), contact(2)])
    world.plan([planned(1, sender="live"), planned(2, sender="live")])
    sender = Scripted()

    def stop(_: AnyMessage) -> None:
        world.store.stop_sending("wrong price")
        time.sleep(0.5)  # it is looked at five times a second, not before each message

    sender.before = stop
    report = world.send({"live": sender})
    assert report.stopped == "wrong price"
    assert sender.got == ["m00001"]
    assert world.send({"live": sender}).outcomes == {}
    world.store.resume_sending()
    sender.before = lambda _: None
    assert world.send({"live": sender}).outcomes == {"live": {"sent": 1}}


@pytest.mark.parametrize("idempotent", [True, False], ids=["idempotent", "not idempotent"])
def test_ctrl_c_leaves_at_most_the_message_at_hand_in_doubt(world: World, idempotent: bool) -> None:
    world.delivery(mode="live", max_lateness="1000 years")
    world.contacts([contact(n) for n in range(3)])
    world.plan([planned(n, sender="live") for n in range(3)])
    sender = Scripted(idempotent=idempotent)

    def interrupt(message: AnyMessage) -> None:
        if message.message_id == "m00001" and len(sender.got) == 1:
            raise KeyboardInterrupt

    sender.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        world.send({"live": sender})
    assert [row[2] for row in outcomes(world)] == (["sent"] if idempotent else ["sent", "unknown"])
    sender.before = lambda _: None
    world.send({"live": sender})
    assert sender.got == (["m00000", "m00001", "m00002"] if idempotent else ["m00000", "m00002"])


def test_a_sender_that_is_not_configured_is_an_error(world: World) -> None:
    world.contacts([contact(1), contact(2)])
    world.plan([planned(1, sender="removed"), planned(2)])
    report = world.send()
    assert report.errors == ["messages wait for sender removed, which segflow.yml does not have"]
    assert report.outcomes == {"mailbox": {"sent": 1}}


def test_outcomes_missing_in_the_warehouse_are_caught_up(world: World) -> None:
    world.contacts([contact(1), contact(2)])
    world.plan([planned(1)])
    world.send()
    complete = world.deliveries()
    world.warehouse.append("deliveries", "t1", pa.table({"message_id": pa.array([], pa.string())}))
    world.store.set_mark("copied_to", None)
    world.send(tick=later(days=1))
    assert world.deliveries() == complete


def test_a_tick_that_is_run_again_in_an_older_warehouse_sends_what_it_plans_beyond_the_first_time(world: World) -> None:
    """As when the warehouse was put back to before the tick, and the delivery store was not."""
    world.contacts([contact(number) for number in range(1, 4)])
    world.plan([planned(1), planned(2)])
    world.send()
    world.warehouse.append("outbox", "t1", pa.table({"message_id": pa.array([], pa.string())}))
    world.plan([planned(2), planned(3)])
    assert world.send().inserted == 1
    assert [row[0] for row in outcomes(world)] == ["m00001", "m00002", "m00003"]
    assert world.send(tick=later(days=1)).inserted == 0


def test_a_tick_that_settled_more_after_its_copy_is_copied_again(world: World) -> None:
    """As when the send stage is killed after it settled, and the tick is then resumed without sending."""
    world.contacts([contact(1), contact(2)])
    world.plan([planned(1)])
    world.send()
    world.store.insert_new(world.lease, [planned(2)])
    (claimed,) = world.store.claim(world.lease, "mailbox", 9, AS_OF, hand_over=True, repeatable=True)
    sent = Outcome(message_id=claimed.message_id, attempt=1, outcome="sent", at=AS_OF)
    world.store.settle(world.lease, "t1", [sent])
    world.send(tick=later(days=1))
    assert [(row[0], row[2]) for row in outcomes(world)] == [("m00001", "sent"), ("m00002", "sent")]


def test_the_default_content_is_rendered(world: World) -> None:
    world.contacts([contact(1, name="Ünal")])
    world.plan([planned(1, content=EMAIL)])
    world.send()
    text = (world.root / "mailbox" / world.files()[0]).read_text()
    assert "Dear =C3=9Cnal" in text
    assert "Subject: =?utf-8?" in text

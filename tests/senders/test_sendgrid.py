"""SendGrid: requests that share content, its errors, its signed events."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, SendError, TransientError
from segflow.messages import Receipt
from segflow.senders.callbacks import RefusedCallbackError
from segflow.senders.sendgrid import SendGridSender
from tests.senders.email_providers import PROVIDERS, mail
from tests.senders.fakes.base import LOSSES, NOW, Reply, reply
from tests.senders.fakes.sendgrid import FakeSendGrid, error

PROVIDER = PROVIDERS["sendgrid"]


@pytest.fixture
def fake() -> FakeSendGrid:
    return FakeSendGrid()


@pytest.fixture
def sender(fake: FakeSendGrid) -> Iterator[SendGridSender]:
    with fake.running() as url, PROVIDER.make(url, webhook_key=fake.webhook_key) as made:
        yield made


def requests_of(fake: FakeSendGrid) -> list[list[str]]:
    """The ids of our messages in each request."""
    told = [json.loads(call.body)["personalizations"] for call in fake.calls]
    return [[one["custom_args"]["segflow_id"] for one in request] for request in told]


def test_what_is_sent(fake: FakeSendGrid, sender: SendGridSender) -> None:
    receipt = sender.send(mail(headers={"List-Unsubscribe": "<https://a.example/u>"}, reply_to="Zoë <z@b.example>"))
    assert fake.mails == [
        {
            "from": {"email": "news@shop.example", "name": "Shop"},
            "reply_to": {"email": "z@b.example", "name": "Zoë"},
            "to": [{"email": "ana1@home.example"}],
            "subject": "Grüße",
            "content": [
                {"type": "text/plain", "value": "Dear Ana €"},
                {"type": "text/html", "value": "<p>Dear Ana €</p>"},
            ],
            "headers": {"List-Unsubscribe": "<https://a.example/u>"},
            "custom_args": {"segflow_id": "m1"},
        }
    ]
    assert receipt.provider_id == "0" * 22


def test_messages_that_share_bodies_are_one_request(fake: FakeSendGrid, sender: SendGridSender) -> None:
    unsubscribe = [{"List-Unsubscribe": f"<https://a.example/u/{n}>"} for n in range(4)]
    messages = [mail(n, subject=f"For {n}", headers=unsubscribe[n]) for n in range(4)]
    messages += [mail(4, text="another"), mail(5, sender_address="o@shop.example"), mail(6, reply_to="r@b.example")]
    told = sender.send_many(messages)
    assert requests_of(fake) == [["m0", "m1", "m2", "m3"], ["m4"], ["m5"], ["m6"]]
    assert [one["subject"] for one in fake.mails[:4]] == ["For 0", "For 1", "For 2", "For 3"]
    assert [one["headers"] for one in fake.mails[:4]] == unsubscribe
    assert all(isinstance(one, Receipt) for one in told)


def test_a_thousand_in_a_request_and_an_address_once(fake: FakeSendGrid, sender: SendGridSender) -> None:
    messages = [mail(n) for n in range(1001)] + [mail(2000, to="ANA5@home.example")]
    assert all(isinstance(one, Receipt) for one in sender.send_many(messages))
    assert [len(one) for one in requests_of(fake)] == [1000, 1, 1]
    assert requests_of(fake)[-1] == ["m2000"]


def test_one_bad_message_does_not_hold_the_others_back(fake: FakeSendGrid, sender: SendGridSender) -> None:
    messages = [mail(n, to="ana@home.c m" if n == 5 else f"ana{n}@home.example") for n in range(16)]
    messages[5] = mail(5, to="ana@home")  # an address by the grammar, but not for SendGrid
    told = sender.send_many(messages)
    assert [n for n, one in enumerate(told) if isinstance(one, PermanentError)] == [5]
    assert sorted(int(PROVIDER.reads(one)[0][1:]) for one in fake.mails) == [n for n in range(16) if n != 5]
    assert len(fake.calls) == 1 + 2 * 4


@pytest.mark.parametrize("loss", LOSSES)
def test_a_lost_answer_holds_for_its_request_alone(fake: FakeSendGrid, sender: SendGridSender, loss: str) -> None:
    fake.next = ["", loss, ""]
    told = sender.send_many([mail(n, text=f"Body {n // 2}") for n in range(6)])
    assert [type(one) for one in told] == [Receipt] * 2 + [AmbiguousError] * 2 + [Receipt] * 2


@pytest.mark.parametrize("loss", [None, *LOSSES])
def test_a_key_that_stops_working_takes_back_nothing(
    fake: FakeSendGrid, sender: SendGridSender, loss: str | None
) -> None:
    fake.next = [loss or "", error(401, "revoked")]
    told = sender.send_many([mail(n, text=f"Body {n}") for n in range(4)])
    assert [type(one) for one in told] == [AmbiguousError if loss else Receipt] + [ConfigurationError] * 3
    assert len(fake.calls) == 2


def test_a_key_that_never_worked_is_raised(fake: FakeSendGrid, sender: SendGridSender) -> None:
    fake.next = [error(429, "too many requests"), error(401, "revoked")]
    with pytest.raises(ConfigurationError):
        sender.send_many([mail(n, text=f"Body {n}") for n in range(4)])


def test_a_header_of_sendgrid_and_no_subject_are_refused(fake: FakeSendGrid, sender: SendGridSender) -> None:
    told = sender.send_many([mail(1, headers={"X-SG-EID": "a"}), mail(2, subject="")])
    assert [type(one) for one in told] == [PermanentError] * 2
    assert fake.calls == []


ERRORS: dict[str, tuple[Reply, type[SendError]]] = {
    "400": (error(400, "Bad Request"), PermanentError),
    "401": (error(401, "revoked"), ConfigurationError),
    "403": (error(403, "The from address does not match a verified Sender Identity"), ConfigurationError),
    "404": (error(404, "not found"), ConfigurationError),
    "405": (error(405, "x"), ConfigurationError),
    "406": (error(406, "x"), ConfigurationError),
    "413": (error(413, "too large"), PermanentError),
    "415": (error(415, "x"), ConfigurationError),
    "429": (error(429, "too many requests"), TransientError),
    "451": (error(451, "data residency"), ConfigurationError),
    "500": (error(500, "internal"), AmbiguousError),
    "503": (error(503, "not available"), TransientError),
    "200 in place of 202": (reply(200), AmbiguousError),
}


@pytest.mark.parametrize(("answer", "kind"), ERRORS.values(), ids=ERRORS)
def test_errors(fake: FakeSendGrid, sender: SendGridSender, answer: Reply, kind: type[SendError]) -> None:
    fake.next = [answer]
    with pytest.raises(kind) as caught:
        sender.send(mail())
    assert type(caught.value) is kind


WAITS: dict[str, tuple[Callable[[], str], float | None]] = {
    "in half an hour": (lambda: str(int(time.time()) + 1800), 1801),
    "in a day": (lambda: str(int(time.time()) + 86_400), None),
    "seconds": (lambda: "60", None),
    "past": (lambda: str(int(time.time()) - 5), None),
    "no number": (lambda: "soon", None),
    "none": (lambda: "", None),
}


@pytest.mark.parametrize(("reset", "at_most"), WAITS.values(), ids=WAITS)
def test_how_long_to_wait(
    fake: FakeSendGrid, sender: SendGridSender, reset: Callable[[], str], at_most: float | None
) -> None:
    fake.next = [error(429, "too many requests", **({"X_RateLimit_Reset": reset()} if reset() else {}))]
    with pytest.raises(TransientError) as caught:
        sender.send(mail())
    wait = caught.value.retry_after
    assert wait is None if at_most is None else wait is not None and 0 < wait <= at_most


def told(event: str, **fields: Any) -> dict[str, Any]:
    return {
        "event": event,
        "email": "ana@home.example",
        "timestamp": int(NOW.timestamp()),
        "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
        "sg_event_id": f"id-{event}",
        "sg_message_id": "14c5d75ce93dfd64b469ab.filter0001.16648.5515E0B88.0",
        "category": ["cat"],
        "segflow_id": "m1",
        "an_unknown_field": {"é": 1},
        **fields,
    }


EVENTS: dict[str, tuple[dict[str, Any], tuple[Any, ...] | None]] = {
    "processed": (told("processed"), None),
    "deferred": (told("deferred", attempt="1"), None),
    "delivered": (told("delivered", response="250 OK"), ("delivered", False, None)),
    "bounce": (told("bounce", type="bounce", status="5.1.1"), ("bounced", True, "hard 5.1.1")),
    "blocked": (told("bounce", type="blocked", status="4.7.1"), ("bounced", False, "soft 4.7.1")),
    "dropped": (told("dropped", reason="Spam Content"), ("failed", False, "dropped by SendGrid")),
    "suppressed": (told("dropped", reason="Bounced Address"), ("failed", True, "suppressed by SendGrid")),
    "open": (told("open", ip="1.2.3.4"), ("opened", False, None)),
    "click": (told("click", url="https://a.example/b?who=ana#x"), ("clicked", False, "https://a.example/b")),
    "spamreport": (told("spamreport"), ("complained", True, None)),
    "unsubscribe": (told("unsubscribe"), ("unsubscribed", True, None)),
    "group_unsubscribe": (told("group_unsubscribe", asm_group_id=1), ("unsubscribed", True, None)),
    "group_resubscribe": (told("group_resubscribe"), ("subscribed", False, None)),
    "of tomorrow": (told("teleported"), None),
}


@pytest.mark.parametrize(("event", "expected"), EVENTS.values(), ids=EVENTS)
def test_events(
    fake: FakeSendGrid, sender: SendGridSender, event: dict[str, Any], expected: tuple[Any, ...] | None
) -> None:
    call = fake.events([event])
    sender.verify(call)
    assert sender.answer(call) is None
    found = sender.events(call)
    assert [(one.kind, one.suppress, one.detail) for one in found] == ([] if expected is None else [expected])
    assert [one.url for one in found] == [
        "https://a.example/b?who=ana#x" if one.kind == "clicked" else None for one in found
    ]
    for one in found:
        assert (one.message_id, one.provider_id, one.address) == ("m1", "14c5d75ce93dfd64b469ab", "ana@home.example")
        assert (one.event_id, one.at, one.channel) == (event["sg_event_id"], NOW, "email")


def test_what_lacks_this_or_that_is_told_all_the_same(fake: FakeSendGrid, sender: SendGridSender) -> None:
    late = {"event": "bounce", "type": "bounce", "email": "ana@home.example"}
    nobody = {"event": "delivered", "timestamp": 1, "email": 7}
    events = sender.events(fake.events([told("delivered"), late, nobody, told("open"), late, told("delivered")]))
    assert [one.kind for one in events] == ["delivered", "bounced", "opened", "bounced", "delivered"]
    assert events[1].event_id == events[3].event_id != events[0].event_id == events[4].event_id
    assert (events[1].message_id, events[1].provider_id, events[1].at) == (None, None, NOW)


def test_a_whole_post_of_raw_bytes(fake: FakeSendGrid, sender: SendGridSender) -> None:
    raw = b'[{"event":"delivered","email":"ana@home.example","segflow_id":"m1","x":"\\u00e9"},\r\n{"event":"open"}]\r\n'
    call = fake.events([], raw=raw)
    sender.verify(call)
    assert len(sender.events(call)) == 1
    parsed = json.dumps(json.loads(raw)).encode()
    with pytest.raises(RefusedCallbackError):
        sender.verify(replace(call, body=parsed))


SIGNATURE, TIME = (f"x-twilio-email-event-webhook-{name}" for name in ("signature", "timestamp"))
FORGED: dict[str, dict[str, str]] = {
    "no signature": {SIGNATURE: ""},
    "no base64": {SIGNATURE: "%%%"},
    "no DER": {SIGNATURE: base64.b64encode(b"x" * 70).decode()},
    "not ASCII": {SIGNATURE: "é"},
    "another time": {TIME: str(int(NOW.timestamp()) + 1)},
    "no time": {TIME: ""},
    "a time that is none": {TIME: "soon"},
}


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED)
def test_a_call_that_is_not_sendgrids(fake: FakeSendGrid, sender: SendGridSender, headers: dict[str, str]) -> None:
    call = fake.events([told("bounce", type="bounce")])
    with pytest.raises(RefusedCallbackError, match="signature is not SendGrid's"):
        sender.verify(replace(call, headers=call.headers | headers))


def test_another_body_and_another_key(fake: FakeSendGrid, sender: SendGridSender) -> None:
    call = fake.events([told("bounce", type="bounce")])
    for forged in (replace(call, body=call.body.replace(b"ana@", b"bob@")), FakeSendGrid().events([told("open")])):
        with pytest.raises(RefusedCallbackError, match="signature is not SendGrid's"):
            sender.verify(forged)


AGES = {"just now": (0, True), "4 minutes": (-240, True), "6 minutes": (-360, False), "6 minutes ahead": (360, False)}


@pytest.mark.parametrize(("seconds", "good"), AGES.values(), ids=AGES)
def test_a_call_counts_for_five_minutes(fake: FakeSendGrid, sender: SendGridSender, seconds: int, good: bool) -> None:
    call = fake.events([told("open")], at=NOW + timedelta(seconds=seconds))
    if good:
        return sender.verify(call)
    with pytest.raises(RefusedCallbackError, match=r"too old|in the future"):
        sender.verify(call)


BODIES = {"no JSON": b"[", "an object": b"{}", "a text": b'"x"', "no UTF-8": b'["\xff"]', "deep": b"[" * 100_000}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_cannot_be_read(fake: FakeSendGrid, sender: SendGridSender, body: bytes) -> None:
    with pytest.raises(RefusedCallbackError):
        sender.events(fake.events([], raw=body))


@pytest.mark.parametrize("key", [None, "", "x", "MFkwEwYH"], ids=repr)
def test_without_a_key_every_call_is_refused(fake: FakeSendGrid, key: str | None) -> None:
    sender = PROVIDER.make("http://127.0.0.1:1", webhook_key=key)
    with pytest.raises(RefusedCallbackError, match="webhook_key:"):
        sender.verify(fake.events([told("open")]))


def test_regions() -> None:
    eu, world = (PROVIDER.make(None, region=region) for region in ("eu", "global"))
    assert (eu._url, world._url) == (
        "https://api.eu.sendgrid.com/v3/mail/send",
        "https://api.sendgrid.com/v3/mail/send",
    )

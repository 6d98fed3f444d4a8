"""Resend: its idempotency keys, its errors, its webhooks as Svix signs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import standardwebhooks

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, SendError, TransientError
from segflow.senders.callbacks import RefusedCallbackError
from segflow.senders.resend import ResendSender
from tests.senders.email_providers import PROVIDERS, mail
from tests.senders.fakes.base import NOW, Reply, callback, reply
from tests.senders.fakes.resend import OTHER_SECRET, SECRET, FakeResend, error, event

PROVIDER = PROVIDERS["resend"]


@pytest.fixture
def fake() -> FakeResend:
    return FakeResend()


@pytest.fixture
def sender(fake: FakeResend) -> Iterator[ResendSender]:
    with fake.running() as url, PROVIDER.make(url, webhook_secret=SECRET) as made:
        yield made


def test_what_is_sent(fake: FakeResend, sender: ResendSender) -> None:
    headers = {"List-Unsubscribe": "<https://a.example/u>"}
    receipt = sender.send(mail(headers=headers, reply_to="Zoë <z@b.example>", sender_address="Zoë <zoe@shop.example>"))
    assert fake.calls[0].headers["idempotency-key"] == "m1"
    assert fake.mails == [
        {
            "from": "Zoë <zoe@shop.example>",
            "to": ["ana1@home.example"],
            "reply_to": "=?utf-8?q?Zo=C3=AB?= <z@b.example>",
            "subject": "Grüße",
            "text": "Dear Ana €",
            "html": "<p>Dear Ana €</p>",
            "headers": headers,
            "tags": [{"name": "segflow_id", "value": "m1"}],
        }
    ]
    assert receipt.provider_id == "49a3999c-0ce1-4ea6-ab68-000000000000"


def test_a_message_is_taken_once(fake: FakeResend, sender: ResendSender) -> None:
    assert sender.send(mail()).provider_id == sender.send(mail()).provider_id
    assert len(fake.mails) == 1


def test_a_message_that_changed_is_not_sent_under_another_key(fake: FakeResend, sender: ResendSender) -> None:
    sender.send(mail())
    with pytest.raises(PermanentError, match="409 invalid_idempotent_request"):
        sender.send(mail(subject="another"))
    assert len(fake.mails) == 1


def test_an_id_that_is_no_tag_is_still_a_key(fake: FakeResend, sender: ResendSender) -> None:
    sender.send(mail(message_id="a/b"))
    assert "tags" not in fake.mails[0]
    assert fake.calls[0].headers["idempotency-key"] == "a/b"


@pytest.mark.parametrize("message_id", ["", "a b", "é", "k" * 257, "a\r\nX: y"], ids=repr)
def test_an_id_that_is_no_key_is_refused(fake: FakeResend, sender: ResendSender, message_id: str) -> None:
    with pytest.raises(PermanentError):
        sender.send(mail(message_id=message_id))
    assert fake.calls == []


def test_names_that_need_quotes(fake: FakeResend, sender: ResendSender) -> None:
    with pytest.raises(PermanentError, match="Tea, Inc"):
        sender.send(mail(sender_address='"Tea, Inc" <tea@shop.example>'))
    sender.send(mail(reply_to='"Tea, Inc" <tea@shop.example>'))
    assert fake.mails[0]["reply_to"] == "tea@shop.example"


ERRORS: dict[str, tuple[Reply, type[SendError]]] = {
    "400 invalid_idempotency_key": (error(400, "invalid_idempotency_key"), ConfigurationError),
    "400 validation_error": (error(400, "validation_error"), PermanentError),
    "401 missing_api_key": (error(401, "missing_api_key"), ConfigurationError),
    "401 restricted_api_key": (error(401, "restricted_api_key"), ConfigurationError),
    "401 validation_error": (error(401, "validation_error"), ConfigurationError),
    "403 invalid_api_key": (error(403, "invalid_api_key"), ConfigurationError),
    "403 validation_error": (error(403, "validation_error", "The domain is not verified"), ConfigurationError),
    "403 invalid_from_address": (error(403, "invalid_from_address"), ConfigurationError),
    "422 invalid_from_address": (error(422, "invalid_from_address"), ConfigurationError),
    "404": (error(404, "not_found"), ConfigurationError),
    "405": (error(405, "method_not_allowed"), ConfigurationError),
    "409 invalid_idempotent_request": (error(409, "invalid_idempotent_request"), PermanentError),
    "409 concurrent": (error(409, "concurrent_idempotent_requests"), TransientError),
    "422 missing_required_field": (error(422, "missing_required_field"), PermanentError),
    "422 invalid_parameter": (error(422, "invalid_parameter"), PermanentError),
    "422 invalid_attachment": (error(422, "invalid_attachment"), PermanentError),
    "422 invalid_access": (error(422, "invalid_access"), PermanentError),
    "429 rate_limit_exceeded": (error(429, "rate_limit_exceeded"), TransientError),
    "429 daily_quota_exceeded": (error(429, "daily_quota_exceeded"), ConfigurationError),
    "429 monthly_quota_exceeded": (error(429, "monthly_quota_exceeded"), ConfigurationError),
    "500 application_error": (error(500, "application_error"), AmbiguousError),
    "500 internal_server_error": (error(500, "internal_server_error"), AmbiguousError),
    "503 service_unavailable": (error(503, "service_unavailable"), AmbiguousError),
    "200 without an id": (reply(200, {"data": []}), AmbiguousError),
}


@pytest.mark.parametrize(("answer", "kind"), ERRORS.values(), ids=ERRORS)
def test_errors(fake: FakeResend, sender: ResendSender, answer: Reply, kind: type[SendError]) -> None:
    fake.next = [answer]
    with pytest.raises(kind) as caught:
        sender.send(mail())
    assert type(caught.value) is kind


WAITS: dict[str, tuple[dict[str, str], float | None]] = {
    "retry-after": ({"retry_after": "2", "ratelimit_reset": "9"}, 2),
    "ratelimit-reset": ({"ratelimit_reset": "9"}, 9),
    "none": ({}, None),
}


@pytest.mark.parametrize(("headers", "seconds"), WAITS.values(), ids=WAITS)
def test_how_long_to_wait(
    fake: FakeResend, sender: ResendSender, headers: dict[str, str], seconds: float | None
) -> None:
    fake.next = [error(429, "rate_limit_exceeded", **headers)]
    with pytest.raises(TransientError) as caught:
        sender.send(mail())
    assert caught.value.retry_after == seconds


BASE: dict[str, Any] = {
    "email_id": "56761188",
    "created_at": "2020-01-01T00:00:00Z",
    "from": "news@shop.example",
    "to": ["ana@home.example"],
    "tags": {"segflow_id": "m1"},
    "unknown": {"é": 1},
}
EVENTS: dict[str, tuple[str, dict[str, Any], tuple[Any, ...] | None]] = {
    "sent": ("email.sent", {}, None),
    "scheduled": ("email.scheduled", {}, None),
    "delayed": ("email.delivery_delayed", {}, None),
    "received": ("email.received", {}, None),
    "of tomorrow": ("email.teleported", {}, None),
    "delivered": ("email.delivered", {}, ("delivered", False, None)),
    "bounced for good": ("email.bounced", {"bounce": {"type": "Permanent"}}, ("bounced", True, "hard")),
    "bounced for now": ("email.bounced", {"bounce": {"type": "Transient"}}, ("bounced", False, "soft")),
    "bounced, who knows": ("email.bounced", {"bounce": {"type": "Undetermined"}}, ("bounced", False, "soft")),
    "bounced, in no words": ("email.bounced", {"bounce": None}, ("bounced", False, "soft")),
    "suppressed": ("email.suppressed", {"reason": "previous_bounce"}, ("failed", True, "suppressed by Resend")),
    "failed": (
        "email.failed",
        {"failed": {"reason": "reached_daily_quota"}},
        ("failed", False, "reached_daily_quota"),
    ),
    "complained": ("email.complained", {}, ("complained", True, None)),
    "opened": ("email.opened", {}, ("opened", False, None)),
    "clicked": (
        "email.clicked",
        {"click": {"link": "https://a.example/b?who=ana"}},
        ("clicked", False, "https://a.example/b"),
    ),
    "a contact that unsubscribed": (
        "contact.updated",
        {"email": "ana@home.example", "unsubscribed": True},
        ("unsubscribed", True, None),
    ),
    "a contact that changed": ("contact.updated", {"email": "ana@home.example", "unsubscribed": False}, None),
}


@pytest.mark.parametrize(("kind", "data", "expected"), EVENTS.values(), ids=EVENTS)
def test_events(sender: ResendSender, kind: str, data: dict[str, Any], expected: tuple[Any, ...] | None) -> None:
    call = event(kind, BASE | data)
    sender.verify(call)
    assert sender.answer(call) is None
    found = sender.events(call)
    assert [(one.kind, one.suppress, one.detail) for one in found] == ([] if expected is None else [expected])
    for one in found:
        assert (one.message_id, one.provider_id, one.address) == ("m1", "56761188", "ana@home.example")
        assert (one.event_id, one.at, one.channel) == ("msg_1", NOW, "email")


def test_of_several_recipients_nobody_is_named(sender: ResendSender) -> None:
    call = event("email.bounced", BASE | {"to": ["a@b.example", "c@d.example"], "bounce": {"type": "Permanent"}})
    assert [(one.address, one.message_id) for one in sender.events(call)] == [(None, "m1")]


def test_the_fake_signs_as_the_standard_library_does() -> None:
    call = event("email.sent", {})
    signed = standardwebhooks.Webhook(SECRET).sign("msg_1", NOW, call.body.decode())
    assert call.headers["svix-signature"] == signed


GOOD: dict[str, dict[str, Any]] = {
    "alone": {},
    "beside one of an old key": {"more": "v1,AAAA"},
    "beside one of another version": {"more": "v1a,AAAA"},
    "beside what is none": {"more": "nonsense v1,%%% ,"},
    "4 minutes old": {"at": NOW - timedelta(minutes=4)},
}


@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD)
def test_a_call_of_resend(sender: ResendSender, changes: dict[str, Any]) -> None:
    sender.verify(event("email.opened", BASE, **changes))


FORGED: dict[str, dict[str, Any]] = {
    "another key": {"secret": OTHER_SECRET},
    "too old": {"at": NOW - timedelta(minutes=6)},
    "from the future": {"at": NOW + timedelta(minutes=6)},
    "an id with a dot": {"told": "msg.1"},
    "no id": {"told": ""},
}


@pytest.mark.parametrize("changes", FORGED.values(), ids=FORGED)
def test_a_call_that_is_not_resends(sender: ResendSender, changes: dict[str, Any]) -> None:
    with pytest.raises(RefusedCallbackError):
        sender.verify(event("email.opened", BASE, **changes))


HEADERS: dict[str, dict[str, str]] = {
    "no signature": {"svix-signature": ""},
    "without a comma": {"svix-signature": "v1"},
    "no base64": {"svix-signature": "v1,%"},
    "not ASCII": {"svix-signature": "v1,é"},
    "another id": {"svix-id": "msg_2"},
    "another time": {"svix-timestamp": str(int(NOW.timestamp()) + 1)},
    "a time that is none": {"svix-timestamp": "soon"},
    "a time with a point": {"svix-timestamp": f"{int(NOW.timestamp())}.0"},
    "a time out of all bounds": {"svix-timestamp": "9" * 40},
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_a_call_whose_headers_do_not_do(sender: ResendSender, headers: dict[str, str]) -> None:
    call = event("email.opened", BASE)
    with pytest.raises(RefusedCallbackError):
        sender.verify(replace(call, headers=call.headers | headers))


def test_a_call_with_another_body(sender: ResendSender) -> None:
    call = event("email.opened", BASE)
    with pytest.raises(RefusedCallbackError, match="signature"):
        sender.verify(replace(call, body=call.body.replace(b"ana@", b"bob@")))


@pytest.mark.parametrize("secret", [None, "", "whsec_", "whsec_é", "whsec_%%%"], ids=repr)
def test_without_a_secret_every_call_is_refused(secret: str | None) -> None:
    sender = PROVIDER.make("http://127.0.0.1:1", webhook_secret=secret)
    with pytest.raises(RefusedCallbackError, match=r"webhook_secret:|secret is"):
        sender.verify(event("email.opened", BASE))


BODIES = {"no JSON": b"{", "a list": b"[]", "no UTF-8": b'{"a":"\xff"}'}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_cannot_be_read(sender: ResendSender, body: bytes) -> None:
    with pytest.raises(RefusedCallbackError):
        sender.events(callback(body))


@pytest.mark.parametrize("data", [None, 7, [], {}, {"to": 7}], ids=json.dumps)
def test_an_event_without_its_parts_is_left_out(sender: ResendSender, data: Any) -> None:
    assert sender.events(event("email.bounced", data)) == []

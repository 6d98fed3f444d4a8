"""What gateways of one's own tell a webhook sender: signed as Standard Webhooks describe, in a form of ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks

from segflow.senders.callbacks import Callback, RefusedCallbackError
from segflow.senders.webhook import WebhookSender

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
NUMBER = "+442079460018"


def body(kind: str = "message.delivered", **data: Any) -> bytes:
    given = {"message_id": "m1", "channel": "sms", **data}
    told = {"type": kind, "timestamp": "2026-03-01T10:00:00+01:00", "data": given, "later": 1}
    return json.dumps(told, ensure_ascii=False).encode()


def call(
    content: bytes, *, at: datetime = NOW, secret: str = SECRET, signed: bytes | None = None, **headers: str
) -> Callback:
    signature = standardwebhooks.Webhook(secret).sign("e1", at, (content if signed is None else signed).decode())
    given = {"webhook-id": "e1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Callback(method="POST", url="https://x.example/hooks", headers=given, body=content, received_at=NOW)


def receiver(secret: str | None = SECRET) -> WebhookSender:
    return WebhookSender("hooks", url="https://gateway.example/in", secret=secret)


SIGNED = call(body()).headers["webhook-signature"]
VALID = {
    "now": call(body()),
    "five minutes old": call(body(), at=NOW - timedelta(minutes=5)),
    "five minutes early": call(body(), at=NOW + timedelta(minutes=5)),
    "letters and line breaks": call(body(text="Grüße\r\n😀")),
    "while the key changes": call(body(), webhook_signature=f"v1,AAAA {SIGNED}"),
    "beside another version": call(body(), webhook_signature=f"v1a,AAAA v2 {SIGNED}"),
}


@pytest.mark.parametrize("callback", VALID.values(), ids=VALID.keys())
def test_what_is_signed_is_taken(callback: Callback) -> None:
    receiver().verify(callback)


FORGED: dict[str, tuple[Callback, str]] = {
    "another secret": (call(body(), secret=OTHER), "webhook-signature does not match"),
    "another body": (call(body(suppress=True), signed=body()), "webhook-signature does not match"),
    "another id": (call(body(), webhook_id="e2"), "webhook-signature does not match"),
    "another instant": (call(body(), webhook_timestamp=str(int(NOW.timestamp()) + 1)), "does not match"),
    "stale": (call(body(), at=NOW - timedelta(seconds=301)), "more than 300 seconds away"),
    "too early": (call(body(), at=NOW + timedelta(seconds=301)), "more than 300 seconds away"),
    "no instant": (call(body(), webhook_timestamp="soon"), "not a number of seconds"),
    "a huge instant": (call(body(), webhook_timestamp="9" * 400), "not a number of seconds"),
    "no signature": (call(body(), webhook_signature=""), "there is no webhook-signature"),
    "no id": (call(body(), webhook_id=""), "there is no webhook-id"),
    "an id with a dot": (call(body(), webhook_id="e1.5"), "webhook-id holds a dot"),
    "no comma": (call(body(), webhook_signature="v1"), "does not match"),
    "another version": (call(body(), webhook_signature=SIGNED.replace("v1,", "v1a,")), "does not match"),
    "letters": (call(body(), webhook_signature="v1,é"), "does not match"),
}


@pytest.mark.parametrize(("callback", "why"), FORGED.values(), ids=FORGED.keys())
def test_what_is_not_signed_is_refused(callback: Callback, why: str) -> None:
    with pytest.raises(RefusedCallbackError, match=why):
        receiver().verify(callback)


@pytest.mark.parametrize("secret", [None, "", "whsec_", "whsec_not base64"])
def test_without_a_secret_nothing_is_taken(secret: str | None) -> None:
    with pytest.raises(RefusedCallbackError, match="secret"):
        receiver(secret).verify(call(body()))


TOLD: dict[str, tuple[bytes, dict[str, Any]]] = {
    "delivered": (body(), {"kind": "delivered", "suppress": False}),
    "bounced for good": (
        body("message.bounced", suppress=True, detail="no such number"),
        {"kind": "bounced", "suppress": True, "detail": "no such number"},
    ),
    "bounced for now": (body("message.bounced"), {"kind": "bounced", "suppress": False}),
    "failed": (body("message.failed"), {"kind": "failed", "suppress": False}),
    "complained": (body("message.complained"), {"kind": "complained", "suppress": True}),
    "unsubscribed": (body("message.unsubscribed"), {"kind": "unsubscribed", "suppress": True}),
    "unsubscribed from something": (
        body("message.unsubscribed", suppress=False),
        {"kind": "unsubscribed", "suppress": False},
    ),
    "subscribed": (body("message.subscribed"), {"kind": "subscribed", "suppress": False}),
    "opened": (body("message.opened"), {"kind": "opened"}),
    "clicked": (
        body("message.clicked", url="https://a.example/?b=1"),
        {"kind": "clicked", "url": "https://a.example/?b=1"},
    ),
    "replied": (
        body("message.replied", message_id=None, address=NUMBER, text="Grüße"),
        {"kind": "replied", "message_id": None, "address": NUMBER, "text": "Grüße"},
    ),
    "by the gateway's id": (
        body(message_id=None, provider_id="p7", channel="whatsapp"),
        {"message_id": None, "provider_id": "p7", "channel": "whatsapp"},
    ),
}


@pytest.mark.parametrize(("content", "fields"), TOLD.values(), ids=TOLD.keys())
def test_what_is_told(content: bytes, fields: dict[str, Any]) -> None:
    [event] = receiver().events(call(content))
    wanted = {"message_id": "m1", "channel": "sms", "event_id": "e1", "at": NOW, **fields}
    assert {name: getattr(event, name) for name in wanted} == wanted


@pytest.mark.parametrize("kind", ["contact.created", "message.teleported", "delivered"])
def test_what_is_not_ours_is_left_out(kind: str) -> None:
    assert receiver().events(call(body(kind))) == []


def test_a_repeat_is_the_same_event() -> None:
    again = call(body(), at=NOW + timedelta(seconds=5))
    assert receiver().events(again) == receiver().events(call(body()))


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"{", "not JSON"),
    "no UTF-8": (b"\xff", "not JSON"),
    "deep": (b"[" * 100_000, "not JSON"),
    "a list": (b"[]", "no type"),
    "a number as type": (b'{"type": 1}', "no type"),
    "no data": (b'{"type": "message.opened"}', "no data"),
    "nobody": (body(message_id=None), "names no message_id, no provider_id and no address"),
    "no channel": (body(channel=None), "data.channel is none of email, sms, whatsapp"),
    "another channel": (body(channel=["sms"]), "data.channel is none of email, sms, whatsapp"),
    "a number as id": (body(message_id=5), "data.message_id is not a text"),
    "a word as suppress": (body(suppress="yes"), "data.suppress is neither true nor false"),
    "no instant": (body().replace(b"2026-03-01T10", b"soon"), "timestamp is not ISO 8601"),
    "no zone": (body().replace(b"+01:00", b""), "timestamp has no zone"),
    "out of the calendar": (body().replace(b"2026-03-01T10:00:00+01:00", b"0001-01-01T00:00:00+01:00"), "ISO 8601"),
}


@pytest.mark.parametrize(("content", "why"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read_is_refused(content: bytes, why: str) -> None:
    callback = Callback(method="POST", url="x", headers={"webhook-id": "e1"}, body=content, received_at=NOW)
    with pytest.raises(RefusedCallbackError, match=why):
        receiver().events(callback)

"""A type of sender of another package, whose provider calls back: what `segflow serve` is tested with.

A call is signed with HMAC-SHA256 over its time, a dot and the raw body. A body is a JSON list of events.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from segflow.messages import AnyMessage, Receipt
from segflow.senders.base import Sender, SenderSettings
from segflow.senders.callbacks import Callback, CallbackAnswer, ProviderEvent, RefusedCallbackError

SECRET = "caller-secret-that-nobody-may-see"
TOLERANCE = 300


class CallerSettings(SenderSettings):
    """A provider that calls back."""

    channels = ("email", "sms")
    reports = ("delivered", "opened", "clicked", "bounced", "complained", "unsubscribed", "replied")
    type: Literal["caller"]
    secret: str


class CallerSender(Sender):
    settings = CallerSettings
    idempotent = True
    receives = True

    def __init__(self, name: str, *, secret: str) -> None:
        super().__init__(name)
        self._secret = secret

    def send(self, message: AnyMessage) -> Receipt:
        return Receipt(provider_id=f"p-{message.message_id}")

    def answer(self, callback: Callback) -> CallbackAnswer | None:
        asked = parse_qs(urlsplit(callback.url).query).get("challenge")
        return CallbackAnswer(body=asked[0]) if callback.method == "GET" and asked else None

    def verify(self, callback: Callback) -> None:
        sent = callback.headers.get("x-time", "")
        if not sent.isdigit() or abs(callback.received_at.timestamp() - int(sent)) > TOLERANCE:
            raise RefusedCallbackError("the time is missing or too far away")
        if not hmac.compare_digest(signature(self._secret, sent, callback.body), callback.headers.get("x-sign", "")):
            raise RefusedCallbackError("the signature is wrong")
        if callback.body == b'"a defect"':
            raise ZeroDivisionError("ana@shop.example")

    def events(self, callback: Callback) -> list[ProviderEvent]:
        try:
            told = json.loads(callback.body)
            return [ProviderEvent(**{**one, "at": datetime.fromisoformat(one["at"])}) for one in told]
        except ValueError as error:
            raise RefusedCallbackError("not the JSON of this provider") from error


def signature(secret: str, sent: str, body: bytes) -> str:
    return hmac.new(secret.encode(), sent.encode() + b"." + body, hashlib.sha256).hexdigest()


def signed(body: bytes, at: datetime | None = None, secret: str = SECRET) -> dict[str, str]:
    """The headers of a call that the provider makes at a time (default: now)."""
    sent = str(int((at or datetime.now(UTC)).timestamp()))
    return {"X-Time": sent, "X-Sign": signature(secret, sent, body), "Content-Type": "application/json"}


def event(kind: str, number: int | str, **values: Any) -> dict[str, Any]:
    """An event as the provider writes it."""
    at = values.pop("at", datetime(2026, 3, 1, 12, tzinfo=UTC))
    return {"kind": kind, "event_id": f"e{number}", "channel": "email", "at": at.isoformat(), **values}


def body_of(events: Sequence[dict[str, Any]]) -> bytes:
    return json.dumps(events).encode()


def install(folder: Path) -> Path:
    """Make the type known to whoever has `folder` on the path, as a package that is installed."""
    info = folder / "caller-1.0.dist-info"
    info.mkdir(parents=True)
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: caller\nVersion: 1.0\n", encoding="utf-8")
    info.joinpath("entry_points.txt").write_text(
        "[segflow.senders]\ncaller = tests.serve.caller:CallerSender\n", encoding="utf-8"
    )
    return folder

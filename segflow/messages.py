"""What a sender is handed and what it gives back. Plain data, so that senders depend on nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Channel = Literal["email", "sms", "webhook"]
CHANNELS: tuple[Channel, ...] = ("email", "sms", "webhook")


@dataclass(frozen=True, kw_only=True)
class Message:
    """One rendered thing to send. `message_id` is stable over retries and is the idempotency key."""

    message_id: str
    contact_id: str
    flow: str
    step: str
    planned_at: datetime
    """The tick's `as_of` that planned it: an instant in UTC."""


@dataclass(frozen=True, kw_only=True)
class Email(Message):
    """An email with at least one of `text` and `html`."""

    channel: Literal["email"] = "email"
    to: str
    subject: str
    text: str | None = None
    html: str | None = None
    sender_address: str | None = None
    """The From header; None means the sender's own default."""
    reply_to: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Sms(Message):
    """A text message to a phone number in E.164 form."""

    channel: Literal["sms"] = "sms"
    to: str
    text: str


@dataclass(frozen=True, kw_only=True)
class WebhookCall(Message):
    """An HTTP request. `body` is sent as JSON; None sends no body."""

    channel: Literal["webhook"] = "webhook"
    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


AnyMessage = Email | Sms | WebhookCall


@dataclass(frozen=True)
class Receipt:
    """What a sender returns for a message it handed over. `provider_id` is the provider's own name for it."""

    provider_id: str | None = None
    detail: str | None = None

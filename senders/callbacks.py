"""What providers tell afterwards: the calls they make, and what is read from these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from segflow.messages import ContactChannel

EventKind = Literal["delivered", "bounced", "failed", "complained", "opened", "clicked", "unsubscribed", "subscribed",
                    "replied"]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Callback:
    """One HTTP request of a provider, as it came."""

    method: str
    url: str
    """As the provider called it: scheme, host, path and query of the public address."""
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes
    """The raw bytes: signatures are over these."""
    received_at: datetime
    """An instant in UTC."""


@dataclass(frozen=True, kw_only=True)
class CallbackAnswer:
    """What to answer in place of an empty 200."""

    status: int = 200
    body: str = ""
    content_type: str = "text/plain"


@dataclass(frozen=True, kw_only=True)
class ProviderEvent:
    """One thing that a provider tells of one message or one address. At least one of `message_id`, `provider_id` and
    `address` is there."""

    kind: EventKind
    at: datetime
    """An instant in UTC, as the provider says."""
    event_id: str
    """The provider's own id of it, the same when it is told again; of what has none: what it is made of."""
    message_id: str | None = None
    """Ours."""
    provider_id: str | None = None
    """The provider's id of the message, as `Receipt` had it."""
    channel: ContactChannel
    address: str | None = None
    suppress: bool = False
    """The address must not be messaged again: a hard bounce, a complaint, an unsubscribe, STOP."""
    detail: str | None = None
    """In a few words, without personal data: why it bounced, which link was clicked."""
    text: str | None = field(default=None, repr=False)
    """What was replied."""
    url: str | None = field(default=None, repr=False)
    """Where the link leads that was clicked, as the message had it: without what the provider put around it."""


class RefusedCallbackError(Exception):
    """A call that is not the provider's, came too late, or cannot be read. `reason` is for the log of the operator."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

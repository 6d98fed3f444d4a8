"""What the checks right before sending say of a message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from segflow.messages import AnyMessage
from segflow.outbox.records import ClaimedMessage


@dataclass(frozen=True)
class Ready:
    """A message that may be handed over."""

    row: ClaimedMessage
    message: AnyMessage
    address: str
    note: str | None = None
    """Why it does not go by the channels before this one."""


@dataclass(frozen=True)
class Refused:
    """A message that is not sent, and why."""

    row: ClaimedMessage
    outcome: Literal["skipped", "failed"]
    reason: str
    address: str | None = None
    final: bool = False
    """Does it say no on purpose, so that no other channel is tried?"""


@dataclass(frozen=True)
class Held:
    """A message that waits because of a limit. `until` is aware, in UTC."""

    row: ClaimedMessage
    until: datetime
    reason: str
    address: str | None = None


@dataclass(frozen=True)
class Elsewhere:
    """A message that goes by another channel, which another sender takes."""

    row: ClaimedMessage
    channel: str
    sender: str


Judged = Ready | Refused | Held | Elsewhere

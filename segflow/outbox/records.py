"""What the delivery store takes and gives: a planned message, a claimed one, the outcome of an attempt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Status = Literal["planned", "claimed", "sent", "skipped", "failed", "held", "unknown", "dropped"]


@dataclass(frozen=True, kw_only=True)
class PlannedMessage:
    """A row of the warehouse's `outbox`, before rendering. Times are aware, in UTC."""

    message_id: str
    enrollment_id: str
    flow: str
    flow_version: int
    step: str
    visit: int
    contact_id: str
    channel: str
    sender: str
    content: str
    trigger_segment: str | None
    enrolled_at: datetime
    planned_at: datetime
    tick_id: str


@dataclass(frozen=True, kw_only=True)
class ClaimedMessage(PlannedMessage):
    """A planned message that this process may hand over. `attempt` counts from 1."""

    attempt: int
    due_at: datetime
    """When it was to be sent: as planned, at the retry, or when a person released it."""
    released: bool = False
    """A person asked for this attempt, however many there were before."""
    holds: int = 0
    """How many of the attempts before only waited for limits (caps, quiet hours, the throttle)."""

    @property
    def tries(self) -> int:
        """How many attempts to hand it over there are with this one."""
        return self.attempt - self.holds


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one attempt. `at` is the clock that conditions read; `due_at` is for `held` only."""

    message_id: str
    attempt: int
    outcome: Literal["sent", "skipped", "failed", "held", "unknown"]
    at: datetime
    reason: str | None = None
    sender: str | None = None
    address: str | None = None
    provider_id: str | None = None
    due_at: datetime | None = None
    hold: bool = False
    """Held by a limit: nothing was tried."""
    live: bool = False
    """Was it a live sender's?"""


@dataclass(frozen=True)
class SentMessage:
    """A message that a contact got, or may have got. `sent_at` is aware, in UTC."""

    message_id: str
    contact_id: str
    channel: str
    category: str
    sent_at: datetime

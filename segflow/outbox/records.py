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

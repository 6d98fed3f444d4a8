"""What the delivery store has for the flows of one tick: what people have said, and how codes are given away."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from segflow.flows.deletions import Hasher
from segflow.flows.effects import Claimer
from segflow.outbox.retriggers import Retrigger


@dataclass(frozen=True)
class FromStore:
    """Of all flows."""

    released: Collection[str] = ()
    """The flows that may plan more messages than their guard lets pass."""
    offers: Sequence[Retrigger] = ()
    """Whom people offer to flows again, or enroll by hand."""
    paused: Mapping[str, str] = field(default_factory=dict)
    """Flow that is paused -> by whom, since when and why, in words."""
    removed: Sequence[Mapping[str, Any]] = ()
    """Whom people take out: flow, contact_id, reason, decided_by, ..."""
    claim: Claimer | None = None
    """Gives codes away."""
    hasher: Hasher | None = None
    """Hides the addresses of deleted contacts."""

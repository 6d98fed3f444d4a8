"""What people have said about flows, as far as a tick has to do with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from segflow.outbox.retriggers import Retrigger


@dataclass(frozen=True)
class ByHand:
    """Of all flows."""

    released: Collection[str] = ()
    """The flows that may plan more messages than their guard lets pass."""
    retriggers: Sequence[Retrigger] = ()
    """Whom people offer to flows again, or enroll."""
    paused: Mapping[str, str] = field(default_factory=dict)
    """Flow that is paused -> by whom, since when and why, in words."""
    removed: Sequence[Mapping[str, Any]] = ()
    """Whom people take out: flow, contact_id, reason, decided_by, ..."""

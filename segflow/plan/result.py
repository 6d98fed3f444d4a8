"""What `segflow plan` finds out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Change = Literal["new", "edited", "models", "renamed", "removed", "status", "none"]
"""Against what is live: there is no such thing yet; another rule or other steps; another version only because models of
the user's changed; nothing but its name; its file is gone; a flow that is paused, resumed, ... ; nothing."""


@dataclass(frozen=True, kw_only=True)
class SegmentPlan:
    """What the next tick would do to one segment."""

    segment: str
    renamed_from: str | None
    change: Change
    status: str
    """ok, resting, stale, held or deleted, as in `segment_sizes`."""
    reason: str | None
    version: int
    members_before: int
    members: int
    entries: Mapping[str, int]
    """Cause -> contacts."""
    exits: Mapping[str, int]
    triggering: int
    """Those of its crossings that may trigger flows."""
    old_rule: str
    """none: the rule is the same; ran: the old one was evaluated; broken: it cannot run any more; released."""
    answered_by: tuple[str, ...] = ()
    """The segments whose edits cause its crossings by `definition`: their `on_change` counts. All must say trigger."""

    @property
    def quiet(self) -> bool:
        """Does nothing happen to it?"""
        left = self.status in ("ok", "resting")
        return self.change == "none" and left and not self.entries and not self.exits


@dataclass(frozen=True, kw_only=True)
class MovePlan:
    """A step that is gone, and where the contacts that stand at it would go on; None: their enrollments end."""

    step: str
    next_step: str | None
    contacts: int


@dataclass(frozen=True, kw_only=True)
class WaitPlan:
    """A step of an edited flow at which contacts stand, and where they are after the tick."""

    step: str
    was: str
    """What the step did, in words."""
    now: str
    goes_to: Mapping[str, int]
    """Step, or `ended REASON` -> contacts. Those at `step` itself stay."""


@dataclass(frozen=True, kw_only=True)
class FlowPlan:
    """What the next tick would do to one flow."""

    flow: str
    renamed_from: str | None
    change: Change
    status: str
    """active, paused, held, ..., as in `flow_cursors`; draft; removed."""
    status_before: str | None
    reason: str | None
    enrolled: int
    kept_out: Mapping[str, int]
    """Reason -> whom limits, other flows, the goal and the holdout would keep out."""
    restarted: int
    """Enrollments that would start again."""
    ends: Mapping[str, int]
    """Reason -> enrollments under way that would end."""
    messages: Mapping[str, int]
    """Step -> messages."""
    moves: list[MovePlan]
    waits: list[WaitPlan]
    """Of an edited flow: those who stand at steps that are still there."""
    active: int
    left_over: int = 0
    """Contacts of a broadcast whose turn comes in later ticks."""
    effects: Mapping[str, int] = field(default_factory=dict)
    """Step -> contacts, of the steps that make tasks or give codes away."""
    deletions: Mapping[str, int] = field(default_factory=dict)
    """Step -> contacts that it would delete."""
    failures: Mapping[str, int] = field(default_factory=dict)
    """Step -> contacts for whom it would fail."""

    @property
    def quiet(self) -> bool:
        """Does nothing happen to it?"""
        done = self.enrolled or self.ends or self.messages or self.moves or self.reason or self.effects
        done = done or self.kept_out or self.restarted or self.left_over or self.deletions
        return self.change == "none" and not done


@dataclass(frozen=True, kw_only=True)
class SendingPlan:
    """What the checks right before sending would say of a step's messages that were looked at, as of now."""

    flow: str
    step: str
    looked_at: int
    goes: int
    skipped: Mapping[str, int]
    """Reason -> messages."""
    failed: Mapping[str, int]
    held: Mapping[str, int]
    """They would wait."""
    sms_parts: int = 0
    """Of its SMS that go."""
    sms_cost: str | None = None
    """Of these parts, where the senders name a price."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a tick at `as_of` would do with the files as they are."""

    as_of: datetime
    last_tick: str | None
    """What is live; None before the first tick."""
    stopped: str | None
    """Why the tick would stop before any crossing: a guard on contacts. Segments and flows are empty then."""
    contacts: int
    segments: list[SegmentPlan] = field(default_factory=list)
    flows: list[FlowPlan] = field(default_factory=list)
    sending: list[SendingPlan] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    """What `segflow lint` says about the segments that are new or edited."""
    warnings: list[str] = field(default_factory=list)
    """What to look at before these files go live."""
    notes: list[str] = field(default_factory=list)
    """What to know about these numbers."""

    @property
    def changes(self) -> bool:
        """Do the files differ from what is live? Contacts that move because of their data are no change."""
        found = [*(one.change for one in self.segments), *(one.change for one in self.flows)]
        return any(change != "none" for change in found)

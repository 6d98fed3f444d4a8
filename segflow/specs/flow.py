"""A flow: trigger, filter, re-entry rule, exit conditions, steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from segflow.durations import Duration
from segflow.specs.conditions import Condition, key_of
from segflow.specs.earlier_names import EarlierNames, names_of
from segflow.specs.flow_entry import NotWithin, NotWithins, Share
from segflow.specs.flow_tests import FlowTest
from segflow.specs.guards import FlowGuards
from segflow.specs.limits import OncePerAddress
from segflow.specs.lint_rules import LintSettings
from segflow.specs.send_window import SendWindow
from segflow.specs.steps import AnyStep, Step, walk
from segflow.specs.triggers import AnyTrigger, Trigger, TriggerModel
from segflow.specs.types import Identifier, SpecModel
from segflow.specs.utm import Utm


class AfterExit(SpecModel):
    after_exit: Duration


class AfterEntry(SpecModel):
    after_entry: Duration


def _reentry_kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "<word>"
    return key_of(("after_exit", "after_entry"))(value)  # type: ignore[no-any-return]


Reentry = Annotated[
    Annotated[Literal["never", "always"], Tag("<word>")]
    | Annotated[AfterExit, Tag("<after_exit>")]
    | Annotated[AfterEntry, Tag("<after_entry>")],
    Discriminator(
        _reentry_kind,
        custom_error_type="reentry",
        custom_error_message="not a re-entry rule: expected never, always, "
        "{after_exit: 7 days} or {after_entry: 30 days}",
    ),
]


class FlowSpec(SpecModel):
    """`flow_specs/ID.yml`"""

    description: str | None = None
    owner: str | None = None
    renamed_from: EarlierNames | None = None
    """What the file was called before: enrollments, re-entry, numbers and history go on under the new name."""
    status: Literal["draft", "active", "paused", "archived"] = "draft"
    on_archive: Literal["end", "drain"] = "end"
    """What `status: archived` means for those inside: all enrollments end, or they go on to their end."""
    max_lateness: Duration | None = None
    """After a pause, messages that were due longer ago are passed by; default: delivery.max_lateness."""
    trigger: Trigger
    include_members: bool = False
    """Is whoever is a member already when this flow is first active offered to it, once?"""
    where: Condition | None = None
    allow_loop: bool = False
    """Is it meant that steps of this flow, alone or with other flows, start it again for ever?"""
    reentry: Reentry = "never"
    max_enrollments: Annotated[int, Field(ge=1)] | None = None
    """How often a contact can be enrolled, over the life of the flow."""
    group: Identifier | None = None
    """A group of segflow.yml: a contact can be in only so many of its flows at the same time."""
    priority: int = 0
    """Where several flows want a contact in the same tick, the higher one gets it; then the flows' names decide."""
    not_while_in: list[Identifier] = Field(default_factory=list)
    """Flows that a contact must not be in to get into this one."""
    not_within: NotWithins | None = None
    """Flows that a contact must not have been in for some time."""
    exit_when: list[Condition] = Field(default_factory=list)
    restart_when: list[Condition] = Field(default_factory=list)
    """What sends a contact back to the first step in the tick in which it turns true."""
    goal: Condition | None = None
    """What the flow is for. Whoever meets it ends as converted; whoever meets it before is not taken in."""
    goal_within: Duration | None = None
    """How long after its enrollment a contact is looked at for the goal; 30 days when not given."""
    holdout: Share | None = None
    """A stable share of those who would get in that is kept out, so that it can be compared."""
    window: SendWindow | None = None
    """When its messages to contacts may go out; a step may have its own."""
    once_per_address: OncePerAddress | None = None
    """On which channels contacts that share an address get a message of it once in a tick; those of segflow.yml when
    left out."""
    topic: Identifier | None = None
    """What its messages to contacts are about, of the catalog's topics; a step may have its own."""
    utm: Utm | None = None
    """The parameters that links in its emails get; a step may have its own."""
    guards: FlowGuards = FlowGuards()
    """What differs from the guards of segflow.yml."""
    lint: LintSettings = LintSettings()
    """What `segflow lint` leaves out."""
    steps: Annotated[list[AnyStep], Field(min_length=1)]
    tests: list[FlowTest] = Field(default_factory=list, exclude=True)
    """Ticks in, messages out; `segflow test` runs them. No part of the definition."""

    def topics(self) -> set[str]:
        """What its messages may be about."""
        return {topic for topic in (self.topic, *(getattr(one, "topic", None) for one in self.walk())) if topic}

    def triggers(self) -> list[TriggerModel]:
        """What triggers this flow, in the order of the file."""
        return list(self.trigger.any) if isinstance(self.trigger, AnyTrigger) else [self.trigger]

    @property
    def not_withins(self) -> list[NotWithin]:
        """The rules in `not_within`."""
        return self.not_within if isinstance(self.not_within, list) else [self.not_within] if self.not_within else []

    def trigger_segments(self) -> set[str]:
        """The segments that its triggers are about."""
        return {segment for one in self.triggers() if (segment := one.segment_read()) is not None}

    @property
    def earlier_names(self) -> list[str]:
        """The names in `renamed_from`."""
        return names_of(self.renamed_from)

    @property
    def drains(self) -> bool:
        """Does it take in no one, while those inside go on?"""
        return self.status == "archived" and self.on_archive == "drain"

    def walk(self) -> Iterator[Step]:
        """Every step, those inside of others included, in the order in which the file has them."""
        return (step for step, _ in walk(self.steps))


def following_steps(spec: FlowSpec) -> dict[str, str | None]:
    """The step that comes after each one; None where there is none. Where ways part it is what follows all of them."""
    found: dict[str, str | None] = {}

    def link(steps: Sequence[Step], after: str | None) -> None:
        for step in reversed(steps):
            found[step.id] = after
            for arm in step.arms():
                link(arm.steps, after)
            after = step.id

    link(spec.steps, None)
    return found


class NamedFlow(SpecModel):
    """A flow with the id and the place that its file gives it."""

    id: Identifier
    file: str
    spec: FlowSpec

"""`tests:` of a flow: a small world, a few ticks, and what must come of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from segflow.specs.conditions import MessageKind
from segflow.specs.segment_tests import Key, LabelRow, ListRow, Row
from segflow.specs.types import Identifier, SpecModel


class ReportedRow(SpecModel):
    """What a provider tells about a message of this flow."""

    contact_id: Key
    step: Identifier
    message: MessageKind
    at: str | None = None
    """When; by default at the moment of the tick."""


class Expected(SpecModel):
    """What must come of a tick. What is not here is not looked at, but for messages."""

    messages: dict[Key, Identifier | list[Identifier]] = Field(default_factory=dict)
    """Contact -> the step, or steps, whose messages went out to it in this tick; to nobody else any did."""
    journal: dict[Key, list[str]] | None = None
    """Contact -> all that the journal says in this tick, in order: `hello send_sms`, `opened branch then`,
    `dropped filter`."""
    at: dict[Key, str] = Field(default_factory=dict)
    """Contact -> the step where it stands after the tick, `ended REASON`, or `outside` when it was never enrolled."""


class FlowTick(SpecModel):
    """One tick, and what is new before it. Data with a time of their own may come earlier: nobody sees them before."""

    at: str
    """An ISO date or time; a date is that day's start in the project's time zone."""
    contacts: list[Row] = Field(default_factory=list)
    """New ones, or new values of those that are there: what a row does not have stays."""
    gone: list[Key] = Field(default_factory=list)
    """Contacts that are not there any more."""
    events: list[Row] = Field(default_factory=list)
    objects: dict[Identifier, list[Row]] = Field(default_factory=dict)
    """Object -> rows; one with a key that is there takes its place."""
    lists: list[ListRow] = Field(default_factory=list)
    tags: list[LabelRow] = Field(default_factory=list)
    reported: list[ReportedRow] = Field(default_factory=list)
    segments: dict[Identifier, list[Key]] = Field(default_factory=dict)
    """Segment -> its members from now on, in place of its rule."""
    expect: Expected = Expected()


class FlowTest(SpecModel):
    """Ticks in, messages out. Tests are no part of the flow: they make no new version of it."""

    name: Annotated[str, Field(min_length=1)]
    ticks: Annotated[list[FlowTick], Field(min_length=1)]

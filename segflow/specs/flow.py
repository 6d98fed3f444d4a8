"""A flow: trigger, filter, re-entry rule, exit conditions, steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from segflow.durations import Duration
from segflow.specs.conditions import Condition, Enters, Exits, _key_of
from segflow.specs.flow_entry import NotWithin, NotWithins, Share
from segflow.specs.guards import FlowGuards
from segflow.specs.types import Identifier, Scalar, SpecModel, by_kind

Edge = Annotated[
    Annotated[Enters, Tag("<enters>")] | Annotated[Exits, Tag("<exits>")],
    Discriminator(
        _key_of(("enters", "exits")),
        custom_error_type="trigger",
        custom_error_message="not a trigger: expected enters: SEGMENT or exits: SEGMENT",
    ),
]


class AnyEdge(SpecModel):
    any: Annotated[list[Edge], Field(min_length=1)]


Trigger = Annotated[
    Annotated[Enters, Tag("<enters>")] | Annotated[Exits, Tag("<exits>")] | Annotated[AnyEdge, Tag("<any>")],
    Discriminator(
        _key_of(("enters", "exits", "any")),
        custom_error_type="trigger",
        custom_error_message="not a trigger: expected exactly one of enters, exits, any",
    ),
]


class AfterExit(SpecModel):
    after_exit: Duration


class AfterEntry(SpecModel):
    after_entry: Duration


def _reentry_kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "<word>"
    return _key_of(("after_exit", "after_entry"))(value)  # type: ignore[no-any-return]


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


class SendEmail(SpecModel):
    """`template: NAME` reads `flow_specs/templates/NAME.txt` and `NAME.html`; or `text` / `html` right here.

    The subject is the step's, or the one in the template's front matter.
    """

    template: str | None = None
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    sender: Identifier | None = None
    from_: str | None = Field(None, alias="from")
    reply_to: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> SendEmail:
        inline = self.text is not None or self.html is not None
        if (self.template is None) == (not inline):
            raise PydanticCustomError("content", "give either template: or the content itself (text:, html:)")
        if inline and self.subject is None:
            raise PydanticCustomError("content", "subject: is missing")
        return self


class SendSms(SpecModel):
    """`text`, or `template: NAME` which reads `flow_specs/templates/NAME.txt`."""

    text: str | None = None
    template: str | None = None
    sender: Identifier | None = None

    @model_validator(mode="after")
    def _one_source(self) -> SendSms:
        if (self.text is None) == (self.template is None):
            raise PydanticCustomError("content", "give either text: or template:")
        return self


class Webhook(SpecModel):
    """An HTTP request; `url`, header values and every text in `body` are templates."""

    url: str
    method: Literal["POST", "PUT", "PATCH", "GET", "DELETE"] = "POST"
    headers: dict[str, str] = Field(default_factory=dict)
    body: Any = None
    sender: Identifier | None = None


class Wait(SpecModel):
    """`wait: 3 days` is short for `wait: {for: 3 days}`."""

    for_: Duration = Field(alias="for")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"for": value} if isinstance(value, (str, Duration)) else value


class Branch(SpecModel):
    if_: Condition = Field(alias="if")
    then: list[Step] = Field(default_factory=list)
    else_: list[Step] = Field(default_factory=list, alias="else")


class _Step(SpecModel):
    id: Identifier
    description: str | None = None


class SendEmailStep(_Step):
    send_email: SendEmail


class SendSmsStep(_Step):
    send_sms: SendSms


class WebhookStep(_Step):
    webhook: Webhook


class AddToListStep(_Step):
    add_to_list: str


class RemoveFromListStep(_Step):
    remove_from_list: str


class UpdateContactStep(_Step):
    """Sets attributes; null clears one."""

    update_contact: Annotated[dict[Identifier, Scalar | None], Field(min_length=1)]


class WaitStep(_Step):
    wait: Wait


class BranchStep(_Step):
    branch: Branch


class ExitStep(_Step):
    """Ends the enrollment. `exit: true`, or a few words that the journal records."""

    exit: Annotated[
        Annotated[Literal[True], Tag("<true>")] | Annotated[str, Tag("<text>")],
        Discriminator(
            by_kind, custom_error_type="exit", custom_error_message="exit must be true, or a few words that say why"
        ),
    ]


STEP_KEYS = (
    "send_email", "send_sms", "webhook", "add_to_list", "remove_from_list", "update_contact", "wait", "branch", "exit",
)  # fmt: skip

Step = Annotated[
    Annotated[SendEmailStep, Tag("<send_email>")]
    | Annotated[SendSmsStep, Tag("<send_sms>")]
    | Annotated[WebhookStep, Tag("<webhook>")]
    | Annotated[AddToListStep, Tag("<add_to_list>")]
    | Annotated[RemoveFromListStep, Tag("<remove_from_list>")]
    | Annotated[UpdateContactStep, Tag("<update_contact>")]
    | Annotated[WaitStep, Tag("<wait>")]
    | Annotated[BranchStep, Tag("<branch>")]
    | Annotated[ExitStep, Tag("<exit>")],
    Discriminator(
        _key_of(STEP_KEYS),
        custom_error_type="step",
        custom_error_message="not a step: expected exactly one of " + ", ".join(STEP_KEYS),
    ),
]

Branch.model_rebuild()
BranchStep.model_rebuild()


class FlowSpec(SpecModel):
    """`flow_specs/ID.yml`"""

    description: str | None = None
    owner: str | None = None
    status: Literal["draft", "active", "paused"] = "draft"
    trigger: Trigger
    include_members: bool = False
    """Is whoever is a member already when this flow is first active offered to it, once?"""
    where: Condition | None = None
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
    guards: FlowGuards = FlowGuards()
    """What differs from the guards of segflow.yml."""
    steps: Annotated[list[Step], Field(min_length=1)]

    def edges(self) -> list[Enters | Exits]:
        """The crossings that trigger this flow."""
        return list(self.trigger.any) if isinstance(self.trigger, AnyEdge) else [self.trigger]

    @property
    def not_withins(self) -> list[NotWithin]:
        """The rules in `not_within`."""
        return self.not_within if isinstance(self.not_within, list) else [self.not_within] if self.not_within else []

    def walk(self) -> Iterator[_Step]:
        """Every step, branches included, in the order in which the file has them."""
        yield from _walk(self.steps)


def _walk(steps: list[Any]) -> Iterator[Any]:
    for step in steps:
        yield step
        if isinstance(step, BranchStep):
            yield from _walk(step.branch.then)
            yield from _walk(step.branch.else_)


class NamedFlow(SpecModel):
    """A flow with the id and the place that its file gives it."""

    id: Identifier
    file: str
    spec: FlowSpec

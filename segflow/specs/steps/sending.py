"""What the steps that send share: contents by channel, the category, and the channels to fall back on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, cast
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from segflow.firings import last_opened, window_open
from segflow.messages import Channel, ContactChannel, is_address
from segflow.specs.send_window import SendWindow
from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Arm, Checks, Row, Step
from segflow.specs.steps.timing import Timing
from segflow.specs.steps.whatsapp_parts import WhatsAppButton, WhatsAppHeader
from segflow.specs.types import Identifier, SpecModel, by_kind
from segflow.specs.utm import StepUtm

Category = Literal["marketing", "transactional"]


def _matches(pattern: str, what: str) -> AfterValidator:
    """A text of this form; `what` says which, for people."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise PydanticCustomError("form", "'{given}' is not {what}", {"given": value[:40], "what": what})
        return value

    return AfterValidator(check)


SenderId = Annotated[
    str, _matches(r"\+?[0-9]{3,15}|[A-Za-z0-9 ]{1,11}", "a sender: up to 11 letters and digits, or a number")
]
"""What a phone shows as the sender: up to 11 letters and digits, or a number."""
_NOT_CONTENT = {"sender", "category", "fallback"}


class EmailContent(SpecModel):
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
    utm: StepUtm | None = None
    """The parameters that its links get, where they differ from the flow's; false: none."""
    attachments: list[str] = Field(default_factory=list)
    """Files of `delivery.attachments`, by default flow_specs/attachments."""

    @model_validator(mode="after")
    def _one_source(self) -> EmailContent:
        inline = self.text is not None or self.html is not None
        if (self.template is None) == (not inline):
            raise PydanticCustomError("content", "give either template: or the content itself (text:, html:)")
        if inline and self.subject is None:
            raise PydanticCustomError("content", "subject: is missing")
        return self

    def check(self, checks: Checks, loc: Loc) -> None:
        """Report what is wrong with the content at `loc`."""
        checks.texts({"subject": self.subject, "text": self.text, "html": self.html}, loc)
        check_email_addresses(self, checks, loc)
        if self.attachments:
            checks.attachments(self.attachments, self.sender, (*loc, "attachments"))
        if self.template is not None:
            template = checks.template(self.template, loc)
            if template is not None and self.subject is None and template.subject is None:
                message = f"there is no subject: give subject: here, or in the front matter of template {self.template}"
                checks.problem((*loc, "template"), message)


def check_email_addresses(content: Any, checks: Checks, loc: Loc) -> None:
    """Report a `from` or `reply_to` that is no address."""
    for key, value in (("from", content.from_), ("reply_to", content.reply_to)):
        if value is not None and not is_address(value):
            checks.problem((*loc, key), f"{key} must be an address, not '{value}'")


class SmsContent(SpecModel):
    """`text`, or `template: NAME` which reads `flow_specs/templates/NAME.txt`."""

    text: str | None = None
    template: str | None = None
    sender: Identifier | None = None
    sender_id: SenderId | None = None
    """What the phone shows as the sender: up to 11 letters and digits, or a number."""
    campaign: str | None = None
    """What the provider counts the message under."""
    opt_out_footer: bool | None = None
    """Does it end with `delivery.opt_out_footer`? Left out: marketing does, transactional does not."""

    @model_validator(mode="after")
    def _one_source(self) -> SmsContent:
        if (self.text is None) == (self.template is None):
            raise PydanticCustomError("content", "give either text: or template:")
        return self

    def check(self, checks: Checks, loc: Loc) -> None:
        """Report what is wrong with the content at `loc`."""
        checks.texts({"text": self.text}, loc)
        if self.template is not None:
            template = checks.template(self.template, loc)
            if template is not None and template.text is None:
                message = f"an SMS needs {self.template}.txt; there is only {self.template}.html"
                checks.problem((*loc, "template"), message)


class WhatsAppContent(SpecModel):
    """A template that WhatsApp has approved; its variables are filled here, by position or by name."""

    template: Annotated[str, _matches(r"[a-z0-9_]{1,512}", "a name of WhatsApp's: lower-case letters, digits and _")]
    """Its name at WhatsApp."""
    language: Annotated[str, _matches(r"[a-z]{2,3}(_[A-Z]{2,4})?", "a language like en or en_US")]
    """The code as it was approved: `en_US` is not `en`."""
    variables: Annotated[
        Annotated[list[str], Tag("<list>")] | Annotated[dict[str, str], Tag("<mapping>")],
        Discriminator(
            by_kind,
            custom_error_type="variables",
            custom_error_message="variables must be a list of texts, or names with texts",
        ),
    ] = Field(default_factory=list)
    header: WhatsAppHeader | None = None
    buttons: list[WhatsAppButton] = Field(default_factory=list)
    sender: Identifier | None = None

    @model_validator(mode="after")
    def _all_alike(self) -> WhatsAppContent:
        text = self.header.text if self.header is not None else None
        if text is not None and self.variables and isinstance(text, str) == isinstance(self.variables, dict):
            raise PydanticCustomError(
                "variables",
                "a template's variables are all by position or all by name: variables and header differ",
            )
        return self

    def check(self, checks: Checks, loc: Loc) -> None:
        """Report what is wrong with the content at `loc`."""
        checks.body(self.variables, (*loc, "variables"))
        if self.header is not None:
            checks.body(self.header.model_dump(exclude_none=True), (*loc, "header"))
        seen: set[int] = set()
        for number, button in enumerate(self.buttons):
            at = (*loc, "buttons", number)
            if button.index in seen:
                checks.problem((*at, "index"), f"there is a button {button.index} already")
            seen.add(button.index)
            checks.body(button.model_dump(exclude_none=True), at)


class FallbackContent(SpecModel):
    """One channel with the content for it."""

    email: EmailContent | None = None
    sms: SmsContent | None = None
    whatsapp: WhatsAppContent | None = None

    @model_validator(mode="after")
    def _one_channel(self) -> FallbackContent:
        if len(self.model_fields_set) != 1:
            raise PydanticCustomError("fallback", "give one channel: email, sms or whatsapp, with its content")
        return self

    @property
    def channel(self) -> ContactChannel:
        """The channel it is for."""
        return cast(ContactChannel, next(iter(self.model_fields_set)))

    @property
    def content(self) -> Any:
        """What is sent there."""
        return getattr(self, self.channel)


_Fallback = Annotated[
    Annotated[ContactChannel, Tag("<text>")] | Annotated[FallbackContent, Tag("<mapping>")],
    Discriminator(
        by_kind,
        custom_error_type="fallback",
        custom_error_message="not a channel: expected email, sms or whatsapp, or one of them with its content",
    ),
]


class ToContact(SpecModel):
    """What every message to a contact may have."""

    category: Category | None = None
    """marketing (the default) needs the contact's consent; transactional does not: it answers what the contact did."""
    fallback: list[_Fallback] = Field(default_factory=list)
    """The channels that are tried in turn when the contact cannot be reached: no address or consent, suppressed."""

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("fallback"), (str, FallbackContent)):
            return {**value, "fallback": [value["fallback"]]}
        return value


def dump(content: SpecModel) -> dict[str, Any]:
    """A content as its renderer gets it."""
    told = content.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=_NOT_CONTENT)
    # Messages that were planned before there were any have no such key; nothing changes for those without.
    return {name: value for name, value in told.items() if name not in ("attachments", "buttons") or value}


def borrowed(channel: str, content: Any) -> dict[str, Any]:
    """What one channel can use of a content that was written for another."""
    told = dump(content)
    email = ("template", "subject", "text", "html", "from", "reply_to", "utm", "attachments")
    kept = {"email": email, "sms": ("template", "text")}
    own = ("sender_id", "campaign", "opt_out_footer") if channel == "sms" else ()
    return {name: told[name] for name in (*kept.get(channel, ()), *own) if name in told}


@dataclass(frozen=True)
class Open(Timing):
    """While a window is open."""

    window: SendWindow
    opens = True

    def since_to(self, as_of: datetime, zone: ZoneInfo) -> datetime | None:
        return as_of if window_open(self.window.window, zone, as_of) else None

    def last_open(self, as_of: datetime, zone: ZoneInfo) -> datetime | None:
        return last_opened(self.window.window, zone, as_of)


class SendingStep(Step):
    """A step that plans a message on channel `sends`. Its body has `sender`, and all else of it is the content."""

    window: SendWindow | None = None
    """When it may go out; that of the flow when left out."""
    on_failure: Literal["continue", "end"] = "continue"
    """`end`: the enrollment ends when the message could not be sent."""

    to_contact: ClassVar[bool] = True
    """Does the flow's window count for it?"""

    def within(self, window: SendWindow | None) -> Step:
        here = self.window is None and window is not None and self.to_contact
        return self.model_copy(update={"window": window}) if here else self

    def arms(self) -> Sequence[Arm]:
        return (Arm(timing=None if self.window is None else Open(self.window, timezone=self.window.timezone)),)

    def row(self) -> Row:
        template = getattr(self.body, "template", None)
        return Row(channel=self.sends, sender=self.body.sender, content=self.content(), detail=template)

    def content(self) -> Mapping[str, Any]:
        """What the renderer gets."""
        return dump(self.body)

    def check(self, checks: Checks, loc: Loc) -> None:
        assert self.sends is not None
        at = (*loc, self.key)
        checks.channel(self.sends, at, self.body.sender)
        self.check_window(checks, loc)
        self.check_content(checks, at)

    def check_window(self, checks: Checks, loc: Loc) -> None:
        """Check when it may go out, and about what."""
        if self.window is not None:
            checks.timezone(self.window.timezone, (*loc, "window", "timezone"))
        topic: str | None = getattr(self, "topic", None)
        if topic is not None:
            checks.topic(topic, (*loc, "topic"))

    def check_content(self, checks: Checks, loc: Loc) -> None:
        """Check what is sent; `loc` is the place of the body."""

    @classmethod
    def suggested_id(cls, body: Any) -> Sequence[Any]:
        template = body.get("template") if isinstance(body, dict) else None
        return ("send", template) if isinstance(template, str) else (cls.key,)


class ContactStep(SendingStep):
    """A step that writes to the contact: its body is a content and a `ToContact`."""

    topic: Identifier | None = None
    """What the message is about, of the catalog's topics; that of the flow when left out."""

    def content(self) -> Mapping[str, Any]:
        ways = self.ways()
        return {**self.told(), "ways": ways} if ways else {**self.told(), **dump(self.body)}

    def told(self) -> dict[str, Any]:
        """What holds for the message on every channel."""
        said = {"category": self.body.category, "topic": self.topic}
        return {name: value for name, value in said.items() if value is not None}

    def ways(self) -> list[dict[str, Any]]:
        """The channels in the order in which they are tried, with sender and content; none when there is one only."""
        if not self.body.fallback:
            return []
        first = {"channel": self.sends, "sender": self.body.sender, "content": dump(self.body)}
        return [first, *(self.way(one) for one in self.body.fallback)]

    def way(self, one: Any) -> dict[str, Any]:
        """One channel to fall back on."""
        if isinstance(one, FallbackContent):
            return {"channel": one.channel, "sender": one.content.sender, "content": dump(one.content)}
        return {"channel": one, "sender": None, "content": borrowed(one, self.body)}

    @property
    def templates(self) -> Sequence[str]:
        written = [(way["channel"], way["content"]) for way in self.ways()] or [(self.sends, dump(self.body))]
        return [content["template"] for channel, content in written if channel != "whatsapp" and "template" in content]

    @property
    def channels(self) -> Sequence[Channel]:
        assert self.sends is not None
        return (self.sends, *(_channel_of(one) for one in self.body.fallback))

    def check_content(self, checks: Checks, loc: Loc) -> None:
        self.body.check(checks, loc)
        self.check_fallback(checks, loc)

    def check_fallback(self, checks: Checks, loc: Loc) -> None:
        """Report channels that come twice, that the catalog does not have, and those without a content."""
        seen: list[Channel] = [self.sends] if self.sends is not None else []
        for number, one in enumerate(self.body.fallback):
            at = (*loc, "fallback", number) if checks.written((*loc, "fallback", number)) else (*loc, "fallback")
            channel = _channel_of(one)
            if channel in seen:
                checks.problem(at, f"{channel} is tried already; each channel comes once")
            seen.append(channel)
            if isinstance(one, FallbackContent):
                checks.channel(channel, (*at, channel), one.content.sender)
                one.content.check(checks, (*at, channel))
            else:
                checks.channel(channel, at, None)
                self.check_borrowed(channel, checks, loc, at)

    def check_borrowed(self, channel: str, checks: Checks, loc: Loc, at: Loc) -> None:
        """Report what a channel to fall back on lacks when it is to send what the step at `loc` says."""
        why = missing_for(channel, self.body, checks, loc)
        if why:
            checks.problem(at, why)


def missing_for(channel: str, content: Any, checks: Checks, loc: Loc) -> str | None:
    """What a channel lacks that is to send a content which was written for another."""
    if channel == "whatsapp":
        return "WhatsApp sends approved templates only: write {whatsapp: {template: NAME, language: en}}"
    name = getattr(content, "template", None)
    if isinstance(content, WhatsAppContent):
        return f"an approved template of WhatsApp is no text: write {{{channel}: ...}} with what to send there"
    template = checks.template(name, loc) if name is not None else None
    if name is not None and template is None:
        return None  # told already
    text = template.text if template is not None else content.text
    if channel == "sms":
        if text is None:
            return f"an SMS needs {name}.txt" if name is not None else "an SMS needs text:"
        return None
    subject = getattr(content, "subject", None) or (template.subject if template is not None else None)
    return None if subject else "an email needs a subject: write {email: {subject: ..., text: ...}}"


def _channel_of(one: Any) -> ContactChannel:
    return one.channel if isinstance(one, FallbackContent) else one

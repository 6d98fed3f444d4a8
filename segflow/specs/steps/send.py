"""`send`: a message to the contact, on the channel that it likes best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from segflow.messages import CONTACT_CHANNELS, Channel, ContactChannel
from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Checks, Row
from segflow.specs.steps.sending import (
    Category,
    ContactStep,
    SenderId,
    WhatsAppContent,
    borrowed,
    check_email_addresses,
    dump,
    missing_for,
)
from segflow.specs.types import SpecModel
from segflow.specs.utm import StepUtm


class Send(SpecModel):
    """What is sent, whatever the channel: a subject and html for email, text for email and SMS, or a template for both;
    and a template of WhatsApp's for that."""

    template: str | None = None
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    from_: str | None = Field(None, alias="from")
    reply_to: str | None = None
    utm: StepUtm | None = None
    """Of an email: the parameters that its links get, where they differ from the flow's; false: none."""
    attachments: list[str] = Field(default_factory=list)
    """Of an email: files of `delivery.attachments`, by default flow_specs/attachments."""
    sender_id: SenderId | None = None
    """Of an SMS: what the phone shows as the sender."""
    campaign: str | None = None
    """Of an SMS: what the provider counts the message under."""
    opt_out_footer: bool | None = None
    """Does an SMS end with `delivery.opt_out_footer`? Left out: marketing does, transactional does not."""
    whatsapp: WhatsAppContent | None = None
    category: Category | None = None
    """marketing (the default) needs the contact's consent; transactional does not: it answers what the contact did."""
    fallback: list[ContactChannel] = Field(default_factory=list)
    """The channels that are tried in turn, after the one that the contact likes best."""

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("fallback"), str):
            return {**value, "fallback": [value["fallback"]]}
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Send:
        if (self.template is None) == (self.text is None):
            raise PydanticCustomError("content", "give either text: or template:")
        if self.template is not None and self.html is not None:
            raise PydanticCustomError("content", "html: stands in the template: NAME.html")
        return self

    @property
    def sender(self) -> None:
        """Each channel has its own."""
        return None


class SendStep(ContactStep):
    key = "send"
    order = 5

    send: Send

    def row(self) -> Row:
        return Row(channel=self.channels[0], content=self.content(), detail=self.send.template)

    def content(self) -> Mapping[str, Any]:
        return {**self.told(), "contact_first": True, "ways": self.ways()}

    def ways(self) -> list[dict[str, Any]]:
        listed = self.send.fallback
        return [
            {
                "channel": channel,
                "sender": self.send.whatsapp.sender if channel == "whatsapp" and self.send.whatsapp else None,
                "content": self._content(channel),
                **({} if channel in listed else {"only_default": True}),
            }
            for channel in self.channels
        ]

    def _content(self, channel: Channel) -> dict[str, Any]:
        if channel == "whatsapp":
            assert self.send.whatsapp is not None
            return dump(self.send.whatsapp)
        return borrowed(channel, self.send)

    @property
    def channels(self) -> Sequence[Channel]:
        others = [one for one in CONTACT_CHANNELS if one not in self.send.fallback and self._has(one)]
        return (*(one for one in self.send.fallback if self._has(one)), *others)

    def _has(self, channel: Channel) -> bool:
        return channel != "whatsapp" or self.send.whatsapp is not None

    def check(self, checks: Checks, loc: Loc) -> None:
        send, at = self.send, (*loc, "send")
        if checks.catalog.contacts.default_channel is None and not send.fallback:
            message = "nothing says which channel: give fallback: here, or contacts.default_channel in the catalog"
            checks.problem(at, message, key=True)
        self.check_window(checks, loc)
        checks.texts({"subject": send.subject, "text": send.text, "html": send.html}, at)
        check_email_addresses(send, checks, at)
        if send.attachments:
            checks.attachments(send.attachments, None, (*at, "attachments"))
        if send.whatsapp is not None:
            checks.channel("whatsapp", (*at, "whatsapp"), send.whatsapp.sender)
            send.whatsapp.check(checks, (*at, "whatsapp"))
        for number, channel in enumerate(send.fallback):
            place = (*at, "fallback", number) if checks.written((*at, "fallback", number)) else (*at, "fallback")
            if channel in send.fallback[:number]:
                checks.problem(place, f"{channel} is tried already; each channel comes once")
            checks.channel(channel, place, None)
            if channel == "whatsapp" and send.whatsapp is None:
                checks.problem(place, "WhatsApp sends approved templates only: give whatsapp: with its template")
        for reached in CONTACT_CHANNELS:
            if reached != "whatsapp" and checks.catalog.contacts.channels.of(reached) is not None:
                why = missing_for(reached, send, checks, at)
                said = "an email needs a subject: give subject:" if reached == "email" else why
                if why:
                    checks.problem(at, f"the channel may be {reached}, and {said}", key=True)

    def words(self) -> str:
        return f"send: {self.send.template or self.send.subject or 'a message'}"

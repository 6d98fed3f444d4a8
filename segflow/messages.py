"""The channels: what a sender is handed on each and what it gives back, and how email addresses are read. Senders
depend on nothing else. What the rest knows of channels follows from `CHANNEL_TABLE`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from typing import Any, Literal, get_args

ContactChannel = Literal["email", "sms", "whatsapp"]
"""The channels that reach the contact itself, at an address that the catalog names; with consent and suppressions."""
Channel = Literal[ContactChannel, "webhook", "notify", "task"]
CONTACT_CHANNELS: tuple[ContactChannel, ...] = get_args(ContactChannel)
CHANNELS: tuple[Channel, ...] = get_args(Channel)


@dataclass(frozen=True, kw_only=True)
class Message:
    """One rendered thing to send. `message_id` is stable over retries and is the idempotency key."""

    message_id: str
    contact_id: str
    flow: str
    step: str
    planned_at: datetime
    """The tick's `as_of` that planned it: an instant in UTC."""

    @property
    def address(self) -> str:
        """Where it goes."""
        raise NotImplementedError

    @property
    def gist(self) -> str:
        """What it is about, in a few words."""
        raise NotImplementedError


@dataclass(frozen=True)
class Attachment:
    """A file that goes with an email. `content_type` is like `application/pdf`."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Email(Message):
    """An email with at least one of `text` and `html`."""

    channel: Literal["email"] = "email"
    to: str
    subject: str
    text: str | None = None
    html: str | None = None
    sender_address: str | None = None
    """The From header; None means the sender's own default."""
    reply_to: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    """A sender that takes them says `sends_attachments` in its settings; no other one gets such a message."""

    @property
    def address(self) -> str:
        return self.to

    @property
    def gist(self) -> str:
        return self.subject


@dataclass(frozen=True, kw_only=True)
class Sms(Message):
    """A text message to a phone number in E.164 form."""

    channel: Literal["sms"] = "sms"
    to: str
    text: str
    sender_id: str | None = None
    """What the phone shows as the sender; None means the sender's own default."""
    campaign: str | None = None
    """What the provider counts it under."""

    @property
    def address(self) -> str:
        return self.to

    @property
    def gist(self) -> str:
        return self.text


@dataclass(frozen=True)
class WhatsAppHeader:
    """What fills the header of a template. `value` of a text: `text`, and `name` where the template's variables have
    names; of the others `link` or `id` (of media that WhatsApp holds), of documents perhaps `filename`."""

    kind: Literal["text", "image", "document", "video"]
    value: Mapping[str, str]


@dataclass(frozen=True)
class WhatsAppButton:
    """What one button takes. `index` counts the template's buttons from 0. `value`: the end of a URL, or the payload
    that a reply by this button comes back with."""

    index: int
    kind: Literal["url", "quick_reply"]
    value: str


@dataclass(frozen=True, kw_only=True)
class WhatsApp(Message):
    """A template that WhatsApp has approved, to a phone number in E.164 form. `language` is the code as approved:
    `en_US` is not `en`."""

    channel: Literal["whatsapp"] = "whatsapp"
    to: str
    template: str
    language: str
    variables: tuple[str, ...] | Mapping[str, str] = ()
    """Those of the body: by position or by name, as the template was made."""
    header: WhatsAppHeader | None = None
    buttons: tuple[WhatsAppButton, ...] = ()

    @property
    def address(self) -> str:
        return self.to

    @property
    def gist(self) -> str:
        return f"{self.template} ({self.language})"


@dataclass(frozen=True, kw_only=True)
class WebhookCall(Message):
    """An HTTP request. `body` is sent as JSON; None sends no body."""

    channel: Literal["webhook"] = "webhook"
    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def address(self) -> str:
        return self.url

    @property
    def gist(self) -> str:
        return self.method


SEGMENT_OWNER, FLOW_OWNER = "segment_owner", "flow_owner"
OWNERS = (SEGMENT_OWNER, FLOW_OWNER)
"""Whom a notification or a task may be for beside people: whoever the files say they belong to."""


@dataclass(frozen=True, kw_only=True)
class Notify(Message):
    """A few words to somebody of your own about a contact. `to` is a name that the sender knows, or an address."""

    channel: Literal["notify"] = "notify"
    to: str
    text: str
    title: str | None = None

    @property
    def address(self) -> str:
        return self.to

    @property
    def gist(self) -> str:
        return self.title or self.text


@dataclass(frozen=True, kw_only=True)
class Task(Message):
    """Something that a person is to do; it is in `segflow.tasks`, too. Its id is `message_id`."""

    channel: Literal["task"] = "task"
    title: str
    assignee: str | None = None
    due_at: datetime | None = None
    """An instant in UTC."""

    @property
    def address(self) -> str:
        return self.assignee or "nobody"

    @property
    def gist(self) -> str:
        return self.title


AnyMessage = Email | Sms | WhatsApp | WebhookCall | Notify | Task


@dataclass(frozen=True)
class ChannelFacts:
    """What is to know of a channel beside its messages."""

    message: type[Message]
    address: Literal["email", "phone"] | None
    """The kind of address that the contact must have; None: it does not go to the contact."""


CHANNEL_TABLE: Mapping[Channel, ChannelFacts] = {
    "email": ChannelFacts(Email, "email"),
    "sms": ChannelFacts(Sms, "phone"),
    "whatsapp": ChannelFacts(WhatsApp, "phone"),
    "webhook": ChannelFacts(WebhookCall, None),
    "notify": ChannelFacts(Notify, None),
    "task": ChannelFacts(Task, None),
}


@dataclass(frozen=True)
class Receipt:
    """What a sender returns for a message it handed over. `provider_id` is the provider's own name for it."""

    provider_id: str | None = None
    detail: str | None = None


def ascii_domain(domain: str) -> str:
    """A domain as the DNS has it, in lower case: `Müller.example` and `XN--MLLER-KVA.example` are one.

    By IDNA 2008 with the mapping of UTS 46. Not Python's own codec: it follows older rules, by which a domain with ß is
    another one, with ss. Raises ValueError.
    """
    if domain.isascii() and "xn--" not in domain.lower():
        return domain.lower()
    import idna

    return str(idna.encode(domain, uts46=True).decode()).lower()  # its errors are ValueErrors


_PLAIN_ADDRESS = re.compile(
    r"([A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*)@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)"
)
"""Nearly all addresses; whatever else may be one is taken apart by the package."""


def read_address(text: str) -> tuple[str, str]:
    """Read `a@b` or `Name <a@b>`, exactly one: its name, and its address with an ASCII domain. Raises ValueError."""
    # Not email.utils.parseaddr: it reads `Tea, Inc <a@b>` as two addresses, and `a@b, c@d` as one.
    if (plain_one := _PLAIN_ADDRESS.fullmatch(text)) is not None and "xn--" not in text.lower():
        return "", f"{plain_one[1]}@{plain_one[2].lower()}"
    name, angle, spec = text.strip().rpartition("<") if text.strip().endswith(">") else ("", "", text.strip())
    spec = spec.removesuffix(">") if angle else spec
    local, _, domain = spec.rpartition("@")
    # The package knows no other letters than ASCII before the @; where they may stand is as for any letter.
    plain = "".join(letter if letter.isascii() or not letter.isprintable() else "a" for letter in local)
    try:
        parsed = Address(addr_spec=f"{plain}@{domain}")
        if not parsed.username or not parsed.domain:
            raise ValueError("a part is missing")
        if not local.isascii() and parsed.username != plain:
            raise ValueError("letters other than ASCII in quotes")
        address = Address(username=parsed.username, domain=ascii_domain(parsed.domain)).addr_spec
    except (HeaderParseError, IndexError) as error:
        raise ValueError(str(error)) from error
    return name.strip().strip('"'), address if local.isascii() else f"{local}@{address.rpartition('@')[2]}"


def is_address(text: str) -> bool:
    """True for `a@b.example` and `Name <a@b.example>`; nothing is filled in there, so false for what has braces."""
    try:
        read_address(text)
    except ValueError:
        return False
    return "{{" not in text

"""What a sender is handed and what it gives back, and how email addresses are read. Senders depend on nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from typing import Any, Literal

Channel = Literal["email", "sms", "webhook"]
CHANNELS: tuple[Channel, ...] = ("email", "sms", "webhook")


@dataclass(frozen=True, kw_only=True)
class Message:
    """One rendered thing to send. `message_id` is stable over retries and is the idempotency key."""

    message_id: str
    contact_id: str
    flow: str
    step: str
    planned_at: datetime
    """The tick's `as_of` that planned it: an instant in UTC."""


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


@dataclass(frozen=True, kw_only=True)
class Sms(Message):
    """A text message to a phone number in E.164 form."""

    channel: Literal["sms"] = "sms"
    to: str
    text: str


@dataclass(frozen=True, kw_only=True)
class WebhookCall(Message):
    """An HTTP request. `body` is sent as JSON; None sends no body."""

    channel: Literal["webhook"] = "webhook"
    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


AnyMessage = Email | Sms | WebhookCall


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


def read_address(text: str) -> tuple[str, str]:
    """Read `a@b` or `Name <a@b>`, exactly one: its name, and its address with an ASCII domain. Raises ValueError."""
    # Not email.utils.parseaddr: it reads `Tea, Inc <a@b>` as two addresses, and `a@b, c@d` as one.
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

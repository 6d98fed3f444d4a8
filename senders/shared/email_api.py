"""What senders of email through a provider's HTTP API share: their settings, and a message made ready to be put
into a request."""

from __future__ import annotations

import base64
import functools
from dataclasses import dataclass
from email.utils import formataddr
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from segflow.errors import PermanentError
from segflow.messages import AnyMessage, Attachment, Email, is_address, read_address
from segflow.senders.base import SenderSettings
from segflow.senders.shared.faults import safe_base
from segflow.senders.shared.mime import header_value, one_line
from segflow.spec_model import Number

OURS = "segflow_id"
"""What the message id is called in a provider's own data on a message; it comes back with each event."""
_RESERVED = frozenset(
    {"from", "to", "cc", "bcc", "sender", "reply-to", "subject", "date", "message-id", "mime-version", "received",
     "dkim-signature", "return-path"}
)  # fmt: skip


def _api_url(url: str) -> str:
    if not safe_base(url) or not url.isprintable() or " " in url:
        raise PydanticCustomError("url", "url: must be https://HOST; http:// is for this machine alone")
    return url.rstrip("/")


def _from(address: str) -> str:
    if not is_address(address):
        raise PydanticCustomError("from", "from: must be an address, a@b.example or Name <a@b.example>")
    return address


ApiUrl = Annotated[str, AfterValidator(_api_url)]
Secret = Annotated[str, Field(repr=False)]
NoSecret = Annotated[str | None, Field(repr=False)]
"""One that may be left out."""


class EmailApiSettings(SenderSettings):
    """What the settings of all of them have."""

    channels = ("email",)
    from_: Annotated[str, AfterValidator(_from)] = Field(alias="from")
    """Who emails come from when a step does not say."""
    url: ApiUrl | None = None
    """Where the API is, when it is not at its usual place."""
    timeout: Number = 30
    """Seconds to connect and between two bytes of the answer."""


@dataclass(frozen=True)
class Address:
    """A name, which may be empty, and a bare address with an ASCII domain."""

    name: str
    address: str

    def __str__(self) -> str:
        """As a header has it: a name with other letters is an encoded word."""
        return formataddr((self.name, self.address)) if self.name else self.address


@dataclass(frozen=True)
class Ready:
    """An email whose every part was checked. `text` and `html` are None where there is nothing in them."""

    message_id: str
    sender: Address
    to: str
    reply_to: Address | None
    subject: str
    text: str | None
    html: str | None
    headers: dict[str, str]
    """By name; the values are ASCII."""
    attachments: tuple[Attachment, ...] = ()


def ready(
    message: AnyMessage, default_from: str, provider: str, *, ascii_only: bool, reserved: frozenset[str] = frozenset()
) -> Ready:
    """Check a message. `ascii_only`: the provider takes no other letters before the @ of an address. `reserved`: the
    headers in lower case that it refuses, beside those that are segflow's.

    Raises PermanentError for what would be refused, or would add a header or a recipient.
    """
    if not isinstance(message, Email):
        raise PermanentError(f"{provider} sends email, not {message.channel}")
    addresses = [
        _address(message.sender_address or default_from, "the From address"),
        _address(message.to, "the To address"),
        *([_address(message.reply_to, "the Reply-To address")] if message.reply_to else []),
    ]
    for one in addresses:
        if ascii_only and not one.address.isascii():
            raise PermanentError(f"{provider} takes only ASCII letters before the @ of an address: {one.address}")
    headers = {}
    for name, value in message.headers.items():
        if name.lower() in _RESERVED | reserved or name.lower().startswith("content-"):
            raise PermanentError(f"header {name} is set by segflow or by {provider}")
        headers[name] = header_value(name, value)
    if len({name.lower() for name in headers}) < len(headers):
        raise PermanentError("a header stands twice")
    if not message.text and not message.html:
        raise PermanentError("the email has neither text nor html")
    for attachment in message.attachments:
        one_line(attachment.name, "the name of an attachment")
    for part in (message.text or "", message.html or ""):
        _encoded(part)
    return Ready(
        message_id=one_line(message.message_id, "the message id"),
        sender=addresses[0],
        to=addresses[1].address,
        reply_to=addresses[2] if message.reply_to else None,
        subject=one_line(message.subject, "the subject"),
        text=message.text or None,
        html=message.html or None,
        headers=headers,
        attachments=message.attachments,
    )


@functools.lru_cache(maxsize=64)
def base64_of(attachment: Attachment) -> str:
    """Its content as JSON has it. The same for all whom it goes to, so it is encoded once."""
    return base64.b64encode(attachment.content).decode()


@functools.lru_cache(maxsize=1000)
def _address(text: str, what: str) -> Address:
    one_line(text, what)
    try:
        return Address(*read_address(text))
    except ValueError as error:
        raise PermanentError(f"{what} is not an email address: {text!r}") from error


def _encoded(text: str) -> None:
    try:
        text.encode()
    except UnicodeError as error:
        raise PermanentError(f"the message cannot be encoded: {error}") from error

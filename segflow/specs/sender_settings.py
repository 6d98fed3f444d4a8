"""The settings of each type of sender: what may stand below `senders: NAME:` in segflow.yml."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from segflow.messages import CHANNELS, Channel
from segflow.specs.types import Number, SpecModel


class SenderModel(SpecModel):
    """Base of the types. A type is a subclass with a `type` that is one word, and stands in `AnySender`; whoever needs
    to know the types reads them there."""

    channels: ClassVar[tuple[Channel, ...]]
    """What its sender takes: the same as the `channels` of the class in `senders/`."""
    reports: ClassVar[tuple[str, ...]] = ()
    """What becomes known of its messages beside `sent`: delivered, opened, clicked, ... `validate` warns of a condition
    on what nothing that is set up reports."""

    def refusal(self, channel: str) -> str | None:
        """Why these settings do not do for a channel of the type; None when they do."""
        return None


class MailboxSender(SenderModel):
    """Writes `.eml` and `.json` files."""

    channels = CHANNELS
    type: Literal["mailbox"]
    path: str = ".segflow/mailbox"
    from_: str = Field("segflow <no-reply@example.com>", alias="from")


class ConsoleSender(SenderModel):
    """Prints one line per message."""

    channels = CHANNELS
    type: Literal["console"]


class SmtpSender(SenderModel):
    channels = ("email",)
    type: Literal["smtp"]
    host: str
    port: Annotated[int, Field(ge=1, le=65535, strict=False)] = 587
    """May be a text of digits, because `${env:NAME}` always gives a text."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: str | None = None
    from_: str = Field(alias="from")
    timeout: Number = 30
    """Seconds for each network operation."""

    @model_validator(mode="after")
    def _both(self) -> SmtpSender:
        if (self.username is None) != (self.password is None):
            raise PydanticCustomError("smtp", "username: and password: go together")
        return self


class WebhookSender(SenderModel):
    """HTTP calls: those of webhook steps, and with `url` the messages of any other channel, as JSON."""

    channels = CHANNELS
    type: Literal["webhook"]
    url: str | None = None
    """Where messages of other channels are posted: SMS to a gateway of yours, tasks to a CRM."""
    timeout: Number = 10
    """Seconds to connect and between two bytes of the answer."""
    secret: str | None = None
    """Signs each request as https://www.standardwebhooks.com describes (`whsec_...`)."""
    idempotent: bool = False
    """True when the receiver honours the Idempotency-Key header: calls of unknown outcome are then repeated."""

    def refusal(self, channel: str) -> str | None:
        if channel == "webhook" or self.url is not None:
            return None
        return f"has no url:, so that it takes webhook only, not {channel}"


class NotifySender(SenderModel):
    """Chat and email to people of your own, through apprise (https://appriseit.com)."""

    channels = ("notify",)
    type: Literal["notify"]
    people: dict[str, Annotated[str | list[str], Field(min_length=1)]] = Field(default_factory=dict)
    """Whom `to:` of a notify step may name: name -> the URL that apprise calls, or several."""
    email: str | None = None
    """A URL with `{to}` in it, for addresses that are no name in `people`."""
    timeout: Number = 10
    """Seconds for all URLs of a message together."""

    @model_validator(mode="after")
    def _to(self) -> NotifySender:
        if self.email is not None and "{to}" not in self.email:
            raise PydanticCustomError("notify", "email: has no {place}, where the address goes", {"place": "{to}"})
        return self


AnySender = (
    Annotated[MailboxSender, Tag("<mailbox>")]
    | Annotated[ConsoleSender, Tag("<console>")]
    | Annotated[SmtpSender, Tag("<smtp>")]
    | Annotated[WebhookSender, Tag("<webhook>")]
    | Annotated[NotifySender, Tag("<notify>")]
)
SENDER_MODELS: dict[str, type[SenderModel]] = {
    get_args(get_args(one)[0].model_fields["type"].annotation)[0]: get_args(one)[0] for one in get_args(AnySender)
}
"""type -> its settings."""


def _tag(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"<{kind}>" if isinstance(kind, str) and kind in SENDER_MODELS else None


SenderSettings = Annotated[
    AnySender,
    Discriminator(
        _tag,
        custom_error_type="sender",
        custom_error_message=f"type: must be one of {', '.join(SENDER_MODELS)}",
    ),
]

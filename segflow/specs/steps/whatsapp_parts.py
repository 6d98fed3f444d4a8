"""What a template of WhatsApp's takes beside the variables of its body: in its header, and for its buttons."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from segflow.specs.types import SpecModel, by_kind


def _link(value: str) -> str:
    # What is filled in may bring the beginning.
    if not value.startswith(("https://", "http://", "{")):
        raise PydanticCustomError("link", "'{given}' is not a link: http:// or https://", {"given": value[:80]})
    return value


_ONE = "a header has one variable: text: ..., or text: {NAME: ...}"


def _one(value: dict[str, str]) -> dict[str, str]:
    if len(value) != 1:
        raise PydanticCustomError("header", _ONE)
    return value


class WhatsAppMedia(SpecModel):
    """An image, a document or a video: at a public address, or one that WhatsApp holds."""

    link: Annotated[str, AfterValidator(_link)] | None = None
    """Where WhatsApp gets it."""
    id: str | None = None
    """What WhatsApp called it when it was uploaded."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.link is None) == (self.id is None):
            raise PydanticCustomError(
                "media", "give either link: or id:, an image, document or video that WhatsApp holds"
            )
        return self


class WhatsAppDocument(WhatsAppMedia):
    """A document; `filename` is what the contact sees."""

    filename: str | None = None


class WhatsAppHeader(SpecModel):
    """What fills the template's header, which is one of these."""

    text: (
        Annotated[
            Annotated[str, Tag("<text>")] | Annotated[dict[str, str], AfterValidator(_one), Tag("<mapping>")],
            Discriminator(
                by_kind,
                custom_error_type="header",
                custom_error_message=_ONE,
            ),
        ]
        | None
    ) = None
    """The value of its one variable; `{NAME: value}` where the template's variables have names."""
    image: WhatsAppMedia | None = None
    document: WhatsAppDocument | None = None
    video: WhatsAppMedia | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(one is not None for one in (self.text, self.image, self.document, self.video)) != 1:
            raise PydanticCustomError("header", "give one of text, image, document and video")
        return self


class WhatsAppButton(SpecModel):
    """What one button takes: the end of its URL, or the payload that comes back when it is pressed."""

    index: int = Field(ge=0, le=9)
    """Which of the template's buttons, counted from 0."""
    url: str | None = None
    """What stands for the variable at the end of the button's URL."""
    quick_reply: str | None = None
    """The payload."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.url is None) == (self.quick_reply is None):
            raise PydanticCustomError("button", "give either url: or quick_reply:")
        return self

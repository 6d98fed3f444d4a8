"""`utm`: the parameters that the links of an email get."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, StringConstraints, Tag
from pydantic_core import PydanticCustomError

from segflow.specs.types import SpecModel, by_kind


def _plain(value: str) -> str:
    if "{{" in value or "{%" in value:
        raise PydanticCustomError("utm", "'{given}' is a plain text: nothing is filled in here", {"given": value[:60]})
    return value


_Word = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_plain)]


class Utm(SpecModel):
    """What is left out has a value of its own, so that `utm: {}` is enough."""

    source: _Word | None = None
    """Default: the project's name."""
    medium: _Word | None = None
    """Default: email."""
    campaign: _Word | None = None
    """Default: the flow's id."""
    content: _Word | None = None
    """Default: the step's id."""


def _kind(value: object) -> str | None:
    return "<false>" if value is False else by_kind(value)


StepUtm = Annotated[
    Annotated[Utm, Tag("<mapping>")] | Annotated[Literal[False], Tag("<false>")],
    Discriminator(
        _kind,
        custom_error_type="utm",
        custom_error_message="utm is {source: ..., medium: ..., campaign: ..., content: ...}, each of them optional, "
        "or false",
    ),
]
"""At a step: what differs from the flow's, or false for none."""

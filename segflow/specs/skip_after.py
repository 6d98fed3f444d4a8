"""`skip_after`: from when on a step is pointless."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Tag, model_validator
from pydantic_core import PydanticCustomError

from segflow.specs.types import Identifier, SpecModel, by_kind, parse_instant


class SkipField(SpecModel):
    """`{trigger: starts_at}`: a property of the event that enrolled; `{attribute: renews_at}`: one of the contact's."""

    trigger: Identifier | None = None
    attribute: Identifier | None = None

    @model_validator(mode="after")
    def _one(self) -> SkipField:
        if (self.trigger is None) == (self.attribute is None):
            raise PydanticCustomError("skip_after", "give one of trigger: FIELD and attribute: NAME")
        return self


def _moment(value: Any) -> Any:
    try:
        parse_instant(value)
    except ValueError:
        raise PydanticCustomError(
            "skip_after",
            "'{given}' is no day or time; write it like 2026-05-01 or 2026-05-01T18:00:00Z",
            {"given": value},
        ) from None
    return value


SkipAfter = Annotated[
    Annotated[Annotated[str, AfterValidator(_moment)], Tag("<text>")] | Annotated[SkipField, Tag("<mapping>")],
    Discriminator(
        by_kind,
        custom_error_type="skip_after",
        custom_error_message="skip_after takes a day or time like 2026-05-01, {trigger: FIELD} or {attribute: NAME}",
    ),
]
"""A day counts as a whole, in the project's zone."""


def is_day(text: str) -> bool:
    """Is it a day, and no time of one?"""
    return re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip()) is not None

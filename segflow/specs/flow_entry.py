"""Who gets into a flow beside its trigger, and what it is for: limits, groups, goals, holdouts."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Discriminator, Field, PlainValidator, Tag, model_validator
from pydantic_core import PydanticCustomError

from segflow.durations import Duration
from segflow.specs.types import Identifier, SpecModel, by_kind

_SHARE = re.compile(r"^\s*(\d{1,3}(?:\.\d{1,2})?)\s*%\s*$")


class NotWithin(SpecModel):
    """`{flow: welcome, days: 7}` or `{flow: welcome, last: 2 weeks}`: the contact was not in that flow then."""

    flow: Identifier
    days: Annotated[int, Field(ge=1, le=100_000)] | None = None
    last: Duration | None = None

    @model_validator(mode="after")
    def _one_span(self) -> NotWithin:
        if (self.days is None) == (self.last is None):
            raise PydanticCustomError("span", "give either days: 7 or last: 2 weeks")
        return self

    @property
    def span(self) -> Duration:
        return self.last or Duration.parse(f"{self.days} days")


NotWithins = Annotated[
    Annotated[NotWithin, Tag("<mapping>")] | Annotated[Annotated[list[NotWithin], Field(min_length=1)], Tag("<list>")],
    Discriminator(
        by_kind,
        custom_error_type="not_within",
        custom_error_message="not_within must be like {flow: welcome, days: 7}, or a list of such",
    ),
]


def _share(value: Any) -> Any:
    match = _SHARE.match(value) if isinstance(value, str) else None
    if match is None:
        message = "'{given}' is not a share: write a percentage like 10%, with at most two decimals"
        raise PydanticCustomError("share", message, {"given": str(value)})
    if not 0 < float(match.group(1)) < 100:
        raise PydanticCustomError(
            "share", "'{given}' leaves nobody on one side: write more than 0% and less than 100%", {"given": value}
        )
    return f"{float(match.group(1)):g}%"


Share = Annotated[str, PlainValidator(_share, json_schema_input_type=str)]
"""A percentage of contacts as people write it: `10%`."""


def hundredths(share: str) -> int:
    """A Share in hundredths of a percent."""
    return round(float(share.rstrip("%")) * 100)


class FlowGroup(SpecModel):
    """Flows that must not all talk to one contact at once."""

    max_active: Annotated[int, Field(ge=1, le=1000)] = 1
    """In how many flows of the group a contact can be at the same time."""

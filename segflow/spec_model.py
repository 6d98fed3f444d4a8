"""The base of everything that is read from a file of the user's: specs, and the settings of senders."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, PlainValidator
from pydantic_core import PydanticCustomError


class SpecModel(BaseModel):
    """Base of everything read from a spec file: unknown keys are errors, values are not coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False, strict=True, defer_build=True)
    """`defer_build`: a validator is made when something is first read by it. Made at once, each model makes those of
    all that it holds, and conditions and steps hold each other: that took a third of the import."""

    short_form: ClassVar[tuple[str, dict[str, Any]] | None] = None
    """What may stand in place of the mapping: in words, and as JSON Schema. A before-validator takes it."""


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PydanticCustomError("number", "'{given}' is not a number", {"given": str(value)})
    return value


# One validator in place of a union: a union reports one error per member for the same wrong word.
Number = Annotated[float | int, PlainValidator(_number, json_schema_input_type=float)]


def _seconds(value: Any) -> Any:
    if not 0 < _number(value) <= _AN_HOUR:
        raise PydanticCustomError("seconds", "'{given}' is no time to wait: more than 0 seconds, at most 3600",
                                  {"given": str(value)})  # fmt: skip
    return value


_AN_HOUR = 3600
Seconds = Annotated[float | int, PlainValidator(_seconds, json_schema_input_type=float)]
"""How long to wait for something, in seconds."""

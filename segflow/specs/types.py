"""Small value types that specs share: durations, scalars, identifiers, value types."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    Discriminator,
    Field,
    PlainValidator,
    StringConstraints,
    Tag,
)
from pydantic_core import PydanticCustomError

from segflow.spec_model import Number, SpecModel

__all__ = ["Number", "SpecModel"]
"""Those of `segflow.spec_model` that specs use, too."""

ValueType = Literal["text", "number", "integer", "boolean", "date", "timestamp", "list_of_text"]
NUMBERS: tuple[ValueType, ...] = ("number", "integer")


def _scalar(value: Any) -> Any:
    if not isinstance(value, (bool, int, float, str)):
        raise PydanticCustomError("scalar", "expected one value: a text, a number, true or false")
    return value


# One validator in place of a union, as for numbers.
Scalar = Annotated[bool | int | float | str, PlainValidator(_scalar, json_schema_input_type=bool | float | str)]

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
"""Ids of segments, flows and steps; they become file, table and column names."""

EventName = Annotated[str, StringConstraints(min_length=1, max_length=255)]
"""An event, or what events begin with, in a condition. Any text: the catalog knows what was meant by one that is no
Identifier."""

# Such a character would not reach the warehouse as it is: generated SQL is text that Jinja reads.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ue000]")


def _one_line(value: str) -> str:
    if _CONTROL.search(value):
        raise PydanticCustomError("column", "'{given}' has a line break or another control character", {"given": value})
    return value


ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_one_line)]
_Key = Annotated[str, StringConstraints(max_length=255), AfterValidator(_one_line)]
ModelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]

_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([KMGT])(i?)B\s*$", re.IGNORECASE)
_LEAST_MEMORY = 64_000_000


def _memory_size(value: Any) -> Any:
    match = _SIZE.match(value) if isinstance(value, str) else None
    if match is None:
        message = "'{given}' is not a size: write a number and a unit, like 4GB or 800MB"
        raise PydanticCustomError("memory", message, {"given": str(value)})
    power = "KMGT".index(match.group(2).upper()) + 1
    if float(match.group(1)) * (1024 if match.group(3) else 1000) ** power < _LEAST_MEMORY:
        raise PydanticCustomError("memory", "'{given}' is too little to work with: give 64MB or more", {"given": value})
    return value.strip()


MemorySize = Annotated[str, PlainValidator(_memory_size, json_schema_input_type=str)]
"""An amount of memory as DuckDB reads it: `4GB` (10^9), `4GiB` (2^30)."""


def by_kind(value: Any) -> str | None:
    """A discriminator for unions of one word, one list and one mapping: the tag after the kind of the value."""
    if value is True:
        return "<true>"
    kinds: tuple[tuple[type, str], ...] = (
        (str, "<text>"),
        (list, "<list>"),
        (dict, "<mapping>"),
        (BaseModel, "<mapping>"),
    )
    return next((tag for kind, tag in kinds if isinstance(value, kind)), None)


ColumnPath = Annotated[
    Annotated[ColumnName, Tag("<text>")] | Annotated[Annotated[list[_Key], Field(min_length=1)], Tag("<list>")],
    Discriminator(
        by_kind,
        custom_error_type="column",
        custom_error_message="column must be the name of a column, or the path to a value inside of one, like "
        "[address, city]",
    ),
]
"""A column (or the key of a payload), or the path of keys that leads to a value inside of it."""


def parse_instant(text: str) -> datetime:
    """Read an ISO date or timestamp as a UTC instant; a time without an offset is read as UTC.

    Raises ValueError when it is neither.
    """
    value = datetime.fromisoformat(text)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def parse_date(text: str) -> date:
    """Read an ISO date (`2026-01-31`). Raises ValueError."""
    return date.fromisoformat(text)

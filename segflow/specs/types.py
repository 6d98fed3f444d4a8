"""Small value types that specs share: durations, scalars, identifiers, value types."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from dateutil.relativedelta import relativedelta
from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    StringConstraints,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

ValueType = Literal["text", "number", "integer", "boolean", "date", "timestamp", "list_of_text"]
NUMBERS: tuple[ValueType, ...] = ("number", "integer")


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PydanticCustomError("number", "'{given}' is not a number", {"given": str(value)})
    return value


def _scalar(value: Any) -> Any:
    if not isinstance(value, (bool, int, float, str)):
        raise PydanticCustomError("scalar", "expected one value: a text, a number, true or false")
    return value


# One validator in place of a union: a union reports one error per member for the same wrong word.
Number = Annotated[float | int, PlainValidator(_number, json_schema_input_type=float)]
Scalar = Annotated[bool | int | float | str, PlainValidator(_scalar, json_schema_input_type=bool | float | str)]

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
"""Ids of segments, flows and steps; they become file, table and column names."""

ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=255)]
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

_EXACT = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}
_CALENDAR = {"month": 1, "quarter": 3, "year": 12}
_DURATION = re.compile(r"^\s*(\d+)\s+([a-z]+?)s?\s*$")
DURATION_PATTERN = r"^\s*\d+\s+(second|minute|hour|day|week|month|quarter|year)s?\s*$"


class SpecModel(BaseModel):
    """Base of everything read from a spec file: unknown keys are errors, values are not coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False, strict=True)


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


class Duration:
    """A span written as `30 days`. Seconds to weeks are exact; months, quarters and years are calendar steps.

    A calendar step that lands on a day that the month does not have goes to the month's last day
    (31 March - 1 month = 28 or 29 February), as Postgres and dateutil do.
    """

    __slots__ = ("months", "seconds", "text")

    def __init__(self, months: int, seconds: int, text: str) -> None:
        self.months, self.seconds, self.text = months, seconds, text

    @classmethod
    def parse(cls, text: Any) -> Duration:
        """Read `N unit(s)`; raises PydanticCustomError (a ValueError) that says what is allowed."""
        if isinstance(text, Duration):
            return text
        match = _DURATION.match(text) if isinstance(text, str) else None
        unit = match.group(2) if match else ""
        if not match or unit not in {**_EXACT, **_CALENDAR}:
            raise PydanticCustomError(
                "duration",
                "'{given}' is not a duration: write a number and a unit, like 30 days "
                "(seconds, minutes, hours, days, weeks, months, quarters or years)",
                {"given": str(text)},
            )
        number = int(match.group(1))
        clean = f"{number} {unit}{'' if number == 1 else 's'}"
        if number > 100_000:
            raise PydanticCustomError("duration", "'{given}' is too long a duration", {"given": clean})
        return cls(number * _CALENDAR.get(unit, 0), number * _EXACT.get(unit, 0), clean)

    def before(self, instant: datetime) -> datetime:
        """The instant that lies this span before `instant`. Raises OverflowError beyond year 1."""
        return instant - relativedelta(months=self.months) - timedelta(seconds=self.seconds)

    def after(self, instant: datetime) -> datetime:
        """The instant that lies this span after `instant`. Raises OverflowError beyond year 9999."""
        return instant + relativedelta(months=self.months) + timedelta(seconds=self.seconds)

    def times(self, number: int) -> Duration:
        """This span `number` times over."""
        return Duration(self.months * number, self.seconds * number, f"{number} x {self.text}")

    @property
    def whole_days(self) -> bool:
        """True when the span is made of days, weeks, months or years, so that it also fits a date."""
        return self.seconds % 86400 == 0

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Duration({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and (self.months, self.seconds) == (other.months, other.seconds)

    def __hash__(self) -> int:
        return hash((self.months, self.seconds))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "pattern": DURATION_PATTERN, "examples": ["30 days", "3 months"]}


def parse_instant(text: str) -> datetime:
    """Read an ISO date or timestamp as a UTC instant; a time without an offset is read as UTC.

    Raises ValueError when it is neither.
    """
    value = datetime.fromisoformat(text)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def parse_date(text: str) -> date:
    """Read an ISO date (`2026-01-31`). Raises ValueError."""
    return date.fromisoformat(text)

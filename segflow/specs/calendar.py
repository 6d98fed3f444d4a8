"""Days and periods of the calendar, as they are written: `within: {last: month}`, `before: {ago: 2 days}`, `today`."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from segflow.durations import Duration, Written
from segflow.errors import did_you_mean
from segflow.specs.types import SpecModel

CalendarUnit = Literal["day", "week", "month", "quarter", "year"]
UNITS: tuple[CalendarUnit, ...] = ("day", "week", "month", "quarter", "year")
DAYS = {"today": 0, "yesterday": -1, "tomorrow": 1}
"""The days that have a name, counted from today."""
_SPAN = re.compile(r"^\s*(?:(\d+)\s+)?([a-z]+?)(s?)\s*$")
_PATTERN = r"^\s*(\d+\s+(day|week|month|quarter|year)s?|day|week|month|quarter|year)\s*$"
_MOST = 10_000


class Units(Written):
    """A number of whole units of the calendar: `month` (one), `7 days`."""

    pattern, examples = _PATTERN, ("month", "7 days")

    __slots__ = ("number", "text", "unit")

    def __init__(self, number: int, unit: CalendarUnit) -> None:
        self.number, self.unit = number, unit
        self.text = unit if number == 1 else f"{number} {unit}s"

    @classmethod
    def parse(cls, text: Any) -> Units:
        """Read `unit` or `N units`; raises PydanticCustomError (a ValueError) that says what is allowed."""
        if isinstance(text, Units):
            return text
        match = _SPAN.match(text) if isinstance(text, str) else None
        number, unit, plural = match.groups() if match else (None, "", "")
        if unit not in UNITS or (plural and number is None) or not 1 <= int(number or 1) <= _MOST:
            near = did_you_mean(f"{unit}", list(UNITS)) if match else ""
            raise PydanticCustomError(
                "calendar",
                "'{given}' is no part of the calendar{near}: write day, week, month, quarter or year, or a number of "
                "them, like 7 days",
                {"given": str(text), "near": near},
            )
        return cls(int(number or 1), unit)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Units) and (self.number, self.unit) == (other.number, other.unit)

    def __hash__(self) -> int:
        return hash((self.number, self.unit))


class Period(SpecModel):
    """`within: {this: week}`, `{last: month}`, `{next: 7 days}`: whole days, weeks, ... of the calendar, in the
    project's zone. `last` and `next` leave out the one that is now."""

    this: CalendarUnit | None = None
    last: Units | None = None
    next: Units | None = None

    @model_validator(mode="after")
    def _one(self) -> Period:
        if len(self.model_fields_set) != 1 or any(getattr(self, name) is None for name in self.model_fields_set):
            raise PydanticCustomError(
                "calendar", "a period is one of {this: week}, {last: month} and {next: 7 days}: give exactly one"
            )
        return self

    def range(self) -> tuple[CalendarUnit, int, int]:
        """The unit, and from which one (included) to which one (excluded), counted from the present one, 0."""
        if self.this is not None:
            return self.this, 0, 1
        if self.last is not None:
            return self.last.unit, -self.last.number, 0
        assert self.next is not None
        return self.next.unit, 1, self.next.number + 1


class Near(SpecModel):
    """`{ago: 2 days}`, `{ahead: 1 month}`: a day in place of a date, counted from today."""

    ago: Duration | None = None
    ahead: Duration | None = None

    @model_validator(mode="after")
    def _one(self) -> Near:
        if len(self.model_fields_set) != 1 or any(getattr(self, name) is None for name in self.model_fields_set):
            raise PydanticCustomError("calendar", "a day is {ago: 2 days} or {ahead: 2 days}: give one of them")
        return self

    @property
    def span(self) -> Duration:
        """How far it is from today."""
        found = self.ago or self.ahead
        assert found is not None
        return found

    def __str__(self) -> str:
        return f"{self.ago} ago" if self.ago is not None else f"in {self.ahead}"

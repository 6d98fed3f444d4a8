"""How often a segment is compared: `every: 1 day`. A regular part of the calendar, so that a schedule cannot drift."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Literal

from pydantic_core import PydanticCustomError

from segflow.durations import Written

EveryUnit = Literal["minute", "hour", "day", "week", "month"]
_WHOLE: dict[EveryUnit, tuple[int, str]] = {
    "minute": (60, "an hour"),
    "hour": (24, "a day"),
    "day": (1, ""),
    "week": (1, ""),
    "month": (12, "a year"),
}
"""Unit -> how many of them make the part of the calendar that they must divide, and its name."""
_NEXT: dict[EveryUnit, str] = {
    "minute": "1 hour",
    "hour": "1 day",
    "day": "1 week",
    "week": "1 month",
    "month": "1 year",
}
_UNITS: dict[str, tuple[int, EveryUnit]] = {
    "minute": (1, "minute"),
    "hour": (1, "hour"),
    "day": (1, "day"),
    "week": (1, "week"),
    "month": (1, "month"),
    "quarter": (3, "month"),
    "year": (12, "month"),
}
"""What may be written -> how many of which unit it is."""
_SPAN = re.compile(r"^\s*(?:(\d+)\s+)?([a-z]+?)s?\s*$")
_PATTERN = r"^\s*(\d+\s+)?(minute|hour|day|week|month|quarter|year)s?\s*$"


class Every(Written):
    """A number of minutes that divide an hour, of hours that divide a day, of months that divide a year; a day; a week.

    A quarter is 3 months, a year 12. `day` alone is `1 day`.
    """

    pattern, examples = _PATTERN, ("1 day", "6 hours")

    __slots__ = ("number", "unit")

    def __init__(self, number: int, unit: EveryUnit) -> None:
        self.number, self.unit = number, unit

    @classmethod
    def parse(cls, text: Any) -> Every:
        """Read `N unit(s)`; raises PydanticCustomError (a ValueError) that names the regular periods that are near."""
        if isinstance(text, Every):
            return text
        match = _SPAN.match(text) if isinstance(text, str) else None
        given, unit = match.groups() if match else (None, "")
        if unit not in _UNITS:
            raise PydanticCustomError(
                "every",
                "'{given}' is no period: write a number and a unit, like 1 day or 6 hours "
                "(minutes, hours, days, weeks, months, quarters or years)",
                {"given": str(text)},
            )
        times, named = _UNITS[unit]
        number = int((given or "1")[:9]) * times
        whole, of = _WHOLE[named]
        if (named, number) == ("minute", 60):
            return cls(1, "hour")
        if (named, number) == ("hour", 24):
            return cls(1, "day")
        if number == 0 or whole % number:
            raise PydanticCustomError(
                "every",
                "'{given}' is no regular period{why}: write {near}",
                {
                    "given": " ".join(str(text).split()),
                    "why": f", because {named}s have to divide {of}" if of else "",
                    "near": _near(number, named),
                },
            )
        return cls(number, named)

    @property
    def longest(self) -> timedelta:
        """The longest that a period can be; clocks that are set back make a day an hour longer."""
        days = {"day": 1, "week": 7, "month": 31}
        if self.unit in days:
            return timedelta(days=days[self.unit] * self.number, hours=1)
        return timedelta(minutes=self.number) if self.unit == "minute" else timedelta(hours=self.number + 1)

    def __str__(self) -> str:
        if (self.number, self.unit) == (12, "month"):
            return "1 year"
        return f"{self.number} {self.unit}{'' if self.number == 1 else 's'}"

    def __repr__(self) -> str:
        return f"Every({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Every) and (self.number, self.unit) == (other.number, other.unit)

    def __hash__(self) -> int:
        return hash((self.number, self.unit))


def _near(number: int, unit: EveryUnit) -> str:
    """The regular periods on both sides of an irregular one."""
    whole = _WHOLE[unit][0]
    # 60 minutes and 24 hours are called otherwise.
    most = whole - 1 if unit in ("minute", "hour") else whole
    regular = [one for one in range(1, most + 1) if whole % one == 0]
    shorter = [one for one in regular if one < number][-1:]
    longer = [one for one in regular if one > number][:1]
    found = [str(Every(one, unit)) for one in (*shorter, *longer)]
    return " or ".join(dict.fromkeys(found if longer else [*found, _NEXT[unit]]))

"""So many in so much time: `10000 per hour`."""

from __future__ import annotations

import re
from typing import Any

from pydantic_core import PydanticCustomError

from segflow.durations import Written

_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_THROTTLE = re.compile(r"^\s*(\d{1,9})\s+per\s+(minute|hour|day)\s*$")


class Throttle(Written):
    """`10000 per hour`"""

    pattern, examples = _THROTTLE.pattern, ("10000 per hour",)

    __slots__ = ("number", "unit")

    def __init__(self, number: int, unit: str) -> None:
        self.number, self.unit = number, unit

    @classmethod
    def parse(cls, value: Any) -> Throttle:
        """Raises PydanticCustomError."""
        if isinstance(value, Throttle):
            return value
        match = _THROTTLE.match(value) if isinstance(value, str) else None
        if match is None or not int(match.group(1)):
            raise PydanticCustomError(
                "throttle",
                "'{given}' is no throttle: write a number per minute, hour or day, like 10000 per hour",
                {"given": str(value)},
            )
        return cls(int(match.group(1)), match.group(2))

    @property
    def seconds(self) -> int:
        return _UNITS[self.unit]

    def __str__(self) -> str:
        return f"{self.number} per {self.unit}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Throttle) and (self.number, self.unit) == (other.number, other.unit)

    def __hash__(self) -> int:
        return hash((self.number, self.unit))

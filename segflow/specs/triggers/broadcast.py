"""`broadcast:`: everybody in a segment, once, at a moment."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, ClassVar

from pydantic_core import PydanticCustomError

from segflow.durations import Written
from segflow.specs.clock_times import LocalMoment
from segflow.specs.spec_file import Loc
from segflow.specs.triggers.base import Side, TriggerCheck, TriggerModel
from segflow.specs.types import Identifier, SpecModel

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


class Broadcast(SpecModel):
    segment: Identifier
    at: LocalMoment
    """The time on the clocks of `timezone`: `2026-05-01T09:00`."""
    timezone: str | None = None
    """An IANA zone, or `contact` for that of each contact; default: the project's."""
    throttle: Throttle | None = None
    """At most so many contacts in this time; the others in later ticks, in an order by chance."""


class BroadcastTrigger(TriggerModel):
    """Offers those who are members at the moment, once."""

    word: ClassVar[str] = "broadcast"

    broadcast: Broadcast

    def check(self, check: TriggerCheck, loc: Loc) -> None:
        check.segment(self.broadcast.segment, (*loc, self.word, "segment"))
        check.zone(self.broadcast.timezone, (*loc, self.word, "timezone"))

    def told(self) -> str:
        return f"broadcast at {moment_text(self.broadcast.at)}, {self.broadcast.segment}"

    def segment_read(self) -> str:
        return self.broadcast.segment

    def side(self) -> Side:
        return "in"


def moment_text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M}"

"""How far something is from a date: `-7 days`, `2 weeks`."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

from pydantic_core import PydanticCustomError

from segflow.durations import Duration, Written

_OFFSET = re.compile(r"^\s*(-)?\s*(.*)$", re.DOTALL)
_OFFSET_PATTERN = r"^\s*-?\s*\d+\s+(day|week|month|quarter|year)s?\s*$"


class Offset(Written):
    """`-7 days`: before the date; `2 weeks`: after it."""

    pattern, examples = _OFFSET_PATTERN, ("-7 days",)

    __slots__ = ("before", "span")

    def __init__(self, span: Duration, before: bool) -> None:
        self.span, self.before = span, before

    @classmethod
    def parse(cls, value: Any) -> Offset:
        """Raises PydanticCustomError."""
        if isinstance(value, Offset):
            return value
        match = _OFFSET.match(value) if isinstance(value, str) else None
        if match is None:
            raise PydanticCustomError("offset", "'{given}' is no offset: write it like -7 days", {"given": str(value)})
        span = Duration.parse(match.group(2))
        if not span.whole_days:
            raise PydanticCustomError(
                "offset",
                "'{given}' is no offset: a date is moved by days, weeks, months or years; the time of the day is at:",
                {"given": str(value)},
            )
        return cls(span, match.group(1) is not None)

    def moved(self, day: date) -> date:
        """The day that is due for a date. Raises OverflowError or ValueError beyond the calendar."""
        return self.span.day_before(day) if self.before else self.span.day_after(day)

    def latest(self, due: date) -> date:
        """The latest day that, moved, is `due` or earlier. Raises OverflowError or ValueError beyond the calendar."""
        day = self.span.day_after(due) if self.before else self.span.day_before(due)
        # A month's last day is where several days go: 28, 29 and 30 January are all a month before 28 February.
        day += timedelta(days=4)
        while self.moved(day) > due:
            day -= timedelta(days=1)
        return day

    def __str__(self) -> str:
        return f"-{self.span}" if self.before else str(self.span)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Offset) and (self.span, self.before) == (other.span, other.before)

    def __hash__(self) -> int:
        return hash((self.span, self.before))


NO_OFFSET = Offset(Duration(0, 0, "0 days"), before=False)

"""Spans of time as people write them: `30 days`."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Self
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

from segflow.zones import to_local, to_utc

_EXACT = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}
_CALENDAR = {"month": 1, "quarter": 3, "year": 12}
_DURATION = re.compile(r"^\s*(\d+)\s+([a-z]+?)s?\s*$")
DURATION_PATTERN = r"^\s*\d+\s+(second|minute|hour|day|week|month|quarter|year)s?\s*$"


class Written:
    """A value that specs write as a text. `parse` of its class reads the text and raises PydanticCustomError, `str`
    writes it again."""

    __slots__ = ()
    pattern: ClassVar[str]
    """What the text looks like, for JSON Schema."""
    examples: ClassVar[tuple[str, ...]]

    @classmethod
    def parse(cls, text: Any) -> Self:
        raise NotImplementedError

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "pattern": cls.pattern, "examples": list(cls.examples)}


class Duration(Written):
    """A span written as `30 days`. Seconds to weeks are exact; months, quarters and years are calendar steps on
    the clocks of a zone: from 1 March, 00:00, a month leads back to 1 February, 00:00, there.

    A calendar step that lands on a day that the month does not have goes to the month's last day
    (31 March - 1 month = 28 or 29 February), as Postgres and dateutil do.
    """

    pattern, examples = DURATION_PATTERN, ("30 days", "3 months")

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

    def before(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """The instant this span before `instant`. Raises OverflowError or ValueError beyond year 1."""
        return self._moved(instant, zone, -1)

    def after(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """The instant that lies this span after `instant`. Raises OverflowError or ValueError beyond year 9999."""
        return self._moved(instant, zone, 1)

    def day_before(self, day: date) -> date:
        """The day this span, of whole days, before `day`. Raises OverflowError or ValueError beyond year 1."""
        return day - relativedelta(months=self.months) - timedelta(seconds=self.seconds)

    def day_after(self, day: date) -> date:
        """The day that lies this span after `day`. Raises OverflowError or ValueError beyond year 9999."""
        return day + relativedelta(months=self.months) + timedelta(seconds=self.seconds)

    def _moved(self, instant: datetime, zone: ZoneInfo, sign: int) -> datetime:
        """In UTC, with a zone if `instant` (UTC, too) has one."""
        if self.months:
            local = to_local(instant, zone) + sign * relativedelta(months=self.months)
            moved = to_utc(local, zone)
            instant = moved if instant.tzinfo is not None else moved.replace(tzinfo=None)
        return instant + sign * timedelta(seconds=self.seconds)

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

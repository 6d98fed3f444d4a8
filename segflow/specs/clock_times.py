"""Times of the day, days and zones as they are written: `at: "09:00"`, `days: [mon-fri]`, `on: [1, 15, last]`."""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from segflow.errors import did_you_mean
from segflow.firings import WEEKDAYS, Days

CONTACT_ZONE = "contact"
"""`timezone: contact`: each contact's own zone, and the project's for those without one."""
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_RANGE = re.compile(rf"({'|'.join(WEEKDAYS)})\s*-\s*({'|'.join(WEEKDAYS)})")
_DAY_PATTERN = rf"^({'|'.join(WEEKDAYS)})(\s*-\s*({'|'.join(WEEKDAYS)}))?$"


def _time(value: Any) -> time:
    """Read `09:00`; raises PydanticCustomError (a ValueError) that says what is allowed."""
    if isinstance(value, time):
        return value
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError(
            "time",
            "'{given}' is not a time of the day: write it like 09:00, from 00:00 to 23:59",
            {"given": str(value)},
        )
    return time(int(match.group(1)), int(match.group(2)))


def written_time(value: time) -> str:
    """`09:00`"""
    return f"{value:%H:%M}"


TimeOfDay = Annotated[
    time,
    PlainValidator(_time),
    PlainSerializer(written_time),
    WithJsonSchema({"type": "string", "pattern": rf"^\s*({_TIME.pattern})\s*$", "examples": ["09:00"]}),
]
"""A time of the day, to the minute."""


def _weekdays(value: Any) -> frozenset[int]:
    """One day or range, or a list of them; raises PydanticCustomError."""
    items = value if isinstance(value, list) else [value]
    found: set[int] = set()
    for item in items:
        text = item.strip().lower() if isinstance(item, str) else ""
        if text in WEEKDAYS:
            found.add(WEEKDAYS.index(text))
        elif match := _RANGE.fullmatch(text):
            first, last = (WEEKDAYS.index(name) for name in match.groups())
            found |= {number % 7 for number in range(first, (last if last >= first else last + 7) + 1)}
        else:
            near = did_you_mean(text[:3], WEEKDAYS)
            raise PydanticCustomError(
                "days",
                "'{given}' is not a day of the week{near}: write mon, tue, wed, thu, fri, sat or sun, or a range like "
                "mon-fri",
                {"given": str(item), "near": near},
            )
    if not found:
        raise PydanticCustomError("days", "give at least one day, like [mon-fri]")
    return frozenset(found)


def _read_weekdays(value: Any) -> Days:
    return value if isinstance(value, Days) else Days(weekdays=_weekdays(value))


def _read_days(value: Any) -> Days:
    """Days of the week, or days of the month; raises PydanticCustomError."""
    if isinstance(value, Days):
        return value
    items = value if isinstance(value, list) else [value]
    of_month = [item for item in items if item == "last" or (isinstance(item, int) and not isinstance(item, bool))]
    if not of_month:
        return Days(weekdays=_weekdays(value))
    if len(of_month) < len(items):
        raise PydanticCustomError(
            "days", "write days of the week ([mon, wed]) or days of the month ([1, 15, last]), not both"
        )
    numbers = {item for item in of_month if item != "last"}
    if wrong := sorted(number for number in numbers if not 1 <= number <= 31):
        raise PydanticCustomError(
            "days", "{given} is no day of a month: write 1 to 31, or last for the last one", {"given": wrong[0]}
        )
    return Days(month_days=frozenset(numbers), last="last" in of_month)


def written_days(days: Days) -> list[str | int]:
    """One spelling per meaning."""
    return [*(WEEKDAYS[n] for n in sorted(days.weekdays)), *sorted(days.month_days), *(["last"] if days.last else [])]


_NAME: dict[str, Any] = {"type": "string", "pattern": _DAY_PATTERN}
_NUMBER: dict[str, Any] = {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 31}, {"const": "last"}]}


def _schema(*items: dict[str, Any]) -> WithJsonSchema:
    lists = [{"type": "array", "minItems": 1, "items": item} for item in items]
    return WithJsonSchema({"anyOf": [*items, *lists]})


Weekdays = Annotated[Days, PlainValidator(_read_weekdays), PlainSerializer(written_days), _schema(_NAME)]
"""`mon`, `mon-fri`, `[mon, wed, fri-sun]`"""
FiringDays = Annotated[Days, PlainValidator(_read_days), PlainSerializer(written_days), _schema(_NAME, _NUMBER)]
"""Days of the week, as in Weekdays, or days of the month: `[1, 15, last]`. A month that lacks one is passed over."""


_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})[T ]([0-2]\d:[0-5]\d)(:00)?")


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    match = _MOMENT.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        if match is None:
            raise ValueError
        return datetime.fromisoformat(f"{match.group(1)}T{match.group(2)}")
    except ValueError:
        message = "'{given}' is no moment: write it like 2026-05-01T09:00, on the clocks of timezone:"
        raise PydanticCustomError("moment", message, {"given": str(value)}) from None


LocalMoment = Annotated[
    datetime,
    PlainValidator(_moment),
    PlainSerializer(lambda value: f"{value:%Y-%m-%dT%H:%M}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": rf"^\s*{_MOMENT.pattern}\s*$", "examples": ["2026-05-01T09:00"]}),
]
"""A day and a time of the day on the clocks of some zone, to the minute."""

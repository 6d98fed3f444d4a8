"""`rate: 100 per second` of a sender."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
PATTERN = r"^\s*[1-9][0-9]{0,8} per (second|minute|hour|day)\s*$"


def parse_rate(text: str) -> tuple[int, int]:
    """How many messages in how many seconds. Raises ValueError."""
    if not re.match(PATTERN, text):
        raise ValueError(text)
    number, _, unit = text.split()
    return int(number), _SECONDS[unit]


def _checked(value: Any) -> Any:
    if not isinstance(value, str) or not re.match(PATTERN, value):
        raise PydanticCustomError(
            "rate", "'{given}' is no rate; write one like 100 per second, 10000 per hour (second, minute, hour, day)",
            {"given": str(value)},
        )  # fmt: skip
    return " ".join(value.split())


RateText = Annotated[
    str,
    BeforeValidator(_checked),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "examples": ["100 per second", "10000 per hour"]}),
]

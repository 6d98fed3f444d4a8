"""What part of the past a condition on rows or messages looks at."""

from __future__ import annotations

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from segflow.durations import Duration
from segflow.specs.calendar import Period
from segflow.specs.operators import Moment
from segflow.specs.types import SpecModel

ENROLLMENT = "enrollment"
LAST_TICK = "last_tick"
TRIGGER = "trigger"


class Windows(SpecModel):
    """At most one window; without any, all of the past."""

    within_last: Duration | None = None
    not_within_last: Duration | None = None
    """Longer ago than this; with `within_last`, which must be longer, between the two."""
    within: Period | None = None
    """A part of the calendar, in the project's zone: `{this: week}`, `{last: 7 days}`."""
    since: Moment | None = None
    """An ISO date or time or a day like `{ago: 2 days}`, included;
    inside a flow also `enrollment`, `trigger`, `last_tick` or the id of a step."""
    until: Moment | None = None
    """An ISO date or time or a day like `yesterday`, excluded."""

    @model_validator(mode="after")
    def _one_window(self) -> Windows:
        given = self.windows()
        if len(given) > 1 and given != ["within_last", "not_within_last"]:
            found = ", ".join(dict.fromkeys("since/until" if name in ("since", "until") else name for name in given))
            if found != "since/until":
                raise PydanticCustomError("window", "one window per condition, found {found}", {"found": found})
        return self

    def windows(self) -> list[str]:
        """The window's keys that are given."""
        keys = ("within_last", "not_within_last", "within", "since", "until")
        return [name for name in keys if getattr(self, name) is not None]

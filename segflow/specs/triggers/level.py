"""`every_day_at: "09:00"`: at a time of the day, everybody who is a member then."""

from __future__ import annotations

from typing import ClassVar

from segflow.firings import EVERY_DAY, Days
from segflow.specs.clock_times import FiringDays, TimeOfDay, written_days, written_time
from segflow.specs.spec_file import Loc
from segflow.specs.triggers.base import Side, TriggerCheck, TriggerModel
from segflow.specs.types import Identifier


class LevelTrigger(TriggerModel):
    """Offers every present member of the segment, once each time it fires."""

    word: ClassVar[str] = "every_day_at"

    every_day_at: TimeOfDay
    segment: Identifier
    timezone: str | None = None
    """An IANA zone, or `contact` for that of each contact; default: the project's."""
    on: FiringDays | None = None
    """Only on these days: of the week, `[mon, wed]`, `mon-fri`; or of the month, `[1, 15, last]`."""

    @property
    def days(self) -> Days:
        return self.on or EVERY_DAY

    def check(self, check: TriggerCheck, loc: Loc) -> None:
        check.segment(self.segment, (*loc, "segment"))
        check.zone(self.timezone, (*loc, "timezone"))

    def told(self) -> str:
        return f"{days_told(self.on)} at {written_time(self.every_day_at)}, {self.segment}"

    def segment_read(self) -> str:
        return self.segment

    def side(self) -> Side:
        return "in"


def days_told(days: Days | None) -> str:
    """In words, for journals and plans."""
    if days is None:
        return "every day"
    told = ", ".join(str(day) for day in written_days(days))
    return f"on {told} of the month" if days.month_days or days.last else f"every {told}"

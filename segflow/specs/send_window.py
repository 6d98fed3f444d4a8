"""When messages may go out: `window: {days: [mon-fri], from: "09:00", to: "18:00", timezone: contact}`."""

from __future__ import annotations

from pydantic import Field

from segflow.firings import EVERY_DAY, Window
from segflow.specs.clock_times import TimeOfDay, Weekdays
from segflow.specs.types import SpecModel


class SendWindow(SpecModel):
    """From `from`, included, to `to`, excluded. Over midnight where `to` is not later; `days` are those on which it
    opens. A message that falls outside waits for the next opening."""

    days: Weekdays = EVERY_DAY
    from_: TimeOfDay = Field(alias="from")
    to: TimeOfDay
    timezone: str | None = None
    """A zone like Europe/Berlin, or `contact` for that of each contact; the project's when left out."""

    @property
    def window(self) -> Window:
        """As `firings` has it."""
        return Window(self.from_, self.to, self.days)

    def __str__(self) -> str:
        return f"{self.from_:%H:%M} to {self.to:%H:%M}"

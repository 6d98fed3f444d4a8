"""`broadcast:`: everybody in a segment, once, at a moment."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from segflow.specs.clock_times import LocalMoment
from segflow.specs.spec_file import Loc
from segflow.specs.throttle import Throttle
from segflow.specs.triggers.base import Side, TriggerCheck, TriggerModel
from segflow.specs.types import Identifier, SpecModel


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

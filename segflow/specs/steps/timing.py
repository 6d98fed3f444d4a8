"""When a step lets go of whom. All of it is asked per zone, and never per contact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from segflow.durations import Duration


@dataclass(frozen=True)
class Reached:
    """Dates up to `day` have come, and timestamps up to `moment`, both included."""

    day: date
    moment: datetime


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Since when somebody must stand at a step to be let go, or which moment of theirs must have come.

    A timing whose `due` falls back where `since` rises, or that spreads contacts, has no `since_to`: it is asked for
    each moment at which somebody came.
    """

    timezone: str | None = None
    """A zone's name, `contact` for that of each contact, None for the project's."""
    attribute: str | None = None
    """The attribute of the contact whose value is the moment, if it is one."""
    spread: Duration | None = None
    """Contacts are let go at a moment of their own within this span after `due`."""
    opens: ClassVar[bool] = False
    """Does it let go of everybody at times, however long they stand there?"""

    def since_to(self, as_of: datetime, zone: ZoneInfo) -> datetime | None:
        """Whoever stands there since then or earlier may go; None when nobody may."""
        return None

    def due(self, since: datetime, zone: ZoneInfo) -> datetime | None:
        """When those who came at `since` may go; None when `since_to` says it for all."""
        return None

    def reached(self, as_of: datetime, zone: ZoneInfo) -> Reached | None:
        """Which moments of contacts have come, where `attribute` has them."""
        return None

    def last_open(self, as_of: datetime, zone: ZoneInfo) -> datetime | None:
        """Where it lets go of everybody at times: when it did so last, `as_of` included. None: it is no such timing, or
        never did."""
        return None

"""`event: purchase`: a contact did something. One enrollment for each event that the re-entry rule lets in."""

from __future__ import annotations

from typing import ClassVar

from segflow.specs.conditions import PropertyNode
from segflow.specs.spec_file import Loc
from segflow.specs.triggers.base import TriggerCheck, TriggerModel
from segflow.specs.types import EventName


class EventTrigger(TriggerModel):
    """`{event: purchase, where: {property: amount, gt: 50}}`: the contact did this. Each event triggers once."""

    word: ClassVar[str] = "event"

    event: EventName
    where: PropertyNode | None = None
    """Only events with these properties."""

    def check(self, check: TriggerCheck, loc: Loc) -> None:
        check.event(self.event, self.where, loc)

    def told(self) -> str:
        return f"event {self.event}"

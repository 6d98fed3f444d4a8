"""`enters: SEGMENT`, `exits: SEGMENT`: a contact crosses a segment's border."""

from __future__ import annotations

from typing import ClassVar

from segflow.specs.conditions import Enters, Exits
from segflow.specs.spec_file import Loc
from segflow.specs.triggers.base import Side, TriggerCheck, TriggerModel


class EntersTrigger(Enters, TriggerModel):
    """The contact entered the segment."""

    word: ClassVar[str] = "enters"

    def check(self, check: TriggerCheck, loc: Loc) -> None:
        check.segment(self.enters, (*loc, self.word))

    def told(self) -> str:
        return f"enters {self.enters}"

    def segment_read(self) -> str:
        return self.enters

    def side(self) -> Side:
        return "in"


class ExitsTrigger(Exits, TriggerModel):
    """The contact exited the segment."""

    word: ClassVar[str] = "exits"

    def check(self, check: TriggerCheck, loc: Loc) -> None:
        check.segment(self.exits, (*loc, self.word))

    def told(self) -> str:
        return f"exits {self.exits}"

    def segment_read(self) -> str:
        return self.exits

    def side(self) -> Side:
        return "out"

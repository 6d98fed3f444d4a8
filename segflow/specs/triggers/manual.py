"""`manual: true`: only those whom a person enrolls."""

from __future__ import annotations

from typing import ClassVar, Literal

from segflow.specs.spec_file import Loc
from segflow.specs.triggers.base import TriggerCheck, TriggerModel


class ManualTrigger(TriggerModel):
    """Nobody gets in by itself: `segflow flow enroll`. It works for every other flow, too."""

    word: ClassVar[str] = "manual"

    manual: Literal[True]

    def check(self, check: TriggerCheck, loc: Loc) -> None:
        return None

    def told(self) -> str:
        return "by hand"

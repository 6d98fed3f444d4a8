"""`switch`: the first of several cases that is so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from segflow.specs.conditions import Condition
from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import AnyStep, Arm, Checks, Step
from segflow.specs.types import Identifier, SpecModel


class Case(SpecModel):
    name: Identifier | None = None
    """What the journal calls it; case_1, case_2, ... when left out."""
    if_: Condition = Field(alias="if")
    then: list[AnyStep] = Field(default_factory=list)


class Switch(SpecModel):
    cases: Annotated[list[Case], Field(min_length=1)]
    """The first one that is so is taken."""
    else_: list[AnyStep] = Field(default_factory=list, alias="else")

    def names(self) -> list[str]:
        """What the cases are called."""
        return [case.name or f"case_{number}" for number, case in enumerate(self.cases, start=1)]


class SwitchStep(Step):
    key = "switch"
    order = 81
    asked_again = True
    arms_at = (("switch", "cases", "*", "then"), ("switch", "else"))

    switch: Switch

    def check(self, checks: Checks, loc: Loc) -> None:
        if not self.switch.else_ and not any(case.then for case in self.switch.cases):
            checks.problem((*loc, "switch"), "the switch does nothing: give its cases steps under then:", key=True)
        names = self.switch.names()
        for index, name in enumerate(names):
            at = (*loc, "switch", "cases", index)
            if name == "else" or name in names[:index]:
                checks.problem((*at, "name") if checks.written((*at, "name")) else at, f"there is a {name} already")

    def arms(self) -> Sequence[Arm]:
        cases = [
            Arm(name, case.then, (*at, "then"), condition=case.if_, condition_at=(*at, "if"))
            for index, (name, case) in enumerate(zip(self.switch.names(), self.switch.cases, strict=True))
            if (at := ("switch", "cases", index))
        ]
        return (*cases, Arm("else", self.switch.else_, ("switch", "else")))

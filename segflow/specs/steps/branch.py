"""`branch`: one way for those who satisfy a condition, another for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from segflow.specs.conditions import CONDITION_KEYS, Condition
from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import AnyStep, Arm, Checks, Step
from segflow.specs.types import SpecModel


class Branch(SpecModel):
    if_: Condition = Field(alias="if")
    then: list[AnyStep] = Field(default_factory=list)
    else_: list[AnyStep] = Field(default_factory=list, alias="else")


class BranchStep(Step):
    key = "branch"
    order = 80
    asked_again = True
    arms_at = (("branch", "then"), ("branch", "else"))

    branch: Branch

    def check(self, checks: Checks, loc: Loc) -> None:
        if not self.branch.then and not self.branch.else_:
            checks.problem((*loc, "branch"), "the branch does nothing: give it steps under then: or else:", key=True)

    def arms(self) -> Sequence[Arm]:
        then, other = self.arms_at
        return (
            Arm("then", self.branch.then, then, condition=self.branch.if_, condition_at=("branch", "if")),
            Arm("else", self.branch.else_, other),
        )

    @classmethod
    def suggested_id(cls, body: Any) -> Sequence[Any]:
        return _words(body.get("if") if isinstance(body, dict) else None) or (cls.key,)


def _words(condition: Any) -> Sequence[Any]:
    if isinstance(condition, dict):
        for key in CONDITION_KEYS:
            if isinstance(condition.get(key), str):
                return ("if", condition[key])
            if key == "not" and isinstance(condition.get(key), dict):
                return ("if_not", *_words(condition[key])[1:])
    return ()

"""`split`: contacts part by chance, each always the same way at the same step."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import AnyStep, Arm, Checks, Step
from segflow.specs.types import Identifier, Number, SpecModel


def _weight(value: Any) -> Any:
    if not 0 < value <= 1_000_000:
        raise PydanticCustomError("weight", "a weight is a number above 0, not {given}", {"given": value})
    return value


class Part(SpecModel):
    name: Identifier
    """What the journal calls it."""
    weight: Annotated[Number, AfterValidator(_weight)] = 1
    """Its share is this, divided by the sum of all weights."""
    steps: list[AnyStep] = Field(default_factory=list)


class SplitStep(Step):
    """Weights that are edited later move nobody who has passed."""

    key = "split"
    order = 82
    asked_again = True
    arms_at = (("split", "*", "steps"),)

    split: Annotated[list[Part], Field(min_length=2)]

    def check(self, checks: Checks, loc: Loc) -> None:
        names = [part.name for part in self.split]
        for index, name in enumerate(names):
            if name in names[:index]:
                checks.problem((*loc, "split", index, "name"), f"there is a part {name} already")
        if not any(part.steps for part in self.split):
            checks.problem((*loc, "split"), "the split does nothing: give its parts steps", key=True)

    def arms(self) -> Sequence[Arm]:
        ends = list(accumulate(part.weight for part in self.split))
        total = ends[-1]
        return [
            Arm(part.name, part.steps, ("split", index, "steps"), share=((end - part.weight) / total, end / total))
            for index, (part, end) in enumerate(zip(self.split, ends, strict=True))
        ]

    def words(self) -> str:
        return f"split {' / '.join(f'{part.name} {part.weight:g}' for part in self.split)}"

"""`exit`: the enrollment ends here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Tag

from segflow.specs.steps.base import Arm, Row, Step
from segflow.specs.types import by_kind


class ExitStep(Step):
    """Ends the enrollment. `exit: true`, or a few words that the journal records."""

    key = "exit"
    order = 90

    exit: Annotated[
        Annotated[Literal[True], Tag("<true>")] | Annotated[str, Tag("<text>")],
        Discriminator(
            by_kind, custom_error_type="exit", custom_error_message="exit must be true, or a few words that say why"
        ),
    ]

    def arms(self) -> Sequence[Arm]:
        return (Arm(ends="exit"),)

    def row(self) -> Row:
        return Row(detail=None if self.exit is True else str(self.exit))

    def words(self) -> str:
        return "leave" if self.exit is True else f"leave: {self.exit}"

    @classmethod
    def suggested_id(cls, body: Any) -> Sequence[Any]:
        return ("leave",)

"""`enter_flow`: another flow is offered the contact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Checks, Row, Step
from segflow.specs.types import Identifier


class EnterFlowStep(Step):
    """At the next tick, as if it met that flow's trigger; its `where` and re-entry rule decide."""

    key = "enter_flow"
    order = 60

    enter_flow: Identifier

    def check(self, checks: Checks, loc: Loc) -> None:
        checks.other_flow(self.enter_flow, (*loc, self.key), "to begin again, use restart_when")

    def row(self) -> Row:
        return Row(call=("enter", self.enter_flow), detail=self.enter_flow)

    def words(self) -> str:
        return f"enter flow {self.enter_flow}"

    @classmethod
    def suggested_id(cls, body: Any) -> Sequence[Any]:
        return ("enter", body) if isinstance(body, str) else (cls.key,)

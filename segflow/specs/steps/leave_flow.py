"""`leave_flow`: the contact's enrollment in another flow ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Checks, Row, Step
from segflow.specs.types import Identifier


class LeaveFlowStep(Step):
    """At the beginning of the next tick, before anybody moves; what waits to be sent there is withdrawn."""

    key = "leave_flow"
    order = 61

    leave_flow: Identifier

    def check(self, checks: Checks, loc: Loc) -> None:
        checks.other_flow(self.leave_flow, (*loc, self.key), "to leave this one, use exit")

    def row(self) -> Row:
        return Row(call=("leave", self.leave_flow), detail=self.leave_flow)

    def words(self) -> str:
        return f"leave flow {self.leave_flow}"

    @classmethod
    def suggested_id(cls, body: Any) -> Sequence[Any]:
        return ("leave", body) if isinstance(body, str) else (cls.key,)

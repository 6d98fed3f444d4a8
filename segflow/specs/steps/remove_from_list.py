"""`remove_from_list`: takes the contact off a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Checks, Row, Step, Update


class RemoveFromListStep(Step):
    key = "remove_from_list"
    order = 41

    remove_from_list: str

    def check(self, checks: Checks, loc: Loc) -> None:
        checks.label("list", self.remove_from_list, (*loc, self.key))

    def row(self) -> Row:
        return Row(detail=self.remove_from_list)

    def updates(self) -> Sequence[Update]:
        return (Update("list", self.remove_from_list, "remove"),)

    def words(self) -> str:
        return f"take off list {self.remove_from_list}"

    @classmethod
    def suggested_id(cls, body: Any) -> Sequence[Any]:
        return ("remove_from", body)

"""`add_to_list`: puts the contact on a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Checks, Row, Step, Update


class AddToListStep(Step):
    key = "add_to_list"
    order = 40

    add_to_list: str

    def check(self, checks: Checks, loc: Loc) -> None:
        checks.label("list", self.add_to_list, (*loc, self.key))

    def row(self) -> Row:
        return Row(detail=self.add_to_list)

    def updates(self) -> Sequence[Update]:
        return (Update("list", self.add_to_list, "add"),)

    def words(self) -> str:
        return f"add to list {self.add_to_list}"

    @classmethod
    def suggested_id(cls, body: Any) -> Sequence[Any]:
        return ("add_to", body)

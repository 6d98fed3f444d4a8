"""`add_tag`: gives the contact a tag."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Checks, Row, Step, Update


class AddTagStep(Step):
    key = "add_tag"
    order = 44

    add_tag: str

    def check(self, checks: Checks, loc: Loc) -> None:
        checks.label("tag", self.add_tag, (*loc, self.key))

    def row(self) -> Row:
        return Row(detail=self.add_tag)

    def updates(self) -> Sequence[Update]:
        return (Update("tag", self.add_tag, "add"),)

    def words(self) -> str:
        return f"add tag {self.add_tag}"

    @classmethod
    def suggested_id(cls, body: Any) -> Sequence[Any]:
        return ("tag", body)

"""`remove_tag`: takes a tag off the contact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Checks, Row, Step, Update


class RemoveTagStep(Step):
    key = "remove_tag"
    order = 45

    remove_tag: str

    def check(self, checks: Checks, loc: Loc) -> None:
        checks.label("tag", self.remove_tag, (*loc, self.key))

    def row(self) -> Row:
        return Row(detail=self.remove_tag)

    def updates(self) -> Sequence[Update]:
        return (Update("tag", self.remove_tag, "remove"),)

    def words(self) -> str:
        return f"remove tag {self.remove_tag}"

    @classmethod
    def suggested_id(cls, body: Any) -> Sequence[Any]:
        return ("untag", body)

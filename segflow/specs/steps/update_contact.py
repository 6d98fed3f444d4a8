"""`update_contact`: sets attributes of the contact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Checks, Row, Step, Update
from segflow.specs.types import Identifier, Scalar


class UpdateContactStep(Step):
    """Sets attributes; null clears one."""

    key = "update_contact"
    order = 42

    update_contact: Annotated[dict[Identifier, Scalar | None], Field(min_length=1)]

    def check(self, checks: Checks, loc: Loc) -> None:
        for name, value in self.update_contact.items():
            at = (*loc, self.key, name)
            if checks.attribute(name, at):
                checks.written_by_flows(name, at)
                if value is not None:
                    checks.literal(value, name, at)

    def row(self) -> Row:
        return Row(detail=", ".join(sorted(self.update_contact)))

    def updates(self) -> Sequence[Update]:
        return [Update("attribute", name, _text(value)) for name, value in self.update_contact.items()]

    def words(self) -> str:
        return f"set {', '.join(sorted(self.update_contact))}"

    @classmethod
    def suggested_id(cls, body: Any) -> Sequence[Any]:
        return ("update", *list(body)[:2]) if isinstance(body, dict) and body else (cls.key,)


def _text(value: Any) -> str | None:
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)

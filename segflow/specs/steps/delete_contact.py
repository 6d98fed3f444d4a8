"""`delete_contact`: the contact is deleted, and all that it stands in ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from segflow.specs.spec_file import Loc
from segflow.specs.steps.base import Arm, Checks, Row, Step

DELETED = "deleted"
"""Why the enrollments of a deleted contact end."""


class DeleteContactStep(Step):
    """`delete_contact: true`. Its enrollments in all flows end, what waits to be sent to it is withdrawn, and from the
    next tick on it is no contact, whatever the model says; its addresses are suppressed, as hashes alone."""

    key = "delete_contact"
    order = 48

    delete_contact: Literal[True]

    def check(self, checks: Checks, loc: Loc) -> None:
        if not checks.catalog.contacts.deletions:
            what = f"model {checks.catalog.contacts.model} would bring the contact back in the next tick"
            checks.problem((*loc, self.key), f"{what}: write deletions: true under contacts: in the catalog", key=True)

    def arms(self) -> Sequence[Arm]:
        return (Arm(ends=DELETED),)

    def row(self) -> Row:
        return Row(deletes=True)

    def words(self) -> str:
        return "delete the contact"

    @classmethod
    def suggested_id(cls, body: Any) -> Sequence[Any]:
        return ("delete",)

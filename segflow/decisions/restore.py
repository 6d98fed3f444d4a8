"""`segflow contact restore`: a person lets contacts come back that a flow has deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segflow.crossings.deleted import tombstones
from segflow.errors import InputError
from segflow.workspace import Workspace


def restore(project: Workspace, contacts: Sequence[str], reason: str | None = None) -> list[dict[str, Any]]:
    """Let the next tick see deleted contacts again, where the user's model or a later import has them. Returns a row
    for each: id, contact_id, reason, decided_by, decided_at.

    Their addresses stay suppressed. It takes no lease. Raises InputError, and records nothing, when one of them is not
    deleted.
    """
    asked = list(dict.fromkeys(contacts))
    if not asked:
        raise InputError("say whom to restore: CONTACT...")
    with project.warehouse() as warehouse:
        warehouse.ensure_tables()
        deleted = {one.contact_id for one in tombstones(warehouse, asked)}
    if others := [one for one in asked if one not in deleted]:
        many = f"{', '.join(others[:5])}{', ...' if len(others) > 5 else ''}"
        raise InputError(f"{many} {'is' if len(others) == 1 else 'are'} not deleted; nobody was restored")
    return project.store.restores.record(asked, reason)

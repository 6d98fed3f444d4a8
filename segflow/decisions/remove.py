"""`segflow flow remove`: a person takes contacts out of a flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from segflow.errors import InputError, did_you_mean
from segflow.warehouse.base import relation
from segflow.workspace import Workspace


def remove(project: Workspace, flow: str, contacts: Sequence[str], reason: str | None = None) -> list[dict[str, Any]]:
    """Let the next tick end the enrollments of `contacts` in `flow`, and drop their crossings that wait for a re-entry
    rule. Returns a row for each: id, flow, contact_id, reason, decided_by, decided_at, tick_id.

    It takes no lease: a tick that runs meanwhile does it when it has not come that far yet. Raises InputError, and
    records nothing, when the flow is unknown or one of the contacts is not in it.
    """
    known = sorted({*project.specs.flows, *project.specs.unfinished})
    if flow not in known:
        raise InputError(f"unknown flow {flow}{did_you_mean(flow, known)}")
    if not contacts:
        raise InputError("say whom to remove: CONTACT...")
    asked = list(dict.fromkeys(contacts))
    inside: set[str] = set()
    with project.warehouse() as warehouse:
        warehouse.ensure_tables()
        for table in ("flow_positions", "flow_waiting"):
            mine = exp.column("flow").eq(exp.Literal.string(flow)), exp.column("contact_id").isin(*asked)
            rows = warehouse.rows(exp.select("contact_id").from_(relation(table)).where(*mine))
            inside |= {row["contact_id"] for row in rows}
    if outside := [one for one in asked if one not in inside]:
        many = f"{', '.join(outside[:5])}{', ...' if len(outside) > 5 else ''}"
        raise InputError(f"{many} {'is' if len(outside) == 1 else 'are'} not in flow {flow}; nobody was removed")
    return project.store.removals.record(flow, asked, reason)

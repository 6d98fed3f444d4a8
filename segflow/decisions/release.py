"""`segflow release`: a person has looked at what a guard holds, and lets it pass once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlglot import exp

from segflow.crossings.segment_guards import contacts_lost
from segflow.errors import InputError, SegflowError, did_you_mean
from segflow.outbox.decisions import EVERYBODY
from segflow.plan.rehearse import plan
from segflow.segments.compiler import CONTACTS
from segflow.specs.guards import guard_of
from segflow.ticks import ledger as ticks
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.sqlfile import literal
from segflow.workspace import Workspace


def release(
    project: Workspace,
    segments: Sequence[str] = (),
    flows: Sequence[str] = (),
    contacts: bool = False,
    reason: str | None = None,
) -> list[dict[str, Any]]:
    """Let what a guard holds pass at the next tick, once. Returns the decisions, one row each.

    For an edited segment whose old rule cannot run any more, what the edit moves may trigger as `on_change` says.
    It takes no lease: a tick that runs meanwhile uses the decision when it has not come that far yet. Raises
    InputError, and records nothing, when something is unknown or there is nothing to let pass.
    """
    if not segments and not flows and not contacts:
        raise InputError("say what to release: SEGMENT..., --flow FLOW or --contacts")
    with project.warehouse() as warehouse:
        warehouse.ensure_tables()
        held = {kind: _held(warehouse, kind) for kind in ("segment", "flow")}
        # To plan takes as long as to build, so it is asked only about segments that no guard holds.
        asked = set(segments) & set(project.specs.segments) - set(held["segment"])
        unsure = _old_rule_broken(project) if asked else set()
        for name in segments:
            if name not in unsure:
                _check("segment", name, name, project.specs.segments, held["segment"])
        for name in flows:
            _check("flow", name, f"--flow {name}", project.specs.flows, held["flow"])
        if contacts and not _contacts_held(project, warehouse):
            raise InputError("no tick waits for contacts that are missing: there is nothing to release")
    decisions = project.store.decisions
    rows = decisions.record("segment", segments, reason)
    rows += decisions.record("flow", flows, reason)
    rows += decisions.record("contacts", [EVERYBODY] if contacts else [], reason)
    return rows


def _old_rule_broken(project: Workspace) -> set[str]:
    """The segments whose edit the next tick could not tell from data, as far as it can be planned."""
    with project.warehouse() as warehouse:
        last = ticks.last(warehouse)
    if last is None:
        return set()
    try:
        found = plan(project, max(datetime.now(UTC), last.as_of + timedelta(seconds=1)))
    except SegflowError:
        return set()
    return {one.segment for one in found.segments if one.old_rule in ("broken", "released")}


def _held(warehouse: Warehouse, kind: str) -> dict[str, str]:
    """Name -> reason of what the last tick that came so far has left held."""
    ledger = relation({"segment": "segment_sizes", "flow": "flow_cursors"}[kind])
    newest = warehouse.scalar(exp.select(exp.Max(this=exp.column("tick_id"))).from_(ledger))
    rows = warehouse.rows(
        exp.select(kind, "reason")
        .from_(ledger)
        .where(exp.column("status").eq(exp.Literal.string("held")))
        .where(exp.column("tick_id").eq(literal(newest)))
        .order_by(kind)
    )
    return {row[kind]: row["reason"] for row in rows}


def _check(kind: str, name: str, argument: str, specs: Mapping[str, object], held: dict[str, str]) -> None:
    if name not in specs:
        raise InputError(f"unknown {kind} {name}{did_you_mean(name, list(specs))}")
    if name not in held:
        others = f"; held are {', '.join(held)}" if held else f"; no {kind} is"
        raise InputError(f"{kind} {name} is not held{others}")
    # What a guard says of the thing itself ends with the command that releases it.
    if not held[name].endswith(f"segflow release {argument}"):
        raise InputError(f"{kind} {name} is held for the sake of something else, which must go on first: {held[name]}")


def _contacts_held(project: Workspace, warehouse: Warehouse) -> bool:
    last = ticks.last(warehouse)
    if last is None or last.status == "done" or not warehouse.exists(CONTACTS):
        return False
    return contacts_lost(warehouse, guard_of(project.specs.settings.guards.contacts_lost)) is not None

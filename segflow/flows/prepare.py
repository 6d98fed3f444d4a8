"""What `advance` knows of the flows before it starts: versions, status, cursors, steps, all as small tables."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.errors import InputError
from segflow.flows.graph import StepRow, UpdateRow, step_rows, surviving_step, update_rows
from segflow.segments.compiler import Compiled, needs
from segflow.segments.nodes import Crossed, Member
from segflow.specs import flow as f
from segflow.specs.types import Duration
from segflow.warehouse.base import Warehouse, relation

FLOWS_NOW = pa.schema(
    [
        ("flow", pa.string()),
        ("flow_version", pa.int64()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("consumed_to", pa.string()),
        ("first_step", pa.string()),
        ("has_where", pa.bool_()),
        ("reentry", pa.string()),
        ("reentry_bound", pa.timestamp("us")),
    ]
)
EDGES = pa.schema([("flow", pa.string()), ("kind", pa.string()), ("segment", pa.string()), ("ordinal", pa.int64())])
UPDATES = pa.schema([(name, pa.string()) for name in ("flow", "step", "kind", "name", "value")])
STEPS = pa.schema(
    [
        (name, pa.int64() if name == "ordinal" else pa.string())
        for name in StepRow.__dataclass_fields__
    ]
    + [("due_before", pa.timestamp("us"))]
)
_VERSIONS = pa.schema(
    [("flow", pa.string()), ("flow_version", pa.int64()), ("fingerprint", pa.string()), ("spec", pa.string())]
)
_MOVES = pa.schema([("flow", pa.string()), ("step", pa.string()), ("next_step", pa.string())])


def flows_now(
    compiled: Compiled, warehouse: Warehouse, stale: dict[str, str], broken: dict[str, str], before: str, as_of: datetime
) -> list[dict[str, Any]]:
    """One row per flow of the project. `before` is the id of the tick before: a new flow starts from there.

    A flow is `held` when a segment or fact that it needs could not be evaluated: it stands still, takes in no one
    and keeps its cursor, so that nothing is lost and nothing is decided on old data.
    """
    versions = _versions(warehouse)
    cursors = {row["flow"]: row["consumed_to"] for row in warehouse.rows(exp.select("*").from_(relation("flow_cursors")))}
    rows = []
    for flow, named in compiled.specs.flows.items():
        spec = named.spec
        known = versions.get(flow, [])
        mark = fingerprint(spec)
        current = known[-1] if known and known[-1]["fingerprint"] == mark else None
        reason = _held(flow, compiled, stale, broken) if spec.status == "active" else None
        rows.append(
            {
                "flow": flow,
                "flow_version": current["flow_version"] if current else len(known) + 1,
                "status": "held" if reason else spec.status,
                "reason": reason,
                "consumed_to": cursors.get(flow, before),
                "first_step": spec.steps[0].id,
                "has_where": spec.where is not None,
                **_reentry(spec, as_of),
            }
        )
    return rows


def new_versions(compiled: Compiled, warehouse: Warehouse, rows: list[dict[str, Any]]) -> pa.Table:
    """The rows of `flow_versions` that this tick adds."""
    known = {(row["flow"], row["flow_version"]) for found in _versions(warehouse).values() for row in found}
    added = [
        {
            "flow": row["flow"],
            "flow_version": row["flow_version"],
            "fingerprint": fingerprint(compiled.specs.flows[row["flow"]].spec),
            "spec": _dump(compiled.specs.flows[row["flow"]].spec),
        }
        for row in rows
        if (row["flow"], row["flow_version"]) not in known
    ]
    return pa.Table.from_pylist(added, schema=_VERSIONS)


def step_table(compiled: Compiled, as_of: datetime) -> pa.Table:
    """All steps of all flows; for a wait, `due_before` is the latest arrival that has waited long enough at `as_of`."""
    rows = []
    for flow, named in compiled.specs.flows.items():
        waits = {s.id: s.wait.for_ for s in named.spec.walk() if isinstance(s, f.WaitStep)}
        for row in step_rows(flow, named.spec):
            wait = waits.get(row.step)
            values = asdict(row)
            if row.channel is not None and row.sender is None:
                values["sender"] = getattr(compiled.specs.settings.default_senders, row.channel)
            rows.append({**values, "due_before": _before(wait, as_of, flow) if wait else None})
    return pa.Table.from_pylist(rows, schema=STEPS)


def edge_table(compiled: Compiled) -> pa.Table:
    """Which crossings trigger which flow."""
    rows = [
        {"flow": flow, "kind": kind, "segment": segment, "ordinal": number}
        for flow, named in compiled.specs.flows.items()
        for number, (kind, segment) in enumerate(_edge(edge) for edge in named.spec.edges())
    ]
    return pa.Table.from_pylist(rows, schema=EDGES)


def update_table(compiled: Compiled) -> pa.Table:
    """What steps change about contacts."""
    rows: list[UpdateRow] = [row for flow, n in compiled.specs.flows.items() for row in update_rows(flow, n.spec)]
    return pa.Table.from_pylist([asdict(row) for row in rows], schema=UPDATES)


def moves(compiled: Compiled, warehouse: Warehouse) -> pa.Table:
    """For every step that somebody stands at and that its flow no longer has: the step to go on at, or null."""
    standing = warehouse.rows(exp.select("flow", "flow_version", "step").distinct().from_(relation("flow_positions")))
    versions = _versions(warehouse)
    rows = []
    for place in standing:
        named = compiled.specs.flows.get(place["flow"])
        if named is None or any(step.id == place["step"] for step in named.spec.walk()):
            continue
        stored = next(v for v in versions[place["flow"]] if v["flow_version"] == place["flow_version"])
        old = f.FlowSpec.model_validate(json.loads(stored["spec"]))
        rows.append({**place, "next_step": surviving_step(place["step"], old, named.spec)})
    return pa.Table.from_pylist([{k: row[k] for k in _MOVES.names} for row in rows], schema=_MOVES)


def fingerprint(spec: f.FlowSpec) -> str:
    """A hash of what a flow says; pausing and words for people do not change it."""
    told = json.loads(_dump(spec))
    for key in ("status", "description", "owner"):
        told.pop(key, None)
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _dump(spec: f.FlowSpec) -> str:
    return json.dumps(spec.model_dump(mode="json", by_alias=True, exclude_unset=True), sort_keys=True)


def _versions(warehouse: Warehouse) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in warehouse.rows(exp.select("*").from_(relation("flow_versions")).order_by("flow", "flow_version")):
        found.setdefault(row["flow"], []).append(row)
    return found


def _held(flow: str, compiled: Compiled, stale: dict[str, str], broken: dict[str, str]) -> str | None:
    nodes = compiled.conditions[flow].values()
    segments = {found.segment for node in nodes for found in node.walk() if isinstance(found, (Member, Crossed))}
    segments |= {_edge(edge)[1] for edge in compiled.specs.flows[flow].spec.edges()}
    for segment in sorted(segments & set(stale)):
        return f"segment {segment} cannot be evaluated: {stale[segment]}"
    parts = {part for node in nodes for part in needs(node, compiled.columns)}
    for part in sorted(parts & set(broken)):
        return f"{part}: {broken[part]}"
    return None


def _edge(edge: Any) -> tuple[str, str]:
    return ("enters", edge.enters) if hasattr(edge, "enters") else ("exits", edge.exits)


def _reentry(spec: f.FlowSpec, as_of: datetime) -> dict[str, Any]:
    if isinstance(spec.reentry, str):
        return {"reentry": spec.reentry, "reentry_bound": None}
    if isinstance(spec.reentry, f.AfterExit):
        return {"reentry": "after_exit", "reentry_bound": _before(spec.reentry.after_exit, as_of, "reentry")}
    return {"reentry": "after_entry", "reentry_bound": _before(spec.reentry.after_entry, as_of, "reentry")}


def _before(span: Duration, as_of: datetime, what: str) -> datetime:
    try:
        return span.before(as_of).replace(tzinfo=None)
    except (OverflowError, ValueError) as error:
        raise InputError(f"{what}: {span} before {as_of.isoformat()} leaves the calendar") from error

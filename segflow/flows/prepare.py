"""What `advance` knows of the flows before it starts: versions, status, cursors, steps, all as small tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.flows.entry_tables import before
from segflow.flows.graph import StepRow, UpdateRow, step_rows, surviving_step, update_rows
from segflow.segments.compiler import Compiled, needs
from segflow.segments.facts import own_parts
from segflow.segments.nodes import Crossed, Member
from segflow.specs import flow as f
from segflow.ticks.context import Faults, TickContext
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
    ]
)
EDGES = pa.schema(
    [(name, pa.int64() if name == "ordinal" else pa.string()) for name in ("flow", "kind", "segment_key", "ordinal")]
)
UPDATES = pa.schema([(name, pa.string()) for name in ("flow", "step", "kind", "name", "value")])
STEPS = pa.schema(
    [(name, pa.int64() if name == "ordinal" else pa.string()) for name in StepRow.__dataclass_fields__]
    + [("due_before", pa.timestamp("us"))]
)
_VERSIONS = pa.schema(
    [("flow", pa.string()), ("flow_version", pa.int64()), ("fingerprint", pa.string()), ("spec", pa.string())]
)
_MOVES = pa.schema([("flow", pa.string()), ("step", pa.string()), ("next_step", pa.string())])


def flows_now(context: TickContext, faults: Faults, last_tick: str) -> list[dict[str, Any]]:
    """One row per flow of the project. `last_tick` is the id of the tick before: a new flow starts from there.

    A flow is `held` when a segment that it needs is stale or held, or a fact could not be evaluated: it stands still,
    takes in no one and keeps its cursor, so that nothing is lost and nothing is decided on old data. `faults.segments`
    has words for each such segment that go on after its name.
    """
    compiled, warehouse = context.compiled, context.warehouse
    versions = _versions(warehouse)
    # Those of the tick before only: a flow that was away since does not catch up the ticks it has missed.
    last = exp.select("flow", "consumed_to").from_(relation("flow_cursors"))
    last = last.where(exp.column("tick_id").eq(exp.Literal.string(last_tick)))
    cursors = {row["flow"]: row["consumed_to"] for row in warehouse.rows(last)}
    rows = []
    for flow, named in compiled.specs.flows.items():
        spec = named.spec
        known = versions.get(flow, [])
        mark = fingerprint(spec)
        current = known[-1] if known and known[-1]["fingerprint"] == mark else None
        reason = _held(flow, compiled, faults) if spec.status == "active" else None
        rows.append(
            {
                "flow": flow,
                "flow_version": current["flow_version"] if current else len(known) + 1,
                "status": "held" if reason else spec.status,
                "reason": reason,
                "consumed_to": cursors.get(flow, last_tick),
                "first_step": spec.steps[0].id,
                "has_where": spec.where is not None,
            }
        )
    # Whoever stands in a draft that is being rewritten stays where they are.
    rows += [
        {
            "flow": flow,
            "flow_version": versions[flow][-1]["flow_version"],
            "status": "draft",
            "reason": None,
            "consumed_to": cursors.get(flow, last_tick),
            "first_step": None,
            "has_where": False,
        }
        for flow in sorted(compiled.specs.unfinished & set(versions))
    ]
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
        if (row["flow"], row["flow_version"]) not in known and row["flow"] in compiled.specs.flows
    ]
    return pa.Table.from_pylist(added, schema=_VERSIONS)


def step_table(compiled: Compiled, as_of: datetime) -> pa.Table:
    """All steps of all flows; for a wait, `due_before` is the latest arrival that has waited long enough at `as_of`.

    It is null for waits by months, which `calendar_waits_over` judges.
    """
    rows = []
    for flow, named in compiled.specs.flows.items():
        waits = {s.id: s.wait.for_ for s in named.spec.walk() if isinstance(s, f.WaitStep)}
        for row in step_rows(flow, named.spec):
            wait = waits.get(row.step)
            values = asdict(row)
            if row.channel is not None and row.sender is None:
                values["sender"] = getattr(compiled.specs.settings.default_senders, row.channel)
            rows.append(
                {
                    **values,
                    "due_before": before(wait, as_of, compiled.zone, flow) if wait and not wait.months else None,
                }
            )
    return pa.Table.from_pylist(rows, schema=STEPS)


def calendar_waits_over(context: TickContext) -> pa.Table:
    """(flow, step, since) of the waits by months that are over.

    Going back from `as_of` would be a day or more too late for whoever came on the last day of a long month: from
    31 March, one month is over on 30 April. The times are few, because contacts arrive at ticks.
    """
    spans = {
        (flow, step.id): step.wait.for_
        for flow, named in context.compiled.specs.flows.items()
        for step in named.spec.walk()
        if isinstance(step, f.WaitStep) and step.wait.for_.months
    }
    over: list[dict[str, Any]] = []
    zone = context.compiled.zone
    if spans:
        standing = exp.select("flow", "step", "since").distinct().from_("temp.positions")
        for row in context.warehouse.rows(standing):
            span = spans.get((row["flow"], row["step"]))
            if span is not None and span.after(row["since"], zone) <= context.as_of.replace(tzinfo=None):
                over.append(row)
    schema = pa.schema([("flow", pa.string()), ("step", pa.string()), ("since", pa.timestamp("us"))])
    return pa.Table.from_pylist(over, schema=schema)


def edge_table(compiled: Compiled, keys: Mapping[str, str]) -> pa.Table:
    """Which crossings trigger which flow. `keys`: segment -> its key; a flow that needs one without is held."""
    rows = [
        {"flow": flow, "kind": kind, "segment_key": keys.get(segment), "ordinal": number}
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
    standing = warehouse.rows(exp.select("flow", "step").distinct().from_(relation("flow_positions")))
    versions = _versions(warehouse)
    rows = []
    for place in standing:
        named = compiled.specs.flows.get(place["flow"])
        if named is None or any(step.id == place["step"] for step in named.spec.walk()):
            continue
        # Not the version that the contact enrolled with: the step may have come with a later edit.
        past = (f.FlowSpec.model_validate(json.loads(v["spec"])) for v in reversed(versions[place["flow"]]))
        old = next(spec for spec in past if any(step.id == place["step"] for step in spec.walk()))
        rows.append({**place, "next_step": surviving_step(place["step"], old, named.spec)})
    return pa.Table.from_pylist([{k: row[k] for k in _MOVES.names} for row in rows], schema=_MOVES)


def reordered(compiled: Compiled, warehouse: Warehouse) -> pa.Table:
    """The flows whose edits put a step behind one that came after it, as far as contacts enrolled before are inside."""
    oldest = warehouse.rows(
        exp.select("flow", exp.Min(this=exp.column("flow_version")).as_("flow_version"))
        .from_(relation("flow_positions"))
        .group_by("flow")
    )
    versions = _versions(warehouse)
    rows = []
    for row in oldest:
        named = compiled.specs.flows.get(row["flow"])
        since = [v for v in versions[row["flow"]] if v["flow_version"] >= row["flow_version"]]
        if named is not None and any(_moved(json.loads(v["spec"]), named.spec) for v in since):
            rows.append({"flow": row["flow"]})
    return pa.Table.from_pylist(rows, schema=pa.schema([("flow", pa.string())]))


def _moved(stored: dict[str, Any], new: f.FlowSpec) -> bool:
    before = [step.id for step in f.FlowSpec.model_validate(stored).walk()]
    after = [step.id for step in new.walk()]
    return [step for step in before if step in after] != [step for step in after if step in before]


def fingerprint(spec: f.FlowSpec) -> str:
    """A hash of what a flow says; pausing and words for people do not change it."""
    told = json.loads(_dump(spec))
    for key in ("status", "description", "owner", "guards"):
        told.pop(key, None)
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _dump(spec: f.FlowSpec) -> str:
    return json.dumps(spec.model_dump(mode="json", by_alias=True, exclude_unset=True), sort_keys=True)


def _versions(warehouse: Warehouse) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in warehouse.rows(exp.select("*").from_(relation("flow_versions")).order_by("flow", "flow_version")):
        found.setdefault(row["flow"], []).append(row)
    return found


def hold(rows: list[dict[str, Any]], faults: dict[str, str]) -> None:
    """Mark flows as held, each with the reason in `faults`."""
    for row in rows:
        if row["flow"] in faults:
            row |= {"status": "held", "reason": faults[row["flow"]]}


def _held(flow: str, compiled: Compiled, faults: Faults) -> str | None:
    nodes = compiled.conditions[flow].values()
    segments = {found.segment for node in nodes for found in node.walk() if isinstance(found, (Member, Crossed))}
    segments |= {_edge(edge)[1] for edge in compiled.specs.flows[flow].spec.edges()}
    for segment in sorted(segments & set(faults.segments)):
        return f"segment {segment} {faults.segments[segment]}"
    parts = {part for node in nodes for part in needs(node, compiled.columns) | own_parts(node)}
    for part in sorted(parts & set(faults.parts)):
        return f"{part}: {faults.parts[part]}"
    return None


def _edge(edge: Any) -> tuple[str, str]:
    return ("enters", edge.enters) if hasattr(edge, "enters") else ("exits", edge.exits)

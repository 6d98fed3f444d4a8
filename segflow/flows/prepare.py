"""What `advance` knows of the flows before it starts: versions, status, cursors, steps, all as small tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.flows.entry_tables import before
from segflow.flows.graph import surviving_step
from segflow.segments.compiler import CONTACTS, Compiled, needs
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
        ("drains", pa.bool_()),
        ("late_before", pa.timestamp("us")),
    ]
)
INSTANT = timedelta(microseconds=1)
"""The shortest time that columns tell apart."""
NO_RULE = (
    "status", "description", "owner", "guards", "lint", "renamed_from", "on_archive", "max_lateness", "allow_loop",
)  # fmt: skip
"""What a flow says that makes no other version of it."""
_VERSIONS = pa.schema(
    [("flow", pa.string()), ("flow_version", pa.int64()), ("fingerprint", pa.string()), ("spec", pa.string())]
)
_MOVES = pa.schema([("flow", pa.string()), ("step", pa.string()), ("next_step", pa.string())])


@dataclass(frozen=True)
class Known:
    """What ticks before this one have left behind of flows."""

    last_tick: str
    """The id of the tick before."""
    versions: Mapping[str, Sequence[Mapping[str, Any]]]
    """Flow -> its rows of `flow_versions`, the oldest first."""
    cursors: Sequence[Mapping[str, Any]]
    """The rows of `flow_cursors` of the tick before, and of no earlier one: a flow that was away since does not catch
    up the ticks it has missed."""
    standing: Sequence[Mapping[str, Any]]
    """(flow, step, flow_version): where somebody stands, and with which version the first of them enrolled."""
    waiting: bool
    """Does anybody wait to be let in again?"""
    restarts: bool
    """Is anything kept in `flow_restart_state`?"""


def known(warehouse: Warehouse, last_tick: str) -> Known:
    """What there is before tick `last_tick` is followed by another, "" for the first."""
    cursors = exp.select("flow", "status", "consumed_to").from_(relation("flow_cursors"))
    standing = exp.select("flow", "step", exp.Min(this=exp.column("flow_version")).as_("flow_version"))
    anybody = exp.select(exp.Count(this=exp.Star()).as_("n"))
    versions, last, places, waiting, restarts = warehouse.answers(
        _versions_query(),
        cursors.where(exp.column("tick_id").eq(exp.Literal.string(last_tick))),
        standing.from_(relation("flow_positions")).group_by("flow", "step"),
        anybody.from_(relation("flow_waiting")),
        anybody.from_(relation("flow_restart_state")),
    )
    return Known(last_tick, _by_flow(versions), last, places, waiting[0]["n"] > 0, restarts[0]["n"] > 0)


def flows_now(
    context: TickContext, faults: Faults, past: Known, paused: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """One row per flow of the project. A new flow starts from the tick before.

    A flow is `held` when a segment that it needs is stale or held, or a fact could not be evaluated: it stands still,
    takes in no one and keeps its cursor, so that nothing is lost and nothing is decided on old data. `faults.segments`
    has words for each such segment that go on after its name. `paused`: flow that a person has paused -> who.

    One that drains (archived, and those inside go on) moves like an active one, and nobody is offered to it.
    """
    paused = paused or {}
    compiled, versions, last_tick = context.compiled, past.versions, past.last_tick
    cursors = {row["flow"]: row["consumed_to"] for row in past.cursors}
    stood_still = _stood_still(context.warehouse, past.cursors, versions)
    usual = compiled.specs.settings.delivery.max_lateness
    rows = []
    for flow, named in compiled.specs.flows.items():
        spec = named.spec
        known = versions.get(flow, [])
        mark = fingerprint(spec)
        current = known[-1] if known and known[-1]["fingerprint"] == mark else None
        pause = paused.get(flow) if spec.status == "active" else None
        moves = pause is None and (spec.status == "active" or spec.drains)
        reason = _held(flow, compiled, faults) if moves else None
        status = "held" if reason else "paused" if pause else "active" if spec.drains else spec.status
        rows.append(
            {
                "flow": flow,
                "flow_version": current["flow_version"] if current else len(known) + 1,
                "status": status,
                "reason": reason or pause,
                "drains": spec.drains,
                "consumed_to": cursors.get(flow, last_tick),
                "first_step": spec.steps[0].id,
                "has_where": spec.where is not None,
                # Whoever was due just then is not late: it takes more.
                "late_before": before(spec.max_lateness or usual, context.as_of, compiled.zone, flow) - INSTANT
                if flow in stood_still
                else None,
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
            "drains": False,
            "late_before": None,
        }
        for flow in sorted(compiled.specs.unfinished & set(versions))
    ]
    return rows


def _stood_still(warehouse: Warehouse, before: Sequence[Mapping[str, Any]], versions: Mapping[str, object]) -> set[str]:
    """The flows that were paused, or drafts, since they moved last; `before` are their cursors of the tick before.

    What a guard or a stale segment held is let go by whoever mends it, and is wanted however late it is.
    """
    status = {row["flow"]: row["status"] for row in before}
    found = {flow for flow in versions if status.get(flow, "paused") == "paused"}
    held = sorted(flow for flow, said in status.items() if said == "held")
    if held:
        asked = exp.select("flow", exp.column("status")).from_(relation("flow_cursors"))
        asked = asked.where(exp.column("flow").isin(*held), exp.column("status").neq(exp.Literal.string("held")))
        last = {row["flow"]: row["status"] for row in warehouse.rows(asked.order_by("tick_id"))}
        found |= {flow for flow in held if last.get(flow) == "paused"}
    return found


def new_versions(compiled: Compiled, past: Known, rows: list[dict[str, Any]]) -> pa.Table:
    """The rows of `flow_versions` that this tick adds."""
    known = {(row["flow"], row["flow_version"]) for found in past.versions.values() for row in found}
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


def moves(compiled: Compiled, past: Known) -> pa.Table:
    """For every step that somebody stands at and that its flow no longer has: the step to go on at, or null."""
    flows = compiled.specs.flows
    standing = [one for one in past.standing if one["flow"] in flows]
    standing = [one for one in standing if one["step"] not in _steps(flows[one["flow"]].spec)]
    rows = []
    for place in standing:
        named = flows[place["flow"]]
        # Not the version that the contact enrolled with: the step may have come with a later edit.
        earlier = (f.FlowSpec.model_validate(json.loads(v["spec"])) for v in reversed(past.versions[place["flow"]]))
        old = next(spec for spec in earlier if any(step.id == place["step"] for step in spec.walk()))
        rows.append({**place, "next_step": surviving_step(place["step"], old, named.spec)})
    return pa.Table.from_pylist([{k: row[k] for k in _MOVES.names} for row in rows], schema=_MOVES)


def _steps(spec: f.FlowSpec) -> set[str | None]:
    return {step.id for step in spec.walk()}


def last_words(past: Known, flows: Collection[str]) -> dict[tuple[str, str], str]:
    """(flow, step) -> what the step did in the last version of its flow, in words."""
    found: dict[tuple[str, str], str] = {}
    for flow, versions in past.versions.items():
        if flow in flows:
            spec = f.FlowSpec.model_validate(json.loads(versions[-1]["spec"]))
            found |= {(flow, step.id): step.words() for step in spec.walk()}
    return found


def reordered(compiled: Compiled, past: Known) -> pa.Table:
    """The flows whose edits put a step behind one that came after it, as far as contacts enrolled before are inside."""
    oldest: dict[str, int] = {}
    for row in past.standing:
        oldest[row["flow"]] = min(row["flow_version"], oldest.get(row["flow"], row["flow_version"]))
    rows = []
    for flow, version in oldest.items():
        named = compiled.specs.flows.get(flow)
        since = [v for v in past.versions[flow] if v["flow_version"] >= version]
        if named is not None and any(_moved(json.loads(v["spec"]), named.spec) for v in since):
            rows.append({"flow": flow})
    return pa.Table.from_pylist(rows, schema=pa.schema([("flow", pa.string())]))


def _moved(stored: dict[str, Any], new: f.FlowSpec) -> bool:
    before = [step.id for step in f.FlowSpec.model_validate(stored).walk()]
    after = [step.id for step in new.walk()]
    return [step for step in before if step in after] != [step for step in after if step in before]


def fingerprint(spec: f.FlowSpec) -> str:
    """A hash of what a flow says; pausing and words for people do not change it."""
    told = json.loads(_dump(spec))
    for key in NO_RULE:
        told.pop(key, None)
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _dump(spec: f.FlowSpec) -> str:
    return json.dumps(spec.model_dump(mode="json", by_alias=True, exclude_unset=True), sort_keys=True)


def _versions_query() -> exp.Query:
    return exp.select("*").from_(relation("flow_versions")).order_by("flow", "flow_version")


def _by_flow(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
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
    segments |= compiled.specs.flows[flow].spec.trigger_segments()
    for segment in sorted(segments & set(faults.segments)):
        return f"segment {segment} {faults.segments[segment]}"
    parts = {part for node in nodes for part in needs(node, compiled.columns) | own_parts(node)}
    # Who is on the list of a topic is asked when its messages are sent; without an answer nobody would get one.
    about = compiled.specs.flows[flow].spec.topics()
    for topic in about & set(compiled.topics):
        parts |= {part for node in compiled.topics[topic].nodes() for part in needs(node, compiled.columns)}
    triggers = compiled.specs.flows[flow].spec.triggers()
    parts |= {f"{CONTACTS}.{name}" for trigger in triggers for name in trigger.attributes_read()}
    for part in sorted(parts & set(faults.parts)):
        return f"{part}: {faults.parts[part]}"
    return None

"""Small tables about who may get into flows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from segflow.durations import Duration
from segflow.errors import InputError
from segflow.segments.compiler import Compiled
from segflow.segments.flow_conditions import GOAL, HOLDOUT
from segflow.specs import flow as f

_RULES = pa.schema(
    [
        ("flow", pa.string()),
        ("rule", pa.string()),
        ("bound", pa.timestamp("us")),
        ("max_enrollments", pa.int64()),
        ("flow_group", pa.string()),
        ("max_active", pa.int64()),
        ("priority", pa.int64()),
        ("has_rivals", pa.bool_()),
    ]
)
_RIVALS = pa.schema(
    [("flow", pa.string()), ("other", pa.string()), ("rule", pa.string()), ("bound", pa.timestamp("us"))]
)
_CONDITIONS = pa.schema([(name, pa.string()) for name in ("flow", "condition", "kind")])
_KINDS = {"where": "where", GOAL: "goal", HOLDOUT: "holdout"}


def conditions(compiled: Compiled, active: Sequence[str]) -> pa.Table:
    """(flow, condition, kind) of what is asked of candidates: kind where, goal or holdout."""
    rows = [
        {"flow": flow, "condition": f"{flow}/{place}", "kind": kind}
        for flow in active
        for place, kind in _KINDS.items()
        if place in compiled.conditions[flow]
    ]
    return pa.Table.from_pylist(rows, schema=_CONDITIONS)


def compares(compiled: Compiled) -> bool:
    """Must candidates be judged among flows as well?"""
    specs = (named.spec for named in compiled.specs.flows.values())
    return any(spec.holdout is not None or _has_rivals(spec) for spec in specs)


def _has_rivals(spec: f.FlowSpec) -> bool:
    return bool(spec.group or spec.not_while_in or spec.not_withins)


def rules(compiled: Compiled, crossed_at: datetime) -> pa.Table:
    """The entry rules of each flow. `bound` is the moment after which an entry or end is too near to `crossed_at`;
    `has_rivals`: it depends on the flows that a contact is in."""
    groups = compiled.specs.settings.groups
    rows: list[dict[str, Any]] = []
    for flow, named in compiled.specs.flows.items():
        spec = named.spec
        rule, span = _reentry(spec.reentry)
        rows.append(
            {
                "flow": flow,
                "rule": rule,
                "bound": before(span, crossed_at, compiled.zone, flow) if span is not None else None,
                "max_enrollments": spec.max_enrollments,
                "flow_group": spec.group,
                "max_active": groups[spec.group].max_active if spec.group is not None else None,
                "priority": spec.priority,
                "has_rivals": _has_rivals(spec),
            }
        )
    return pa.Table.from_pylist(rows, schema=_RULES)


def rivals(compiled: Compiled, crossed_at: datetime) -> pa.Table:
    """(flow, other, rule, bound): the flows in which a contact must not be, or not have been after `bound`."""
    rows: list[dict[str, Any]] = []
    for flow, named in compiled.specs.flows.items():
        rows += [{"flow": flow, "other": other, "rule": "not_while_in"} for other in named.spec.not_while_in]
        for rule in named.spec.not_withins:
            bound = before(rule.span, crossed_at, compiled.zone, flow)
            rows.append({"flow": flow, "other": rule.flow, "rule": "not_within", "bound": bound})
    return pa.Table.from_pylist(rows, schema=_RIVALS)


def before(span: Duration, as_of: datetime, zone: ZoneInfo, what: str) -> datetime:
    """The moment (UTC, naive) that lies `span` before `as_of`. Raises InputError when there is none."""
    try:
        return span.before(as_of, zone).replace(tzinfo=None)
    except (OverflowError, ValueError) as error:
        raise InputError(f"{what}: {span} before {as_of.isoformat()} leaves the calendar") from error


def _reentry(reentry: Any) -> tuple[str, Duration | None]:
    match reentry:
        case f.AfterExit(after_exit=span):
            return "after_exit", span
        case f.AfterEntry(after_entry=span):
            return "after_entry", span
    return str(reentry), None

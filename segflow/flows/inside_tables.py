"""Small tables about what flows ask of those who are inside."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.durations import Duration
from segflow.errors import InputError
from segflow.segments.compiler import Compiled
from segflow.segments.flow_conditions import GOAL, RESTART, RESTS
from segflow.segments.nodes import describe
from segflow.warehouse.base import Warehouse, relation

GOAL_WITHIN = Duration.parse("30 days")
"""How long after an enrollment the goal is looked for where `goal_within` says nothing."""
_CONDITIONS = pa.schema([(name, pa.string()) for name in ("flow", "condition", "kind", "place", "mark")])
_LOOKS = pa.schema([("condition", pa.string()), ("looked_at", pa.timestamp("us"))])
_GOALS = pa.schema([("flow", pa.string()), ("condition", pa.string()), ("since", pa.timestamp("us"))])

Flows = Sequence[Mapping[str, Any]]
"""The rows of `prepare.flows_now`."""


def conditions(compiled: Compiled, flows: Flows) -> pa.Table:
    """(flow, condition, kind, place, mark) of the conditions of this tick. Kinds: exit, goal, restart, rests.

    `mark` is the same for a restart condition and its twin `rests` as long as that says the same; null without a twin.
    A paused flow stands still, but who meets its goal is still counted.
    """
    rows = []
    for row in flows:
        for place in _places(compiled, row):
            mark = _mark(compiled, row["flow"], place)
            rows.append(
                {
                    "flow": row["flow"],
                    "condition": f"{row['flow']}/{place}",
                    "kind": _kind(place),
                    "place": place,
                    "mark": mark,
                }
            )
    return pa.Table.from_pylist(rows, schema=_CONDITIONS)


def looked_at(warehouse: Warehouse, flows: Flows) -> dict[str, datetime | None]:
    """Flow -> the `as_of` (UTC, naive) up to which it has consumed what happened; None for nothing yet."""
    ids = sorted({str(row["consumed_to"]) for row in flows})
    known = exp.select("tick_id", "as_of").from_(relation("ticks")).where(exp.column("tick_id").isin(*ids))
    at = {row["tick_id"]: row["as_of"] for row in warehouse.rows(known)} if ids else {}
    return {row["flow"]: at.get(str(row["consumed_to"])) for row in flows}


def looks(compiled: Compiled, flows: Flows, looked: Mapping[str, datetime | None]) -> pa.Table:
    """(condition, looked_at) of every condition: when its flow was looked at last."""
    rows = [
        {"condition": f"{row['flow']}/{place}", "looked_at": looked[row["flow"]]}
        for row in flows
        for place in compiled.conditions.get(row["flow"], {})
    ]
    return pa.Table.from_pylist(rows, schema=_LOOKS)


def goals(compiled: Compiled, flows: Flows, looked: Mapping[str, datetime | None], as_of: datetime) -> pa.Table:
    """(flow, condition, since) of the flows with a goal that are looked at: whoever was enrolled later than `since` had
    still time when the flow was looked at last, and is looked at now, however long ago that is."""
    rows = []
    for row in flows:
        flow = row["flow"]
        if row["status"] not in ("active", "paused") or GOAL not in compiled.conditions.get(flow, {}):
            continue
        span = compiled.specs.flows[flow].spec.goal_within or GOAL_WITHIN
        last = looked[flow]
        try:
            since = span.before(last.replace(tzinfo=UTC) if last else as_of, compiled.zone).replace(tzinfo=None)
        except (OverflowError, ValueError) as error:
            raise InputError(f"{flow}: goal_within {span} leaves the calendar") from error
        rows.append({"flow": flow, "condition": f"{flow}/{GOAL}", "since": since})
    return pa.Table.from_pylist(rows, schema=_GOALS)


def _places(compiled: Compiled, row: Mapping[str, Any]) -> list[str]:
    places = compiled.conditions.get(row["flow"], {})
    if row["status"] == "active":
        return [place for place in places if _kind(place)]
    return [GOAL] if row["status"] == "paused" and GOAL in places else []


def _kind(place: str) -> str:
    kinds = {"exit_when[": "exit", GOAL: "goal", RESTART: "restart", RESTS: "rests"}
    return next((kind for beginning, kind in kinds.items() if place.startswith(beginning)), "")


def _mark(compiled: Compiled, flow: str, place: str) -> str | None:
    twin = compiled.conditions[flow].get(place.replace(RESTART, RESTS))
    if _kind(place) not in ("restart", "rests") or twin is None:
        return None
    return hashlib.sha256(describe(twin).encode()).hexdigest()[:16]

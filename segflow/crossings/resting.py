"""Which segments rest in a tick: those with `every:` that were compared in this period of the calendar already."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlglot import exp

from segflow.crossings.names import segment_keys
from segflow.segments.turns import next_turn, told, turn
from segflow.ticks.context import TickContext
from segflow.ticks.ledger import as_of_of
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.sqlfile import literal

LEFT_OUT = ("ok", "resting")
"""What a segment was in the tick before, if it may rest now: one that was stale or held is due until it is compared."""


@dataclass(frozen=True)
class Rest:
    """A segment that is left out of a tick on purpose."""

    segment_key: str
    due: datetime
    """The first tick from then on (UTC) compares it."""
    reason: str
    """In words."""


def resting(context: TickContext) -> dict[str, Rest]:
    """The segments that are not due at `as_of`. One is due when it was never compared, when its rule is not the one
    that its members follow, when it was stale or held, and at the first tick of each of its periods."""
    compiled, warehouse, settings = context.compiled, context.warehouse, context.compiled.specs.settings
    every = {name: one.spec.every for name, one in compiled.specs.segments.items() if one.spec.every is not None}
    if not every:
        return {}
    state = {row["segment"]: row for row in warehouse.rows(exp.select("*").from_(relation("segment_state")))}
    keys = segment_keys(compiled, warehouse, state)
    known = {row["segment_key"]: row for row in state.values()}
    mine = [keys[name] for name in every if known.get(keys[name], {}).get("status") in LEFT_OUT]
    rules, last = _rules(warehouse, mine), last_compared(warehouse, mine, context.tick_id)
    found = {}
    for name, period in every.items():
        key = keys[name]
        if key not in last or rules.get(key) != compiled.segments[name].fingerprint:
            continue
        if turn(period, last[key], settings) != turn(period, context.as_of, settings):
            continue
        due = next_turn(period, context.as_of, settings)
        found[name] = Rest(key, due, f"it is compared every {period}, next from {told(due, settings.zone)} on")
    return found


def last_compared(warehouse: Warehouse, keys: Collection[str], before: str | None = None) -> dict[str, datetime]:
    """segment_key -> the moment (UTC) of the last tick, before tick `before`, that compared it."""
    if not keys:
        return {}
    asked = (
        exp.select("segment_key", exp.Max(this=exp.column("tick_id")).as_("tick_id"))
        .from_(relation("segment_sizes"))
        .where(exp.column("status").eq(exp.Literal.string("ok")), exp.column("segment_key").isin(*keys))
        .group_by("segment_key")
    )
    if before is not None:
        asked = asked.where(exp.column("tick_id") < literal(before))
    return {row["segment_key"]: as_of_of(row["tick_id"]) for row in warehouse.rows(asked)}


def _rules(warehouse: Warehouse, keys: Collection[str]) -> Mapping[str, Any]:
    """segment_key -> the fingerprint of the rule that its members follow."""
    if not keys:
        return {}
    versions = exp.alias_(relation("segment_versions"), "versions", table=True)
    state = exp.alias_(relation("segment_state"), "state", table=True)
    on = "versions.segment_key = state.segment_key and versions.segment_version = state.segment_version"
    asked = exp.select("state.segment_key", "versions.fingerprint").from_(state).join(versions, on=on)
    return {row["segment_key"]: row["fingerprint"] for row in warehouse.rows(asked)}

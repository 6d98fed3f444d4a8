"""The guard on messages: a flow that would write to too many in one tick waits until a person has looked."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from sqlglot import exp

from segflow.segments.compiler import CONTACTS, Compiled
from segflow.specs.guards import MessagesGuard, guard_of
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"


def held_flows(
    compiled: Compiled, warehouse: Warehouse, flows: list[dict[str, Any]], released: Collection[str]
) -> dict[str, str]:
    """Flow -> reason, of those that would plan too many messages. Reads what `advance` has staged."""
    settings, specs = compiled.specs.settings.guards, compiled.specs.flows
    found = {}
    everybody: int | None = None
    for row in warehouse.rows(load_query(_SQL / "planned.sql")):
        flow = row["flow"]
        guard = guard_of(settings.messages, specs[flow].spec.guards.messages)
        if guard is None or flow in released or row["messages"] <= guard.above:
            continue
        if everybody is None:
            everybody = int(warehouse.scalar(exp.select(exp.Count(this=exp.Star())).from_(relation(CONTACTS))))
        reason = messages_reason(guard, row["messages"], row["contacts"], everybody)
        if reason:
            found[flow] = f"{reason}; look at the flow and its data, then: segflow release --flow {flow}"
    return found


def messages_reason(guard: MessagesGuard, messages: int, contacts: int, everybody: int) -> str | None:
    """Why so many messages to so many contacts of `everybody` are too many; None when they are not."""
    if messages <= guard.above or contacts * 100 <= guard.percent * everybody:
        return None
    share = f"{contacts * 100 / everybody:.1f}".removesuffix(".0")
    return (
        f"it would plan {messages:,} messages for {contacts:,} of {everybody:,} contacts "
        f"({share}%, the guard allows {guard.percent:g}%)"
    )

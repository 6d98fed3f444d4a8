"""Contacts that are offered to flows without a trigger: `include_members`, once, and whom people retrigger or
enroll."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.outbox.retriggers import Enroll, Retrigger
from segflow.ticks.context import TickContext
from segflow.warehouse.base import relation
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"
INCLUDE_MEMBERS = "include_members"
RETRIGGER = "retrigger"
ENROLL = "enroll"
ENTER_FLOW = "enter_flow"
ASKED = pa.schema(
    [(name, pa.string()) for name in ("id", "flow", "offer", "segment", "segment_key", "reason", "decided_by")]
    + [("by_name", pa.bool_()), ("ignore_reentry", pa.bool_()), ("decided_at", pa.timestamp("us"))]
)
CONTACTS = pa.schema([("id", pa.string()), ("contact_id", pa.string())])


def stage_offers(
    context: TickContext,
    flows: Sequence[Mapping[str, Any]],
    keys: Mapping[str, str],
    retriggers: Sequence[Retrigger],
) -> bool:
    """Stage `asked` (what is offered) and `offers` (the contacts of it); says whether there is anything.

    `flows` are the rows of `prepare.flows_now`, `keys` is segment -> its key. Reads `temp.triggers` and
    `temp.calls`.
    """
    warehouse = context.warehouse
    asked = [_included(row["flow"]) for row in _to_include(context, flows)]
    asked += [_retriggered(one, keys) for one in retriggers]
    asked += [_called(row["flow"]) for row in warehouse.rows(load_query(_SQL / "called_flows.sql"))]
    warehouse.stage("asked", pa.Table.from_pylist(asked, schema=ASKED))
    if not asked:
        warehouse.stage("offers", load_query(_SQL / "no_offers.sql"))
        return False
    named = [pa.table({"id": [one.id] * len(one.contacts), "contact_id": one.contacts}, schema=CONTACTS)
             for one in retriggers if one.contacts is not None]  # fmt: skip
    warehouse.stage("asked_contacts", pa.concat_tables([CONTACTS.empty_table(), *named]))
    warehouse.stage("offers", load_query(_SQL / "offers.sql"))
    return True


def _to_include(context: TickContext, flows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The active flows that have not been offered their present members yet."""
    specs = context.compiled.specs.flows
    wanted = [
        row
        for row in flows
        if row["status"] == "active" and not row["drains"] and specs[row["flow"]].spec.include_members
    ]
    if not wanted:
        return []
    done = exp.select("flow").from_(relation("flow_offers")).where(exp.column("offer").eq(_text(INCLUDE_MEMBERS)))
    # This tick's own row is there when a dead attempt is repeated.
    done = done.where(exp.column("tick_id").neq(_text(context.tick_id)))
    included = {row["flow"] for row in context.warehouse.rows(done)}
    return [row for row in wanted if row["flow"] not in included]


def _included(flow: str) -> dict[str, Any]:
    what = {"id": f"{INCLUDE_MEMBERS}/{flow}", "flow": flow, "offer": INCLUDE_MEMBERS}
    return {**what, "by_name": False, "ignore_reentry": False}


def _called(flow: str) -> dict[str, Any]:
    what = {"id": f"{ENTER_FLOW}/{flow}", "flow": flow, "offer": ENTER_FLOW}
    return {**what, "by_name": True, "ignore_reentry": False}


def _retriggered(one: Retrigger, keys: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": one.id,
        "flow": one.flow,
        "offer": ENROLL if isinstance(one, Enroll) else RETRIGGER,
        "segment": one.segment,
        # A segment that is not there any more has no members.
        "segment_key": keys.get(one.segment, "") if one.segment is not None else None,
        "by_name": one.contacts is not None,
        "ignore_reentry": one.ignore_reentry,
        "reason": one.reason,
        "decided_by": one.decided_by,
        "decided_at": _naive(one.decided_at),
    }


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


def _text(value: str) -> exp.Expr:
    return exp.Literal.string(value)

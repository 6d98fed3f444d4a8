"""`broadcast`: those who are members when its moment has come, once. With a throttle the others wait for later ticks,
in an order that follows from a hash; the ledger `flow_offers` has one row for each tick that offered some of them.

The audience is nowhere written down: it follows from the entries and exits up to the tick in which the moment came.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.firings import moment_of
from segflow.flows.triggers.clocks import contact_zones, lower_bounds, put, written, zones
from segflow.flows.triggers.kind import Kind, Tick, Work
from segflow.specs.triggers.broadcast import BroadcastTrigger, moment_text
from segflow.warehouse.base import relation
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"
BROADCAST = "broadcast"
"""`offer` of its rows."""
_RUNNING = pa.schema(
    [
        ("id", pa.string()),
        ("flow", pa.string()),
        ("ordinal", pa.int64()),
        ("zone", pa.string()),
        ("occasion", pa.string()),
        ("trigger_data", pa.string()),
        ("fired_in", pa.string()),
        ("fires_at", pa.timestamp("us")),
        ("up_to", pa.string()),
        ("allowed", pa.int64()),
    ]
)


class Broadcasts(Kind):
    models = (BroadcastTrigger,)

    def stage(self, work: Work) -> bool:
        found = work.triggers(BroadcastTrigger)
        if not found:
            return False
        lower, past, as_of = lower_bounds(work), _past(work), work.context.as_of
        rows: list[dict[str, Any]] = []
        for row, ordinal, one in found:
            told, flow = one.broadcast, row["flow"]
            for name, zone in zones(work, told.timezone):
                fires_at = moment_of(told.at.date(), told.at.time(), zone)
                occasion = f"{one.word}/{moment_text(told.at)}"
                key = f"{flow}/{occasion}/{work.keys.get(told.segment)}/{name or ''}"
                before = past.get(key, [])
                if before and (not before[-1]["left_over"] or row["status"] != "active"):
                    continue
                if not before and not lower[flow] < fires_at <= as_of:
                    continue
                data = {"day": f"{told.at:%Y-%m-%d}", "at": written(fires_at)}
                rows.append(
                    {
                        "id": key,
                        "flow": flow,
                        "ordinal": ordinal,
                        "zone": name,
                        "occasion": occasion,
                        "trigger_data": json.dumps(data, sort_keys=True),
                        "fired_in": before[0]["tick_id"] if before else work.context.tick_id,
                        "fires_at": fires_at.replace(tzinfo=None),
                        "up_to": before[-1]["up_to"] if before else "",
                        "allowed": _allowed(one, row, past, as_of),
                    }
                )
        if not rows:
            return False
        warehouse = work.context.warehouse
        warehouse.stage("broadcasts", pa.Table.from_pylist(rows, schema=_RUNNING))
        by_contact = any(row["zone"] is not None for row in rows)
        audience = load_query(_SQL / "broadcast_audience.sql")
        warehouse.stage("broadcast_audience", put(audience, "zones", contact_zones(work, by_contact)))
        return True

    def candidates(self, work: Work, tick: Tick) -> exp.Query | None:
        return load_query(_SQL / "broadcast.sql") if tick.present else None

    def offers(self, work: Work) -> exp.Query:
        return load_query(_SQL / "broadcast_offers.sql")


def _past(work: Work) -> Mapping[str, list[dict[str, Any]]]:
    """Broadcast -> what ticks before this one have offered of it, in order."""
    asked = (
        exp.select("offers.id", "offers.flow", "offers.contacts", "offers.left_over", "offers.up_to", "offers.tick_id")
        .select("ticks.as_of")
        .from_(exp.alias_(relation("flow_offers"), "offers", table=True))
        .join(exp.alias_(relation("ticks"), "ticks", table=True), on="ticks.tick_id = offers.tick_id")
        .where(exp.column("offer", table="offers").eq(exp.Literal.string(BROADCAST)))
        # This tick's own rows are there when a dead attempt is repeated.
        .where(exp.column("tick_id", table="offers").neq(exp.Literal.string(work.context.tick_id)))
        .order_by("offers.tick_id")
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for row in work.context.warehouse.rows(asked):
        # The flow may have been called otherwise then.
        found.setdefault(f"{row['flow']}/{row['id'].partition('/')[2]}", []).append(row)
    return found


def _allowed(
    one: BroadcastTrigger, row: Mapping[str, Any], past: Mapping[str, list[dict[str, Any]]], as_of: datetime
) -> int | None:
    """How many contacts the flow may be offered in this tick; None: any number. Whoever comes while the flow is paused
    is dropped, so there is no need to wait."""
    throttle = one.broadcast.throttle
    if throttle is None or row["status"] != "active":
        return None
    since = as_of - timedelta(seconds=throttle.seconds)
    lately = (
        int(offered["contacts"])
        for offers in past.values()
        for offered in offers
        if offered["flow"] == row["flow"] and offered["as_of"].replace(tzinfo=UTC) > since
    )
    return max(throttle.number - sum(lately), 0)

"""The steps of all flows as small tables: what they are, the ways on, and when they let go of whom at this `as_of`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from sqlglot import exp

from segflow.errors import InputError
from segflow.flows.graph import ArmRow, StepRow, UpdateRow, first_hash, rows_of, update_rows
from segflow.segments.compiler import CONTACTS, Compiled
from segflow.segments.sql import col, named, text_literal, typed
from segflow.specs.steps.base import Step, Timing
from segflow.ticks.context import TickContext
from segflow.warehouse.base import Warehouse, relation
from segflow.zones import zone_of

OF_CONTACT = "contact"
_KINDS = {"int": pa.int64(), "bool": pa.bool_()}


def _schema(row: type, *more: tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema([(one.name, _KINDS.get(str(one.type), pa.string())) for one in fields(row)] + list(more))


STEPS = _schema(
    StepRow,
    ("skip_at", pa.timestamp("us")),
    ("skip_moment", pa.string()),
    ("skip_before", pa.timestamp("us")),
)
ARMS = _schema(ArmRow)
UPDATES = _schema(UpdateRow)
TIMES = pa.schema(
    [("flow", pa.string()), ("step", pa.string()), ("zone", pa.string())]
    + [(name, pa.timestamp("us")) for name in ("since_from", "since_to", "moment_to")]
    + [("moment", pa.string()), ("to_hash", pa.string()), ("late", pa.bool_())]
)
"""One row lets go of those at `step` who live in `zone` (null: wherever), came between `since_from` and `since_to`,
whose `moment` has come by `moment_to` and whose hash is below `to_hash`, each as far as it is given. `late`: they could
have gone long ago."""
_MOMENTS = pa.schema([("enrollment_id", pa.string()), ("name", pa.string()), ("moment", pa.timestamp("us"))])
_ZONE_OF = pa.schema([("contact_id", pa.string()), ("zone", pa.string())])


def stage_steps(compiled: Compiled, warehouse: Warehouse) -> None:
    """Stage `steps`, `arms` and `updates`."""
    steps: list[dict[str, Any]] = []
    arms: list[dict[str, Any]] = []
    updates: list[dict[str, Any]] = []
    for flow, found in compiled.specs.flows.items():
        rows, ways = rows_of(flow, found.spec)
        for row in rows:
            values = asdict(row)
            if row.channel is not None and row.sender is None:
                values["sender"] = getattr(compiled.specs.settings.default_senders, row.channel)
            steps.append(values)
        arms += [asdict(one) for one in ways]
        updates += [asdict(one) for one in update_rows(flow, found.spec)]
    warehouse.stage("steps", pa.Table.from_pylist(steps, schema=STEPS))
    warehouse.stage("arms", pa.Table.from_pylist(arms, schema=ARMS))
    warehouse.stage("updates", pa.Table.from_pylist(updates, schema=UPDATES))


@dataclass(frozen=True)
class _Timed:
    flow: str
    step: Step
    timing: Timing
    late_before: datetime | None


def stage_times(context: TickContext, flows: Sequence[Mapping[str, Any]]) -> None:
    """Stage `times` (see TIMES), `zone_of` (the zones of contacts) and `moments`, as far as the active ones of `flows`
    (rows of `prepare.flows_now`) need them. Reads `temp.positions`."""
    compiled, warehouse = context.compiled, context.warehouse
    timed = list(_timed(compiled, flows))
    zones = _zones(context, timed)
    standing = _standing(warehouse, timed, context.as_of)
    rows = [row for one in timed for row in _rows(one, context, zones, standing)]
    warehouse.stage("times", pa.Table.from_pylist(rows, schema=TIMES))
    _stage_zone_of(context, timed)
    _stage_moments(context, timed)


def _timed(compiled: Compiled, flows: Sequence[Mapping[str, Any]]) -> Iterator[_Timed]:
    for row in flows:
        if row["status"] == "active":
            for step in compiled.specs.flows[row["flow"]].spec.walk():
                timing = step.timing()
                if timing is not None:
                    yield _Timed(row["flow"], step, timing, row["late_before"])


def _zones(context: TickContext, timed: Sequence[_Timed]) -> list[str]:
    """Those of contacts, where any step asks for them."""
    if not any(one.timing.timezone == OF_CONTACT for one in timed):
        return []
    asked = exp.select("zone").distinct().from_(relation("time_zones"))
    return sorted({row["zone"] for row in context.warehouse.rows(asked)} | {context.compiled.specs.settings.time_zone})


def _standing(warehouse: Warehouse, timed: Sequence[_Timed], as_of: datetime) -> dict[tuple[str, str], set[datetime]]:
    """(flow, step) -> when those who stand there came, `as_of` included. They are few: contacts move at ticks."""
    if all(one.timing.due(as_of, _UTC) is None for one in timed):
        return {}
    found: dict[tuple[str, str], set[datetime]] = {}
    for row in warehouse.rows(exp.select("flow", "step", "since").distinct().from_("temp.positions")):
        found.setdefault((row["flow"], row["step"]), set()).add(row["since"].replace(tzinfo=as_of.tzinfo))
    return found


_UTC = ZoneInfo("UTC")


def _rows(
    one: _Timed,
    context: TickContext,
    zones: Sequence[str],
    standing: Mapping[tuple[str, str], set[datetime]],
) -> Iterator[dict[str, Any]]:
    project = context.compiled.specs.settings.time_zone
    wanted = zones if one.timing.timezone == OF_CONTACT else [one.timing.timezone or project]
    moments = [(context.as_of, False)]
    if one.late_before is not None:
        moments.append((one.late_before.replace(tzinfo=context.as_of.tzinfo), True))
    for name in wanted:
        common = {
            "flow": one.flow,
            "step": one.step.id,
            "zone": name if one.timing.timezone == OF_CONTACT else None,
            "moment": one.timing.attribute,
        }
        for as_of, late in moments:
            came = standing.get((one.flow, one.step.id), set()) | {context.as_of}
            for found in _times(one, as_of, zone_of(name), came):
                yield {**common, **found, "late": late}


def _times(one: _Timed, as_of: datetime, zone: ZoneInfo, came: set[datetime]) -> Iterator[dict[str, Any]]:
    timing = one.timing
    try:
        if timing.attribute is not None:
            moment_to = timing.moment_to(as_of, zone)
            if moment_to is not None:
                yield {"moment_to": _naive(moment_to)}
        elif timing.due(as_of, zone) is None:
            since_to = timing.since_to(as_of, zone)
            if since_to is not None:
                yield {"since_to": _naive(since_to)}
        else:
            for since in sorted(came):
                due = timing.due(since, zone)
                if due is not None and due <= as_of:
                    gone = timing.spread.seconds if timing.spread is not None else 0
                    share = (as_of - due) / timedelta(seconds=gone) if gone else 1.0
                    yield {
                        "since_from": _naive(since),
                        "since_to": _naive(since),
                        "to_hash": first_hash(share) if share < 1 else None,
                    }
    except (OverflowError, ValueError) as error:
        raise InputError(f"flow {one.flow}, step {one.step.id}: {one.step.words()} leaves the calendar") from error


def _stage_zone_of(context: TickContext, timed: Sequence[_Timed]) -> None:
    attribute = context.compiled.specs.catalog.contacts.time_zone
    flows = sorted({one.flow for one in timed if one.timing.timezone == OF_CONTACT})
    if attribute is None or not flows:
        context.warehouse.stage("zone_of", _ZONE_OF.empty_table())
        return
    known = exp.select("zone").from_(relation("time_zones"))
    query = exp.select(col("contact_id"), named(col(attribute), "zone")).from_(relation(CONTACTS))
    query = query.where(col("contact_id").isin(query=_within(flows, "contact_id")), col(attribute).isin(query=known))
    context.warehouse.stage("zone_of", query)


def _stage_moments(context: TickContext, timed: Sequence[_Timed]) -> None:
    """The moments that attributes of contacts hold, for the enrollments of the flows that ask for them."""
    flows: dict[str, set[str]] = {}
    for one in timed:
        if one.timing.attribute is not None:
            flows.setdefault(one.timing.attribute, set()).add(one.flow)
    parts: list[exp.Query] = []
    for attribute, asking in sorted(flows.items()):
        moment = typed(col(attribute, CONTACTS), "timestamp")
        query = exp.select(
            col("enrollment_id", "positions"), named(text_literal(attribute), "name"), named(moment, "moment")
        )
        query = query.from_(exp.alias_(exp.table_("positions", db="temp"), "positions", table=True))
        query = query.join(
            exp.alias_(relation(CONTACTS), CONTACTS, table=True),
            on=exp.EQ(this=col("contact_id", CONTACTS), expression=col("contact_id", "positions")),
        )
        parts.append(query.where(col("flow", "positions").isin(*sorted(asking))))
    if parts:
        context.warehouse.stage("moments", exp.union(*parts, distinct=False) if len(parts) > 1 else parts[0])
    else:
        context.warehouse.stage("moments", _MOMENTS.empty_table())


def _within(flows: Sequence[str], column: str) -> exp.Select:
    return exp.select(column).from_("temp.positions").where(exp.column("flow").isin(*flows))


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)

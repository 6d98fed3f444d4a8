"""The steps of all flows as small tables: what they are, the ways on, and when they let go of whom at this `as_of`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from sqlglot import exp

from segflow.errors import InputError
from segflow.flows.graph import ArmRow, StepRow, first_hash, rows_of
from segflow.segments.compiler import CONTACTS, Compiled
from segflow.segments.sql import col, named, text_literal
from segflow.specs.skip_after import SkipField, is_day
from segflow.specs.steps.base import Step
from segflow.specs.steps.timing import Timing
from segflow.specs.types import parse_instant
from segflow.ticks.context import TickContext
from segflow.warehouse import words
from segflow.warehouse.base import Warehouse, relation
from segflow.zones import UTC_ZONE, day_start, zone_of

OF_CONTACT = "contact"
_KINDS = {"int": pa.int64(), "bool": pa.bool_()}


def _schema(row: type, *more: tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema([(one.name, _KINDS.get(str(one.type), pa.string())) for one in fields(row)] + list(more))


STEPS = _schema(StepRow, ("skip_at", pa.timestamp("us")), ("skip_moment", pa.string()))
ARMS = _schema(ArmRow)
TIMES = pa.schema(
    [("flow", pa.string()), ("step", pa.string()), ("ordinal", pa.int64()), ("zone", pa.string())]
    + [(name, pa.timestamp("us")) for name in ("since_from", "since_to", "moment_to", "day_to")]
    + [("moment", pa.string()), ("to_hash", pa.string()), ("late_to", pa.timestamp("us"))]
)
"""One row lets take the arm `ordinal` of `step` those who live in `zone` (null: wherever), came between `since_from`
and `since_to`, whose `moment` has come by `moment_to` (`day_to`, where it is a day) and whose hash is below `to_hash`,
each as far as it is given. `late_to`: they could have done so by then, which is too long ago; null: they can now."""
_OWN = ("zone", "moment", "to_hash", "late_to")
"""The columns of `times` that ask more of an enrollment than since when it stands there."""
_MOMENTS = pa.schema(
    [("enrollment_id", pa.string()), ("name", pa.string()), ("moment", pa.timestamp("us")), ("day", pa.timestamp("us"))]
)
_ZONE_OF = pa.schema([("contact_id", pa.string()), ("zone", pa.string())])


def stage_steps(compiled: Compiled, warehouse: Warehouse) -> None:
    """Stage `steps` and `arms`."""
    steps: list[dict[str, Any]] = []
    arms: list[dict[str, Any]] = []
    for flow, found in compiled.specs.flows.items():
        rows, ways = rows_of(flow, found.spec)
        skips = {step.id: step.skip_after for step in found.spec.walk()}
        for row in rows:
            values = dict(vars(row))
            if row.channel is not None and row.sender is None:
                values["sender"] = compiled.specs.settings.default_senders.of(row.channel)
                # A task without a sender is a row, and no message.
                values["channel"] = None if values["sender"] is None else row.channel
            steps.append({**values, **_skip(skips.get(row.step), compiled.zone)})
        arms += [vars(one) for one in ways]
    warehouse.stage("steps", pa.Table.from_pylist(steps, schema=STEPS))
    warehouse.stage("arms", pa.Table.from_pylist(arms, schema=ARMS))


def _skip(after: str | SkipField | None, zone: ZoneInfo) -> dict[str, Any]:
    """From when on a step is passed by: the same moment for all, or the name of one of `moments`."""
    if after is None:
        return {}
    if isinstance(after, SkipField):
        return {"skip_moment": f"trigger:{after.trigger}" if after.trigger else f"attribute:{after.attribute}"}
    if is_day(after):
        return {"skip_at": _naive(day_start(date.fromisoformat(after.strip()) + timedelta(days=1), zone))}
    return {"skip_at": _naive(parse_instant(after)) + timedelta(microseconds=1)}


@dataclass(frozen=True)
class _Timed:
    flow: str
    step: Step
    ordinal: int
    timing: Timing
    late_before: datetime | None


def stage_times(context: TickContext, flows: Sequence[Mapping[str, Any]], number: int | None) -> set[tuple[str, str]]:
    """Stage `times` (see TIMES), `zone_of` (the zones of contacts) and `moments`, as far as the active ones of `flows`
    (rows of `prepare.flows_now`) need them. Reads `temp.positions`, which are about `number`.

    The one time of a step that asks only since when somebody stands there goes to `plain_times`, which have a row for
    each step at most. Returns the steps that have others, as (flow, step).
    """
    compiled, warehouse = context.compiled, context.warehouse
    active = {row["flow"]: row["late_before"] for row in flows if row["status"] == "active"}
    timed = list(_timed(compiled, active))
    zones = _zones(context, timed)
    standing = _standing(warehouse, timed, context.as_of)
    bounds = _bounds(context, timed, zones)
    rows = [row for one in timed for row in _rows(one, context, zones, standing, bounds.get(one.flow, ()))]
    times = Counter((row["flow"], row["step"]) for row in rows)
    plain = [times[row["flow"], row["step"]] == 1 and all(row.get(name) is None for name in _OWN) for row in rows]
    for staged, wanted in (("plain_times", True), ("times", False)):
        chosen = [row for row, is_plain in zip(rows, plain, strict=True) if is_plain is wanted]
        warehouse.stage(staged, pa.Table.from_pylist(chosen, schema=TIMES))
    _stage_zone_of(context, timed, number)
    _stage_moments(context, _moments(compiled, active, timed), number)
    return {(row["flow"], row["step"]) for row, is_plain in zip(rows, plain, strict=True) if not is_plain}


def _timed(compiled: Compiled, active: Mapping[str, datetime | None]) -> Iterator[_Timed]:
    for flow, late_before in active.items():
        spec = compiled.specs.flows[flow].spec
        for step in spec.walk():
            for ordinal, arm in enumerate(step.within(spec.window).arms()):
                if arm.timing is not None:
                    yield _Timed(flow, step, ordinal, arm.timing, late_before)


def _moments(
    compiled: Compiled, active: Mapping[str, datetime | None], timed: Sequence[_Timed]
) -> dict[tuple[str, str], set[str]]:
    """(`attribute` or `trigger`, its name) -> the flows that ask for it."""
    found: dict[tuple[str, str], set[str]] = {}
    for one in timed:
        if one.timing.attribute is not None:
            found.setdefault(("attribute", one.timing.attribute), set()).add(one.flow)
    for flow in active:
        for step in compiled.specs.flows[flow].spec.walk():
            if isinstance(step.skip_after, SkipField):
                of = "trigger" if step.skip_after.trigger else "attribute"
                found.setdefault((of, step.skip_after.trigger or step.skip_after.attribute or ""), set()).add(flow)
    return found


def _zones(context: TickContext, timed: Sequence[_Timed]) -> list[str]:
    """Those of contacts, where any step asks for them."""
    if not any(one.timing.timezone == OF_CONTACT for one in timed):
        return []
    asked = exp.select("zone").distinct().from_(relation("time_zones"))
    return sorted({row["zone"] for row in context.warehouse.rows(asked)} | {context.compiled.specs.settings.time_zone})


def _standing(warehouse: Warehouse, timed: Sequence[_Timed], as_of: datetime) -> dict[tuple[str, str], set[datetime]]:
    """(flow, step) -> when those who stand there came, `as_of` included. They are few: contacts move at ticks."""
    if all(one.timing.due(as_of, UTC_ZONE) is None for one in timed):
        return {}
    found: dict[tuple[str, str], set[datetime]] = {}
    for row in warehouse.rows(exp.select("flow", "step", "since").distinct().from_("temp.positions")):
        found.setdefault((row["flow"], row["step"]), set()).add(row["since"].replace(tzinfo=as_of.tzinfo))
    return found


def _bounds(context: TickContext, timed: Sequence[_Timed], zones: Sequence[str]) -> dict[str, list[datetime]]:
    """Flow that stood still -> by when somebody must have come to a message for it to be too late: the last is for
    those without a window, the others are when the windows of the flow were open last."""
    project = context.compiled.specs.settings.time_zone
    found: dict[str, set[datetime]] = {}
    for one in timed:
        if one.late_before is None:
            continue
        before = one.late_before.replace(tzinfo=context.as_of.tzinfo)
        bounds = found.setdefault(one.flow, {before})
        if one.timing.opens:
            named = zones if one.timing.timezone == OF_CONTACT else [one.timing.timezone or project]
            bounds |= {last for name in named if (last := one.timing.last_open(before, zone_of(name))) is not None}
    return {flow: sorted(bounds, reverse=True) for flow, bounds in found.items()}


def _rows(
    one: _Timed,
    context: TickContext,
    zones: Sequence[str],
    standing: Mapping[tuple[str, str], set[datetime]],
    bounds: Sequence[datetime],
) -> Iterator[dict[str, Any]]:
    project = context.compiled.specs.settings.time_zone
    wanted = zones if one.timing.timezone == OF_CONTACT else [one.timing.timezone or project]
    lates = [bound.replace(tzinfo=context.as_of.tzinfo) for bound in bounds]
    for name in wanted:
        common = {
            "flow": one.flow,
            "step": one.step.id,
            "ordinal": one.ordinal,
            "zone": name if one.timing.timezone == OF_CONTACT else None,
            "moment": None if one.timing.attribute is None else f"attribute:{one.timing.attribute}",
        }
        came = standing.get((one.flow, one.step.id), set()) | {context.as_of}
        for found in _times(one, context.as_of, zone_of(name), came):
            yield {**common, **found}
        if lates and one.timing.opens:
            # What waits for its window could have gone out while it was open last.
            last = one.timing.last_open(lates[0], zone_of(name))
            if last is not None:
                yield {**common, "since_to": _naive(last), "late_to": _naive(last)}
            continue
        for late in lates:
            for found in _times(one, late, zone_of(name), came):
                yield {**common, "since_to": _naive(late), **found, "late_to": _naive(late)}


def _times(one: _Timed, as_of: datetime, zone: ZoneInfo, came: set[datetime]) -> Iterator[dict[str, Any]]:
    timing = one.timing
    try:
        if timing.attribute is not None:
            reached = timing.reached(as_of, zone)
            if reached is not None:
                yield {"moment_to": _naive(reached.moment), "day_to": datetime.combine(reached.day, time())}
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


def _stage_zone_of(context: TickContext, timed: Sequence[_Timed], number: int | None) -> None:
    attribute = context.compiled.specs.catalog.contacts.time_zone
    flows = sorted({one.flow for one in timed if one.timing.timezone == OF_CONTACT})
    if attribute is None or not flows:
        context.warehouse.stage("zone_of", _ZONE_OF.empty_table())
        return
    known = exp.select("zone").from_(relation("time_zones"))
    query = exp.select(col("contact_id"), named(col(attribute), "zone")).from_(relation(CONTACTS))
    query = query.where(col("contact_id").isin(query=_within(flows, "contact_id")), col(attribute).isin(query=known))
    context.warehouse.stage("zone_of", query, about=number)


def _stage_moments(context: TickContext, asked: Mapping[tuple[str, str], set[str]], number: int | None) -> None:
    """The moments that contacts and triggering events have, for the enrollments of the flows that ask for them."""
    parts = [_moments_of(context, of, name, sorted(flows)) for (of, name), flows in sorted(asked.items())]
    if parts:
        moments = exp.union(*parts, distinct=False) if len(parts) > 1 else parts[0]
        context.warehouse.stage("moments", moments, about=number)
    else:
        context.warehouse.stage("moments", _MOMENTS.empty_table())


def _moments_of(context: TickContext, of: str, name: str, flows: Sequence[str]) -> exp.Query:
    query = exp.select(col("enrollment_id", "positions"), named(text_literal(f"{of}:{name}"), "name"))
    query = query.from_(exp.alias_(exp.table_("positions", db="temp"), "positions", table=True))
    if of == "attribute":
        query = query.join(
            exp.alias_(relation(CONTACTS), CONTACTS, table=True),
            on=exp.EQ(this=col("contact_id", CONTACTS), expression=col("contact_id", "positions")),
        )
        a_day = context.compiled.specs.catalog.contacts.attributes[name].type == "date"
        moment: exp.Expr = exp.cast(col(name, CONTACTS), "TIMESTAMP")
        kinds: tuple[exp.Expr, exp.Expr] = (exp.null(), moment) if a_day else (moment, exp.null())
    else:
        text = words.json_text(col("trigger_data", "positions"), name)
        a_day_text = exp.EQ(this=exp.Length(this=text), expression=exp.Literal.number(len("2026-05-01")))
        moment = words.time_of_text(text.copy())
        kinds = (
            exp.Case(ifs=[exp.If(this=exp.Not(this=exp.Paren(this=a_day_text)), true=moment)]),
            exp.Case(ifs=[exp.If(this=a_day_text.copy(), true=moment.copy())]),
        )
    query = query.select(*(named(exp.cast(k, "TIMESTAMP"), n) for k, n in zip(kinds, ("moment", "day"), strict=True)))
    return query.where(col("flow", "positions").isin(*flows))


def _within(flows: Sequence[str], column: str) -> exp.Select:
    return exp.select(column).from_("temp.positions").where(exp.column("flow").isin(*flows))


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)

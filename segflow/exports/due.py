"""Which exports a tick has to write, and from where on: ledger `segment_exports` says how far the last ones reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from sqlglot import exp

from segflow.crossings.names import names_query
from segflow.history.members import Wanted
from segflow.segments.bounds import Unit, unit_start, week_unit
from segflow.specs.exports import ExportPlan, Kind, Period
from segflow.specs.project import Specs
from segflow.ticks import ledger as ticks
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.tables import arrow_schema
from segflow.zones import day_start, local_date

LEDGER = "segment_exports"


@dataclass(frozen=True)
class Export:
    """One written file."""

    segment: str
    path: Path
    rows: int
    only: Kind = "members"
    segment_key: str = ""
    since: str | None = None
    """Entries and exits are those of later ticks; None: of all."""
    stale: str | None = None
    """Why the tick left the segment as it was before, if it did."""
    same_as: str | None = None
    """The tick whose file this is, too: nobody entered or exited since then, and it says nothing of the contacts."""
    shape: str | None = None
    """What the content depends on beside the rows. See `segflow.exports.unchanged`."""
    size: int | None = None
    """In bytes."""


@dataclass(frozen=True)
class Due:
    """One file that a tick has to write."""

    plan: ExportPlan
    only: Kind
    wanted: Wanted
    stale: str | None = None

    @property
    def name(self) -> str:
        """The file's name; it says what else than members it holds."""
        what = "" if self.only == "members" else f".{self.only}"
        return f"{self.plan.segment}{what}.{self.plan.format}"


def due(specs: Specs, warehouse: Warehouse, tick_id: str) -> list[Due]:
    """The files of this tick: of each export whose period has none yet."""
    plans = specs.exports()
    named, exported, not_compared = warehouse.answers(names_query(tick_id), _reached(tick_id), _left(tick_id))
    keys = {row["segment"]: row["segment_key"] for row in named}
    # (segment_key, kind) -> the last tick before this one that exported it
    reached: dict[tuple[str, Kind], str] = {(row["segment_key"], row["kind"]): row["tick_id"] for row in exported}
    left = _reasons(not_compared)
    zone, week = specs.settings.zone, week_unit(specs.settings.week_starts)
    as_of = ticks.as_of_of(tick_id)
    found = []
    for plan in plans:
        key = keys.get(plan.segment, plan.segment)
        for only in plan.only:
            last = reached.get((key, only))
            ticked = [period(one, plan.every, zone, week) for one in (ticks.as_of_of(last), as_of)] if last else []
            if last is None or ticked[0] != ticked[1]:
                found.append(Due(plan, only, Wanted(plan.segment, key, last), left.get(plan.segment)))
    return found


def ledger_rows(exports: Sequence[Export], root: Path) -> pa.Table:
    """What was written, as rows of the ledger. Paths below the project are relative to it."""
    rows = [
        {
            "segment_key": one.segment_key,
            "segment": one.segment,
            "kind": one.only,
            "since": one.since,
            "path": str(one.path.relative_to(root) if one.path.is_relative_to(root) else one.path),
            "row_count": one.rows,
            "same_as": one.same_as,
            "shape": one.shape,
            "bytes": one.size,
        }
        for one in exports
    ]
    schema = arrow_schema(LEDGER)
    return pa.Table.from_pylist(rows, schema=schema.remove(schema.get_field_index("tick_id")))


def left_as_they_were(warehouse: Warehouse, tick_id: str) -> dict[str, str]:
    """The segments that a tick could not evaluate or did not believe -> why."""
    return _reasons(warehouse.rows(_left(tick_id)))


def _reasons(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {row["segment"]: f"{row['status']}: {row['reason'] or 'no reason given'}" for row in rows}


def _left(tick_id: str) -> exp.Query:
    return (
        exp.select("segment", "status", "reason")
        .from_(relation("segment_sizes"))
        .where(exp.column("tick_id").eq(exp.Literal.string(tick_id)))
        .where(exp.column("status").isin("stale", "held"))
    )


def _reached(tick_id: str) -> exp.Query:
    return (
        exp.select("segment_key", "kind", exp.Max(this=exp.column("tick_id")).as_("tick_id"))
        .from_(relation(LEDGER))
        .where(exp.column("tick_id") < exp.Literal.string(tick_id))
        .group_by("segment_key", "kind")
    )


def period(as_of: datetime, every: Period, zone: ZoneInfo, week: Unit = "week") -> datetime:
    """When the period that holds `as_of` began: an hour, or days, on the clocks of `zone`; `week` says how weeks begin.
    Every tick is a period of its own."""
    if every == "tick":
        return as_of
    if every == "hour":
        # Of two hours with the same name, when clocks go back, each is one.
        local = as_of.astimezone(zone)
        return (
            local.replace(minute=0, second=0, microsecond=0, tzinfo=None) - (local.utcoffset() or timedelta())
        ).replace(tzinfo=UTC)
    return day_start(unit_start(local_date(as_of, zone), week if every == "week" else every), zone)

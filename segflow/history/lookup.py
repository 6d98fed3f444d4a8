"""What people call a moment and a segment, as the ledgers know them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlglot import exp

from segflow.errors import InputError, did_you_mean
from segflow.specs.segment import NamedSegment
from segflow.specs.types import parse_instant
from segflow.ticks import ledger as ticks
from segflow.warehouse.base import Warehouse, relation

_CROSSED = ticks.PLACES[ticks.PLACES.index("cross") :]


def crossed_ticks(warehouse: Warehouse) -> list[ticks.TickRow]:
    """The ticks that have compared memberships, in order."""
    rows = warehouse.query(exp.select("*").from_(relation("ticks")).order_by("tick_id"))
    return [row for row in ticks.from_table(rows) if row.place in _CROSSED]


def tick_at(warehouse: Warehouse, moment: str | datetime | None, option: str = "--at") -> ticks.TickRow:
    """The tick that `moment` names: a tick's id, or the last one at or before a time; the last of all for None.

    Raises InputError, which names `option`, when there is none.
    """
    found = crossed_ticks(warehouse)
    if not found:
        raise InputError("no tick has run yet, so there are no members; run segflow tick")
    if moment is None:
        return found[-1]
    for row in found:
        if row.tick_id == moment:
            return row
    try:
        instant = parse_instant(moment) if isinstance(moment, str) else moment
    except ValueError:
        raise InputError(
            f"{option} {moment}: neither a tick's id nor a time in ISO form, like {found[-1].tick_id} or "
            f"{found[-1].as_of:%Y-%m-%dT%H:%M:%SZ}"
        ) from None
    instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
    before = [row for row in found if row.as_of <= instant]
    if not before:
        raise InputError(f"{option} {moment}: no tick had run by then; the first is {found[0].tick_id}")
    return before[-1]


def segment_keys(warehouse: Warehouse, segments: Mapping[str, NamedSegment]) -> dict[str, str]:
    """Segment -> the key that the ledgers know it by: of those that the last tick knew, and of those of the specs
    (`segments`) that were renamed since."""
    rows = warehouse.rows(exp.select("segment", "segment_key").from_(relation("segment_state")))
    state = {row["segment"]: row["segment_key"] for row in rows}
    renamed = {name: state[old] for name, one in segments.items() for old in one.spec.earlier_names if old in state}
    return state | renamed


def key_of(warehouse: Warehouse, segment: str, segments: Mapping[str, NamedSegment]) -> str:
    """The key of a segment of the specs (`segments`), or of one that was removed. Raises InputError."""
    keys = segment_keys(warehouse, segments)
    if segment in keys or segment in segments:
        return keys.get(segment, segment)
    query = exp.select("segment", "segment_key").from_(relation("segment_versions")).order_by("tick_id")
    removed = {row["segment"]: row["segment_key"] for row in warehouse.rows(query)}
    if segment not in removed:
        known = sorted({*segments, *removed})
        raise InputError(f"unknown segment {segment}{did_you_mean(segment, known)}")
    return str(removed[segment])

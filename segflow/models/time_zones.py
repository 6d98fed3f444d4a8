"""The zones in use, as a table of offsets: local time in SQL joins it, on every engine alike."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
from sqlglot import exp

from segflow.segments.compiler import CONTACTS
from segflow.segments.sql import col, is_not_null, named
from segflow.ticks.context import TickContext
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.tables import arrow_schema
from segflow.zones import known_zone, offsets, version

TIME_ZONES = "time_zones"


@dataclass(frozen=True)
class ZonesInUse:
    """The project's zone and those of its contacts; and what contacts have in that place that is none: text -> how many
    contacts. These get the project's zone."""

    zones: frozenset[str]
    unknown: dict[str, int]


def zones_in_use(context: TickContext) -> ZonesInUse:
    """Read the contacts of this tick."""
    settings, attribute = context.compiled.specs.settings, context.compiled.specs.catalog.contacts.time_zone
    found: dict[str, int] = {}
    if attribute is not None:
        times = named(exp.Count(this=exp.Star()), "contacts")
        query = exp.select(named(col(attribute), "zone"), times).from_(relation(CONTACTS))
        rows = context.warehouse.rows(query.where(is_not_null(col(attribute))).group_by(col(attribute)))
        found = {str(row["zone"]): row["contacts"] for row in rows}
    known = frozenset(zone for zone in found if known_zone(zone))
    unknown = {zone: number for zone, number in sorted(found.items()) if zone not in known and zone.strip()}
    return ZonesInUse(known | {settings.time_zone}, unknown)


def write_time_zones(warehouse: Warehouse, zones: frozenset[str]) -> None:
    """Bring the table up to date: nothing, in most ticks."""
    told = exp.select("zone", "tzdata").distinct().from_(relation(TIME_ZONES))
    if {(row["zone"], row["tzdata"]) for row in warehouse.rows(told)} == {(zone, version()) for zone in zones}:
        return
    rows = [
        {"zone": zone, "starts_at": at, "offset_seconds": int(offset.total_seconds()), "tzdata": version()}
        for zone in sorted(zones)
        for at, offset in offsets(zone)
    ]
    warehouse.replace(TIME_ZONES, pa.Table.from_pylist(rows, schema=arrow_schema(TIME_ZONES)))

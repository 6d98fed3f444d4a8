"""Who crossed the borders of segments in one tick, by cause."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from segflow.warehouse.base import Warehouse
from segflow.warehouse.sqlfile import load_query

SAMPLE = 5


@dataclass
class Crossings:
    """Those of one segment: cause -> how many, and cause -> the first few contacts."""

    entered: dict[str, int] = field(default_factory=dict)
    exited: dict[str, int] = field(default_factory=dict)
    who_entered: dict[str, list[str]] = field(default_factory=dict)
    who_exited: dict[str, list[str]] = field(default_factory=dict)


def crossings_of(warehouse: Warehouse, tick_id: str, most: int = SAMPLE) -> dict[str, Crossings]:
    """segment -> its crossings in a tick, for the segments that had any; at most so many contacts for each cause."""
    found: dict[str, Crossings] = {}
    for row in warehouse.rows(load_query(Path(__file__).parent / "sql/tick_crossings.sql", tick_id=tick_id, most=most)):
        one = found.setdefault(row["segment"], Crossings())
        numbers = one.entered if row["crossing"] == "entered" else one.exited
        people = one.who_entered if row["crossing"] == "entered" else one.who_exited
        numbers[row["cause"]] = int(row["contacts"])
        people.setdefault(row["cause"], []).append(row["contact_id"])
    return found

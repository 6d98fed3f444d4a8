"""How enrollments came about: the event or the crossing that triggered them, as conditions and templates see it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlglot import exp

from segflow.numbers import shown
from segflow.specs.catalog import Catalog
from segflow.specs.origins import AT, EVENT
from segflow.specs.types import NUMBERS, ValueType, parse_instant
from segflow.warehouse.base import Warehouse
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"


def origins_query() -> exp.Query:
    """(subject_id, trigger_data, kind, segment, cause, entry_number) of each row of `temp.came_by` (subject_id,
    contact_id, segment_key, kind, crossing_tick, trigger_data)."""
    return load_query(_SQL / "origins.sql")


def origins_of_batch(warehouse: Warehouse) -> dict[str, dict[str, Any]]:
    """enrollment_id -> how it came about, for `temp.send_batch`."""
    warehouse.stage("came_by", load_query(_SQL / "enrolled_by.sql"))
    return {row["subject_id"]: row for row in warehouse.rows(origins_query())}


def event_values(trigger_data: str | None, catalog: Catalog) -> dict[str, Any]:
    """The name, the time and the properties of an event that triggered an enrollment, typed; empty where none did."""
    kept: Mapping[str, Any] = json.loads(trigger_data) if trigger_data is not None else {}
    if EVENT not in kept:
        return {}
    found = catalog.event(kept[EVENT])
    types = {name: attribute.type for name, attribute in found[1].items()} if found is not None else {}
    values = {"name": kept[EVENT], "at": parse_instant(kept[AT])}
    return values | {name: _typed(kept.get(name), kind) for name, kind in types.items()}


def _typed(value: Any, kind: ValueType) -> Any:
    if value is None or not isinstance(value, str):
        return value
    if kind in NUMBERS:
        return shown(Decimal(value))
    if kind == "boolean":
        return value == "true"
    if kind == "date":
        return date.fromisoformat(value)
    return datetime.fromisoformat(value) if kind == "timestamp" else value

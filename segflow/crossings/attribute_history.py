"""Ledger `attribute_history`: what this tick saw that the tick before did not."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from segflow.segments.attribute_history import HISTORY, history_attributes, new_values
from segflow.segments.compiler import CONTACTS, Compiled
from segflow.segments.emit import fill, template
from segflow.segments.sql import union_all
from segflow.warehouse.base import Warehouse, relation


def keep_history(
    compiled: Compiled, warehouse: Warehouse, tick_id: str, as_of: datetime, broken: Collection[str] = ()
) -> None:
    """Record the values that are new, of the attributes that `held_for` conditions name. Call inside of a transaction.

    `broken` are the parts that this build could not evaluate: an attribute among them is null for everybody, and
    recording that would make every value new when it is mended.
    """
    names = [name for name in history_attributes(compiled.columns) if f"{CONTACTS}.{name}" not in broken]
    if not names:
        return
    query = fill(
        template(union_all([new_values(name) for name in names])),
        relation=relation,
        as_of=as_of,
        zone=compiled.zone,
        tick_id=tick_id,
        dialect=warehouse.dialect,
    )
    warehouse.append(HISTORY, tick_id, query)

"""Ledger `attribute_history`: what this tick saw that the tick before did not."""

from __future__ import annotations

from collections.abc import Collection

from segflow.segments.attribute_history import HISTORY, history_attributes, new_values
from segflow.segments.compiler import CONTACTS
from segflow.segments.sql import union_all
from segflow.ticks.context import TickContext


def keep_history(context: TickContext, broken: Collection[str] = ()) -> None:
    """Record the values that are new, of the attributes that `held_for` conditions name. Call inside of a transaction.

    `broken` are the parts that this build could not evaluate: an attribute among them is null for everybody, and
    recording that would make every value new when it is mended.
    """
    names = [name for name in history_attributes(context.compiled.columns) if f"{CONTACTS}.{name}" not in broken]
    if not names:
        return
    attributes = context.compiled.specs.catalog.contacts.attributes
    query = context.fill(union_all([new_values(name, attributes[name].type) for name in names]))
    context.warehouse.append(HISTORY, context.tick_id, query)

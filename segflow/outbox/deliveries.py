"""Copying what became of messages from the delivery store to the warehouse, where people query it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from segflow.outbox.lease import Lease
from segflow.outbox.store import DeliveryStore
from segflow.warehouse.base import Warehouse
from segflow.warehouse.tables import TABLES

COPIED_TO = "copied_to"
_TYPES = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "BOOLEAN": pa.bool_(), "TIMESTAMP": pa.timestamp("us")}


def copy_outcomes(warehouse: Warehouse, store: DeliveryStore, lease: Lease, tick_id: str) -> int:
    """Make ledger `deliveries` and state `suppressions` of the warehouse equal to the store.

    Writes the rows of `tick_id` and of all earlier ticks whose copy is missing (their send stage died). Repeating it
    leaves the same rows. Returns how many rows were written. Runs in a transaction of its own.
    """
    store.adopt_decisions(lease, tick_id)
    copied_to = store.mark(COPIED_TO)
    ticks = store.settled_ticks(after=copied_to)
    # The tick at work may have been copied before it was interrupted, and has settled more since.
    if tick_id not in ticks and copied_to is not None and copied_to >= tick_id:
        ticks.append(tick_id)
    written = 0
    with warehouse.transaction():
        for settled in ticks:
            rows = store.attempts_of(settled)
            if rows:
                warehouse.append("deliveries", settled, as_table("deliveries", rows))
                written += len(rows)
        warehouse.replace("suppressions", as_table("suppressions", store.all_suppressions()))
    if copied_to is None or copied_to < tick_id:
        store.set_mark(COPIED_TO, tick_id, lease)
    return written


def as_table(name: str, rows: Iterable[dict[str, Any]]) -> pa.Table:
    """Rows for table `name` of the engine, without `tick_id`: aware times become naive UTC."""
    rows = list(rows)
    columns = {column: kind for column, kind in TABLES[name].columns.items() if column != "tick_id"}
    schema = pa.schema([(column, _TYPES[kind]) for column, kind in columns.items()])
    return pa.table({column: [_naive(row[column]) for row in rows] for column in columns}, schema=schema)


def _naive(value: Any) -> Any:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) and value.tzinfo else value

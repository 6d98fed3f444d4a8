"""Copying what became of messages from the delivery store to the warehouse, where people query it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from segflow.crashpoints import crash_point
from segflow.outbox.lease import Lease
from segflow.outbox.store import DeliveryStore
from segflow.warehouse.base import Warehouse
from segflow.warehouse.tables import arrow_schema

COPIED_TO = "copied_to"
COPIED_ROWS = "copied_rows"
"""How many rows tick COPIED_TO had when it was copied."""


def copy_outcomes(warehouse: Warehouse, store: DeliveryStore, lease: Lease, tick_id: str) -> int:
    """Make ledger `deliveries` and state `suppressions` of the warehouse equal to the store.

    Writes the rows of `tick_id` and of all earlier ticks whose copy is missing (their send stage died). Repeating it
    leaves the same rows. Returns how many rows were written. Runs in a transaction of its own.
    """
    store.adopt_decisions(lease, tick_id)
    copied_to, rows_of_it = store.mark(COPIED_TO), store.mark(COPIED_ROWS)
    settled = store.settled_since(copied_to)
    # The last tick copied may have settled more since: it was copied while at work, or it died and was resumed.
    missing = [tick for tick, rows in settled.items() if tick != copied_to or str(rows) != rows_of_it]
    written = 0
    with warehouse.transaction():
        for tick in missing:
            rows = store.attempts_of(tick)
            warehouse.append("deliveries", tick, as_table("deliveries", rows))
            warehouse.settle(tick, ["deliveries"])
            written += len(rows)
        warehouse.replace("suppressions", as_table("suppressions", store.all_suppressions()))
        crash_point("deliveries.before_commit")
    crash_point("deliveries.committed")
    last = max(tick_id, copied_to or "")
    store.set_mark(COPIED_ROWS, str(settled.get(last, 0)), lease)
    store.set_mark(COPIED_TO, last, lease)
    return written


def as_table(name: str, rows: Iterable[dict[str, Any]]) -> pa.Table:
    """Rows for table `name` of the engine, without `tick_id`: aware times become naive UTC."""
    rows = list(rows)
    schema = pa.schema([field for field in arrow_schema(name) if field.name != "tick_id"])
    return pa.table({column: [_naive(row[column]) for row in rows] for column in schema.names}, schema=schema)


def _naive(value: Any) -> Any:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) and value.tzinfo else value

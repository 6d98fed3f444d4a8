"""The addresses of contacts that flows have deleted: from the ledger to the suppressions, before anything is sent."""

from __future__ import annotations

import json

from sqlglot import exp

from segflow.outbox.lease import Lease
from segflow.outbox.store import DeliveryStore
from segflow.warehouse.base import Warehouse, relation

SUPPRESSED_TO = "deleted_to"
"""The last tick whose deletions the suppressions know."""


def suppress_deleted(warehouse: Warehouse, store: DeliveryStore, lease: Lease) -> None:
    """Suppress what the ledger of deletions has and the store does not know yet. Repeating it changes nothing."""
    rows = exp.select("addresses", "tick_id").from_(relation("contact_deletions"))
    done_to = store.mark(SUPPRESSED_TO)
    if done_to is not None:
        rows = rows.where(exp.column("tick_id") > exp.Literal.string(done_to))
    found = warehouse.rows(rows)
    if found:
        hashes = {pair for row in found for pair in json.loads(row["addresses"] or "{}").items()}
        store.suppress_deleted(lease, hashes, (SUPPRESSED_TO, max(row["tick_id"] for row in found)))

"""Processes to be killed: for each line on stdin (the number of a tick) a child sends what is due to the
provider of the test. Run by test_provider.py."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from segflow import senders
from segflow.outbox.lease import held_lease
from segflow.outbox.store import DeliveryStore
from segflow.specs.settings import Settings
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from segflow.warehouse.tick import Tick
from tests.outbox.conftest import World
from tests.outbox.drain_victim import serve

FIRST = datetime(2030, 1, 1, tzinfo=UTC)
"""Later than any wall clock, so that what is held falls due with the next tick."""
IN_DOUBT, CONNECTIONS = 6, 2
DELIVERY = {
    "mode": "live",
    "max_lateness": "1000 years",
    "batch_size": 200,
    "max_attempts": 50,
    "in_doubt_at_most": IN_DOUBT,
}


def send(root: Path, idempotent: bool, number: int) -> None:
    options: dict[str, Any] = {
        "type": "webhook",
        "timeout": 0.2,
        "idempotent": idempotent,
        "allow_private": True,
        "connections": CONNECTIONS,
    }
    hooks = senders.build("hooks", options, root)
    with (
        DeliveryStore(root / "delivery.db") as store,
        DuckDBWarehouse(root / "warehouse.duckdb") as warehouse,
        held_lease(store.leases, f"pid-{os.getpid()}", 60) as lease,
    ):
        world = World(root, warehouse, store, lease, Settings.model_validate({"delivery": DELIVERY}))
        world.send({"hooks": hooks}, Tick(f"t{number:05}", FIRST + timedelta(hours=7 * number)))


if __name__ == "__main__":
    serve(lambda line: send(Path(sys.argv[1]), sys.argv[2] == "idempotent", int(line)))

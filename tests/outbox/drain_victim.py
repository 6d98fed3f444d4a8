"""Processes to be killed: for each line on stdin a child drains the outbox of the folder. Run by test_kill.py.

Children are forked, because starting Python for each would take longer than all the rest of the test.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from segflow.messages import AnyMessage, Receipt
from segflow.outbox.lease import held_lease
from segflow.outbox.store import DeliveryStore
from segflow.senders.base import Sender
from segflow.specs.settings import Settings
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.outbox.conftest import World


class Ledger(Sender):
    """A provider that is not idempotent: each message handed over is a line in a file, durable before it returns."""

    channels = frozenset({"email"})

    def __init__(self, path: Path) -> None:
        super().__init__("ledger")
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def send(self, message: AnyMessage) -> Receipt:
        os.write(self._file, f"{message.message_id}\n".encode())
        return Receipt()


def drain(root: Path) -> None:
    settings = Settings.model_validate(
        {
            "delivery": {
                "mode": "live",
                "max_lateness": "1000 years",
                "batch_size": 40,
                "max_attempts": 50,
                "in_doubt_at_most": 4,
            }
        }
    )
    with (
        DeliveryStore(root / "delivery.db") as store,
        DuckDBWarehouse(root / "warehouse.duckdb") as warehouse,
        held_lease(store.leases, f"pid-{os.getpid()}", 60) as lease,
    ):
        World(root, warehouse, store, lease, settings).send({"ledger": Ledger(root / "ledger.txt")})


def serve(work: Callable[[str], None]) -> None:
    """For each line on stdin a child does `work`; its pid is printed, and its status when it has ended."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                work(line.strip())
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    serve(lambda _: drain(Path(sys.argv[1])))

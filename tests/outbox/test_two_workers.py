"""Two processes drain one outbox on Postgres under the lease of one tick, and nothing goes twice.

`SEGFLOW_MESSAGES=10000` for as many.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from multiprocessing.synchronize import Barrier
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from segflow.messages import AnyMessage, Receipt
from segflow.outbox.before_sending import SendChecks
from segflow.outbox.drain import Drain
from segflow.outbox.lease import Lease
from segflow.outbox.store import DeliveryStore
from segflow.outbox.throttle import Room
from segflow.senders.base import Sender
from segflow.specs.catalog import Catalog
from segflow.specs.project import Specs
from segflow.specs.settings import Settings
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from segflow.warehouse.tick import Tick
from tests.postgres import Server

from .conftest import AS_OF, CATALOG, World, contact, planned

MESSAGES = int(os.environ.get("SEGFLOW_MESSAGES", "400"))


class Writes(Sender):
    """Writes down what all of its kind were handed, in a file of each."""

    def __init__(self, folder: Path, connections: int) -> None:
        super().__init__("live")
        self.folder, self.connections = folder, connections
        self.file = (folder / f"{id(self)}.txt").open("w", encoding="utf-8", buffering=1)

    def another(self) -> Sender:
        return Writes(self.folder, self.connections)

    def send(self, message: AnyMessage) -> Receipt:
        self.file.write(message.message_id + "\n")
        return Receipt()


def work(location: str, lease: Lease, root: Path, connections: int, together: Barrier) -> None:
    settings = Settings.model_validate({"delivery": {"mode": "live", "max_lateness": "1000 years", "batch_size": 20}})
    with DeliveryStore(location) as store, DuckDBWarehouse(root / "warehouse.duckdb") as warehouse:
        warehouse.ensure_tables()
        World(root, warehouse, store, lease, settings).contacts([contact(n) for n in range(MESSAGES)])
        specs, tick = Specs(root, settings, Catalog.model_validate(CATALOG)), Tick("t1", AS_OF)
        drain = Drain(
            "live",
            Writes(root, connections),
            used="live",
            store=store,
            lease=lease,
            tick=tick,
            checks=SendChecks(specs, warehouse, store, tick),
            settings=settings.delivery,
            zone=ZoneInfo("UTC"),
            patience=0,
            room=Room(None, store, []),
        )
        together.wait(60)
        report = drain.run()
    (root / "report").write_text(str(report.outcomes["sent"]), encoding="utf-8")


@pytest.mark.parametrize("connections", [1, 2])
def test_no_message_is_sent_twice(postgres: Server, tmp_path: Path, connections: int) -> None:
    location = postgres.new_schema()
    spawn = multiprocessing.get_context("spawn")
    roots = [tmp_path / str(number) for number in range(2)]
    with DeliveryStore(location) as first:
        lease = first.leases.acquire("test", 3600)
        first.insert_new(lease, [planned(n, sender="live") for n in range(MESSAGES)])
        together = spawn.Barrier(2)
        processes = []
        for root in roots:
            root.mkdir()
            processes.append(spawn.Process(target=work, args=(location, lease, root, connections, together)))
        for process in processes:
            process.start()
        for process in processes:
            process.join(600)
        assert [process.exitcode for process in processes] == [0, 0]
        assert first.counts() == {("live", "sent"): MESSAGES}
    got = [Counter(line for file in root.glob("*.txt") for line in file.read_text().split()) for root in roots]
    assert got[0] + got[1] == Counter(f"m{n:05}" for n in range(MESSAGES))
    assert min(len(one) for one in got) > 0
    assert sum(int((root / "report").read_text()) for root in roots) == MESSAGES

"""Two processes' worth of workers drain one outbox on Postgres under the lease of one tick, and nothing goes twice.

`SEGFLOW_MESSAGES=10000` for as many.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from segflow.messages import AnyMessage, Receipt
from segflow.outbox.before_sending import SendChecks
from segflow.outbox.drain import Drain, DrainReport
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


class Shared(Sender):
    """Remembers what all of its kind were handed."""

    def __init__(self, got: Counter[str], connections: int) -> None:
        super().__init__("live")
        self.got, self.connections = got, connections

    def another(self) -> Sender:
        return Shared(self.got, self.connections)

    def send(self, message: AnyMessage) -> Receipt:
        self.got[message.message_id] += 1
        return Receipt()


@pytest.mark.parametrize("connections", [1, 2])
def test_no_message_is_sent_twice(postgres: Server, tmp_path: Path, connections: int) -> None:
    location = postgres.new_schema()
    settings = Settings.model_validate({"delivery": {"mode": "live", "max_lateness": "1000 years", "batch_size": 20}})
    got: list[Counter[str]] = [Counter(), Counter()]
    reports: dict[int, DrainReport] = {}
    with DeliveryStore(location) as first:
        lease = first.leases.acquire("test", 3600)
        first.insert_new(lease, [planned(n, sender="live") for n in range(MESSAGES)])
        together = threading.Barrier(2)

        def work(number: int) -> None:
            root = tmp_path / str(number)
            root.mkdir()
            with DeliveryStore(location) as store, DuckDBWarehouse(root / "warehouse.duckdb") as warehouse:
                warehouse.ensure_tables()
                World(root, warehouse, store, lease, settings).contacts([contact(n) for n in range(MESSAGES)])
                specs, tick = Specs(root, settings, Catalog.model_validate(CATALOG)), Tick("t1", AS_OF)
                drain = Drain(
                    "live",
                    Shared(got[number], connections),
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
                together.wait()
                reports[number] = drain.run()

        threads = [threading.Thread(target=work, args=[number]) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert first.counts() == {("live", "sent"): MESSAGES}
    assert (got[0] + got[1]) == Counter(f"m{n:05}" for n in range(MESSAGES))
    assert min(len(one) for one in got) > 0
    assert sum(report.outcomes["sent"] for report in reports.values()) == MESSAGES

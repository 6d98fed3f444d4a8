"""What draining costs: statements per group of messages, and CPU against a bare loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from segflow.messages import AnyMessage, WebhookCall
from segflow.outbox import drain
from segflow.outbox.driver import Driver
from segflow.outbox.store import DeliveryStore
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.measure_sending import BODY, Keeping, bare_http, built, drained
from tests.sinks import http_sink

from .conftest import Settings, World
from .test_groups import waiting
from .test_send import Scripted

DEAREST = 5.0
"""Times the CPU of a bare loop; on a busy machine 2.6 to 4.1 were seen, and 6.2 before."""


def statements(location: str, folder: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int, int]:
    """What draining so many messages takes: statements by the driver, others, and transactions."""
    counted = {"driver": 0, "other": 0, "written": 0}
    run = Driver.run

    def counting(self: Driver, *args: Any) -> Any:
        counted["driver"] += 1
        return run(self, *args)

    def other(*_: Any) -> None:
        counted["other"] += 1

    def written(*_: Any) -> None:
        counted["written"] += 1

    monkeypatch.setattr(Driver, "run", counting)
    monkeypatch.setattr(drain, "_LOOK_AROUND", 1000.0)
    folder.mkdir()
    with DeliveryStore(location) as store, DuckDBWarehouse(folder / "warehouse.duckdb") as warehouse:
        warehouse.ensure_tables()
        world = World(folder, warehouse, store, store.leases.acquire("test", 600), Settings())
        waiting(world, number)
        event.listen(store._database.engine, "before_cursor_execute", other)
        event.listen(store._database.engine, "commit", written)
        counted.update(dict.fromkeys(counted, 0))
        world.send({"live": Scripted()})
        assert store.counts() == {("live", "sent"): number}
    monkeypatch.setattr(Driver, "run", run)
    return counted["driver"], counted["other"], counted["written"]


def test_four_statements_and_one_transaction_per_group(
    tmp_path: Path, new_location: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = statements(new_location(), tmp_path / "few", 40, monkeypatch)
    many = statements(new_location(), tmp_path / "many", 240, monkeypatch)
    groups = 200 // 10
    # At the end several groups may share a transaction, in one of the two runs and not in the other.
    assert many[0] - few[0] <= 4 * (groups + 2), (few, many)
    assert many[1] == few[1], (few, many)
    assert many[2] - few[2] <= groups + 2, (few, many)


@pytest.fixture(params=["sqlite", "postgres"])
def new_location(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Gives the locations of empty delivery stores."""
    if request.param == "sqlite":
        return lambda: str(tmp_path / f"{time.monotonic_ns()}.db")
    server: Any = request.getfixturevalue("postgres")
    return lambda: str(server.new_schema())


def test_cpu_against_a_bare_loop() -> None:
    with http_sink() as port:
        content = {"method": "POST", "body": BODY, "url": f"http://127.0.0.1:{port}/in"}
        rows = {"channel": "webhook", "content": content}
        keeping = Keeping()
        drained(1000, rows, keeping)
        kept: list[AnyMessage] = [one for one in keeping.kept if isinstance(one, WebhookCall)]
        ratios = []
        for _ in range(4):
            before = time.process_time()
            bare_http(port, kept)
            bare = time.process_time() - before
            took, _ = drained(1000, rows, built({"type": "webhook", "allow_private": True}, 1))
            ratios.append(took.cpu / bare)
            if ratios[-1] < DEAREST:
                break
    assert min(ratios) < DEAREST, ratios

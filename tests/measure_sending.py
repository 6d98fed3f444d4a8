"""Prints how long messages take to be handed over, against a bare loop of the same library that hands the same bytes to
the same server just before: `python -m tests.measure_sending [MESSAGES]` (10000).

The servers are processes of their own that do no more than the protocol wants. Times are those of draining: claims,
checks, rendering, handing over, outcomes. Taking messages over from the warehouse and copying outcomes back are a line
of their own. Where other work runs on the machine, believe the CPU seconds of this process.
"""

from __future__ import annotations

import http.client
import smtplib
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segflow import senders
from segflow.messages import AnyMessage, Email, Receipt, WebhookCall
from segflow.outbox import drain
from segflow.outbox.store import DeliveryStore
from segflow.senders.base import Sender
from segflow.senders.shared.mime import to_mime
from segflow.specs.settings import Settings
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.outbox.conftest import EMAIL, World, contact, planned
from tests.sinks import http_sink, smtp_sink

BODY = {"id": "{{ contact.contact_id }}", "name": "{{ contact.name }}"}


@dataclass
class Spent:
    """CPU seconds of this process, and wall seconds."""

    cpu: float
    wall: float

    def __str__(self) -> str:
        return f"{self.wall:7.2f} s wall {self.cpu:7.2f} s CPU"


def spent(work: Callable[[], object]) -> Spent:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Spent(time.process_time() - cpu, time.perf_counter() - wall)


class Keeping(Sender):
    """Keeps the messages that it is handed, for the bare loop."""

    def __init__(self) -> None:
        super().__init__("keeping")
        self.kept: list[AnyMessage] = []

    def send(self, message: AnyMessage) -> Receipt:
        self.kept.append(message)
        return Receipt()


def drained(number: int, rows: dict[str, Any], sender: Sender | None, **delivery: Any) -> tuple[Spent, Spent]:
    """What draining took, and the whole send stage, for messages of a sender; None: to the mailbox."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with DeliveryStore(root / "delivery.db") as store, DuckDBWarehouse(root / "warehouse.duckdb") as warehouse:
            warehouse.ensure_tables()
            world = World(root, warehouse, store, store.leases.acquire("measure", 3600), Settings())
            world.delivery(mode="live", max_lateness="1000 years", **delivery)
            world.contacts([contact(n) for n in range(number)])
            name = "mailbox" if sender is None else sender.name
            world.plan([planned(n, sender=name, **rows) for n in range(number)])
            taken: list[Spent] = []
            run = drain.Drain.run

            def timed(self: drain.Drain) -> Any:
                reports: list[Any] = []
                taken.append(spent(lambda: reports.append(run(self))))
                return reports[0]

            drain.Drain.run = timed  # type: ignore[method-assign]
            try:
                everything = spent(lambda: world.send({} if sender is None else {sender.name: sender}))
            finally:
                drain.Drain.run = run  # type: ignore[method-assign]
            assert store.counts() == {(name, "sent"): number}, store.counts()
            return taken[0], everything


def bare_http(port: int, messages: list[AnyMessage]) -> None:
    import json

    connection = http.client.HTTPConnection("127.0.0.1", port)
    for one in messages:
        assert isinstance(one, WebhookCall)
        headers = {"Content-Type": "application/json", "Idempotency-Key": one.message_id, "User-Agent": "segflow"}
        connection.request("POST", "/in", json.dumps(one.body).encode(), headers)
        connection.getresponse().read()
    connection.close()


def bare_smtp(port: int, messages: list[bytes]) -> None:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="here") as client:
        for one in messages:
            client.sendmail("shop@shop.example.com", ["c@shop.example.com"], one)


def built(options: dict[str, Any], connections: int) -> Sender:
    return senders.build("live", {**options, "connections": connections}, Path())


def measure(
    what: str,
    number: int,
    server: Callable[[], AbstractContextManager[int]],
    rows: Callable[[int], dict[str, Any]],
    options: Callable[[int], dict[str, Any]],
    bare: Callable[[int, list[AnyMessage]], Callable[[], object]],
) -> None:
    with server() as port:
        keeping = Keeping()
        drained(number, rows(port), keeping)
        alone = bare(port, keeping.kept)
        for connections in (1, 4):
            floor = spent(alone)
            took, everything = drained(number, rows(port), built(options(port), connections))
            print(
                f"{what}, {connections} connections: {took}; bare {floor}: {took.wall / floor.wall:.2f} times the wall"
            )
            print(
                f"    {number / took.wall:,.0f} a second against {number / floor.wall:,.0f}; whole stage {everything}"
            )


def main(number: int) -> None:
    hook = {"method": "POST", "body": BODY}
    measure(
        "HTTP",
        number,
        http_sink,
        lambda port: {"channel": "webhook", "content": {**hook, "url": f"http://127.0.0.1:{port}/in"}},
        lambda _: {"type": "webhook", "allow_private": True},
        lambda port, kept: lambda: bare_http(port, kept),
    )

    def smtp_of(port: int, kept: list[AnyMessage]) -> Callable[[], object]:
        data = [to_mime(one, "shop@shop.example.com").data for one in kept if isinstance(one, Email)]
        return lambda: bare_smtp(port, data)

    measure(
        "SMTP",
        number,
        smtp_sink,
        lambda _: {"content": EMAIL},
        lambda port: {
            "type": "smtp",
            "host": "127.0.0.1",
            "port": port,
            "security": "none",
            "from_": "shop@shop.example.com",
        },
        smtp_of,
    )
    took, everything = drained(number, {"content": EMAIL}, None)
    print(f"mailbox: {took}: {number / took.wall:,.0f} a second; whole stage {everything}")


if __name__ == "__main__":
    main(int([*sys.argv[1:], "10000"][0]))

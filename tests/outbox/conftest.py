"""A small project around a delivery store: a warehouse with contacts and planned messages, specs, a lease."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlglot import exp

from segflow.outbox.drain import SenderLike
from segflow.outbox.lease import Lease
from segflow.outbox.send import SendReport, send_outbox
from segflow.outbox.store import DeliveryStore
from segflow.senders.mailbox import MailboxSender
from segflow.specs.catalog import Catalog
from segflow.specs.project import Specs
from segflow.specs.settings import Settings
from segflow.warehouse.base import relation
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from segflow.warehouse.tick import Tick
from tests.postgres import Server, server

AS_OF = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
CATALOG = {
    "contacts": {
        "model": "customers",
        "attributes": {"email": "text", "phone": "text", "name": "text", "agreed": "boolean"},
        "channels": {
            "email": {"address": "email", "consent": "agreed"},
            "sms": {"address": "phone"},
            "whatsapp": {"address": "phone"},
        },
    }
}
EMAIL = {"subject": "Hello {{ contact.name }}", "text": "Dear {{ contact.name }}"}


def planned(number: int, **changes: Any) -> dict[str, Any]:
    """A row of the warehouse's outbox."""
    row = {
        "message_id": f"m{number:05}",
        "enrollment_id": f"e{number}",
        "flow": "welcome",
        "flow_version": 1,
        "step": "hello",
        "visit": 1,
        "contact_id": f"c{number}",
        "channel": "email",
        "sender": "mailbox",
        "content": EMAIL,
        "trigger_segment": "new",
        "enrolled_at": AS_OF,
        "planned_at": AS_OF,
        "tick_id": "t1",
        **changes,
    }
    row["content"] = json.dumps(row["content"])
    return {name: _naive(value) for name, value in row.items()}


def contact(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "contact_id": f"c{number}",
        "email": f"c{number}@shop.example.com",
        "phone": "+442079460018",
        "name": f"Name {number}",
        "agreed": True,
        **changes,
    }


@dataclass
class World:
    """Everything a send stage needs, below one folder."""

    root: Path
    warehouse: DuckDBWarehouse
    store: DeliveryStore
    lease: Lease
    settings: Settings
    liked: str | None = None
    """The attribute that names the contacts' default channel."""

    def contacts(self, rows: Sequence[Mapping[str, Any]]) -> None:
        fields = ["contact_id", "email", "phone", "name"]
        schema = pa.schema([(name, pa.string()) for name in fields] + [("agreed", pa.bool_())])
        staged = self.warehouse.stage("given", pa.Table.from_pylist(list(rows), schema))
        rows_of = exp.select("*", exp.Literal.string("t1").as_("tick_id")).from_(staged)
        create = exp.Create(this=relation("contacts"), kind="TABLE", replace=True, expression=rows_of)
        self.warehouse.execute(create)

    def plan(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """The outbox rows of one tick."""
        kept = [{name: value for name, value in row.items() if name != "tick_id"} for row in rows]
        self.warehouse.append("outbox", rows[0]["tick_id"], pa.Table.from_pylist(kept))

    def send(self, senders: Mapping[str, SenderLike] | None = None, tick: Tick | None = None) -> SendReport:
        everyone = {"mailbox": self.mailbox(), **(senders or {})}
        tick = tick or Tick("t1", AS_OF)
        # As the build of that tick would have left them.
        self.warehouse.execute(exp.update(relation("contacts"), {"tick_id": tick.tick_id}))
        catalog = Catalog.model_validate({"contacts": {**CATALOG["contacts"], "default_channel": self.liked}})
        specs = Specs(self.root, self.settings, catalog)
        return send_outbox(specs, self.warehouse, self.store, everyone, tick, self.lease, patience=0)

    def mailbox(self) -> MailboxSender:
        return MailboxSender("mailbox", self.root / "mailbox", "Shop <shop@shop.example.com>")

    def files(self) -> list[str]:
        return sorted(str(p.relative_to(self.root / "mailbox")) for p in self.root.glob("mailbox/**/*") if p.is_file())

    def deliveries(self) -> list[dict[str, Any]]:
        return self.warehouse.rows(exp.select("*").from_(relation("deliveries")).order_by("message_id", "attempt"))

    def delivery(self, **settings: Any) -> None:
        self.settings = Settings.model_validate({"delivery": settings})


def later(**span: float) -> Tick:
    return Tick("t2", AS_OF + timedelta(**span))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with server() as started:
        yield started


@pytest.fixture(params=["sqlite", "postgres"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty delivery store is to be."""
    if request.param == "sqlite":
        return str(tmp_path / "delivery.db")
    started: Server = request.getfixturevalue("postgres")
    return started.new_schema()


@pytest.fixture
def world(tmp_path: Path, location: str) -> Iterator[World]:
    store = DeliveryStore(location)
    warehouse = DuckDBWarehouse(tmp_path / "warehouse.duckdb")
    warehouse.ensure_tables()
    with store, warehouse:
        yield World(tmp_path, warehouse, store, store.leases.acquire("test", 600), Settings())


def _naive(value: Any) -> Any:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value

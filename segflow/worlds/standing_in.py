"""A project whose ticks run beside the real one: in a transaction that is rolled back, with a delivery store of its
own, and with senders that only note what they get. The stages are those of every tick."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from segflow.flows.advance import enrollments_view
from segflow.messages import AnyMessage, Receipt
from segflow.outbox.coupons import Claim, Pool
from segflow.outbox.lease import Lease, held_lease
from segflow.outbox.store import DeliveryStore
from segflow.plan.models import RehearsedModels
from segflow.segments.compiler import Compiled
from segflow.stages.order import STAGES
from segflow.stages.tick_report import TickReport
from segflow.stages.tick_run import TickRun
from segflow.ticks import ledger as ticks
from segflow.warehouse.base import Warehouse
from segflow.warehouse.models import Models
from segflow.workspace import Workspace

if TYPE_CHECKING:
    from segflow.senders.base import Sender

LAST_STAGE = "send"
Found = TypeVar("Found")


class Notebook:
    """Takes every message and sends none."""

    simulated = idempotent = True
    idempotent_for = rate = None
    at_once = connections = 1

    def another(self) -> Notebook:
        return self

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def send(self, message: AnyMessage) -> Receipt:
        return Receipt()

    def send_many(self, messages: Sequence[AnyMessage]) -> list[Receipt]:
        return [Receipt() for _ in messages]


class FullPools:
    """Coupons of which there are always enough: how many codes the real pools have left says nothing of the past, nor
    of the rows of a test."""

    def claim(self, _lease: object, _tick_id: str, claims: Collection[Claim]) -> dict[str, str]:
        return {one.claim_id: f"{one.pool}-{one.claim_id[:8]}" for one in claims}

    def book(self, _lease: object, _tick_id: str, used: Collection[str]) -> None:
        pass

    def pools(self) -> list[Pool]:
        return []


class StandIn(Workspace):
    """What stages ask of a project. `real` has the user's models; `warehouse` is a rehearsal."""

    def __init__(self, compiled: Compiled, real: Models, warehouse: Warehouse, store: DeliveryStore) -> None:
        super().__init__(compiled.specs.root, "rehearsal")
        store.coupons = FullPools()  # type: ignore[assignment]
        self._rehearsal, self._real = warehouse, real
        # What is in the dictionary is not computed.
        self.__dict__ |= {"specs": compiled.specs, "compiled": compiled, "store": store, "spool": None}

    def warehouse(self) -> Warehouse:
        return self._rehearsal

    def write_models(self) -> list[Path]:
        return []

    @contextmanager
    def senders(self) -> Iterator[dict[str, Sender]]:
        notebook = cast("Sender", Notebook())
        yield dict.fromkeys(self.specs.settings.all_senders(), notebook)

    def tick(self, as_of: datetime, lease: Lease, before: ticks.TickRow | None) -> TickRun:
        """One tick up to the last stage that matters here. `before`: the row of the tick before."""
        self.__dict__["models"] = RehearsedModels(self.compiled, self._real, self._rehearsal, as_of)
        row = ticks.TickRow(
            ticks.tick_id_of(as_of),
            as_of,
            None,
            "running",
            datetime.now(UTC),
            previous_tick=before.tick_id if before else None,
        )
        ticks.save(self._rehearsal, row)
        run = TickRun(self, row, lease, TickReport(row.tick_id, as_of))
        for stage in STAGES:
            stage.run(run)
            if stage.name == LAST_STAGE:
                break
        run.row = run.row.with_(status="done", finished_at=datetime.now(UTC))
        ticks.save(self._rehearsal, run.row)
        return run


@contextmanager
def standing_in(compiled: Compiled, real: Models, warehouse: Warehouse) -> Iterator[tuple[StandIn, Lease]]:
    """A stand-in and its lease, for as long as the block runs."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="segflow-"))
        store = stack.enter_context(DeliveryStore(Path(folder) / "delivery.db"))
        lease = stack.enter_context(held_lease(store.leases, "rehearsal"))
        warehouse.ensure_tables()
        warehouse.create_view("flow_enrollments", enrollments_view())
        yield StandIn(compiled, real, warehouse, store), lease

"""Flows that got another name since the last tick: done before anything asks for them by name."""

from __future__ import annotations

from collections.abc import Sequence

from segflow.flows import renames
from segflow.flows.renames import Rename
from segflow.outbox.renames import rename_flows
from segflow.outbox.store import DeliveryStore
from segflow.stages.tick_run import TickRun
from segflow.warehouse.base import Warehouse


def begin_renames(run: TickRun) -> list[Rename]:
    """What is to be renamed in this tick; the delivery store knows the new names when it returns."""
    with run.project.warehouse() as warehouse:
        due = renames.due_renames(run.project.specs, warehouse)
    store = run.project.store
    # A rehearsal's stand-in changes nothing.
    if due and isinstance(store, DeliveryStore):
        rename_flows(store, run.lease, run.row.tick_id, [(one.old, one.new) for one in due])
    return due


def show_renames(warehouse: Warehouse, tick_id: str, due: Sequence[Rename]) -> None:
    """Give the rows of earlier ticks the new names, and record it. Call it in the transaction of a stage."""
    if due:
        renames.show(warehouse, due, tick_id)
        renames.record(warehouse, tick_id, due)


def rename_edited(run: TickRun) -> None:
    """Files that were renamed while a tick lay dead: its later stages must know them, too."""
    due = begin_renames(run)
    if not due:
        return
    assert run.row.stage is not None
    with run.commit(run.row.stage) as context:
        show_renames(context.warehouse, run.row.tick_id, due)
        # The stage that keeps this ledger is over.
        run.row = run.row.counted(context.warehouse.settle(run.row.tick_id, [renames.LEDGER]))

"""A first tick that cannot succeed leaves nothing behind, so that the next try is a first tick again."""

from __future__ import annotations

from contextlib import suppress

from segflow.errors import (
    DamagedWarehouseError,
    InputError,
    LeaseLostError,
    RunError,
    SegflowError,
    SpecError,
    WarehouseBusyError,
)
from segflow.models.setup import SetupFault, with_connection, without_connection
from segflow.stages.tick_run import TickRun
from segflow.ticks import ledger as ticks
from segflow.ticks import record
from segflow.workspace import Workspace

_UNDONE = ("ingest", "build")
"""The stages before anybody crosses: up to here a first tick has only looked."""
_NOT_ITS_FAULT = (LeaseLostError, WarehouseBusyError, DamagedWarehouseError)


def check_files(project: Workspace) -> None:
    """Before a first tick: raise InputError with everything that is missing for it, as far as files tell."""
    if faults := [fault for fault in without_connection(project.specs) if fault.stops]:
        raise InputError(_told(faults))


def undo(run: TickRun, stage: str, error: SegflowError) -> SegflowError:
    """Take back a first tick whose `stage` failed; returns the error to tell, which has all that is wrong.

    What people decided and was taken in by this tick belongs to it: then it stays, and is resumed. Each of the writes
    leaves a state that a start accepts.
    """
    if stage not in _UNDONE or run.row.previous_tick is not None or isinstance(error, _NOT_ITS_FAULT):
        return error
    error = _explained(run, error)
    with suppress(SegflowError, OSError):
        if not _took_in(run):
            _take_back(run)
    return error


def _took_in(run: TickRun) -> bool:
    store, tick_id = run.project.store, run.row.tick_id
    ledgers = (store.imports, store.message_events, store.consent_changes)
    return bool(run.row.counts()) or any(one.adopt(run.lease, tick_id) for one in ledgers)


def _take_back(run: TickRun) -> None:
    begun = run.row.with_(stage=None, ledger_rows=None, compiled=None)
    store = run.project.store
    record.write(store, begun, run.lease)
    with run.project.warehouse() as warehouse:
        with warehouse.transaction():
            ticks.save(warehouse, begun)
        # What `ingest` notes about outcomes that it copied goes with the tick: there were none.
        for mark in (record.COMMITTED, "copied_to", "copied_rows"):
            store.set_mark(mark, None, run.lease)
        with warehouse.transaction():
            warehouse.restore("ticks", [])
            warehouse.restore("build_faults", [])


def _explained(run: TickRun, error: SegflowError) -> SegflowError:
    """The error with the other faults of the set-up, if those can be told."""
    if isinstance(error, SpecError) or not isinstance(error, InputError | RunError):
        return error
    with suppress(Exception), run.open() as context:
        faults = [*without_connection(run.project.specs), *with_connection(context, built=True)]
        others = [fault for fault in faults if fault.stops or str(fault.what) not in str(error)]
        if others:
            return type(error)(f"{error}\n{_told(others)}")
    return error


def _told(faults: list[SetupFault]) -> str:
    return "\n".join(map(str, faults))

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
from segflow.models.setup import with_connection
from segflow.outbox.deliveries import COPIED_ROWS, COPIED_TO
from segflow.specs.setup import SetupFault, without_connection
from segflow.stages.tick_run import TickRun
from segflow.ticks import ledger as ticks
from segflow.ticks import record
from segflow.workspace import Workspace

_ONLY_LOOKED = ("ingest", "build")
"""The stages before anybody crosses: while one of them is at work, a first tick has only looked."""
_NOT_THE_SET_UP = (LeaseLostError, WarehouseBusyError, DamagedWarehouseError)


def check_files(project: Workspace) -> None:
    """Before a first tick: raise InputError with everything that is missing for it, as far as files tell."""
    if faults := [
        fault for fault in without_connection(project.root, project.specs.settings) if fault.grade == "stops"
    ]:
        raise InputError("\n".join(map(str, faults)))


def undo(run: TickRun, stage: str, error: SegflowError) -> SegflowError:
    """Take back a first tick whose `stage` failed; returns the error to tell, which has all that is wrong.

    What people decided and this tick has taken in belongs to it: then the tick stays, and is resumed. Each of the
    writes leaves a state that a start accepts.
    """
    if stage not in _ONLY_LOOKED or run.row.previous_tick is not None or isinstance(error, _NOT_THE_SET_UP):
        return error
    error = _with_all_faults(run, error)
    # What keeps it from being taken back must not hide why it failed: it is resumed then.
    with suppress(SegflowError, OSError):
        _take_back(run)
    return error


def _take_back(run: TickRun) -> None:
    store, project = run.project.store, run.project
    with project.warehouse() as warehouse:
        # A version that kept no `previous_tick` may have left this one: then it is not the first.
        if warehouse.count("ticks") > 1 or run.row.counts() or store.has_booked(run.row.tick_id):
            return
        begun = run.row.with_(stage=None, ledger_rows=None, compiled=None)
        record.write(store, begun, run.lease)
        with warehouse.transaction():
            ticks.save(warehouse, begun)
        # What `ingest` notes about outcomes that it copied goes with the tick: there were none.
        for mark in (record.COMMITTED, COPIED_TO, COPIED_ROWS):
            store.set_mark(mark, None, run.lease)
        with warehouse.transaction():
            warehouse.restore("ticks", [])
            warehouse.restore("build_faults", [])


def _with_all_faults(run: TickRun, error: SegflowError) -> SegflowError:
    """The error with the other faults of the set-up below it."""
    if isinstance(error, SpecError) or not isinstance(error, InputError | RunError):
        return error
    found: list[SetupFault] = []
    # What cannot be asked now is not what failed.
    with suppress(Exception):
        found += without_connection(run.project.root, run.project.specs.settings)
        with run.open() as context:
            found += with_connection(context, built=True)
    others = [fault for fault in found if fault.grade != "note" and fault.what not in str(error)]
    return type(error)("\n".join([str(error), *map(str, others)])) if others else error

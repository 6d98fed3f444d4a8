"""Sending between two ticks: retries that fell due, messages whose quiet hours are over, what somebody released."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING

from sqlglot import exp

from segflow.errors import InputError, LeaseHeldError, RunError, SegflowError, did_you_mean
from segflow.outbox.lease import GIVES_WAY, held_lease
from segflow.outbox.send import SendReport, send_outbox
from segflow.stages.answers import take_answers
from segflow.stages.tick_report import TickReport
from segflow.stages.tick_run import TickRun
from segflow.ticks import ledger as ticks
from segflow.ticks import record
from segflow.warehouse.base import Warehouse, relation

if TYPE_CHECKING:
    from segflow.workspace import Workspace


def something_due(project: Workspace, only: Collection[str] = ()) -> bool:
    """Does the outbox hold anything that could be sent now? Asks the delivery store alone."""
    store = project.store
    due = [name for name in store.senders_due(datetime.now(UTC)) if not only or name in only]
    return bool(due) and store.stopped() is None


def drain(project: Workspace, only: Collection[str] = (), *, patience: float = 0.0) -> SendReport:
    """Send what is due at the senders `only` (default: at all), as the tick before would have: its contacts count, and
    its id is with the outcomes. What came back from outside is taken in first, so that nobody who left gets anything.

    Stops between two messages when a tick wants to begin. `patience`: as of `send_outbox`. Raises InputError for an
    unknown sender and before the first tick, LeaseHeldError while a tick runs, RunError when the last tick died or
    knows less of contacts than the catalog now says, and what `send_outbox` raises.
    """
    known = [*project.specs.settings.all_senders()]
    for name in only:
        if name not in known:
            raise InputError(f"segflow.yml has no sender {name}{did_you_mean(name, known)}")
    leases = project.store.leases
    with held_lease(leases, f"{GIVES_WAY}{project.holder}") as lease, project.warehouse() as warehouse:
        warehouse.ensure_tables()
        row = _last(project, warehouse)
        run = TickRun(project, row, lease, TickReport(row.tick_id, row.as_of))
        take_answers(run)
        with project.senders() as senders:
            return send_outbox(
                project.specs,
                warehouse,
                project.store,
                senders,
                run.tick,
                lease,
                patience=patience,
                leave=leases.asked_for,
                only=only,
                columns=project.compiled.columns,
            )


def _last(project: Workspace, warehouse: Warehouse) -> ticks.TickRow:
    row = ticks.last(warehouse)
    record.check(project.store, row, project.engine)
    if row is None:
        raise InputError("there is no outbox before the first tick: run segflow tick")
    if row.status == "running":
        raise RunError(f"tick {row.tick_id} died before its end: run segflow tick, which resumes it and sends")
    if (name := _unread(project, warehouse)) is not None:
        # Missing for everybody would be a reason not to send, and that is final.
        raise RunError(f"the last tick has not read attribute {name} of contacts: run segflow tick")
    return row


def _unread(project: Workspace, warehouse: Warehouse) -> str | None:
    """An attribute of the catalog that the contacts of the last tick do not have."""

    def lacks(names: Collection[str]) -> bool:
        return warehouse.bind(exp.select(*(exp.column(one) for one in names)).from_(relation("contacts"))) is not None

    names = ["contact_id", *project.specs.catalog.contacts.attributes]
    return next((one for one in names if lacks([one])), None) if lacks(names) else None


def watch(
    project: Workspace,
    only: Collection[str],
    every: float,
    ended: Event,
    told: Callable[[SendReport], None],
    waits: Callable[[str], None],
) -> None:
    """Look every `every` seconds whether something is due, and drain, until `ended` is set. Files are read again each
    time. What one round cannot do (a tick runs, a file is wrong) is told to `waits`, and the next one tries again."""
    before = None
    while not ended.is_set():
        try:
            if something_due(project, only):
                project.reload()
                told(drain(project, only))
            before = None
        except SegflowError as error:
            if str(error) != before and not isinstance(error, LeaseHeldError):
                waits(str(error))
            before = str(error)
        ended.wait(every)

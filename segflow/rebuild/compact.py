"""Merge the ledger files of old ticks."""

from __future__ import annotations

from segflow.durations import Duration
from segflow.errors import InputError
from segflow.outbox.lease import held_lease
from segflow.ticks import ledger as ticks
from segflow.ticks import record
from segflow.warehouse.ledgers import Compacted, LedgerFiles
from segflow.workspace import Workspace
from segflow.zones import UTC_ZONE


def compact(project: Workspace, older_than: Duration) -> list[Compacted]:
    """Merge the files of ticks that lie more than `older_than` before the last one, per table and month.

    The last tick keeps its files. It can be killed and repeated: a rebuild counts each row once in every state of it.
    Raises InputError where there are no such files, LeaseHeldError while a tick runs, RunError when one is damaged.
    """
    if not project.engine.file_backed:
        raise InputError(
            f"{project.engine.title} keeps its ledgers itself, and there are no ledger files: there is nothing to merge"
        )
    with held_lease(project.store.leases, project.holder):
        last = record.read(project.store)
        if last is None:
            return []
        try:
            before = older_than.before(last.as_of, UTC_ZONE)
        except (OverflowError, ValueError) as error:
            raise InputError(f"{older_than} before {last.as_of.isoformat()} leaves the calendar") from error
        return LedgerFiles(project.ledgers_path).compact(ticks.tick_id_of(before))

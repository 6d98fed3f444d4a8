"""The other way round: a delivery store that was lost, or an older copy of it, from what the warehouse knows."""

from __future__ import annotations

from dataclasses import dataclass

from segflow.crashpoints import crash_point
from segflow.errors import InputError, RunError
from segflow.outbox.adopt import Adopted, adopt
from segflow.outbox.lease import held_lease
from segflow.ticks import ledger as ticks
from segflow.ticks import record
from segflow.workspace import Workspace


@dataclass(frozen=True)
class RebuiltStore:
    """What a delivery store took over from the warehouse."""

    store: str
    tick_id: str
    place: str
    """How far that tick, the last one, has come: one of `ticks.PLACES`."""
    adopted: Adopted


def rebuild_store(project: Workspace) -> RebuiltStore:
    """Take over messages, outcomes and suppressions from the warehouse, and record its last commit.

    What has no final outcome there becomes `unknown` and waits for a person. It can be repeated until it is done.
    Raises InputError when the delivery store is not behind the warehouse, LeaseHeldError while a tick runs, RunError
    when the warehouse is behind or lost itself.
    """
    if not project.engine.exists():
        raise RunError(f"the warehouse {project.engine.where} is lost, too: put one of the two back from a backup")
    with held_lease(project.store.leases, project.holder) as lease, project.warehouse() as warehouse:
        warehouse.ensure_tables()
        latest = ticks.last(warehouse)
        if latest is None:
            raise InputError(f"the warehouse {project.engine.where} knows of no tick: there is nothing to take over")
        _check_needed(project, latest)
        adopted = adopt(warehouse, project.store, lease)
        crash_point("rebuild_store.adopted")
        record.write(project.store, latest, lease)
        return RebuiltStore(project.store.name, latest.tick_id, latest.place, adopted)


def _check_needed(project: Workspace, latest: ticks.TickRow) -> None:
    try:
        record.check(project.store, latest, project.engine)
    except RunError:
        if record.is_behind(project.store, latest):
            raise
        return
    raise InputError(
        f"the delivery store {project.store.name} knows all that the warehouse knows: there is nothing to take over"
    )

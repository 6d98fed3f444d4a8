"""`segflow plan`: the stages of a tick up to `advance`, in a transaction that is rolled back.

They are the tick's own stages over stand-ins: the warehouse is a rehearsal, the generated models run inside of it, and
the delivery store is only looked at. So what is planned is what a tick does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from sqlglot import exp

from segflow.errors import ContactsLostError, InputError, RunError
from segflow.flows.renames import due_renames
from segflow.flows.renames import show as show_renames
from segflow.outbox.lease import Lease
from segflow.outbox.store import DeliveryStore
from segflow.plan.gather import Before, plan_of
from segflow.plan.models import RehearsedModels
from segflow.plan.result import Plan
from segflow.plan.sending import sending_of
from segflow.plan.store import RehearsedStore
from segflow.stages.order import STAGES
from segflow.stages.tick_report import TickReport
from segflow.stages.tick_run import TickRun
from segflow.ticks import ledger as ticks
from segflow.ticks import record
from segflow.ticks.context import TickContext
from segflow.warehouse.base import Warehouse
from segflow.workspace import Workspace

_LAST_STAGE = "advance"


class _Rehearsed(Workspace):
    """A project whose stages write into a rehearsal."""

    def __init__(self, real: Workspace, warehouse: Warehouse, store: DeliveryStore | None, as_of: datetime) -> None:
        super().__init__(real.root, real.holder)
        self._rehearsal = warehouse
        # What is in the dictionary is not computed.
        self.__dict__ |= {
            "specs": real.specs,
            "compiled": real.compiled,
            "models": RehearsedModels(real.compiled, real.models, warehouse, as_of),
            "store": RehearsedStore(store),
            "spool": None,
        }

    def warehouse(self) -> Warehouse:
        return self._rehearsal

    def write_models(self) -> list[Path]:
        return []


class _RehearsedRun(TickRun):
    """A tick that commits nothing, and keeps no file of its ledgers."""

    @contextmanager
    def commit(self, stage: str) -> Iterator[TickContext]:
        with self.project.warehouse() as warehouse:
            yield self.context(warehouse)
            self.row = self.row.with_(stage=stage)
            ticks.save(warehouse, self.row)


def plan(project: Workspace, as_of: datetime | None = None) -> Plan:
    """What a tick at `as_of` (default: now) would do with the files as they are. Nothing is written.

    Raises InputError when there is no warehouse yet or `as_of` does not lie after the last tick, RunError when a tick
    is at work or the contacts cannot be built.
    """
    as_of = ticks.moment_of(as_of)
    _ = project.compiled  # wrong specs are told before anything is opened
    store = _store(project)
    if not project.engine.transactions:
        raise InputError(f"{project.engine.title} has no transaction to try a tick in; segflow plan needs one")
    if not project.engine.exists():
        raise InputError(
            f"there is no warehouse {project.engine.where} yet, and dbt has built nothing to plan with; run "
            "segflow tick --no-send, which sends nothing"
        )
    return project.engine.rehearse(lambda rehearsal: _play(project, rehearsal, store, as_of))


def _store(project: Workspace) -> DeliveryStore | None:
    """The delivery store, if there is one; to open it would make one."""
    setting = project.specs.settings.delivery.store
    if "://" not in setting and not project.specs.path(setting).exists():
        return None
    held = project.store.leases.look()
    if held.state == "held":
        raise RunError(f"a tick is at work: {held.holder}. Plan again when it is done")
    return project.store


def _waiting(project: Workspace) -> list[str]:
    """What a plan does not look into."""
    files = project.spool.files() if project.spool is not None else []
    if not files:
        return []
    return [
        f"what came back and waits in {project.spool_path} ({len(files)} files) is not in this plan; a tick takes it in"
    ]


def _check_built(project: Workspace, warehouse: Warehouse) -> None:
    """Before the first tick nobody but a person has run dbt."""
    model = project.specs.catalog.contacts.model
    if warehouse.bind(exp.select("*").from_(project.models.relation(model))):
        raise InputError(
            f"no tick has run yet, and dbt has not built {model}: there is nothing to plan with. Run dbt build on your "
            "own models, or segflow tick --no-send, which sends nothing"
        )


def _play(project: Workspace, warehouse: Warehouse, store: DeliveryStore | None, as_of: datetime) -> Plan:
    warehouse.ensure_tables()
    last = ticks.last(warehouse)
    if store is not None:
        record.check(store, last, project.engine)
    record.check_whole(warehouse, project.engine)
    ticks.check_order(as_of, last)
    if last is not None and last.as_of == as_of:
        raise InputError(f"there is a tick at {as_of.isoformat()} already: give a later --as-of")
    row = ticks.TickRow(
        ticks.tick_id_of(as_of), as_of, None, "running", datetime.now(UTC), previous_tick=last.tick_id if last else None
    )
    ticks.save(warehouse, row)
    if last is None:
        _check_built(project, warehouse)
    # What is called otherwise now is compared by its new name.
    renamed = due_renames(project.specs, warehouse)
    show_renames(warehouse, renamed, row.tick_id)
    before = Before.read(project.compiled, warehouse, last, renamed)
    stand_in = _Rehearsed(project, warehouse, store, as_of)
    run = _RehearsedRun(cast(Any, stand_in), row, Lease("plan", project.holder, 0), TickReport(row.tick_id, as_of))
    stopped = None
    try:
        for stage in STAGES:
            stage.run(run)
            if stage.name == _LAST_STAGE:
                break
    except ContactsLostError as error:
        stopped = str(error)
    found = plan_of(run, before, stopped)
    sending, told = sending_of(run, store) if stopped is None else ([], [])
    return replace(found, sending=sending, notes=[*found.notes, *told, *_waiting(project)])

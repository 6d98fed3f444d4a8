"""Stage 1: what came back since the last tick."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from segflow.imports.take_in import on_lists, take_in
from segflow.models.build import build_contacts
from segflow.outbox.deleted import suppress_deleted
from segflow.outbox.deliveries import as_table, copy_outcomes
from segflow.stages.answers import take_answers
from segflow.stages.renames import begin_renames, show_renames
from segflow.stages.tick_run import TickRun
from segflow.stages.told import take_told, told_is_taken
from segflow.warehouse.base import Warehouse


def ingest(run: TickRun) -> None:
    """Copy what became of messages since the last tick, what came back about them and what contacts agreed to, and take
    in what people restore and import."""
    project, tick_id = run.project, run.row.tick_id
    renamed = begin_renames(run)
    restored = project.store.restores.waiting(tick_id)
    with project.warehouse() as warehouse:
        suppress_deleted(warehouse, project.store, run.lease)
        copy_outcomes(warehouse, project.store, run.lease, tick_id)
    take_answers(run)
    take_told(run)
    told = project.store.message_events.adopt(run.lease, tick_id)
    agreed = project.store.consent_changes.adopt(run.lease, tick_id)
    imports = project.store.imports.adopt(run.lease, tick_id)
    listed = _before_imports(run, imports)
    with run.commit("ingest") as context:
        show_renames(context.warehouse, tick_id, renamed)
        context.warehouse.append("message_events", tick_id, as_table("message_events", told))
        context.warehouse.append("consent_changes", tick_id, as_table("consent_changes", agreed))
        _restore(run, context.warehouse, restored)
        if imports:
            take_in(context, imports, listed)
    told_is_taken(run)


def _restore(run: TickRun, warehouse: Warehouse, restored: list[dict[str, Any]]) -> None:
    """Let contacts that were deleted be there again from this tick on."""
    if restored:
        rows = [{**one, "at": run.row.as_of} for one in restored]
        warehouse.append("contact_restores", run.row.tick_id, as_table("contact_restores", rows))
        run.project.store.restores.book(run.lease, run.row.tick_id, [one["id"] for one in restored])


def _before_imports(run: TickRun, imports: list[dict[str, Any]]) -> Mapping[str, pa.Table]:
    """Build the contacts as they are without these imports: what an import changes is seen in comparison. Returns list
    -> (contact_id) of who is on it, for the lists that are added to."""
    if not imports:
        return {}
    run.project.write_models()
    lists = {one["list"] for one in imports if one["list"] is not None}
    with run.open() as context:
        build_contacts(context, run.project.specs.catalog.lists.model if lists else None)
        return on_lists(context, lists)

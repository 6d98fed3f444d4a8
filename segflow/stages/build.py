"""Stage 2: contacts, facts and memberships. Later stages come back to it when what it built is gone or of old specs."""

from __future__ import annotations

import hashlib
import json

import pyarrow as pa

from segflow.crossings.deleted import tombstones
from segflow.crossings.resting import Rest, resting
from segflow.crossings.segment_guards import contacts_lost
from segflow.errors import ContactsLostError, InputError
from segflow.models.build import BuildReport, build
from segflow.models.time_zones import ZonesInUse, write_time_zones, zones_in_use
from segflow.segments.compiler import MEMBERSHIPS
from segflow.specs.guards import guard_of
from segflow.stages.renames import rename_edited
from segflow.stages.tick_run import TickRun
from segflow.warehouse.base import Warehouse
from segflow.workspace import Workspace


def build_models(run: TickRun) -> None:
    """Compile, then let dbt build contacts, facts and memberships."""
    rename_edited(run)
    _build(run, "build")


def build_if_lost(run: TickRun) -> None:
    """Build again what a rebuild of the warehouse has lost."""
    if run.row.compiled is None:
        assert run.row.stage is not None
        _build(run, run.row.stage)


def build_if_edited(run: TickRun) -> None:
    """Build again when specs were edited while the tick lay dead: a segment that was not built has no members, and
    its first ones would look as if they had entered at the next tick."""
    rename_edited(run)
    if run.row.compiled != _text_hash(run.project):
        assert run.row.stage is not None
        _build(run, run.row.stage)


def _build(run: TickRun, stage: str) -> None:
    project = run.project
    project.write_models()
    with run.open() as context:
        rests = resting(context)
        found = build(context, {name: one.segment_key for name, one in rests.items()})
        zones = zones_in_use(context)
    run.report.dbt_seconds = found.dbt_seconds
    run.row = run.row.with_(
        contacts=found.contacts,
        null_contacts=found.null_contacts,
        bounds=project.compiled.bounds_at(run.row.as_of),
        compiled=_text_hash(project),
    )
    released = project.store.decisions.released("contacts", run.row.tick_id)
    with run.commit(stage) as context:
        lost = contacts_lost(context.warehouse, guard_of(project.specs.settings.guards.contacts_lost))
        if lost and not released:
            raise ContactsLostError(
                f"{lost}. Nobody crosses a border on such data: look at model {project.specs.catalog.contacts.model} "
                "and mend it, or, if it is right: segflow release --contacts. Then run segflow tick again: it goes on "
                "with this tick."
            )
        _check_deletions(project, context.warehouse)
        context.warehouse.replace("build_faults", _faults(found, rests, zones, run.row.tick_id))
        write_time_zones(context.warehouse, zones.zones)
        run.book("contacts", released, set())


def _check_deletions(project: Workspace, warehouse: Warehouse) -> None:
    """Raise InputError when contacts that flows have deleted would be there again because the catalog was edited."""
    if project.specs.catalog.contacts.deletions:
        return
    if found := tombstones(warehouse):
        raise InputError(
            f"contact {found[0]}; so {'was it' if len(found) == 1 else f'were {len(found):,} in all'}, and without "
            "deletions: true under contacts: in the catalog they would be contacts again. Put it back, or say "
            "segflow contact restore CONTACT... first"
        )


def _text_hash(project: Workspace) -> str:
    files = sorted(project.compiled.files.items())
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]


def _faults(found: BuildReport, rests: dict[str, Rest], zones: ZonesInUse, tick_id: str) -> pa.Table:
    rows = [{"kind": "segment", "name": name, "reason": why} for name, why in sorted(found.stale.items())]
    rows += [{"kind": "part", "name": name, "reason": why} for name, why in sorted(found.broken.items())]
    rows += [{"kind": "model", "name": name, "reason": why} for name, why in sorted(found.failed.items())]
    rows += [{"kind": "resting", "name": name, "reason": one.reason} for name, one in sorted(rests.items())]
    # Why all facts of a model were computed; nothing for one that was patched.
    rows += [{"kind": "facts", "name": name, "reason": why} for name, why in sorted(found.facts.items())]
    if found.memberships is not None:
        rows.append({"kind": "memberships", "name": MEMBERSHIPS, "reason": found.memberships})
    rows += [{"kind": "differing", "name": name, "reason": str(n)} for name, n in sorted(found.differing.items())]
    # A text that is no zone, and how many contacts have it.
    rows += [{"kind": "zone", "name": name, "reason": str(number)} for name, number in zones.unknown.items()]
    schema = pa.schema([(name, pa.string()) for name in ("tick_id", "kind", "name", "reason")])
    return pa.Table.from_pylist([{"tick_id": tick_id, **row} for row in rows], schema=schema)

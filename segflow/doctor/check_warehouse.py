"""Checks of the warehouse: the file, the record of what it must hold, a tick that is half done, generations."""

from __future__ import annotations

from sqlglot import exp

from segflow.doctor.findings import Checked, Finding, SkipCheck
from segflow.doctor.workspace import ExaminedWorkspace
from segflow.errors import RunError, SegflowError
from segflow.segments.compiler import CONTACTS
from segflow.segments.membership_masks import MASKS
from segflow.segments.membership_models import segment_model
from segflow.segments.resting import needed_columns
from segflow.ticks import ledger as ticks
from segflow.ticks import record
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.generations import whole_for
from segflow.warehouse.tables import SCHEMA


def warehouse(examined: ExaminedWorkspace) -> Checked:
    """Does the warehouse open, and does it hold what was committed?"""
    engine = examined.engine
    try:
        there = engine.exists()
    except SegflowError as error:
        return Checked("warehouse", "", [Finding(str(error), "no tick runs", "as it says", blocks=True)])
    if not there:
        recorded = record.read(examined.store) if examined.has_store() else None
        if recorded is None:
            return Checked("warehouse", "none yet; the first tick makes it")
        gone = Finding(
            f"{engine.where} {'is not there' if engine.file_backed else f'has no schema {SCHEMA}'}, though tick "
            f"{recorded.tick_id}, {recorded.place} was committed",
            "the next tick is refused, because it would repeat messages",
            "run segflow rebuild" if engine.file_backed else "put the schema back from a backup of the server",
            recorded.started_at,
        )
        return Checked("warehouse", "", [gone])
    try:
        with examined.open_warehouse() as opened:
            latest = ticks.last(opened)
        notes = [Finding(*told, note=True) for told in engine.notes()]
    except SegflowError as error:
        if examined.busy() and "in use" in str(error):
            raise SkipCheck("a tick is at work on the warehouse") from error
        return Checked("warehouse", "", [Finding(str(error), "no tick runs", "as it says", blocks=True)])
    says = (
        f"{engine.where}, made by {engine.made_by()}" if engine.file_backed else f"{engine.made_by()}: {engine.where}"
    )
    try:
        if not examined.has_store() or examined.store.damage():
            return Checked("warehouse", says, notes)
    except SegflowError:  # its own check tells
        return Checked("warehouse", says, notes)
    try:
        record.check(examined.store, latest, engine)
    except RunError as error:
        return Checked("warehouse", "", [Finding(str(error), "the next tick is refused", "as it says")])
    return Checked("warehouse", says, notes)


def tick(examined: ExaminedWorkspace) -> Checked:
    """Is a tick half done?"""
    with examined.open_warehouse() as opened:
        latest = ticks.last(opened)
    if latest is None:
        return Checked("tick", "none yet")
    if latest.status == "done":
        return Checked("tick", f"{latest.tick_id} is done")
    if examined.busy():
        return Checked("tick", f"{latest.tick_id} is at work")
    finding = Finding(
        f"tick {latest.tick_id} stopped after {latest.place}",
        "nothing is lost; what it had still to do waits",
        "run segflow tick: it goes on where it stopped",
        latest.started_at,
    )
    return Checked("tick", "", [finding])


def generations(examined: ExaminedWorkspace) -> Checked:
    """Which tick were the built tables made for?"""
    examined.need_specs()
    compiled = examined.compiled
    with examined.open_warehouse() as opened:
        resting = _resting(opened)
        # What they alone need is as the last tick that compared them has left it.
        facts = sorted({column.model for column in needed_columns(compiled, resting).values()})
        sql = [segment_model(name) for name in compiled.sql_segments() if name not in resting]
        noted = whole_for(opened)
        built = {
            model: {noted[model]} if model in noted else _generations(opened, model)
            for model in (CONTACTS, *facts, *sql, MASKS)
            if opened.exists(model)
        }
    newest = max((tick for found in built.values() for tick in found), default=None)
    if newest is None:
        return Checked("generations", "nothing is built yet")
    older = {model: found for model, found in built.items() if found - {newest}}
    if not older or examined.busy():
        return Checked("generations", f"{len(built)} tables were built for tick {newest}")
    named = ", ".join(f"{model} for {', '.join(sorted(found))}" for model, found in sorted(older.items()))
    finding = Finding(
        f"some tables were built for tick {newest}, others were not: {named}",
        "a build died, or a part of it failed; no stage reads the older ones",
        "run segflow tick: it builds all of them",
    )
    return Checked("generations", "", [finding])


def _resting(warehouse: Warehouse) -> set[str]:
    """The segments that were not due in the last tick."""
    if not warehouse.exists("segment_state"):
        return set()
    state = exp.select("segment").from_(relation("segment_state"))
    rows = warehouse.rows(state.where(exp.column("status").eq(exp.Literal.string("resting"))))
    return {row["segment"] for row in rows}


def _generations(warehouse: Warehouse, model: str) -> set[str]:
    """The ticks whose rows a built table holds."""
    return {row["tick_id"] for row in warehouse.rows(exp.select("tick_id").distinct().from_(relation(model)))}

"""One tick from its beginning to its end, a stage at a time."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from segflow.crashpoints import crash_point
from segflow.crossings.cross import results as segment_results
from segflow.errors import SegflowError
from segflow.exports.keep import remove_old
from segflow.flows.advance import enrollments_view
from segflow.flows.advance import results as flow_results
from segflow.imports.take_in import results as import_results
from segflow.outbox.lease import Lease
from segflow.segments.membership_masks import MASKS
from segflow.stages import first_tick
from segflow.stages.low_pools import low_pools
from segflow.stages.order import Stage
from segflow.stages.tick_report import TickReport
from segflow.stages.tick_run import TickRun
from segflow.ticks import ledger as ticks
from segflow.ticks import record
from segflow.ticks.ledger import STAGE_NAMES
from segflow.workspace import Workspace


def begin(project: Workspace, as_of: datetime | None, lease: Lease) -> TickRun:
    """Open the tick to work on: one that died first, else a new one at `as_of` (default: now, to the second).

    Returns a finished tick as it is when `as_of` is exactly its time. Raises InputError when `as_of` lies before the
    last tick, RunError when the warehouse is older than the delivery store says.
    """
    wanted = as_of is not None
    as_of = ticks.moment_of(as_of)
    with project.warehouse() as warehouse:
        warehouse.ensure_tables()
        warehouse.create_view("flow_enrollments", enrollments_view())
        crash_point("begin.tables")
        latest = ticks.last(warehouse)
        record.check(project.store, latest, project.engine)
        record.check_whole(warehouse, project.engine)
        if wanted:
            ticks.check_order(as_of, latest)
        if latest is None:
            first_tick.check_files(project)
        resumed = latest is not None and latest.status == "running"
        if resumed:
            project.store.leases.check(lease)
            warehouse.clear()
        if latest is not None and (resumed or latest.as_of == as_of):
            row = latest
        else:
            ticks.check_order(as_of, latest)
            before = latest.tick_id if latest else None
            row = ticks.TickRow(
                ticks.tick_id_of(as_of), as_of, None, "running", datetime.now(UTC), previous_tick=before
            )
            with warehouse.transaction():
                ticks.save(warehouse, row)
                project.store.leases.check(lease)
                crash_point("begin.before_commit")
            crash_point("begin.committed")
        if record.read(project.store) != row:
            record.write(project.store, row, lease)
    report = TickReport(row.tick_id, row.as_of, resumed=resumed, already_done=row.status == "done")
    return TickRun(project, row, lease, report)


def run_stage(run: TickRun, stage: Stage, *, skip: bool = False) -> None:
    """Run a stage unless this tick is past it. `skip` passes it by: its work is left to a later tick.

    Raises LeaseLostError before anything is written when the lease went to another holder.
    """
    started = time.perf_counter()
    if run.row.stage is not None and STAGE_NAMES.index(run.row.stage) >= STAGE_NAMES.index(stage.name):
        return
    # While the file is open here nobody else works on it, so the answer holds for as long as the stage writes.
    with run.project.warehouse():
        run.project.store.leases.check(run.lease)
        if skip:
            with run.commit(stage.name):
                pass
        else:
            try:
                stage.run(run)
            except SegflowError as error:
                told = first_tick.undo(run, stage.name, error)
                if told is error:
                    raise
                raise told from error
    run.report.seconds[stage.name] = time.perf_counter() - started


def finish(run: TickRun) -> TickReport:
    """Mark the tick as done and fill the report with what it did."""
    warnings: list[str] = []
    if run.row.status != "done":
        # A tick that died before it was done does it again.
        with run.project.warehouse() as warehouse:
            run.project.store.leases.check(run.lease)
            warehouse.tidy()
            warnings = remove_old(run.project.specs, warehouse, run.row.tick_id)
        run.row = run.row.with_(status="done", finished_at=datetime.now(UTC))
        with run.project.warehouse() as warehouse, warehouse.transaction():
            ticks.save(warehouse, run.row)
            run.project.store.leases.check(run.lease)
            warehouse.settle(run.row.tick_id, ["ticks"])
            crash_point("finish.before_commit")
        crash_point("finish.committed")
        record.write(run.project.store, run.row, run.lease)
    report = describe(run)
    report.warnings += warnings
    return report


def describe(run: TickRun) -> TickReport:
    """Fill the report of a tick from the warehouse, as far as the tick has come."""
    report = run.report
    report.contacts, report.null_contacts = run.row.contacts or 0, run.row.null_contacts or 0
    told = run.told_by_build()
    report.unknown_zones, report.facts, report.memberships = told.unknown_zones, told.facts, told.memberships
    with run.project.warehouse() as warehouse:
        report.imports = import_results(warehouse, run.row.tick_id)
        report.segments = segment_results(warehouse, run.row.tick_id)
        report.flows = flow_results(warehouse, run.row.tick_id)
    report.warnings = report.answers.warnings() + low_pools(run.project.specs, run.project.store)
    faults = told.faults
    missing = [f"part {name} cannot be evaluated: {reason}" for name, reason in faults.parts.items()]
    report.errors = [f"segment {name} is stale: {reason}" for name, reason in faults.segments.items()]
    # A part that no segment needs still leaves its flows held.
    report.errors += missing if not faults.segments else []
    report.errors += [f"segment {one.segment} is held: {one.reason}" for one in report.segments if one.status == "held"]
    report.errors += [f"flow {one.flow} is held: {one.reason}" for one in report.flows if one.status == "held"]
    report.errors += [_differs(model, number) for model, number in told.differing.items()]
    report.errors += report.sent.errors
    return report


def _differs(model: str, number: int) -> str:
    found = f"{number:,} rows differed from those in full, which are there now. Members and messages of the ticks"
    if model == MASKS:
        return f"memberships were patched from tick to tick and not right any more: {found} before may be wrong"
    return (
        f"facts {model} were patched from tick to tick and not right any more: {found} before may be wrong: does the "
        "arrived_at of its models keep what docs/CATALOG.md asks of it?"
    )

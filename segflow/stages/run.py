"""One tick: the ordered list of stages. The CLI runs them in a row, Dagster one asset group each; both run this list.

Every stage can be repeated. What it decides is committed together with the mark that it is done, so a tick that died
in any stage is resumed under the same id and ends in the same tables.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.build.build import BuildReport, build, build_contacts
from segflow.crashpoints import crash_point
from segflow.crossings import cross as crossing
from segflow.crossings.attribute_history import keep_history
from segflow.crossings.imports import ImportResult, on_lists, take_in
from segflow.crossings.imports import results as import_results
from segflow.crossings.segment_guards import contacts_lost
from segflow.errors import ContactsLostError, InputError, SegflowError
from segflow.exports.due import LEDGER, Export, ledger_rows
from segflow.exports.tick import export_tick
from segflow.flows import advance as flows
from segflow.outbox.decisions import Kind
from segflow.outbox.deliveries import as_table, copy_outcomes
from segflow.outbox.lease import Lease
from segflow.outbox.send import SendReport, send_outbox
from segflow.segments.bounds import bounds_json
from segflow.specs.guards import guard_of
from segflow.ticks import ledger as ticks
from segflow.ticks import record
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.tables import ledgers_of
from segflow.warehouse.tick import Tick
from segflow.workspace import Workspace


@dataclass
class TickReport:
    """What a tick did; `errors` make it red, they do not undo it."""

    tick_id: str
    as_of: datetime
    resumed: bool = False
    already_done: bool = False
    contacts: int = 0
    null_contacts: int = 0
    imports: list[ImportResult] = field(default_factory=list)
    segments: list[crossing.SegmentResult] = field(default_factory=list)
    flows: list[flows.FlowResult] = field(default_factory=list)
    sent: SendReport = field(default_factory=SendReport)
    exports: list[Export] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall seconds per stage."""
    dbt_seconds: float = 0.0
    errors: list[str] = field(default_factory=list)


@dataclass
class TickRun:
    """A tick at work: the project, its row in `ticks`, the lease, and the report that the stages fill."""

    project: Workspace
    row: ticks.TickRow
    lease: Lease
    report: TickReport

    @property
    def tick(self) -> Tick:
        return Tick(self.row.tick_id, self.row.as_of)

    @contextmanager
    def commit(self, stage: str) -> Iterator[Warehouse]:
        """One transaction that ends with the mark that `stage` is done, if the lease is still ours."""
        with self.project.warehouse() as warehouse, warehouse.transaction():
            yield warehouse
            self.project.store.leases.check(self.lease)
            if stage != self.row.stage:
                rows = warehouse.settle(self.row.tick_id, ledgers_of(stage))
                self.row = self.row.with_(stage=stage).counted(rows)
            ticks.save(warehouse, self.row)
            self.project.store.leases.check(self.lease)
            crash_point(f"{stage}.before_commit")
        crash_point(f"{stage}.committed")
        record.write(self.project.store, self.row, self.lease)

    def faults(self) -> tuple[dict[str, str], dict[str, str]]:
        """What the build of this tick could not evaluate: segment -> reason, part -> reason."""
        return self._build_faults("segment"), self._build_faults("part")

    def failed_models(self) -> dict[str, str]:
        """The dbt models that the build of this tick could not build: model -> reason."""
        return self._build_faults("model")

    def _build_faults(self, kind: str) -> dict[str, str]:
        mine = [
            exp.column(name).eq(exp.Literal.string(v)) for name, v in (("tick_id", self.row.tick_id), ("kind", kind))
        ]
        with self.project.warehouse() as warehouse:
            rows = warehouse.rows(exp.select("name", "reason").from_(relation("build_faults")).where(*mine))
        return {row["name"]: row["reason"] for row in rows}

    def book(self, kind: Kind, released: set[str], left_out: set[str]) -> None:
        """Use up the decisions about `released` things, less those that this tick left out. Call it in `commit`."""
        if released:
            self.project.store.decisions.book(self.lease, kind, self.row.tick_id, released - left_out)


def ingest(run: TickRun) -> None:
    """Copy what became of messages since the last tick and what providers told about them, and take in imports."""
    project, tick_id = run.project, run.row.tick_id
    with project.warehouse() as warehouse:
        copy_outcomes(warehouse, project.store, run.lease, tick_id)
    told = project.store.message_events.adopt(run.lease, tick_id)
    imports = project.store.imports.adopt(run.lease, tick_id)
    listed = _before_imports(run, imports)
    with run.commit("ingest") as warehouse:
        warehouse.append("message_events", tick_id, as_table("message_events", told))
        if imports:
            take_in(project.compiled, warehouse, project.dbt, tick_id, run.row.as_of, imports, listed)


def _before_imports(run: TickRun, imports: list[dict[str, Any]]) -> dict[str, pa.Table]:
    """Build the contacts as they are without these imports: what an import changes is seen in comparison. Returns list
    -> (contact_id) of who is on it, for the lists that are added to."""
    if not imports:
        return {}
    project = run.project
    project.write_models()
    lists = {one["list"] for one in imports if one["list"] is not None}
    also = project.specs.catalog.lists.model if lists else None
    build_contacts(project.compiled, project.dbt, project.warehouse, run.row.tick_id, run.row.as_of, also)
    with project.warehouse() as warehouse:
        return on_lists(project.compiled, warehouse, project.dbt, run.row.tick_id, run.row.as_of, lists)


def build_models(run: TickRun) -> None:
    """Compile, then let dbt build contacts, facts and memberships."""
    _build(run, "build")


def _build(run: TickRun, stage: str) -> None:
    project = run.project
    project.write_models()
    found = build(project.compiled, project.dbt, project.warehouse, run.row.tick_id, run.row.as_of)
    run.report.dbt_seconds = found.dbt_seconds
    bounds = bounds_json(project.compiled.bounds, run.row.as_of, project.compiled.zone, "duckdb")
    run.row = run.row.with_(
        contacts=found.contacts, null_contacts=found.null_contacts, bounds=bounds, compiled=_text_hash(project)
    )
    released = project.store.decisions.released("contacts", run.row.tick_id)
    with run.commit(stage) as warehouse:
        lost = contacts_lost(warehouse, guard_of(project.specs.settings.guards.contacts_lost))
        if lost and not released:
            raise ContactsLostError(
                f"{lost}. Nobody crosses a border on such data: look at model {project.specs.catalog.contacts.model} "
                "and mend it, or, if it is right: segflow release --contacts. Then run segflow tick again: it goes on "
                "with this tick."
            )
        warehouse.replace("build_faults", _faults(found, run.row.tick_id))
        run.book("contacts", released, set())


def _build_if_lost(run: TickRun) -> None:
    """Build again what a rebuild of the warehouse has lost."""
    if run.row.compiled is None:
        assert run.row.stage is not None
        _build(run, run.row.stage)


def _build_if_edited(run: TickRun) -> None:
    """Build again when specs were edited while the tick lay dead: a segment that was not built has no members, and
    its first ones would look as if they had entered at the next tick."""
    if run.row.compiled != _text_hash(run.project):
        assert run.row.stage is not None
        _build(run, run.row.stage)


def cross(run: TickRun) -> None:
    """Diff membership against the state."""
    _build_if_edited(run)
    stale, broken = run.faults()
    released = run.project.store.decisions.released("segment", run.row.tick_id)
    with run.commit("cross") as warehouse:
        left_out = crossing.cross(
            run.project.compiled,
            warehouse,
            run.project.dbt,
            run.row.tick_id,
            run.row.as_of,
            stale,
            broken,
            released,
        )
        keep_history(run.project.compiled, warehouse, run.row.tick_id, run.row.as_of, broken)
        run.book("segment", released, left_out)


def advance(run: TickRun) -> None:
    """Move the flows and plan messages."""
    _build_if_edited(run)
    project = run.project
    try:
        _advance(run, {})
    except SegflowError:
        raise
    except Exception:
        # Conditions about an enrollment read rows of the user's models themselves, and some rows fail only when they
        # are read. Which flow asked for them is looked at now, because looking each time would cost another scan.
        with project.warehouse() as warehouse:
            unreadable = flows.unreadable(project.compiled, warehouse, project.dbt, run.row.tick_id, run.row.as_of)
        if not unreadable:
            raise
        _advance(run, unreadable)


def _advance(run: TickRun, unreadable: dict[str, str]) -> None:
    stale, broken = run.faults()
    store = run.project.store
    released = store.decisions.released("flow", run.row.tick_id)
    retriggers = store.retriggers.waiting(run.row.tick_id)
    with run.commit("advance") as warehouse:
        before = ticks.previous(warehouse, run.row.tick_id)
        held = flows.advance(
            run.project.compiled,
            warehouse,
            run.project.dbt,
            run.row.tick_id,
            run.row.as_of,
            before.tick_id if before else "",
            crossing.not_compared(run.project.compiled, warehouse, run.row.tick_id, stale),
            broken,
            released,
            unreadable,
            retriggers,
        )
        run.book("flow", released, held)
        if retriggers:
            used = [one.id for one in retriggers if one.flow not in held]
            store.retriggers.book(run.lease, run.row.tick_id, used)
        # The last stage that uses decisions copies those of all stages.
        decided = as_table("decisions", store.decisions.used(run.row.tick_id))
        warehouse.append("decisions", run.row.tick_id, decided)


def send(run: TickRun) -> None:
    """Let the senders drain the outbox."""
    _build_if_lost(run)
    project = run.project
    with project.senders() as senders, project.warehouse() as warehouse:
        run.report.sent = send_outbox(project.specs, warehouse, project.store, senders, run.tick, run.lease)
    with run.commit("send"):
        pass


def export(run: TickRun) -> None:
    """Write the membership files."""
    _build_if_lost(run)
    with run.project.warehouse() as warehouse:
        run.report.exports = export_tick(run.project.specs, warehouse, run.row.tick_id)
    with run.commit("export") as warehouse:
        warehouse.append(LEDGER, run.row.tick_id, ledger_rows(run.report.exports, run.project.root))


@dataclass(frozen=True)
class Stage:
    """A stage by name; `run` does it and commits that it is done."""

    name: str
    run: Callable[[TickRun], None]


STAGES: tuple[Stage, ...] = (
    Stage("ingest", ingest),
    Stage("build", build_models),
    Stage("cross", cross),
    Stage("advance", advance),
    Stage("send", send),
    Stage("export", export),
)
_POSITION = {stage.name: number for number, stage in enumerate(STAGES)}


def begin(project: Workspace, as_of: datetime | None, lease: Lease) -> TickRun:
    """Open the tick to work on: one that died first, else a new one at `as_of` (default: now, to the second).

    Returns a finished tick as it is when `as_of` is exactly its time. Raises InputError when `as_of` lies before the
    last tick, RunError when the warehouse is older than the delivery store says.
    """
    wanted = as_of is not None
    as_of = (as_of or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    with project.warehouse() as warehouse:
        warehouse.ensure_tables()
        warehouse.create_view("flow_enrollments", flows.enrollments_view())
        crash_point("begin.tables")
        latest = ticks.last(warehouse)
        record.check(project.store, latest)
        record.check_whole(warehouse, project.warehouse_path)
        if wanted:
            ticks.check_order(as_of, latest)
        resumed = latest is not None and latest.status == "running"
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

    Raises LeaseLostError before anything is written when the lease ran out or went to another holder.
    """
    started = time.perf_counter()
    if run.row.stage is not None and _POSITION[run.row.stage] >= _POSITION[stage.name]:
        return
    # While the file is open here nobody else works on it, so the answer holds for as long as the stage writes.
    with run.project.warehouse():
        run.project.store.leases.check(run.lease)
        if skip:
            with run.commit(stage.name):
                pass
        else:
            stage.run(run)
    run.report.seconds[stage.name] = time.perf_counter() - started


def finish(run: TickRun) -> TickReport:
    """Mark the tick as done and fill the report with what it did."""
    if run.row.status != "done":
        run.row = run.row.with_(status="done", finished_at=datetime.now(UTC))
        with run.project.warehouse() as warehouse, warehouse.transaction():
            ticks.save(warehouse, run.row)
            run.project.store.leases.check(run.lease)
            warehouse.settle(run.row.tick_id, ["ticks"])
            crash_point("finish.before_commit")
        crash_point("finish.committed")
        record.write(run.project.store, run.row, run.lease)
    return describe(run)


def describe(run: TickRun) -> TickReport:
    """Fill the report of a tick from the warehouse, as far as the tick has come."""
    report = run.report
    report.contacts, report.null_contacts = run.row.contacts or 0, run.row.null_contacts or 0
    with run.project.warehouse() as warehouse:
        report.imports = import_results(warehouse, run.row.tick_id)
        report.segments = crossing.results(warehouse, run.row.tick_id)
        report.flows = flows.results(warehouse, run.row.tick_id)
    stale, broken = run.faults()
    missing = [f"part {name} cannot be evaluated: {reason}" for name, reason in broken.items()]
    report.errors = [f"segment {name} is stale: {reason}" for name, reason in stale.items()]
    # A part that no segment needs still leaves its flows held.
    report.errors += missing if not stale else []
    report.errors += [f"segment {one.segment} is held: {one.reason}" for one in report.segments if one.status == "held"]
    report.errors += [f"flow {one.flow} is held: {one.reason}" for one in report.flows if one.status == "held"]
    report.errors += report.sent.errors
    return report


def _text_hash(project: Workspace) -> str:
    files = sorted(project.compiled.files.items())
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]


def _faults(found: BuildReport, tick_id: str) -> pa.Table:
    rows = [{"kind": "segment", "name": name, "reason": why} for name, why in sorted(found.stale.items())]
    rows += [{"kind": "part", "name": name, "reason": why} for name, why in sorted(found.broken.items())]
    rows += [{"kind": "model", "name": name, "reason": why} for name, why in sorted(found.failed.items())]
    schema = pa.schema([(name, pa.string()) for name in ("tick_id", "kind", "name", "reason")])
    return pa.Table.from_pylist([{"tick_id": tick_id, **row} for row in rows], schema=schema)


def stage_named(name: str) -> Stage:
    """The stage of that name. Raises InputError."""
    for stage in STAGES:
        if stage.name == name:
            return stage
    raise InputError(f"unknown stage {name}")

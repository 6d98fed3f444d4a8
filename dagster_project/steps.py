"""One step of a tick inside a Dagster run. Whatever Dagster repeats, skips or picks out, the tick's rules hold.

* The lease is held by the run (`dagster:RUN_ID`), so it lasts over the processes of a multiprocess run. The step
  `verdict` gives it back, and so does a step that fails.
* Only a run that holds every step opens a tick. Its step `ingest` first ends a tick that died, as the CLI does.
* A stage runs as a whole when it is the next one of the open tick, whatever assets were picked. Otherwise nothing is
  computed: a step that is repeated reports what the last tick that came this far has recorded, and one that was picked
  by hand fails, because a green step would say that something was done.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from dagster import AssetCheckExecutionContext, AssetExecutionContext, in_process_executor

from segflow.dagster.kept_warehouse import KEY, KeptWarehouse
from segflow.dagster.keys import TICK_TAG, VERDICT
from segflow.dagster.run_tags import first_try
from segflow.dagster.specs import STEPS
from segflow.errors import InputError, RunError
from segflow.history.standing import FlowMessages, flow_messages
from segflow.outbox.breaker import MARK, Rest
from segflow.outbox.lease import Lease, held_lease
from segflow.project import Project
from segflow.stages.order import STAGES, stage_named
from segflow.stages.tick import begin, describe, finish, run_stage
from segflow.stages.tick_report import TickReport
from segflow.stages.tick_run import TickRun
from segflow.ticks import ledger as ticks

PATIENCE = 60.0
"""Seconds that a step waits for the warehouse file."""
LEASE_SECONDS = 120.0
"""How long the lease outlives a step, for the process of the next one to start."""


@dataclass
class Step:
    """What a step found. `ran` is False when it only reports; `earlier_errors` are those of a tick that it ended;
    `latest`: no other tick came after it, so that what is there now is what it left; `superseded`: a later one is done,
    and has been shown."""

    run: TickRun
    report: TickReport
    ran: bool
    earlier_errors: list[str] = field(default_factory=list)
    latest: bool = True
    superseded: bool = False

    @cached_property
    def flow_messages(self) -> dict[str, FlowMessages]:
        """flow -> what became of its messages lately."""
        with self.run.project.warehouse() as warehouse:
            return flow_messages(warehouse, self.report.tick_id, self.report.as_of)

    @cached_property
    def dead(self) -> dict[str, dict[str, int]]:
        """sender -> status -> messages that wait for a person now."""
        return self.run.project.store.dead()

    @cached_property
    def resting(self) -> dict[str, Rest]:
        """sender -> why it is left alone now."""
        return Rest.all_of(self.run.project.store.marks_of(MARK), datetime.now(UTC))

    @cached_property
    def overdue(self) -> dict[str, tuple[int, datetime]]:
        """flow -> messages that were due at the tick before and have not gone."""
        with self.run.project.warehouse() as warehouse:
            before = ticks.previous(warehouse, self.report.tick_id)
        return {} if before is None else self.run.project.store.overdue(before.as_of)


@dataclass(frozen=True)
class Worker:
    """A Dagster run at work on a project."""

    project: Project
    context: AssetExecutionContext | AssetCheckExecutionContext

    def stage(self, name: str, as_of: datetime | None = None, *, send: bool = True) -> Step:
        """Do the step of stage `name`. `as_of` counts for `ingest` only, by default the time the run was created.

        Raises what the stage raises, LeaseHeldError, and InputError when there is nothing to do nor to report.
        """
        with self._lease(keep=VERDICT in self._steps()) as lease:
            earlier: list[str] = []
            if name == STEPS[0] and self._steps() == set(STEPS):
                run, earlier = self._open(as_of or self._created(), lease, send)
                self.context.instance.add_run_tags(self.context.run.run_id, {TICK_TAG: run.row.tick_id})
            else:
                run = self._find(lease)
            turn = _next_step(run.row)
            if turn == name:
                run_stage(run, stage_named(name), skip=name == "send" and not send)
                return Step(run, describe(run), True, earlier)
            found = self._recorded(run, name)
            if self._picked():
                raise InputError(
                    f"nothing was computed: {name} is a stage of a tick, in which everything is evaluated together as "
                    f"of one moment. The last tick that came this far is {found[0].row.tick_id}. Launch job tick; to "
                    "look at a segment without a tick: segflow preview SEGMENT"
                )
            return Step(*found, False, earlier, superseded=self._superseded(found[0]))

    def verdict(self) -> Step:
        """End the tick when all its stages are done, and give the lease back."""
        with self._lease(keep=False) as lease:
            run = self._find(lease)
            # An older tick is left alone: to finish it again would set back what the delivery store takes as the last.
            if run.row.status == "running" and _next_step(run.row) == VERDICT:
                return Step(run, finish(run), True)
            found = self._recorded(run, VERDICT)
            return Step(*found, False, superseded=self._superseded(found[0]))

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Keep ticks away from the warehouse while the block runs. Raises LeaseHeldError when one is at work."""
        with self._lease(keep=VERDICT in self._steps()):
            yield

    @contextmanager
    def _lease(self, *, keep: bool) -> Iterator[Lease]:
        store = self.project.store
        self._outwait_the_killed()
        with held_lease(store.leases, f"dagster:{self.context.run.run_id}", LEASE_SECONDS, keep=keep) as lease:
            try:
                # Whoever has the file without the lease has it for moments: a tick is not lost for that.
                self.project.patience = PATIENCE
                with self._warehouse(lease, keep):
                    yield lease
            except BaseException:
                # No later step of this run will follow. Kept, the lease would refuse the retry for two minutes.
                store.leases.release(lease)
                raise

    @contextmanager
    def _warehouse(self, lease: Lease, keep: bool) -> Iterator[None]:
        """Open while the block runs, and with `keep` until the next step of this process."""
        kept = getattr(self.context.resources, KEY, None)
        if not isinstance(kept, KeptWarehouse):
            with self.project.warehouse():
                yield
            return
        alone = self.context.job_def.executor_def.name == in_process_executor.name
        kept.hold(self.project, lease if alone else None)
        try:
            yield
        except BaseException:
            keep = False
            raise
        finally:
            if not keep:
                kept.close(self.project)

    def _outwait_the_killed(self) -> None:
        """A run that died between two steps left its lease to a process that will not come. Its retry waits for the end
        of it."""
        run, end = self.context.run, time.monotonic() + LEASE_SECONDS
        if first_try(self.context.instance, run).run_id == run.run_id:
            return
        killed = f"dagster:{run.parent_run_id} "
        while time.monotonic() < end:
            lease = self.project.store.leases.look()
            if lease.state != "held" or not lease.holder.startswith(killed):
                return
            time.sleep(0.5)

    def _superseded(self, run: TickRun) -> bool:
        with self.project.warehouse() as warehouse:
            return any(row.status == "done" for row in ticks.after(warehouse, run.row.tick_id))

    def _steps(self) -> set[str]:
        """The steps of ticks that this run consists of."""
        planned = {node.name for node in self.context.job_def.nodes} & set(STEPS)
        chosen = self.context.run.step_keys_to_execute
        return planned & set(chosen) if chosen else planned

    def _picked(self) -> bool:
        """Somebody picked assets out of the tick, and does not just repeat steps of a run."""
        return self._steps() != set(STEPS) and self.context.run.parent_run_id is None

    def _created(self) -> datetime:
        """When the run was created: the same for all its steps, and for its retry when it was killed."""
        instance = self.context.instance
        record = instance.get_run_record_by_id(first_try(instance, self.context.run).run_id)
        return record.create_timestamp.astimezone(UTC) if record is not None else datetime.now(UTC)

    def _open(self, as_of: datetime, lease: Lease, send: bool) -> tuple[TickRun, list[str]]:
        run = begin(self.project, as_of, lease)
        if not run.report.resumed or run.row.as_of >= ticks.moment_of(as_of):
            return run, []
        self.context.log.warning(f"tick {run.row.tick_id} died after stage {run.row.stage}: it is ended first")
        for stage in STAGES:
            run_stage(run, stage, skip=stage.name == "send" and not send)
        errors = finish(run).errors
        return begin(self.project, as_of, lease), [f"tick {run.row.tick_id}: {error}" for error in errors]

    def _find(self, lease: Lease) -> TickRun:
        """The tick of this run; the latest one when it has none, as in a run that picks single assets."""
        stored = self.context.instance.get_run_by_id(self.context.run.run_id)
        tick_id = stored.tags.get(TICK_TAG) if stored is not None else None
        with self.project.warehouse() as warehouse:
            warehouse.ensure_tables()
            row = ticks.load(warehouse, tick_id) if tick_id else ticks.last(warehouse)
        if row is None and tick_id is not None:
            raise RunError(f"the warehouse has no tick {tick_id}: launch job tick anew")
        if row is None:
            raise InputError("there was no tick yet: launch job tick")
        if row.status == "running":
            return begin(self.project, row.as_of, lease)
        return TickRun(self.project, row, lease, TickReport(row.tick_id, row.as_of, already_done=True))

    def _recorded(self, run: TickRun, step: str) -> tuple[TickRun, TickReport]:
        """The tick itself when it is past `step`, else the one before, which is done."""
        if STEPS.index(_next_step(run.row)) > STEPS.index(step) or run.row.status == "done":
            return run, describe(run)
        with self.project.warehouse() as warehouse:
            before = ticks.previous(warehouse, run.row.tick_id)
        if before is None:
            raise InputError(
                f"tick {run.row.tick_id} is at stage {_next_step(run.row)} and no tick came as far as {step} before: "
                "launch job tick, which goes on where it stopped"
            )
        self.context.log.warning(
            f"nothing was computed: tick {run.row.tick_id} is at stage {_next_step(run.row)}. "
            f"These are the numbers of tick {before.tick_id}."
        )
        earlier = TickRun(self.project, before, run.lease, TickReport(before.tick_id, before.as_of, already_done=True))
        return earlier, describe(earlier)


def _next_step(row: ticks.TickRow) -> str:
    """The step that a tick waits for."""
    return STEPS[0] if row.stage is None else STEPS[STEPS.index(row.stage) + 1]

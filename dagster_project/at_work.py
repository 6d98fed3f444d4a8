"""Is somebody at work on the project? What starts runs by itself asks before it does."""

from __future__ import annotations

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from segflow.outbox.lease import GIVES_WAY
from segflow.project import Project

TICK_JOBS = ("tick", "tick_multiprocess")
_WAITING = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def at_work(project: Project, instance: DagsterInstance) -> str | None:
    """Which tick is at work or about to begin, in words. None: none is. The lease decides in the end; this only spares
    a run that it would refuse."""
    for job in TICK_JOBS:
        for run in instance.get_runs(RunsFilter(job_name=job, statuses=_WAITING), limit=1):
            return f"run {run.run_id[:8]} of job {job} is {run.status.value.lower().replace('_', ' ')}"
    lease = project.store.leases.look()
    # What sends between ticks lets go when a tick wants to begin.
    if lease.state == "held" and GIVES_WAY not in lease.holder:
        return f"a tick is at work: {lease.holder}"
    return None

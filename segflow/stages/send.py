"""Stage 5: senders drain the outbox."""

from __future__ import annotations

from segflow.outbox.send import send_outbox
from segflow.stages.build import build_if_lost
from segflow.stages.tick_run import TickRun


def send(run: TickRun) -> None:
    """Let the senders drain the outbox."""
    build_if_lost(run)
    project = run.project
    with project.senders() as senders, project.warehouse() as warehouse:
        run.report.sent = send_outbox(
            project.specs, warehouse, project.store, senders, run.tick, run.lease, columns=project.compiled.columns
        )
    with run.commit("send"):
        pass

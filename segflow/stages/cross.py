"""Stage 3: who entered and who exited."""

from __future__ import annotations

from segflow.crossings import cross as crossing
from segflow.crossings.attribute_history import keep_history
from segflow.stages.build import build_if_edited
from segflow.stages.tick_run import TickRun


def cross(run: TickRun) -> None:
    """Diff membership against the state."""
    build_if_edited(run)
    faults = run.faults()
    released = run.project.store.decisions.released("segment", run.row.tick_id)
    with run.commit("cross") as context:
        left_out = crossing.cross(context, faults, released)
        keep_history(context, faults.parts)
        run.book("segment", released, left_out)

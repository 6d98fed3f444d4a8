"""Stage 6: membership files."""

from __future__ import annotations

from segflow.exports.due import LEDGER, ledger_rows
from segflow.exports.tick import export_tick
from segflow.stages.build import build_if_lost
from segflow.stages.tick_run import TickRun


def export(run: TickRun) -> None:
    """Write the membership files."""
    build_if_lost(run)
    with run.project.warehouse() as warehouse:
        run.report.exports = export_tick(run.project.specs, warehouse, run.row.tick_id)
    with run.commit("export") as context:
        context.warehouse.append(LEDGER, run.row.tick_id, ledger_rows(run.report.exports, run.project.root))

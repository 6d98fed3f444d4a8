"""`segflow lint`: what in a segment or a flow is probably not meant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from segflow.errors import InputError, RunError, WarehouseError, did_you_mean
from segflow.lint.data import Data
from segflow.lint.findings import Finding, Report
from segflow.lint.flows import flows
from segflow.lint.with_data import with_data
from segflow.lint.without_data import without_data
from segflow.specs.segment import NamedSegment
from segflow.ticks import ledger as ticks
from segflow.warehouse.tick import Tick
from segflow.workspace import Workspace


def lint(project: Workspace, segments: Sequence[str] = ()) -> list[Finding]:
    """The findings about `segments`, by default all and the flows, sorted by place. Writes nothing.

    Rules that need data are left out when no tick has run. Raises SpecError, and InputError for an unknown segment.
    """
    return examine(project, segments).findings


def examine(project: Workspace, segments: Sequence[str] = ()) -> Report:
    """The same with what was skipped, and why."""
    known = project.specs.segments
    for name in segments:
        if name not in known:
            raise InputError(f"unknown segment {name}{did_you_mean(name, list(known))}")
    chosen = [segment for segment in known.values() if not segments or segment.id in segments]
    report = Report(project.specs)
    without_data(report, project.compiled, chosen, datetime.now(UTC))
    if not segments:
        flows(report, project.compiled, datetime.now(UTC))
    _look_at_data(project, report, chosen)
    report.findings.sort()
    return report


def _look_at_data(project: Workspace, report: Report, chosen: Sequence[NamedSegment]) -> None:
    if not project.engine.exists():
        report.skipped.append(_NO_TICK)
        return
    try:
        with project.warehouse() as warehouse:
            tick = ticks.last(warehouse) if warehouse.exists("ticks") else None
            if tick is None or tick.contacts is None:
                report.skipped.append(_NO_TICK)
                return
            data = Data(project.context(warehouse, Tick(tick.tick_id, tick.as_of)), tick.contacts)
            with_data(report, data, chosen)
            report.skipped += data.skipped
    except (RunError, WarehouseError) as error:
        report.skipped.append(f"the rules that need data: {str(error).splitlines()[0]}")


_NO_TICK = "the rules that need data: no tick has run yet"

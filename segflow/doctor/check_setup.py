"""Is everything there that a tick needs: the dbt project, its data, relations and columns that the catalog names?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from segflow.doctor.findings import Checked, Finding, SkipCheck
from segflow.doctor.workspace import ExaminedWorkspace
from segflow.models.setup import needed_before_all, with_connection
from segflow.segments.compiler import CONTACTS
from segflow.specs.setup import SetupFault, without_connection
from segflow.ticks import ledger as ticks
from segflow.warehouse.tick import Tick


def dbt_project(examined: ExaminedWorkspace) -> Checked:
    """The dbt project, its profile, its packages and the data files that it reads, as far as files tell."""
    examined.need_specs()
    return Checked(
        "dbt project",
        "it is there, with its profile and its data",
        _findings(without_connection(examined.root, examined.settings)),
    )


def catalog(examined: ExaminedWorkspace) -> Checked:
    """The relations that the catalog names, with their columns and types."""
    examined.need_specs()
    if any(fault.grade == "stops" for fault in without_connection(examined.root, examined.settings)):
        raise SkipCheck("the dbt project must be mended first")
    if not examined.engine.exists():
        needed = needed_before_all(examined.compiled, examined.models)
        return Checked("catalog", "nothing is built yet; the first tick does it", _findings(needed))
    with examined.open_warehouse() as warehouse:
        now = datetime.now(UTC)
        context = examined.context(warehouse, Tick(ticks.tick_id_of(now), now))
        # A warehouse that was rebuilt has ticks, and the next one builds its models.
        faults = with_connection(context, built=warehouse.exists(CONTACTS))
    return Checked("catalog", "its models and columns are in the warehouse", _findings(faults))


def _findings(faults: Sequence[SetupFault]) -> list[Finding]:
    return [
        Finding(f"{one.place}: {one.what}", one.means, one.do, blocks=one.grade == "stops", note=one.grade == "note")
        for one in faults
    ]

"""`segflow doctor --verify`: are facts that ticks have patched what they are in full?"""

from __future__ import annotations

from functools import partial

from segflow.doctor.findings import Checked, Finding, SkipCheck
from segflow.doctor.workspace import ExaminedWorkspace
from segflow.models.build_notes import ARRIVALS
from segflow.models.fact_verdicts import taken_for_new, verdicts
from segflow.outbox.lease import Lease
from segflow.ticks import ledger as ticks
from segflow.warehouse.tick import Tick


def facts(examined: ExaminedWorkspace) -> Checked:
    """Compute patched facts in full and compare: that takes as long as a first build of them."""
    examined.need_specs()
    with examined.open_warehouse() as warehouse:
        last = ticks.last(warehouse)
        if last is None or not warehouse.exists(ARRIVALS):
            raise SkipCheck("no tick has built them")
        found = verdicts(examined.context(warehouse, Tick(last.tick_id, last.as_of)))
    if not found:
        return Checked("facts", "all are computed in full at every tick")
    compared = [one for one in found if one.why_not is None]
    findings = [
        Finding(
            f"{one.differing} rows of {one.model} are not what they are in full",
            "its segments may have members that they should not have, and lack others, until it is computed in full",
            "run segflow doctor --verify --repair, then segflow tick",
            repair=partial(_take_for_new, examined, one.model),
        )
        for one in compared
        if one.differing
    ]
    findings += [
        Finding(
            f"{one.model} cannot be compared: {one.why_not}",
            "the next tick computes it in full, or says why it cannot",
            "nothing",
            note=True,
        )
        for one in found
        if one.why_not is not None
    ]
    right = "1 model is what it is" if len(compared) == 1 else f"{len(compared)} models are what they are"
    return Checked("facts", f"{right} in full", findings)


def _take_for_new(examined: ExaminedWorkspace, model: str, lease: Lease) -> str:
    del lease
    with examined.open_warehouse() as warehouse:
        taken_for_new(warehouse, model)
    return "the next tick computes it in full"

"""One history, whoever ticked: ticks that no Dagster run has made (by the CLI, from Python) are reported to the
instance as what they were, with their own times, so that the plots of every asset begin with the first tick.

Reported are ticks that are done, in order. The export stage's asset is reported after those before it, and says how far
an instance has seen: killed in between, the tick is reported again, less the assets that have it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    MetadataValue,
)
from dagster._core.events import AssetObservationData, StepMaterializationData
from dagster._core.instance.utils import RUNLESS_JOB_NAME, RUNLESS_RUN_ID

from segflow.dagster.check_results import CHECKS, built, key_of
from segflow.dagster.keys import VERDICT, stage_key
from segflow.dagster.ledgers import is_ledger
from segflow.dagster.reports import METADATA, lineage, unfinished
from segflow.dagster.specs import STEPS, Graph
from segflow.dagster.steps import Step
from segflow.outbox.lease import Lease
from segflow.project import Project
from segflow.stages.recall import recall
from segflow.stages.tick_report import TickReport
from segflow.stages.tick_run import TickRun
from segflow.ticks import ledger as ticks
from segflow.ticks import record
from segflow.warehouse.base import Warehouse

LAST = "export"
MOST = 200
"""So many ticks are reported at once, the latest; an instance that is new need not hear of years."""
_REPEATED = 20
"""So many repeated runs may tell of older ticks, one after the other."""
_NOBODY = Lease("tick", "history", 0)


def unseen(project: Project, instance: DagsterInstance) -> bool:
    """Is there a tick that `instance` has not seen, by what the delivery store knows? Leaves the warehouse alone."""
    last = record.read(project.store)
    if last is None:
        return False
    seen, done = _seen(instance), last.tick_id if last.status == "done" else last.previous_tick
    return done is not None and (seen is None or seen < done)


def catch_up(
    project: Project, instance: DagsterInstance, graph: Graph, go_on: Callable[[], bool] = lambda: True
) -> list[str]:
    """Report the ticks that `instance` has not seen, as long as `go_on`. Returns their ids. Writes nothing of the
    project's. Raises WarehouseBusyError while another process has the warehouse."""
    if not project.engine.exists():
        return []
    with project.warehouse() as warehouse:
        warehouse.ensure_tables()
        rows = [row for row in ticks.after(warehouse, _seen(instance)) if row.status == "done"][-MOST:]
    told: list[str] = []
    known = _ticks_of(instance, {spec.key for specs in graph.stages.values() for spec in specs}) if rows else {}
    for row in rows:
        if not go_on():
            break
        # Anew for each tick: a tick that starts meanwhile waits for the file, and not for long.
        with project.warehouse() as warehouse:
            _report(project, warehouse, instance, graph, row, known, last=row is rows[-1])
        told.append(row.tick_id)
    return told


def _seen(instance: DagsterInstance) -> str | None:
    """The last tick that came to its end in this instance's history. Not that of the last materialization: a run that
    is repeated late tells of an older tick."""
    found = instance.fetch_materializations(stage_key(LAST), limit=_REPEATED).records
    told = [one.asset_materialization.metadata.get("tick") for one in found if one.asset_materialization is not None]
    return max((str(one.value) for one in told if one is not None), default=None)


def _ticks_of(instance: DagsterInstance, keys: Collection[AssetKey]) -> dict[AssetKey, str]:
    """The tick of the last materialization of each asset that has one: asked once, because each answer takes a
    hundredth of a second, and a project has a hundred assets and an instance dozens of ticks to hear of."""
    found = {}
    for one in instance.get_asset_records([*keys]):
        event = one.asset_entry.last_materialization
        told = event.asset_materialization.metadata.get("tick") if event and event.asset_materialization else None
        if told is not None:
            found[one.asset_entry.asset_key] = str(told.value)
    return found


def _observed(instance: DagsterInstance, key: AssetKey) -> str | None:
    """The tick that left an asset as it was, the last time that one did."""
    for found in instance.fetch_observations(key, limit=1).records:
        if found.asset_observation is not None and (told := found.asset_observation.metadata.get("tick")) is not None:
            return str(told.value)
    return None


def _report(
    project: Project,
    warehouse: Warehouse,
    instance: DagsterInstance,
    graph: Graph,
    row: ticks.TickRow,
    known: dict[AssetKey, str],
    *,
    last: bool,
) -> None:
    """`known`: the tick that each asset was last told of; brought up to date."""
    run = TickRun(project, row, _NOBODY, TickReport(row.tick_id, row.as_of, already_done=True))
    step = Step(run, recall(run, warehouse), ran=True, latest=last)
    at = row.finished_at or row.as_of
    base: dict[str, Any] = {"tick": row.tick_id, "as_of": MetadataValue.timestamp(row.as_of)}
    for stage in STEPS:
        facts = METADATA[stage](step) if stage in METADATA else {}
        left_out = unfinished(stage, step, graph.checks.get(stage, []))
        if stage == LAST and last:
            _checks(step, instance, graph, at)
        # The stage's own asset comes first among the specs, and is told last.
        for spec in reversed(graph.stages[stage]):
            red = stage == VERDICT and step.report.errors
            has = spec.key in facts or spec.key == stage_key(stage) or is_ledger(spec.key)
            # Which models failed is known of the last build alone. Never told, a model would be a new input for ever,
            # and all that reads it "unsynced".
            has = has or (last and stage == "build")
            if not has or red:
                continue
            metadata = {**base, **facts.get(spec.key, {})}
            if spec.key in left_out:
                if _observed(instance, spec.key) != row.tick_id:
                    _store(instance, AssetObservation(spec.key, left_out[spec.key], metadata), at)
            elif known.get(spec.key) != row.tick_id:
                _store(instance, AssetMaterialization(spec.key, metadata={**metadata, **lineage(spec)}), at)
                known[spec.key] = row.tick_id


def _checks(step: Step, instance: DagsterInstance, graph: Graph, at: datetime) -> None:
    """The checks as the last tick leaves them."""
    known = {spec.key: spec for specs in graph.checks.values() for spec in specs}
    found = [result for told in CHECKS.values() for result in told(step)]
    for result in [*found, *built(graph.checks["build"], step)]:
        if key_of(result) in known:
            _store(instance, _evaluation(result), at)


def _evaluation(result: AssetCheckResult) -> AssetCheckEvaluation:
    key = key_of(result)
    return AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=result.passed,
        severity=result.severity,
        description=result.description,
        metadata={},
    )


def _store(
    instance: DagsterInstance, event: AssetMaterialization | AssetObservation | AssetCheckEvaluation, at: datetime
) -> None:
    """As `DagsterInstance.report_runless_asset_event` does, which knows no other time than now."""
    data: AssetCheckEvaluation | AssetObservationData | StepMaterializationData
    if isinstance(event, AssetCheckEvaluation):
        kind, data = DagsterEventType.ASSET_CHECK_EVALUATION, event
    elif isinstance(event, AssetObservation):
        kind, data = DagsterEventType.ASSET_OBSERVATION, AssetObservationData(event)
    else:
        kind, data = DagsterEventType.ASSET_MATERIALIZATION, StepMaterializationData(event)
    told = DagsterEvent(
        event_type_value=kind.value,
        event_specific_data=data,
        job_name=RUNLESS_JOB_NAME,
    )
    instance.report_dagster_event(told, RUNLESS_RUN_ID, timestamp=at.timestamp())

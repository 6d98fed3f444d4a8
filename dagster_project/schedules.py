"""The jobs, and the schedule that starts a tick at the project's cadence."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from typing import Any

from dagster import (
    AssetChecksDefinition,
    AssetsDefinition,
    AssetSelection,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    define_asset_job,
    in_process_executor,
    multiprocess_executor,
    schedule,
    sensor,
)

from segflow.dagster.at_work import at_work
from segflow.dagster.history import catch_up, unseen
from segflow.dagster.run_tags import WHEN_KILLED, sender_tags
from segflow.dagster.specs import Graph
from segflow.errors import WarehouseBusyError
from segflow.project import Project

_SECONDS = 20.0
"""So long an evaluation shows ticks of elsewhere; the next one goes on."""
UnresolvedJob = Any  # dagster's UnresolvedAssetJobDefinition is not public


def jobs(
    project: Project,
    stages: Sequence[AssetsDefinition],
    dbt_tests: AssetChecksDefinition | None,
    catalog: AssetChecksDefinition | None = None,
) -> list[UnresolvedJob]:
    """`tick`; `tick_multiprocess`, the same with a process per stage; `dbt_tests`, `catalog_checks` when there are any.

    A process of its own costs a stage a second or more, so `tick` runs in one. The other serves where a stage must be
    able to die without the run.
    """
    keys = [spec.key for stage in stages for spec in stage.specs]
    checks = [key for stage in stages for key in stage.check_keys]
    selection = AssetSelection.assets(*keys).without_checks() | AssetSelection.checks(*checks)
    tags = {**WHEN_KILLED, **sender_tags(project)}
    found = [
        define_asset_job(
            "tick",
            selection,
            description="One tick: all stages in order. Set as_of under ops > ingest > config.",
            executor_def=in_process_executor,
            tags=tags,
        ),
        define_asset_job(
            "tick_multiprocess",
            selection,
            description="The same as tick, with a process of its own for every stage.",
            executor_def=multiprocess_executor.configured({"start_method": _start_method()}),
            tags=tags,
        ),
    ]
    for name, checks_of, description in (
        ("dbt_tests", dbt_tests, "The dbt tests of your models, between two ticks."),
        ("catalog_checks", catalog, "Keys that the catalog names are unique, and no event lies in the future."),
    ):
        if checks_of is not None:
            found.append(
                define_asset_job(
                    name,
                    AssetSelection.checks(*checks_of.check_keys),
                    description=description,
                    executor_def=in_process_executor,
                )
            )
    return found


def _start_method() -> dict[str, Any]:
    """A fork server imports our modules once for all stages; a fresh interpreter would take seconds for each."""
    if "forkserver" in multiprocessing.get_all_start_methods():
        return {"forkserver": {"preload_modules": ["segflow.dagster.build", "dbt.cli.main"]}}
    return {"spawn": {}}


def tick_schedule(project: Project, tick: UnresolvedJob) -> ScheduleDefinition:
    """Job `tick` at `cadence` in `time_zone`; the scheduled time is the tick's as_of, however late the run starts.
    While a tick is at work none is started: the next one makes up for it.

    It is stopped until a person turns it on: from then on ticks send by themselves, as `delivery.mode` allows.
    """

    settings = project.specs.settings

    @schedule(
        name="tick_schedule",
        job=tick,
        cron_schedule=settings.cadence,
        execution_timezone=settings.time_zone,
        default_status=DefaultScheduleStatus.STOPPED,
        description="Starts job tick. Stopped until you turn it on, because ticks send messages.",
    )
    def tick_schedule(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
        as_of = context.scheduled_execution_time.isoformat()
        if (why := at_work(project, context.instance)) is not None:
            return SkipReason(f"The tick of {as_of} is skipped, {why}. The next one makes up for it.")
        # The key is for people: a schedule starts the same key again. That a tick is not made twice is its own guard.
        return RunRequest(run_key=as_of, run_config={"ops": {"ingest": {"config": {"as_of": as_of}}}})

    return tick_schedule


def history_sensor(project: Project, graph: Graph) -> SensorDefinition:
    """Reports ticks that no Dagster run has made. It runs from the start: it sends nothing and writes nothing."""

    @sensor(
        name="ticks_from_elsewhere",
        minimum_interval_seconds=30,
        default_status=DefaultSensorStatus.RUNNING,
        description="Shows the ticks that the CLI or Python ran. Sends nothing.",
    )
    def ticks_from_elsewhere(context: SensorEvaluationContext) -> SkipReason:
        if not unseen(project, context.instance):
            return SkipReason("Every tick is shown.")
        end = time.monotonic() + _SECONDS
        try:
            told = catch_up(
                project,
                context.instance,
                graph,
                # A tick needs the warehouse more; and Dagster gives a sensor a minute.
                go_on=lambda: time.monotonic() < end and at_work(project, context.instance) is None,
            )
        except WarehouseBusyError:
            return SkipReason("The warehouse is in use; the next look will do.")
        return SkipReason(f"Shown: {', '.join(told)}" if told else "A tick is at work.")

    return ticks_from_elsewhere

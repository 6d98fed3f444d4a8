"""The project of SEGFLOW_PROJECT_DIR with its schedule on the job that SEGFLOW_TEST_JOB names."""

from __future__ import annotations

import os

from dagster import Definitions

from segflow.dagster.build import build_definitions, project_dir
from segflow.dagster.schedules import tick_schedule
from segflow.project import Project


def _made() -> Definitions:
    project = Project(project_dir())
    found = build_definitions(project)
    [job] = [job for job in found.jobs or [] if job.name == os.environ["SEGFLOW_TEST_JOB"]]
    others = [one for one in found.schedules or [] if one.name != "tick_schedule"]
    return Definitions(
        assets=found.assets,
        asset_checks=found.asset_checks,
        resources=found.resources,
        executor=found.executor,
        jobs=found.jobs,
        sensors=found.sensors,
        schedules=[*others, tick_schedule(project, job)],
    )


defs = _made()

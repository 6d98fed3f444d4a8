"""Makes the definitions of a project.

Wrong specs are an error of the code location: Dagster shows the same located lines as `segflow validate`. Loading
brings the generated dbt models up to date, as every tick does.
"""

from __future__ import annotations

import os
from pathlib import Path

from dagster import DagsterInvalidDefinitionError, Definitions, in_process_executor

from segflow.dagster.assets import stage_assets
from segflow.dagster.by_hand import by_hand
from segflow.dagster.checks import catalog_checks, dbt_test_checks
from segflow.dagster.dbt_graph import load_graph
from segflow.dagster.schedules import history_sensor, jobs, tick_schedule
from segflow.dagster.sensors import sensors
from segflow.dagster.specs import asset_graph
from segflow.errors import SegflowError
from segflow.project import Project


def project_dir() -> Path:
    """The project that Dagster serves: `SEGFLOW_PROJECT_DIR`, by default the working directory."""
    return Path(os.environ.get("SEGFLOW_PROJECT_DIR") or ".").resolve()


def build_definitions(project: Project) -> Definitions:
    """The definitions of a project. Raises DagsterInvalidDefinitionError with every problem of its specs."""
    try:
        project.write_models()
        dbt = load_graph(project)
        graph = asset_graph(project.compiled, dbt)
    except SegflowError as error:
        # Without the chain: the problem is in the user's files, and a traceback above it would hide that.
        raise DagsterInvalidDefinitionError(f"project {project.root} cannot be loaded:\n{error}") from None
    stages = stage_assets(project, graph)
    dbt_tests, catalog = dbt_test_checks(project, dbt), catalog_checks(project, dbt)
    all_jobs, decided = jobs(stages, dbt_tests, catalog), by_hand(project)
    return Definitions(
        assets=[*stages, *graph.outside],
        asset_checks=[one for one in (dbt_tests, catalog) if one is not None],
        jobs=[*all_jobs, *decided],
        sensors=[history_sensor(project, graph), *sensors(project, all_jobs[0], {one.name: one for one in decided})],
        schedules=[tick_schedule(project, all_jobs[0])],
        # Also for "Materialize all": the dbt tests and the stages must not open the warehouse at the same time.
        executor=in_process_executor,
    )

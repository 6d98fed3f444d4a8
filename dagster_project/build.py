"""Makes the definitions of a project.

Wrong specs are an error of the code location: Dagster shows the same located lines as `segflow validate`. Loading
brings the generated dbt models up to date, as every tick does.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from dagster import AssetKey, DagsterInvalidDefinitionError, Definitions, in_process_executor

from segflow.dagster.assets import stage_assets
from segflow.dagster.by_hand import by_hand
from segflow.dagster.checks import catalog_checks, dbt_test_checks
from segflow.dagster.dbt_graph import DbtGraph, Translation, load_graph
from segflow.dagster.kept_warehouse import KEY, kept_warehouse
from segflow.dagster.ledgers import with_ledgers
from segflow.dagster.resources import SegflowResource
from segflow.dagster.schedules import history_sensor, jobs, tick_schedule
from segflow.dagster.sensors import sensors
from segflow.dagster.specs import Graph, asset_graph
from segflow.errors import SegflowError
from segflow.project import Project
from segflow.warehouse.tables import SCHEMA


def project_dir() -> Path:
    """The project that Dagster serves: `SEGFLOW_PROJECT_DIR`, by default the working directory."""
    return Path(os.environ.get("SEGFLOW_PROJECT_DIR") or ".").resolve()


@dataclass(frozen=True)
class Beside:
    """How segflow stands in a team's own Dagster project."""

    dbt_is_theirs: bool
    """They define the assets of the dbt models that segflow has not written."""
    keys: Translation | None = None


def build_definitions(project: Project, beside: Beside | None = None) -> Definitions:
    """The definitions of a project, alone in its location unless `beside` is given. Raises
    DagsterInvalidDefinitionError with every problem of its specs."""
    try:
        project.write_models()
        dbt = load_graph(project, beside.keys if beside is not None else None)
        graph = with_ledgers(asset_graph(project.compiled, dbt))
    except SegflowError as error:
        # Without the chain: the problem is in the user's files, and a traceback above it would hide that.
        raise DagsterInvalidDefinitionError(f"project {project.root} cannot be loaded:\n{error}") from None
    if beside is not None and beside.dbt_is_theirs:
        graph, dbt = _less_theirs(graph, dbt)
    stages = stage_assets(project, graph)
    dbt_tests, catalog = dbt_test_checks(project, dbt), catalog_checks(project, dbt)
    all_jobs, decided = jobs(project, stages, dbt_tests, catalog), by_hand(project)
    return Definitions(
        assets=[*stages, *graph.outside],
        asset_checks=[one for one in (dbt_tests, catalog) if one is not None],
        jobs=[*all_jobs, *decided],
        sensors=[history_sensor(project, graph), *sensors(project, all_jobs[0], {one.name: one for one in decided})],
        schedules=[tick_schedule(project, all_jobs[0])],
        resources={"segflow": SegflowResource(project_dir=str(project.root.resolve())), KEY: kept_warehouse},
        # Also for "Materialize all": the dbt tests and the stages must not open the warehouse at the same time. Where
        # others have assets, theirs is the choice: our jobs bring their own.
        executor=in_process_executor if beside is None else None,
    )


def _less_theirs(graph: Graph, dbt: DbtGraph) -> tuple[Graph, DbtGraph]:
    """Without the assets and tests of models that segflow has not written: a key may have one definition only. What
    depends on them keeps the edge."""
    theirs = {node.asset_key for node in dbt.nodes.values() if node.kind is None and node.key[0] != SCHEMA}
    return (
        replace(
            graph,
            stages={name: [spec for spec in specs if spec.key not in theirs] for name, specs in graph.stages.items()},
            checks={
                name: [spec for spec in specs if spec.asset_key not in theirs] for name, specs in graph.checks.items()
            },
            outside=[spec for spec in graph.outside if spec.key not in theirs],
        ),
        replace(dbt, tests=[test for test in dbt.tests if AssetKey(test.key) not in theirs]),
    )

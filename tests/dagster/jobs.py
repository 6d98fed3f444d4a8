"""The jobs of the project that SEGFLOW_PROJECT_DIR names, as functions: what Dagster needs to load them elsewhere."""

from __future__ import annotations

from dagster import JobDefinition

from segflow.dagster.build import build_definitions, project_dir
from segflow.project import Project


def tick() -> JobDefinition:
    return build_definitions(Project(project_dir())).resolve_job_def("tick")


def tick_multiprocess() -> JobDefinition:
    return build_definitions(Project(project_dir())).resolve_job_def("tick_multiprocess")

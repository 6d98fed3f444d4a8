"""What Dagster loads (`-m dagster_project.definitions`). `SEGFLOW_PROJECT_DIR` names the project."""

from __future__ import annotations

from dagster_project.build import build_definitions, project_dir
from segflow.project import Project

defs = build_definitions(Project(project_dir()))

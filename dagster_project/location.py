"""What Dagster loads (`-m segflow.dagster.location`). `SEGFLOW_PROJECT_DIR` names the project."""

from __future__ import annotations

from segflow.dagster.build import build_definitions, project_dir
from segflow.project import Project

defs = build_definitions(Project(project_dir()))

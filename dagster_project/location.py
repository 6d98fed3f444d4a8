"""What Dagster loads (`-m segflow.dagster.location`). `SEGFLOW_PROJECT_DIR` names the project."""

from __future__ import annotations

import gc

# As in the CLI: imports and definitions are a million objects that stay, and this process is made for them alone.
gc.set_threshold(50_000, 20, 20)

from segflow.dagster.build import build_definitions, project_dir  # noqa: E402
from segflow.project import Project  # noqa: E402

defs = build_definitions(Project(project_dir()))
gc.freeze()

"""What assets and ops of a team's own get of a segflow project."""

# No `from __future__ import annotations`: Dagster reads the fields from the annotations themselves.

from functools import cached_property
from pathlib import Path

import pyarrow as pa
from dagster import ConfigurableResource
from pydantic import Field

from segflow.project import Project


class SegflowResource(ConfigurableResource[None]):
    """A segflow project. `SegflowResource(project_dir=EnvVar("SEGFLOW_PROJECT_DIR"))` finds it where the code runs."""

    project_dir: str = Field(description="The folder of segflow.yml.")

    @cached_property
    def project(self) -> Project:
        """The project, as `segflow.Project`: `members(segment)`, `history(segment)`, `export(...)` and so on."""
        return Project(Path(self.project_dir))

    def table(self, name: str) -> pa.Table:
        """All rows of a table of segflow's, `segment_entries` for one. Raises InputError for a name that is none, and
        WarehouseBusyError while another process has the warehouse: put the asset into pool `segflow_warehouse`."""
        return self.project.table(name)

"""The connection to the warehouse that a run keeps from its first step to its last.

To open a DuckDB file and to close it again takes 0.1 s, and every step does. While one connection is open, further
ones cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dagster import InitResourceContext, resource

from segflow.project import Project
from segflow.warehouse.base import Warehouse

KEY = "segflow_connection"
"""The key of the resource. Its life is that of the process: with a process per step each step opens its own."""


class KeptWarehouse:
    """Open from the first `hold` to `close`. Hold it only under the lease: it locks others out."""

    def __init__(self) -> None:
        # A run may materialize assets of several projects.
        self._held: dict[Path, Warehouse] = {}

    def hold(self, project: Project) -> None:
        """Open a project's warehouse, unless it is. Raises WarehouseBusyError."""
        if project.root not in self._held:
            self._held[project.root] = project.warehouse()

    def close(self, project: Project) -> None:
        """Close it, if it is open."""
        held = self._held.pop(project.root, None)
        if held is not None:
            held.close()

    def close_all(self) -> None:
        """Close every one that is open."""
        while self._held:
            self._held.popitem()[1].close()


@resource(description="Holds the warehouse for the steps of a tick; nothing to configure.")
def kept_warehouse(_: InitResourceContext) -> Iterator[KeptWarehouse]:
    """A connection for the steps of one run in one process, closed with it however it ends."""
    kept = KeptWarehouse()
    try:
        yield kept
    finally:
        kept.close_all()

"""The connection to the warehouse that a run keeps from its first step to its last.

To open a DuckDB file and to close it again takes 0.1 s, and every step does. While one connection is open, further
ones cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dagster import InitResourceContext, resource

from segflow.errors import RunError
from segflow.outbox.lease import Lease
from segflow.project import Project
from segflow.warehouse.base import Warehouse

KEY = "segflow_connection"
"""The key of the resource. Its life is that of the process: with a process per step each step opens its own."""


class KeptWarehouse:
    """Open from the first `hold` to `close`. Hold it only under the lease: it locks others out."""

    def __init__(self) -> None:
        # A run may materialize assets of several projects.
        self._held: dict[Path, tuple[Project, Warehouse, Lease | None]] = {}

    def hold(self, project: Project, lease: Lease | None = None) -> None:
        """Open a project's warehouse, unless it is. `lease`: given back when the process ends with it, because nobody
        goes on with its run. Raises WarehouseBusyError."""
        warehouse = self._held[project.root][1] if project.root in self._held else project.warehouse()
        self._held[project.root] = project, warehouse, lease

    def close(self, project: Project) -> None:
        """Close it, if it is open. The lease is the caller's."""
        if project.root in self._held:
            self._held.pop(project.root)[1].close()

    def end(self) -> None:
        """Close every one that is open, and give its lease back: its run was canceled, or failed, between two stages,
        and the next tick would be refused until the lease runs out."""
        while self._held:
            _, (project, warehouse, lease) = self._held.popitem()
            warehouse.close()
            if lease is not None:
                with suppress(RunError):
                    project.store.leases.release(lease)


@resource(description="Holds the warehouse for the steps of a tick; nothing to configure.")
def kept_warehouse(_: InitResourceContext) -> Iterator[KeptWarehouse]:
    """A connection for the steps of one run in one process, closed with it however it ends."""
    kept = KeptWarehouse()
    try:
        yield kept
    finally:
        kept.end()

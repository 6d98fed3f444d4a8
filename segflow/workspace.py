"""What a tick works with: the specs of one project folder, compiled, and how to reach its stores and senders."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from segflow.errors import InputError, WarehouseBusyError
from segflow.segments.compiler import Compiled, compile_project
from segflow.segments.files import differences, write
from segflow.specs.dbt_profile import profiles_dir, project_engine, warehouse_path
from segflow.specs.load import load_specs
from segflow.specs.project import Specs
from segflow.ticks.context import TickContext
from segflow.warehouse.base import Warehouse
from segflow.warehouse.dbt import DbtProject, DbtRun
from segflow.warehouse.engine import Engine
from segflow.warehouse.models import Models
from segflow.warehouse.tick import Tick

# The delivery store and the senders take half a second to import, which a question about segments does without.
if TYPE_CHECKING:
    from segflow.outbox.spool import Spool
    from segflow.outbox.store import DeliveryStore
    from segflow.senders.base import Sender


class Workspace:
    """One project folder. Specs are read when first needed; `reload` reads them again.

    `holder` names this worker in the lease; by default each one is a worker of its own.
    """

    patience = 5.0
    """Seconds to wait for another process to let go of the warehouse."""

    def __init__(self, path: Path | str = ".", holder: str | None = None) -> None:
        self.root = Path(path).resolve()
        self.holder = holder or f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"

    @cached_property
    def specs(self) -> Specs:
        """The loaded specs. Raises SpecError with every problem of every file."""
        return load_specs(self.root)

    @cached_property
    def compiled(self) -> Compiled:
        return compile_project(self.specs, self.engine.words)

    @cached_property
    def dbt(self) -> DbtProject:
        folder, said = self.specs.dbt_dir, self.specs.settings.dbt
        if not (folder / "dbt_project.yml").exists():
            raise InputError(
                f"there is no dbt project: {folder} holds no dbt_project.yml. dbt builds the models that the catalog "
                "names; make one there with your staging models, or let segflow init make a whole project"
            )
        # What dbt keeps for itself stays where it was in a project of segflow's own. In one of somebody else's it would
        # be in the way of theirs: other variables make dbt read all files again.
        keeps = self.root / ".segflow" / "dbt" if "project" in said.model_fields_set else folder
        how = DbtRun(
            root=self.root,
            profiles_dir=profiles_dir(self.root, said),
            profile=said.profile,
            target=said.target,
            target_path=keeps / "target",
            log_path=keeps / "logs",
            upstream=said.builds_upstream,
        )
        return DbtProject(folder, self.engine, how)

    @cached_property
    def models(self) -> Models:
        """What runs the models: dbt."""
        return self.dbt

    @cached_property
    def engine(self) -> Engine:
        """The warehouse before it is opened. Raises InputError when it cannot be told where it is."""
        return project_engine(self.root, self.specs.settings)

    @cached_property
    def store(self) -> DeliveryStore:
        from segflow.outbox.store import DeliveryStore

        return DeliveryStore.open(self.specs.settings.delivery.store, self.root)

    @cached_property
    def warehouse_path(self) -> Path:
        """The file of a file-backed warehouse."""
        return warehouse_path(self.root, self.specs.settings)

    @property
    def ledgers_path(self) -> Path:
        return self.specs.path(self.specs.settings.warehouse.ledgers)

    @property
    def spool_path(self) -> Path:
        """Where what comes from outside waits for a tick."""
        return self.specs.path(self.specs.settings.delivery.spool)

    @cached_property
    def spool(self) -> Spool | None:
        """What a tick takes in; None where a tick is only rehearsed."""
        from segflow.outbox.spool import Spool

        return Spool(self.spool_path)

    def warehouse(self) -> Warehouse:
        """A new connection; close it soon, it locks others out. Waits a little for who has the warehouse: a question
        over HTTP has it for moments, and a tick must not fail for that. Raises WarehouseBusyError."""
        end = time.monotonic() + self.patience
        while True:
            try:
                return self.engine.open()
            except WarehouseBusyError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def context(self, warehouse: Warehouse, tick: Tick) -> TickContext:
        """What a stage works with, or a question about a moment."""
        return TickContext(self.compiled, warehouse, self.models, tick)

    @contextmanager
    def senders(self) -> Iterator[dict[str, Sender]]:
        """The senders of this project, opened when they are first used and closed at the end."""
        from segflow import senders

        with ExitStack() as stack:
            built: dict[str, Sender] = {}
            for name, settings in self.specs.settings.all_senders().items():
                sender = senders.build(name, settings.model_dump(), self.root)
                stack.callback(sender.close)
                built[name] = sender
            yield built

    def reload(self) -> None:
        """Forget what was read from files, so that edits count. An open delivery store stays open."""
        for name in ("specs", "compiled", "engine", "warehouse_path"):
            self.__dict__.pop(name, None)

    def write_models(self) -> list[Path]:
        """Bring the generated dbt models up to date; returns the files that changed."""
        changed = write(self.compiled, self.root)
        for name in ("dbt", "models"):
            if changed and name in self.__dict__:
                getattr(self, name).forget()
        return changed

    def check_models(self) -> list[str]:
        """How the generated models on disk differ from the specs; empty when they match."""
        return differences(self.compiled, self.root)

"""The project under examination: as much of it as can be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

from segflow.doctor.findings import SkipCheck
from segflow.errors import SpecError
from segflow.outbox.store import DeliveryStore
from segflow.specs.dbt_profile import engine_name, project_engine, warehouse_path
from segflow.specs.load import load_settings
from segflow.specs.settings import Settings
from segflow.warehouse.base import Warehouse
from segflow.warehouse.engine import Engine
from segflow.warehouse.engines import wing
from segflow.workspace import Workspace


class ExaminedWorkspace(Workspace):
    """A workspace whose parts may be broken. Looking at it makes no file that was not there."""

    patience = 0.0

    def __init__(self, path: Path | str = ".") -> None:
        super().__init__(path)
        self._opened = ExitStack()

    @cached_property
    def settings(self) -> Settings:
        """What segflow.yml says, though other files are broken. Raises SkipCheck."""
        settings, _ = load_settings(self.root)
        if settings is None:
            raise SkipCheck("segflow.yml cannot be read")
        return settings

    def path(self, setting: str) -> Path:
        """A path of segflow.yml."""
        return self.root / Path(setting).expanduser()

    @cached_property
    def warehouse_path(self) -> Path:
        return warehouse_path(self.root, self.settings)

    @property
    def warehouse_file(self) -> Path | None:
        """The file of the warehouse, None when it is a server."""
        return self.warehouse_path if wing(engine_name(self.root, self.settings)).file_backed else None

    @property
    def ledgers_path(self) -> Path:
        return self.path(self.settings.warehouse.ledgers)

    @property
    def store_path(self) -> Path | None:
        """The file of the delivery store, None when it is a server."""
        setting = self.settings.delivery.store
        return None if "://" in setting else self.path(setting)

    def has_store(self) -> bool:
        """Is there a delivery store? A server is taken to have one."""
        return self.store_path is None or self.store_path.exists()

    @cached_property
    def store(self) -> DeliveryStore:
        """Raises SkipCheck when there is none yet; what is wrong with it is for its own check to report."""
        if not self.has_store():
            raise SkipCheck("there is no delivery store")
        store = DeliveryStore.open(self.settings.delivery.store, self.root)
        return self._opened.enter_context(store)

    @cached_property
    def engine(self) -> Engine:
        return project_engine(self.root, self.settings)

    @contextmanager
    def open_warehouse(self) -> Iterator[Warehouse]:
        """The warehouse, if there is one. Raises SkipCheck."""
        if not self.engine.exists():
            raise SkipCheck("there is no warehouse yet")
        with self.warehouse() as warehouse:
            warehouse.ensure_tables()
            yield warehouse

    def need_specs(self) -> None:
        """Raises SkipCheck when the specs are broken."""
        try:
            _ = self.compiled
        except SpecError:
            raise SkipCheck("the specs are broken") from None

    def busy(self) -> bool:
        """Does a tick run right now?"""
        try:
            return self.store.leases.look().state == "held"
        except Exception:
            return False

    def close(self) -> None:
        self._opened.close()

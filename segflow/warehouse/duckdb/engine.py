"""DuckDB as an engine: one file, one writing process at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segflow.crashpoints import crash_point
from segflow.durations import Duration
from segflow.files import sync
from segflow.warehouse.base import Warehouse
from segflow.warehouse.duckdb.errors import STOPPED, made_by, plain_message
from segflow.warehouse.duckdb.rehearsal import rehearse
from segflow.warehouse.duckdb.sessions import use_utc
from segflow.warehouse.duckdb.verify import damage
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from segflow.warehouse.duckdb.words import DuckDBWords
from segflow.warehouse.engine import Engine, Found
from segflow.warehouse.watchdog import time_limits


class DuckDBEngine(Engine):
    """A DuckDB file, whether or not it is there yet."""

    title = "DuckDB"
    words = DuckDBWords()
    transactions = True
    temporary_tables = True
    row_deletes = True
    patches_facts = True
    laterals = True
    file_backed = True
    late_views = True

    def __init__(self, path: Path, ledgers: Path, memory_limit: str | None = None) -> None:
        """`ledgers`: the folder that keeps them as Parquet files. `memory_limit` (like 4GB) holds for the file in this
        whole process, for dbt as well."""
        self._path, self._ledgers, self._memory_limit = path, ledgers, memory_limit

    @property
    def where(self) -> str:
        return str(self._path)

    @property
    def path(self) -> Path:
        return self._path

    def exists(self) -> bool:
        return self._path.exists()

    def open(self, *, keep_ledgers: bool = True) -> DuckDBWarehouse:
        return DuckDBWarehouse(self._path, self._ledgers if keep_ledgers else None, self._memory_limit)

    def made_by(self) -> str | None:
        version = made_by(self._path)
        return f"{self.title} {version}" if version is not None else None

    def damage(self) -> str | None:
        return damage(self._path)

    def set_aside(self) -> Path | None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        moved = None
        # The log last: without its file it belongs to nothing, and the next rebuild sets it aside.
        for old in (self._path, self._path.with_name(f"{self._path.name}.wal")):
            if old.exists():
                new = old.with_name(f"{old.name}.damaged-{stamp}")
                old.replace(new)
                moved = moved or (new if old == self._path else None)
                crash_point("rebuild.set_aside")
        if moved is not None:
            sync(self._path.parent)
        return moved

    def rehearse(self, play: Callable[[Warehouse], Found]) -> Found:
        with self.open() as warehouse:
            return rehearse(warehouse, play)

    def dbt_environment(self) -> Mapping[str, str]:
        return {"SEGFLOW_WAREHOUSE": str(self._path.resolve())}

    def dbt_session(self) -> None:
        use_utc(self._path.resolve())

    def dbt_release(self) -> None:
        # dbt keeps the file open after a run, which locks every other process out of it.
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]

    def dbt_time_limits(self, limits: Mapping[str, Duration]) -> AbstractContextManager[None]:
        def interrupt(_: object, connection: Any) -> None:
            connection.handle.cursor().interrupt()

        return time_limits({model: limit.seconds for model, limit in limits.items()}, "duckdb", interrupt)

    def was_stopped(self, message: str) -> bool:
        return STOPPED.search(message) is not None

    def plain(self, message: str) -> str:
        return plain_message(message)

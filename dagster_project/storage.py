"""Dagster's own SQLite storage, less what it does again for each event.

Dagster makes an engine, a connection and the text of each statement anew for everything that it writes: two thirds of
the time that a tick's events take. Here engines are kept, and the events that a run plans are one transaction. Files
and tables are Dagster's own, so that one may go over to this storage and back to `storage: sqlite`.

The shard of a run is opened anew each time even so: whoever watches a run waits for changes of that file, and a
connection that stays open writes beside it.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from dagster import StringSource
from dagster._config.config_schema import UserConfigSchema
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,
    _runs_directory,
    _schedule_directory,
)
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.pool import NullPool, QueuePool

_KEPT = 8
"""So many engines are kept: a daemon sees the shards of thousands of runs."""
BATCHES, _AT_ONCE = "DAGSTER_EVENT_BATCH_SIZE", 1000
"""The variable by which Dagster asks whether a storage likes batches; it has no other way. The events that a run plans
are the only ones that come so."""


class Engines:
    """Engines by address. A file that was replaced (wiped, restored) gets a new one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[Engine, tuple[int, int] | None]] = OrderedDict()

    def of(self, address: str, *, pooled: bool) -> Engine:
        """The engine of a SQLite file. `pooled`: its connections stay open."""
        with self._lock:
            engine, file = self._kept.get(address, (None, None))
            there = _identity(address)
            if engine is not None and pooled and file is not None and file != there:
                engine.dispose()
                engine = None
            if engine is None:
                engine = create_engine(
                    address,
                    poolclass=QueuePool if pooled else NullPool,
                    connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
                )
            # A file that was not there yet is looked at again next time.
            self._kept[address] = (engine, there)
            self._kept.move_to_end(address)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)[1][0].dispose()
            return engine

    def dispose(self) -> None:
        """Close everything."""
        with self._lock:
            for engine, _ in self._kept.values():
                engine.dispose()
            self._kept.clear()


def _identity(address: str) -> tuple[int, int] | None:
    try:
        found = Path(make_url(address).database or "").stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class KeptRunStorage(SqliteRunStorage):
    """Runs and their tags."""

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with _of(self).of(self._conn_string, pooled=True).begin() as connection:
            yield connection

    def dispose(self) -> None:
        _of(self).dispose()


class KeptScheduleStorage(SqliteScheduleStorage):
    """What schedules and sensors said."""

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with _of(self).of(self._conn_string, pooled=True).begin() as connection:
            yield connection

    def dispose(self) -> None:
        _of(self).dispose()


def _of(storage: Any) -> Engines:
    # Dagster's class methods connect before a constructor of ours would have come to its end.
    found: Engines = storage.__dict__.setdefault("_engines", Engines())
    return found


class KeptEventLogStorage(SqliteEventLogStorage):
    """Events: a shard for each run, and the index of what is asked for across runs."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        os.environ.setdefault(BATCHES, str(_AT_ONCE))
        self._turn = threading.RLock()
        self._batch: dict[str, Connection] = {}
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._turn:
            if shard in self._batch:
                yield self._batch[shard]
                return
            pooled = shard == INDEX_SHARD_NAME
            engine = _of(self).of(self.conn_string_for_shard(shard), pooled=pooled)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def has_table(self, table_name: str) -> bool:
        engine = _of(self).of(self.conn_string_for_shard(INDEX_SHARD_NAME), pooled=True)
        with engine.connect() as connection:
            return bool(engine.dialect.has_table(connection, table_name))

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """All of them or none."""
        with self._turn, ExitStack() as stack:
            shards = [*{event.run_id: None for event in events}, INDEX_SHARD_NAME]
            try:
                for shard in shards:
                    self._batch[shard] = stack.enter_context(self._connect(shard))
                for event in events:
                    self.store_event(event)
            finally:
                self._batch.clear()

    def dispose(self) -> None:
        super().dispose()
        _of(self).dispose()


class KeptSqliteStorage(DagsterSqliteStorage):
    """`storage: custom` of dagster.yaml. `base_dir` is DAGSTER_HOME, as Dagster's own default has it."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # Without the constructor of Dagster's own, which opens each file as well.
        self.base_dir, self._inst_data = base_dir, inst_data
        self._run_storage = KeptRunStorage.from_local(_runs_directory(base_dir))
        self._event_log_storage = KeptEventLogStorage(_event_logs_directory(base_dir))
        self._schedule_storage = KeptScheduleStorage.from_local(_schedule_directory(base_dir))
        DagsterStorage.__init__(self)  # type: ignore[arg-type, no-untyped-call]

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        return {"base_dir": StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> KeptSqliteStorage:
        return cls(os.path.abspath(config_value["base_dir"]), inst_data)

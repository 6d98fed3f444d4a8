"""Dagster's own event log in SQLite, with its connections kept.

Dagster's makes an engine of SQLAlchemy for every event, and for each of the two to four databases that an event goes
to. A new engine compiles every statement anew, and the close of its only connection writes the log of the database
back. An event takes three times as long so, and a tick of the demo has a thousand of them. Files, tables and directory
are Dagster's: an instance can change from the one class to the other at any time.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dagster import DagsterInvariantViolationError, Field, StringSource
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy import event as hooks

_KEPT = 8
"""Databases held open. There is one for each run, and the webserver looks at many."""
_PATIENT = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}


class KeptConnections(SqliteEventLogStorage):
    """`SqliteEventLogStorage` whose connections outlive an event.

    `base_dir` is by default where Dagster's own has its files, `history/runs` in `$DAGSTER_HOME`.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._there: set[str] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> Any:
        return {"base_dir": Field(StringSource, is_required=False)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> KeptConnections:
        base, home = config_value.get("base_dir"), os.environ.get("DAGSTER_HOME")
        if not base and not home:
            raise DagsterInvariantViolationError(f"{cls.__name__} needs base_dir in dagster.yaml, or DAGSTER_HOME")
        return cls(base or os.path.join(home or "", "history", "runs"), inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock, self._engine(shard).begin() as connection:
            yield connection

    def _engine(self, shard: str) -> Engine:
        # Another process may have deleted all runs: an open file that is not there any more would take what is written.
        if shard in self._engines and not os.path.exists(self.path_for_shard(shard)):
            self._engines.pop(shard).dispose()
            self._initialized_dbs.discard(shard)
        engine = self._engines.get(shard)
        if engine is None:
            engine = create_engine(self.conn_string_for_shard(shard), connect_args=_PATIENT)
            hooks.listen(engine, "connect", _once_a_checkpoint)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            self._engines[shard] = engine
        self._engines.move_to_end(shard)
        while len(self._engines) > _KEPT:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def has_table(self, table_name: str) -> bool:
        """Asked for every result of a check. A table that is there stays."""
        if table_name not in self._there and super().has_table(table_name):
            self._there.add(table_name)
        return table_name in self._there

    def wipe(self) -> None:
        with self._db_lock:
            self._close()
        super().wipe()

    def dispose(self) -> None:
        super().dispose()
        self._close()

    def _close(self) -> None:
        while self._engines:
            self._engines.popitem()[1].dispose()


def _once_a_checkpoint(connection: Any, _: Any) -> None:
    # In write-ahead mode a database stays whole so whatever happens; a power cut may take the last events. No tick
    # depends on them: what an instance has not heard of a tick is told again.
    connection.execute("PRAGMA synchronous=NORMAL")

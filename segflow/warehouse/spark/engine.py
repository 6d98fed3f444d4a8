"""Spark as an engine: a server that speaks Spark Connect, whose tables are in Delta."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from segflow.durations import Duration
from segflow.errors import InputError, WarehouseError
from segflow.warehouse.base import Warehouse
from segflow.warehouse.engine import Engine, Found
from segflow.warehouse.record_sql import ROWS
from segflow.warehouse.spark import sessions
from segflow.warehouse.spark.errors import RAISED, is_stopped, plain_message
from segflow.warehouse.spark.rehearsal import rehearse
from segflow.warehouse.spark.stages import STAGES
from segflow.warehouse.spark.target import REMOTE
from segflow.warehouse.spark.warehouse import SparkWarehouse
from segflow.warehouse.spark.words import SparkWords
from segflow.warehouse.tables import SCHEMA
from segflow.warehouse.watchdog import time_limits


class SparkEngine(Engine):
    """A server, whether or not segflow has been on it yet."""

    title = "Spark"
    words = SparkWords()
    transactions = True
    temporary_tables = False
    row_deletes = False
    patches_facts = False
    laterals = False
    file_backed = False
    late_views = True
    schemas = (SCHEMA, ROWS, STAGES)

    def __init__(self, url: str, location: str | None = None) -> None:
        """`url`: `sc://HOST:PORT/;PARAMETER=VALUE`. `location`: see `SparkWarehouse`."""
        self._url, self._location = url, location

    @property
    def where(self) -> str:
        return f"{SCHEMA} on {sessions.place(self._url)}"

    @property
    def path(self) -> Path:
        raise AssertionError("a server is no file")

    def exists(self) -> bool:
        with SparkWarehouse(self._url, self._location, look_only=True) as warehouse:
            return warehouse.is_there()

    def open(self, *, keep_ledgers: bool = True) -> SparkWarehouse:
        return SparkWarehouse(self._url, self._location)

    def look(self) -> SparkWarehouse:
        # A catalog that does not keep tables has to be told of them first.
        return SparkWarehouse(self._url, self._location, look_only=self._location is None)

    def made_by(self) -> str | None:
        try:
            return f"{self.title} {sessions.session(self._url).version}"
        except (InputError, WarehouseError, *RAISED):
            return None

    def damage(self) -> str | None:
        return None

    def set_aside(self) -> Path | None:
        return None

    def rehearse(self, play: Callable[[Warehouse], Found]) -> Found:
        return rehearse(self._url, self._location, play)

    def dbt_environment(self) -> Mapping[str, str]:
        sessions.lend(self._url)
        return {REMOTE: sessions.joined(self._url)}

    def dbt_session(self) -> None:
        """dbt works in our session, which is in UTC; a profile that asks for another zone has been refused."""
        sessions.mark(self._url)

    def dbt_release(self) -> None:
        """A session of a server locks nobody out. But dbt-spark turns ANSI off in it."""
        sessions.settle(self._url)

    def dbt_time_limits(self, limits: Mapping[str, Duration]) -> AbstractContextManager[None]:
        def interrupt(key: Hashable, _: object) -> None:
            sessions.interrupt(self._url, key)

        return time_limits({model: limit.seconds for model, limit in limits.items()}, "spark", interrupt)

    def was_stopped(self, message: str) -> bool:
        return is_stopped(message)

    def plain(self, message: str) -> str:
        return plain_message(message)

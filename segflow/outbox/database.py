"""The delivery store's connection: SQLite by default, Postgres by URL."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, Insert, Table, event, exc

from segflow.crashpoints import crash_point
from segflow.errors import InputError, RunError
from segflow.outbox.schema import SCHEMA_VERSION, marks, metadata

BUSY_SECONDS = 30
_READ_ONLY = "segflow_read_only"


class Database:
    """An engine whose write transactions are serialized and durable when they return.

    `location` is a path (SQLite) or an SQLAlchemy URL of SQLite or Postgres. Raises InputError when it cannot be
    opened and RunError when it was written by a later segflow.
    """

    def __init__(self, location: str | Path) -> None:
        self.engine = _engine(location)
        self.name = self.engine.url.render_as_string(hide_password=True)
        try:
            with self.write("create") as connection:
                metadata.create_all(connection)
                connection.execute(
                    self.insert_or_ignore(marks), [{"name": "schema_version", "value": str(SCHEMA_VERSION)}]
                )
                version = connection.scalar(sqlalchemy.select(marks.c.value).where(marks.c.name == "schema_version"))
        except (exc.DBAPIError, RunError) as error:
            self.close()
            raise InputError(
                f"cannot open the delivery store {self.name}: {_cause(error.__cause__ or error)}"
            ) from error
        if int(version or 0) > SCHEMA_VERSION:
            self.close()
            raise RunError(f"the delivery store {self.name} was written by a later version of segflow")

    @contextlib.contextmanager
    def write(self, name: str) -> Iterator[Connection]:
        """A transaction that is durable when it ends, or undone by any exception. Others wait meanwhile.

        `name` is for the crash points before and after its commit.

        Raises RunError when the store cannot be written (the disk is full, another process keeps it locked).
        """
        try:
            with self.engine.begin() as connection:
                yield connection
                crash_point(f"store.{name}.before_commit")
        except exc.OperationalError as error:
            raise RunError(f"the delivery store {self.name} cannot be written: {_cause(error)}") from error
        crash_point(f"store.{name}.committed")

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads, and waits for nobody."""
        with self.engine.connect().execution_options(**{_READ_ONLY: True}) as connection, connection.begin():
            yield connection

    def now(self, connection: Connection) -> datetime:
        """The time by the store's clock, aware, in UTC: one clock for all machines that share it."""
        if self.engine.dialect.name == "postgresql":
            moment = connection.scalar(sqlalchemy.select(sqlalchemy.func.clock_timestamp()))
            assert isinstance(moment, datetime)
            return moment.astimezone(UTC)
        return datetime.now(UTC)

    def insert_or_ignore(self, table: Table) -> Insert:
        """An INSERT that leaves rows alone whose key is there."""
        if self.engine.dialect.name == "postgresql":
            from sqlalchemy.dialects import postgresql

            return postgresql.insert(table).on_conflict_do_nothing()
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table).on_conflict_do_nothing()

    def close(self) -> None:
        self.engine.dispose()


def _engine(location: str | Path) -> Engine:
    text = str(location)
    if "://" not in text:
        path = Path(location)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot open the delivery store {path}: {error}") from error
        url = sqlalchemy.URL.create("sqlite", database=str(path))
    else:
        try:
            url = sqlalchemy.make_url(text)
        except exc.ArgumentError as error:
            raise InputError("delivery.store: not an SQLAlchemy URL") from error
    backend = url.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise InputError(f"delivery.store: {backend} is not supported; use a path (SQLite) or a postgresql:// URL")
    if backend == "sqlite" and not url.database:
        raise InputError("delivery.store: a database in memory would forget what was sent; give it a path")
    try:
        engine = sqlalchemy.create_engine(url)
    except (ImportError, exc.ArgumentError) as error:
        raise InputError(f"cannot open the delivery store: {error}") from error
    if backend == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    # The driver's own BEGIN is deferred: two writers would both read, and one would fail instead of waiting.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    # FULL: with WAL, NORMAL may lose the last commits at a power cut, and a lost claim is a message sent twice.
    cursor.execute("PRAGMA synchronous = FULL")
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            # The switch ignores busy_timeout when another process creates the file at this moment.
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _cause(error: BaseException) -> str:
    return str(getattr(error, "orig", None) or error)

"""Connections of the delivery store: SQLite by default, Postgres by URL."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import URL, Connection, Engine, event, exc

from segflow.errors import InputError
from segflow.files import reason
from segflow.warehouse.session_settings import said_later, tell

BUSY_SECONDS = 30
"""So long a writer waits for another one."""
READ_ONLY = "segflow_read_only"
POSTGRES = "postgresql"
_STALLED_SECONDS = 60
"""A process that stops in the middle of a transaction is cut off after this, or its lease could never be taken over."""


def make_engine(location: str | Path) -> Engine:
    """An engine for a path (SQLite) or a URL. Raises InputError when it cannot be one; nothing is opened yet."""
    url = _url(location)
    later: dict[str, str] = {}
    if url.get_backend_name() == POSTGRES and "options" in url.query:
        options = url.query["options"]
        found = said_later(options if isinstance(options, str) else " ".join(options))
        if found is not None:
            url, later = url.difference_update_query(["options"]), found
    try:
        engine = sqlalchemy.create_engine(url, **_options(url))
    except ImportError as error:
        raise InputError(
            f"delivery.store: the driver for {url.drivername} is missing ({error}); pip install 'segflow[postgres]'"
        ) from error
    except exc.ArgumentError as error:
        raise InputError(f"cannot open the delivery store: {error}") from error
    if url.get_backend_name() == POSTGRES:
        event.listen(engine, "connect", partial(_configure_postgres, later))
    else:
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _url(location: str | Path) -> URL:
    text = str(location)
    if "://" not in text:
        path = Path(location)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot open the delivery store {path}: {reason(error)}") from error
        return URL.create("sqlite", database=str(path))
    try:
        url = sqlalchemy.make_url(text)
    except exc.ArgumentError as error:
        raise InputError("delivery.store: not an SQLAlchemy URL") from error
    if url.drivername in ("postgres", POSTGRES):
        # SQLAlchemy's own default is the driver before this one.
        url = url.set(drivername=f"{POSTGRES}+psycopg")
    backend = url.drivername.split("+")[0]
    if backend not in ("sqlite", POSTGRES):
        raise InputError(f"delivery.store: {backend} is not supported; use a path (SQLite) or a postgresql:// URL")
    if backend == "sqlite" and not url.database:
        raise InputError("delivery.store: a database in memory would forget what was sent; give it a path")
    return url


def _options(url: URL) -> dict[str, Any]:
    if url.get_backend_name() != POSTGRES:
        return {}
    # A server that was restarted between two transactions is met with a new connection, not with an error; one that
    # is gone without a word (a cable, a firewall) is noticed.
    alive = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
    given = {name: value for name, value in alive.items() if name not in url.query}
    return {"pool_pre_ping": True, "isolation_level": "READ COMMITTED", "connect_args": given}


def _configure_postgres(later: Mapping[str, str], connection: Any, _: Any) -> None:
    with connection.cursor() as cursor:
        if later:
            tell(cursor, later)
        cursor.execute(f"SET lock_timeout = '{BUSY_SECONDS}s'")
        # The driver reads times in this style alone, and a role or a database may have another.
        cursor.execute("SET DateStyle = 'ISO'")
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{_STALLED_SECONDS}s'")
        # Off, the last commits may be lost with the server's power, and a lost claim is a message sent twice.
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
    connection.commit()


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
    reads = connection.get_execution_options().get(READ_ONLY, False)
    # Past SQLAlchemy: it looks at this for as long as a small transaction takes.
    connection.connection.cursor().execute("BEGIN" if reads else "BEGIN IMMEDIATE")

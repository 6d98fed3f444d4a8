"""Connections of the warehouse: what their sessions are like, and how a tick makes do with few."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from segflow.errors import InputError
from segflow.warehouse.postgres.results import JsonText
from segflow.warehouse.session_settings import said_later, tell

OLDEST = 170_000
"""Postgres 17 has a collation, pg_c_utf8, that knows letters whatever the database's locale is."""


_SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO,YMD",
    "IntervalStyle": "postgres",
    "client_min_messages": "warning",
}


class Connections:
    """Connections to one database. Those that are given back are lent again as long as any other one is out, and
    closed with the last: to open one takes as long as twenty statements, and a tick does it thirty times."""

    def __init__(self, url: str, where: str) -> None:
        """`url`: as libpq takes it; `where`: the database in words, for messages."""
        self.url, self.where = url, where
        self._spare: list[tuple[psycopg.Connection[Any], bool]] = []
        self._out = 0
        self._lock = threading.Lock()

    def take(self) -> tuple[psycopg.Connection[Any], bool, bool]:
        """A connection, whether it is a new one, and whether there may be temporary tables on it. Raises InputError."""
        with self._lock:
            found = self._spare.pop() if self._spare else None
            self._out += 1
        if found is not None:
            return found[0], False, found[1]
        try:
            return connect(self.url, self.where), True, False
        except BaseException:
            self._is_back(None)
            raise

    def give_back(self, connection: psycopg.Connection[Any], *, has_temporary: bool = True) -> None:
        """The end of what `take` began. `has_temporary`: may there be temporary tables on it?"""
        idle = not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
        if not idle:
            connection.close()
        self._is_back((connection, has_temporary) if idle else None)

    def _is_back(self, connection: tuple[psycopg.Connection[Any], bool] | None) -> None:
        with self._lock:
            self._out -= 1
            if connection is not None:
                self._spare.append(connection)
            over: list[tuple[psycopg.Connection[Any], bool]] = []
            if not self._out:
                over, self._spare = self._spare, over
        for one, _ in over:
            one.close()


def connect(url: str, where: str) -> psycopg.Connection[Any]:
    """A connection in UTC. Raises InputError when the server cannot be reached or refuses."""
    given: dict[str, Any] = psycopg.conninfo.conninfo_to_dict(url)
    options = str(given.pop("options", None) or "")
    later = said_later(options)
    if later is None:
        given["options"] = options
    told = psycopg.conninfo.make_conninfo(**{**given, "client_encoding": "UTF8", "application_name": "segflow"})
    connection = None
    try:
        # Prepared statements would outlive the temporary tables that they are about.
        connection = psycopg.connect(told, autocommit=True, prepare_threshold=None)
        with connection.cursor() as cursor:
            process = tell(cursor, {**(later or {}), **_SETTINGS})
        problem = _unfit(connection.info)
        if problem is None and process != connection.info.backend_pid:
            problem = _pooled(process, told)
    except psycopg.Error as error:
        if connection is not None:
            connection.close()
        raise InputError(f"cannot open the warehouse {where}: {' '.join(str(error).split())}") from error
    if problem is not None:
        connection.close()
        raise InputError(f"cannot work in the warehouse {where}: {problem}")
    for kind in ("json", "jsonb"):
        connection.adapters.register_loader(kind, JsonText)
    return connection


def _pooled(process: int, told: str) -> str | None:
    """Why the pooler in between is none to work through; None when it gives each connection a session of its own.
    `process`: that of the server that answers a connection which is open; `told`: how it was reached."""
    with psycopg.connect(told, autocommit=True, prepare_threshold=None) as other, other.cursor() as cursor:
        if tell(cursor, {}) != process:
            return None
    return (
        "a pooler gives the session of one connection to the next one, and with it the temporary tables and the time "
        "zone that a tick keeps there: let it give each connection a session (pool_mode = session in PgBouncer), or go "
        "past it"
    )


def _unfit(server: psycopg.ConnectionInfo) -> str | None:
    """Why segflow cannot work on a server or in a database of it; None when it can."""
    if server.server_version < OLDEST:
        return f"it is Postgres {server.server_version // 10_000}, and segflow needs {OLDEST // 10_000} or later"
    if (encoding := server.parameter_status("server_encoding")) != "UTF8":
        return f"its encoding is {encoding}, and names of people need UTF8: make a database with ENCODING 'UTF8'"
    return None

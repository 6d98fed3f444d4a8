"""Connections of the warehouse: what their sessions are like, and how a tick makes do with few."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from segflow.errors import InputError
from segflow.warehouse.postgres.results import JsonText

OLDEST = 170_000
"""Postgres 17 has a collation, pg_c_utf8, that knows letters whatever the database's locale is."""


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
    settings = "-c TimeZone=UTC -c DateStyle=ISO,YMD -c IntervalStyle=postgres -c client_min_messages=warning"
    options = psycopg.conninfo.conninfo_to_dict(url).get("options")
    told = psycopg.conninfo.make_conninfo(
        url, options=f"{options or ''} {settings}".strip(), client_encoding="UTF8", application_name="segflow"
    )
    try:
        # Prepared statements would outlive the temporary tables that they are about.
        connection = psycopg.connect(told, autocommit=True, prepare_threshold=None)
    except psycopg.OperationalError as error:
        raise InputError(f"cannot open the warehouse {where}: {' '.join(str(error).split())}") from error
    problem = _unfit(connection.info)
    if problem is not None:
        connection.close()
        raise InputError(f"cannot work in the warehouse {where}: {problem}")
    for kind in ("json", "jsonb"):
        connection.adapters.register_loader(kind, JsonText)
    return connection


def _unfit(server: psycopg.ConnectionInfo) -> str | None:
    """Why segflow cannot work on a server or in a database of it; None when it can."""
    if server.server_version < OLDEST:
        return f"it is Postgres {server.server_version // 10_000}, and segflow needs {OLDEST // 10_000} or later"
    if (encoding := server.parameter_status("server_encoding")) != "UTF8":
        return f"its encoding is {encoding}, and names of people need UTF8: make a database with ENCODING 'UTF8'"
    return None

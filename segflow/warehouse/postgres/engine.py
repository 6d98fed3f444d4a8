"""Postgres as an engine: a server, whose tables are in schema `segflow` of one database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from segflow.durations import Duration
from segflow.errors import InputError
from segflow.warehouse.base import Warehouse
from segflow.warehouse.engine import Engine, Found
from segflow.warehouse.postgres.connections import Connections, connect
from segflow.warehouse.postgres.errors import STOPPED, plain_text
from segflow.warehouse.postgres.rehearsal import rehearse
from segflow.warehouse.postgres.warehouse import PostgresWarehouse
from segflow.warehouse.postgres.words import PostgresWords

_LOCALE = (
    "SELECT CASE datlocprovider WHEN 'c' THEN datcollate ELSE coalesce(datlocale, datcollate) END FROM pg_database "
    "WHERE datname = current_database()"
)
_ANY_TABLE = (
    "SELECT EXISTS (SELECT FROM pg_class WHERE relkind IN ('r', 'v', 'm', 'p', 'f') AND relpersistence <> 't' "
    "AND relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^(pg_|information_schema$)'))"
)
_BY_CODE = ("C", "POSIX", "C.UTF-8", "C.utf8")
"""The locales that sort texts by the codes of their letters."""


class PostgresEngine(Engine):
    """A database of a server, whether or not segflow has been in it yet."""

    title = "Postgres"
    words = PostgresWords()
    transactions = True
    temporary_tables = True
    row_deletes = True
    patches_facts = True
    laterals = True
    file_backed = False
    late_views = False

    def __init__(self, url: str) -> None:
        """`url`: as libpq takes it."""
        self._url = url
        self._connections = Connections(url, self.where)

    @property
    def where(self) -> str:
        named = conninfo_to_dict(self._url)
        return f"{named.get('dbname', 'postgres')} on {named.get('host', 'this machine')}"

    @property
    def path(self) -> Path:
        raise AssertionError("a server is no file")

    def exists(self) -> bool:
        """Is there any table in the database that could be asked?"""
        with connect(self._url, self.where) as connection:
            found = connection.execute(_ANY_TABLE).fetchone()
        return found is not None and bool(found[0])

    def open(self, *, keep_ledgers: bool = True) -> PostgresWarehouse:
        return PostgresWarehouse(self._connections)

    def look(self) -> PostgresWarehouse:
        return PostgresWarehouse.apart(self._url, self.where)

    def made_by(self) -> str | None:
        try:
            with connect(self._url, self.where) as connection:
                found = connection.execute("SHOW server_version").fetchone()
        except (psycopg.Error, InputError):
            return None
        return f"{self.title} {str(found[0]).split()[0]}" if found else None

    def notes(self) -> list[tuple[str, str, str]]:
        with connect(self._url, self.where) as connection:
            found = connection.execute(_LOCALE).fetchone()
        locale = str(found[0]) if found is not None else ""
        if locale in _BY_CODE:
            return []
        return [
            (
                f"{self.where} sorts texts as {locale} does",
                "lists that are sorted by a text are in its order, and so is the first of several texts at the very "
                "same time; nothing else goes by it",
                "nothing, or make the database with LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' TEMPLATE "
                "template0: then it sorts by the codes of letters, as files do",
            )
        ]

    def damage(self) -> str | None:
        return None

    def set_aside(self) -> Path | None:
        return None

    def rehearse(self, play: Callable[[Warehouse], Found]) -> Found:
        with self.open() as warehouse:
            return rehearse(warehouse, play)

    def dbt_environment(self) -> Mapping[str, str]:
        # What libpq takes for the sessions of dbt-postgres, whose profile has no word for them.
        return {"PGTZ": "UTC", "PGCLIENTENCODING": "UTF8"}

    def dbt_session(self) -> None:
        """The environment sees to it."""

    def dbt_release(self) -> None:
        """A session of a server locks nobody out."""

    def dbt_time_limits(self, limits: Mapping[str, Duration]) -> AbstractContextManager[None]:
        """The server stops them: the macros set `statement_timeout`."""
        return nullcontext()

    def was_stopped(self, message: str) -> bool:
        return STOPPED.search(message) is not None

    def plain(self, message: str) -> str:
        return plain_text(message)

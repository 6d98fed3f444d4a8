"""The delivery store's connection: SQLite by default, Postgres by URL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Insert, Table, exc
from sqlalchemy.dialects import postgresql, sqlite

from segflow.crashpoints import crash_point
from segflow.errors import InputError, RunError
from segflow.files import reason
from segflow.messages import CHANNEL_TABLE
from segflow.outbox import schema_people  # noqa: F401  (its tables are created with the others)
from segflow.outbox.addresses import comparable
from segflow.outbox.connections import POSTGRES, READ_ONLY, make_engine
from segflow.outbox.driver import Driver
from segflow.outbox.hashes import new_salt
from segflow.outbox.migrate import bring_up_to_date
from segflow.outbox.schema import SCHEMA_VERSION, marks, own_salt, suppressions
from segflow.outbox.schema_types import metadata

_CREATING = 0x5E6F104
"""The key of the advisory lock; any number that nobody else uses."""
PHONES = [channel for channel, facts in CHANNEL_TABLE.items() if facts.address == "phone"]


class Database:
    """An engine whose write transactions are durable when they return.

    With SQLite they come one after the other. On Postgres those that name a lease do; any other must be right beside
    others of its kind.

    `location` is a path (SQLite) or an SQLAlchemy URL of SQLite or Postgres. Raises InputError when it cannot be
    opened and RunError when it was written by a later segflow.
    """

    def __init__(self, location: str | Path) -> None:
        self.engine = make_engine(location)
        self._postgres = self.engine.dialect.name == POSTGRES
        self.driver = Driver(self.engine.dialect)
        # What goes past SQLAlchemy raises the driver's own errors.
        told: Any = self.engine.dialect.loaded_dbapi
        self._driver_error: type[Exception] = told.Error
        self._ours = (told.IntegrityError, told.ProgrammingError, told.DataError, told.NotSupportedError)
        self.name = self.engine.url.render_as_string(hide_password=True)
        try:
            with self.write("create") as connection:
                # Two processes that create the same table at once would both begin, and one would fail.
                self.one_at_a_time(connection, _CREATING)
                metadata.create_all(connection)
                connection.execute(
                    self.insert_or_ignore(marks), [{"name": "schema_version", "value": str(SCHEMA_VERSION)}]
                )
                if connection.scalar(sqlalchemy.select(own_salt.c.salt)) is None:
                    connection.execute(sqlalchemy.insert(own_salt), [{"salt": new_salt()}])
                mark = marks.c.name == "schema_version"
                version = connection.scalar(sqlalchemy.select(marks.c.value).where(mark))
                if int(version or 0) < SCHEMA_VERSION:
                    bring_up_to_date(connection)
                    if int(version or 0) < 8:
                        _argentine_mobiles(connection)
                    connection.execute(sqlalchemy.update(marks).where(mark).values(value=str(SCHEMA_VERSION)))
        except (exc.DBAPIError, RunError) as error:
            self.close()
            why = _refusal(self.engine.url.database) if not self._postgres else None
            raise InputError(
                f"cannot open the delivery store {self.name}: {why or _cause(error.__cause__ or error)}"
            ) from error
        if int(version or 0) > SCHEMA_VERSION:
            self.close()
            raise RunError(f"the delivery store {self.name} was written by a later version of segflow")

    @contextlib.contextmanager
    def write(self, name: str) -> Iterator[Connection]:
        """A transaction that is durable when it ends, or undone by any exception. Others wait meanwhile.

        `name` is for the crash points before and after its commit.

        Raises RunError when the store cannot be written (the disk is full, another process keeps it locked, the server
        is gone).
        """
        with self._told("written"), self.engine.begin() as connection:
            yield connection
            crash_point(f"store.{name}.before_commit")
        crash_point(f"store.{name}.committed")

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads, and waits for nobody. Raises RunError when the store cannot be read."""
        with (
            self._told("read"),
            self.engine.connect().execution_options(**{READ_ONLY: True}) as connection,
            connection.begin(),
        ):
            yield connection

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Make what the world does to a database a RunError; what is a defect of ours stays as it is."""
        try:
            yield
        except (exc.IntegrityError, exc.ProgrammingError, exc.DataError, exc.NotSupportedError, *self._ours):
            raise
        except (exc.DBAPIError, self._driver_error) as error:
            raise RunError(
                f"the delivery store {self.name} cannot be {what}: {_cause(error)}. Nothing of this was recorded; mend "
                "the cause and run segflow tick again."
            ) from error

    def one_at_a_time(self, connection: Connection, key: int) -> None:
        """Let others that ask for the same key wait until this transaction ends; with SQLite all writers do."""
        if self._postgres:
            connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_xact_lock(key)))

    def now(self, connection: Connection) -> datetime:
        """The time by the store's clock, aware, in UTC: one clock for all machines that share it."""
        if self._postgres:
            moment = connection.scalar(sqlalchemy.select(sqlalchemy.func.clock_timestamp()))
            assert isinstance(moment, datetime)
            return moment.astimezone(UTC)
        return datetime.now(UTC)

    def damage(self) -> list[str]:
        """What SQLite finds wrong with its file. A server looks after its own files."""
        if self._postgres:
            return []
        with self.read() as connection:
            said = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA quick_check(5)")]
        return [] if said == ["ok"] else said

    def insert_or_ignore(self, table: Table) -> Insert:
        """An INSERT that leaves rows alone whose key is there."""
        # Without the option the count of inserted rows is only known to some drivers.
        return self._insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)

    def insert_or_update(self, table: Table, *columns: str) -> Insert:
        """An INSERT that changes `columns` of rows whose key is there."""
        insert = self._insert(table)
        return insert.on_conflict_do_update(
            index_elements=list(table.primary_key), set_={name: insert.excluded[name] for name in columns}
        )

    def _insert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        return postgresql.insert(table) if self._postgres else sqlite.insert(table)

    def close(self) -> None:
        self.engine.dispose()


def _argentine_mobiles(connection: Connection) -> None:
    """Earlier versions kept such a number with its 9 and without as two: the one without stands for both."""
    old = sqlalchemy.select(suppressions).where(suppressions.c.address.like("+549%"))
    for row in connection.execute(old.where(suppressions.c.channel.in_(PHONES))).all():
        one = (suppressions.c.channel == row.channel) & (suppressions.c.address == row.address)
        new = comparable(row.channel, row.address)
        there = sqlalchemy.select(suppressions.c.address).where(
            suppressions.c.channel == row.channel, suppressions.c.address == new
        )
        if connection.scalar(there) is None:
            connection.execute(sqlalchemy.update(suppressions).where(one).values(address=new))
        elif new != row.address:
            connection.execute(sqlalchemy.delete(suppressions).where(one))


def _refusal(path: str | None) -> str | None:
    """Why the system does not let a file be written; SQLite only says "unable to open database file"."""
    try:
        with open(path or "", "ab"):
            return None
    except OSError as error:
        return reason(error)


def _cause(error: BaseException) -> str:
    words = " ".join(str(getattr(error, "orig", None) or error).split())
    return words.rstrip(".")

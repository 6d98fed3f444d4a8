"""What Postgres' errors mean for a person."""

from __future__ import annotations

import re

import psycopg
from psycopg import errors

from segflow.errors import RunError, WarehouseError

_UNBOUND = (
    errors.UndefinedColumn,
    errors.UndefinedTable,
    errors.UndefinedFunction,
    errors.AmbiguousColumn,
    errors.AmbiguousFunction,
    errors.DatatypeMismatch,
    errors.SyntaxError,
    errors.InvalidSchemaName,
    errors.GroupingError,
    errors.IndeterminateDatatype,
    errors.CannotCoerce,
)
_TROUBLE = (
    errors.DiskFull,
    errors.OutOfMemory,
    errors.InsufficientPrivilege,
    errors.ReadOnlySqlTransaction,
    errors.IoError,
    errors.TooManyConnections,
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
)


STOPPED = re.compile(r"(?:^|\n)\s*canceling statement due to statement timeout")
_SQL_BELOW = re.compile(r"\n\s*(?:LINE \d+:|CONTEXT:|QUERY:)")
_TOLD = re.compile(
    r"No space left|could not (?:extend|write|read|open|fsync) (?:to )?(?:file|block)|out of memory|permission denied|"
    r"must be owner|terminating connection|closed the connection|connection (?:to server|is closed|already closed)|"
    r"SSL connection has been closed|the database system is|too many (?:clients|connections)|connection slots|"
    r"read-only transaction|could not (?:connect|receive data|send data)|crash of another server process"
)
"""The same in the words of dbt's adapter, which leaves out the codes."""
_VALUE = re.compile(r'(?<=invalid input syntax for type )[^"]*".*"|"[^"]*"', re.DOTALL)
"""A value or a name that such a message tells of. It may be "permission denied" that is no number."""


def plain_message(error: BaseException) -> str:
    """Postgres' message in one line, without the piece of generated SQL below it."""
    told = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return plain_text(told or str(error))


def plain_text(message: str) -> str:
    """The same of a message of dbt's."""
    return " ".join(_SQL_BELOW.split(message, maxsplit=1)[0].split())


def warehouse_error(error: psycopg.Error) -> WarehouseError:
    """What Postgres raised about a statement."""
    return WarehouseError(plain_message(error), unbound=isinstance(error, _UNBOUND))


def trouble(where: str, error: psycopg.Error) -> RunError | None:
    """The error for what tells of the server, the disk or rights and of nothing in a query; None for all others."""
    if isinstance(error, _TROUBLE) or error.sqlstate is None:
        return _unusable(where, plain_message(error))
    return None


def told_trouble(where: str, message: str) -> RunError | None:
    """The same for a message of dbt."""
    told = plain_text(message)
    return _unusable(where, told) if _TOLD.search(_VALUE.sub("", told)) else None


def _unusable(where: str, message: str) -> RunError:
    return RunError(f"the warehouse {where} cannot be used: {message}")

"""What Postgres' errors mean for a person."""

from __future__ import annotations

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


def plain_message(error: BaseException) -> str:
    """Postgres' message in one line, without the piece of generated SQL below it."""
    told = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return " ".join((told or str(error).split("\nLINE ", 1)[0]).split())


def warehouse_error(error: psycopg.Error) -> WarehouseError:
    """What Postgres raised about a statement."""
    return WarehouseError(plain_message(error), unbound=isinstance(error, _UNBOUND))


def trouble(where: str, error: psycopg.Error) -> RunError | None:
    """The error for what tells of the server, the disk or rights and of nothing in a query; None for all others."""
    if isinstance(error, _TROUBLE) or error.sqlstate is None:
        return RunError(f"the warehouse {where} cannot be used: {plain_message(error)}")
    return None

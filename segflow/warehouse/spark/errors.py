"""What Spark's errors mean for a person."""

from __future__ import annotations

import re

import grpc
from pyspark.errors import PySparkException

from segflow.errors import RunError, WarehouseError

_UNREACHABLE = (
    "UNAVAILABLE", "Connection refused", "failed to connect", "RETRIES_EXCEEDED", "Socket closed", "Channel closed",
    "NO_ACTIVE_SESSION",
)  # fmt: skip
_LOST = ("Exception deserializing response", "task context not found for operation")
_STOPPED = ("OPERATION_CANCELED", "operation not found")
"""In Spark's words, and in Sail's."""
_OUT = re.compile(r"No space left|Disk quota|Permission denied|OutOfMemory|Resources exhausted", re.IGNORECASE)
_VALUE = re.compile(r"(?<!\w)(['`]).*?\1(?!\w)", re.DOTALL)
"""A value or a name that a message tells of. Any word may stand in it: a product is UNAVAILABLE, "Permission denied" is
in a note, and neither is about the server."""
_SHOWN = re.compile(r"\n\s*== (?:SQL|DataFrame)\b.*?(?=\n\s*JVM stacktrace:|\Z)", re.DOTALL)
"""The piece of the statement that a message of Spark's ends with. It is cut where it gets long, also within a text."""
RAISED = (PySparkException, grpc.RpcError)
"""What a statement can raise."""


def plain_message(error: BaseException | str) -> str:
    """Spark's message in one line, without the plan and the stack below it."""
    text = str(error).strip()
    # A JVM's stack, and a plan that is drawn with lines.
    kept = re.split(r"\n\s*(?:JVM stacktrace|== SQL|'?[A-Z]\w+ \[|\+- )", text, maxsplit=1)[0]
    return " ".join(kept.split()) or type(error).__name__


def warehouse_error(error: Exception, *, unbound: bool) -> WarehouseError:
    """What Spark raised about a statement."""
    return WarehouseError(plain_message(error), unbound=unbound)


def is_gone(error: BaseException) -> bool:
    """Does an error say that the server cannot be reached?"""
    if isinstance(error, grpc.RpcError) and error.code() == grpc.StatusCode.UNAVAILABLE:
        return True
    told = _without_values(str(error))
    return any(word in told for word in _UNREACHABLE)


def is_lost(error: BaseException) -> bool:
    """Did the server answer, and the answer got lost? What was asked for may have happened."""
    told = _without_values(str(error))
    return any(word in told for word in _LOST)


def is_stopped(message: str) -> bool:
    """Does a message say that the server was asked to stop?"""
    told = _without_values(message)
    return any(word in told for word in _STOPPED)


def trouble(where: str, message: str) -> RunError | None:
    """The error for a message that tells of the disk or of rights and of nothing in a query; None for all others."""
    if _OUT.search(_without_values(message)):
        return RunError(f"the warehouse {where} cannot be used: {plain_message(message)}")
    return None


def _without_values(message: str) -> str:
    """What a message says in the server's own words."""
    return _VALUE.sub("", _SHOWN.sub("", message))

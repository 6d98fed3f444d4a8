"""What Spark's messages are about: the server, or a query."""

from __future__ import annotations

import pytest

from segflow.warehouse.spark.errors import is_gone, trouble

MALFORMED = (
    '[CAST_INVALID_INPUT] The value \'{value}\' of the type "STRING" cannot be cast to "INT" because it is malformed. '
    "Use `try_cast` to tolerate malformed input and return NULL instead. SQLSTATE: 22018\n"
    "== SQL (line 1, position 8) ==\n"
    # As Apache Spark 4.2 shows it: cut where it gets long.
    "SELECT CAST(x AS INTEGER) FROM (SELECT '{value}...\n"
    "       ^^^^^^^^^^^^^^^^^^\n"
)
STACK = (
    "\n\nJVM stacktrace:\norg.apache.spark.SparkNumberFormatException\n\tat org.apache.spark.Cast.eval(Cast.scala:92)"
)


@pytest.mark.parametrize("value", ["Permission denied", "No space left", "it's UNAVAILABLE", "Connection refused"])
@pytest.mark.parametrize("stack", ["", STACK], ids=["alone", "with a stack"])
@pytest.mark.parametrize("before", ["", "Runtime Error in model one\n  "], ids=["asked", "told by dbt"])
def test_a_value_says_nothing_of_the_server(value: str, stack: str, before: str) -> None:
    message = before + (MALFORMED.format(value=value) + stack).replace("\n", "\n  " if before else "\n")
    assert trouble("here", message) is None
    assert not is_gone(Exception(message))


@pytest.mark.parametrize(
    ("cause", "out", "gone"),
    [
        ("java.io.IOException: No space left on device", True, False),
        ("java.io.FileNotFoundException: /data/x (Permission denied)", True, False),
        ("java.net.ConnectException: Connection refused", False, True),
    ],
)
def test_what_lies_below_a_statement_is_seen(cause: str, out: bool, gone: bool) -> None:
    message = f"{MALFORMED.format(value='a')}{STACK}\nCaused by: {cause}"
    assert (trouble("here", message) is not None) is out
    assert is_gone(Exception(message)) is gone

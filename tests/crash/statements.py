"""Kills between the statements that dbt runs in the warehouse: inside a model, where segflow has no crash points."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb


def arm(kill_at: int | None, trace: Path) -> None:
    """Let this process die before it runs dbt's statement number `kill_at` (from 1) on DuckDB. `trace`: a file that
    gets a line for each statement that is begun.

    dbt hands over several statements at once; here they are run one by one, in the transaction that they are in anyway.
    """
    from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

    run, begun = DuckDBCursorWrapper.execute, 0

    def one_by_one(cursor: Any, sql: str, bindings: Any = None) -> Any:
        nonlocal begun
        found = None
        for statement in [sql] if bindings else [one.query for one in duckdb.extract_statements(sql)] or [sql]:
            begun += 1
            with trace.open("a", encoding="utf-8") as file:
                file.write(f"{_words(statement)}\n")
            if begun == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            found = run(cursor, statement, bindings)
        return found

    DuckDBCursorWrapper.execute = one_by_one


def die_before(words: str, turn: int) -> None:
    """Let this process die before it hands over what has these words in it for the `turn`th time, to any server."""
    from dbt.adapters.sql import SQLConnectionManager

    run: Callable[..., Any] = SQLConnectionManager.add_query
    seen = 0

    def add_query(manager: Any, sql: str, *arguments: Any, **named: Any) -> Any:
        nonlocal seen
        seen += words in sql
        if words in sql and seen == turn:
            os.kill(os.getpid(), signal.SIGKILL)
        return run(manager, sql, *arguments, **named)

    SQLConnectionManager.add_query = add_query


def _words(statement: str) -> str:
    """The beginning of a statement, without dbt's comment, in a line."""
    text = statement.strip()
    if text.startswith("/*"):
        text = text.partition("*/")[2]
    return " ".join(text.split())[:90]

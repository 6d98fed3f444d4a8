"""From a project's settings to its engine. Beside the wings, the only module that knows them by name.

The wings are imported when they are needed: a command that only reads specs must not wait for an engine's library.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from sqlglot import exp

from segflow.warehouse.base import Warehouse
from segflow.warehouse.engine import Engine
from segflow.warehouse.reader import Reader
from segflow.warehouse.words import Words

Found = TypeVar("Found")
WRITTEN_IN = "duckdb"
"""The sqlglot dialect of what people write (`.sql` segments, sql conditions) and of the engine's own `.sql` files."""


def engine_of(path: Path, ledgers: Path, memory_limit: str | None) -> Engine:
    """The engine of a project. Nothing is opened."""
    from segflow.warehouse.duckdb.engine import DuckDBEngine

    return DuckDBEngine(path, ledgers, memory_limit)


def engine_title() -> str:
    """What people call the engine."""
    from segflow.warehouse.duckdb.engine import DuckDBEngine

    return DuckDBEngine.title


def dbt_adapter() -> str:
    """The `type` that a target in dbt's profile has for the engine."""
    from segflow.warehouse.duckdb.target import ADAPTER

    return ADAPTER


def in_file(path: str) -> bool:
    """Is `path` of such a target a file, as a file-backed engine needs it?"""
    from segflow.warehouse.duckdb.target import in_file

    return in_file(path)


def zone_problem(settings: Mapping[str, Any] | None) -> str | None:
    """What is wrong with the time zone that `settings` of such a target give to sessions; None: they are in UTC."""
    from segflow.warehouse.duckdb.target import other_zone, zone_problem

    zone = other_zone(settings)
    return None if zone is None else zone_problem(zone)


def words() -> Words:
    """How the engine says what engines say in different ways."""
    from segflow.warehouse.duckdb.words import DuckDBWords

    return DuckDBWords()


def scratch() -> Warehouse:
    """A warehouse in memory, for questions that need no project's: the rows of a file, the tests of a segment."""
    from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse

    return DuckDBWarehouse(Path(":memory:"))


def reader() -> Reader:
    """What reads the files and tables that somebody has; close it."""
    from segflow.warehouse.duckdb.reader import DuckDBReader

    return DuckDBReader()


def rehearse_in_memory(play: Callable[[Warehouse], Found]) -> Found:
    """What `play` finds in such a warehouse; a statement that fails in it does not end it. It may be called several
    times. See `Engine.rehearse`."""
    from segflow.warehouse.duckdb.rehearsal import rehearse
    from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse

    with closing(DuckDBWarehouse(Path(":memory:"))) as warehouse:
        return rehearse(warehouse, play)


def may_leave_garbage() -> bool:
    """May the process end without a last search for garbage? DuckDB 2 lists on stderr, at length, what of its own
    nobody has collected."""
    library = sys.modules.get("duckdb")
    return library is None or library.__version__.startswith("1.")


def pattern_problem(pattern: str) -> str | None:
    """What is wrong with a regular expression, asked from the engine that will run it; None when nothing is."""
    from segflow.warehouse.duckdb.ask import pattern_problem

    return pattern_problem(pattern)


def condition_problem(query: exp.Query) -> str | None:
    """Why the only column of a query over no table is no boolean, asked from the engine; None when it is one."""
    from segflow.warehouse.duckdb.ask import condition_problem

    return condition_problem(query)

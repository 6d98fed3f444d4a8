"""From a project's settings to its engine. Beside the wings, the only module that knows them by name.

The wings' libraries are imported when they are needed: a command that only reads specs must not wait for one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from sqlglot import exp

from segflow.warehouse.base import Warehouse
from segflow.warehouse.reader import Reader
from segflow.warehouse.wing import Wing
from segflow.warehouse.words import Words

Found = TypeVar("Found")
DEFAULT = "duckdb"
"""The engine of a project that names none."""
_WINGS = {
    "duckdb": "segflow.warehouse.duckdb.wing:DuckDBWing",
    "postgres": "segflow.warehouse.postgres.wing:PostgresWing",
    "spark": "segflow.warehouse.spark.wing:SparkWing",
}
ENGINES = tuple(_WINGS)
"""What `engine:` in segflow.yml may say."""
WRITTEN_IN = "duckdb"
"""The sqlglot dialect of the engine's own `.sql` files. What people write is in `dialect(ENGINE)`."""


@cache
def wing(engine: str) -> Wing:
    """An engine by its name in segflow.yml."""
    module, _, name = _WINGS[engine].partition(":")
    made: Wing = getattr(import_module(module), name)()
    return made


def wing_of_adapter(adapter: str) -> Wing | None:
    """The engine that a target of this `type` in dbt's profile is for; None: segflow has no such engine."""
    return next((wing(name) for name in ENGINES if wing(name).adapter == adapter), None)


def import_engines() -> None:
    """Import what the engines that are installed work with, dbt's adapters among it. They are imported when they are
    needed, which a process that waits for work need not leave to it."""
    for made in map(wing, ENGINES):
        if made.missing() is None:
            import_module(f"{type(made).__module__.rpartition('.')[0]}.engine")
            import_module(f"dbt.adapters.{made.adapter}")


def titles() -> list[str]:
    """What people call the engines that there are."""
    return [wing(name).title for name in ENGINES]


def words(engine: str = DEFAULT) -> Words:
    """How an engine says what engines say in different ways."""
    return wing(engine).words()


def dialect(engine: str) -> str:
    """The sqlglot dialect of what people write for an engine: `.sql` segments and sql conditions."""
    return wing(engine).dialect


def like_escape(dialect: str) -> str | None:
    """`Wing.like_escape` of the engine that people write `dialect` for."""
    return next(made.like_escape for made in map(wing, ENGINES) if made.dialect == dialect)


def pattern_problem(engine: str, pattern: str) -> str | None:
    """What is wrong with a regular expression, as the engine that will run it reads it; None when nothing is."""
    return wing(engine).pattern_problem(pattern)


def condition_problem(engine: str, query: exp.Query) -> str | None:
    """Why the only column of a query over no table is no boolean, as far as the engine tells; None when it is one."""
    return wing(engine).condition_problem(query)


def scratch() -> Warehouse:
    """A warehouse in memory, for questions that need no project's: the rows of a file, the tests of a segment. It is
    the embedded engine's, whatever the project's is."""
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

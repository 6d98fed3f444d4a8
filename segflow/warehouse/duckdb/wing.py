"""DuckDB as settings name it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlglot import exp

from segflow.warehouse.allowed import Allowed
from segflow.warehouse.duckdb.target import ADAPTER, in_file, other_zone, zone_problem
from segflow.warehouse.engine import Engine
from segflow.warehouse.wing import Place, TargetError, Wing
from segflow.warehouse.words import Words


class DuckDBWing(Wing):
    """The embedded default: all of it is always installed."""

    name = "duckdb"
    title = "DuckDB"
    adapter = ADAPTER
    dialect = "duckdb"
    file_backed = True

    def place(self, output: Mapping[str, Any], render: Callable[[Any], Any], project: Path) -> Place:
        path = str(render(output.get("path")) or "")
        if not in_file(path):
            raise TargetError(f"has {f'path {path}' if path else 'no path'}, and segflow needs a file")
        given = output.get("settings")
        zone = other_zone({key: render(value) for key, value in given.items()} if isinstance(given, Mapping) else None)
        problem = None if zone is None else zone_problem(zone)
        return Place((project / Path(path).expanduser()).resolve(), session_problem=problem)

    def engine(self, place: Place, ledgers: Path, memory_limit: str | None) -> Engine:
        from segflow.warehouse.duckdb.engine import DuckDBEngine

        assert place.path is not None
        return DuckDBEngine(place.path, ledgers, memory_limit)

    def words(self) -> Words:
        from segflow.warehouse.duckdb.words import DuckDBWords

        return DuckDBWords()

    @property
    def allowed(self) -> Allowed:
        from segflow.warehouse.duckdb.allowed import ALLOWED

        return ALLOWED

    def pattern_problem(self, pattern: str) -> str | None:
        from segflow.warehouse.duckdb.ask import pattern_problem

        return pattern_problem(pattern)

    def condition_problem(self, query: exp.Query) -> str | None:
        from segflow.warehouse.duckdb.ask import condition_problem

        return condition_problem(query)

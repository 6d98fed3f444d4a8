"""Postgres as settings name it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlglot import exp

from segflow.warehouse.allowed import Allowed
from segflow.warehouse.engine import Engine
from segflow.warehouse.postgres.target import connection, target_at
from segflow.warehouse.wing import Place, Wing
from segflow.warehouse.words import Words


class PostgresWing(Wing):
    """A server, found as dbt-postgres finds it."""

    name = "postgres"
    title = "Postgres"
    adapter = "postgres"
    dialect = "postgres"
    like_escape = "\\"
    extra = "postgres"
    modules = ("psycopg", "dbt.adapters.postgres")
    schemes = ("postgresql://", "postgres://")
    file_backed = False

    def place(self, output: Mapping[str, Any], render: Callable[[Any], Any], project: Path) -> Place:
        return Place(connection=connection(output, render))

    def target_at(self, url: str) -> dict[str, str]:
        return target_at(url)

    def engine(self, place: Place, ledgers: Path, memory_limit: str | None) -> Engine:
        from psycopg.conninfo import make_conninfo

        from segflow.warehouse.postgres.engine import PostgresEngine

        return PostgresEngine(make_conninfo(**place.connection))

    def words(self) -> Words:
        from segflow.warehouse.postgres.words import PostgresWords

        return PostgresWords()

    @property
    def allowed(self) -> Allowed:
        from segflow.warehouse.postgres.allowed import ALLOWED

        return ALLOWED

    def pattern_problem(self, pattern: str) -> str | None:
        from segflow.warehouse.postgres.ask import pattern_problem

        return pattern_problem(pattern)

    def condition_problem(self, query: exp.Query) -> str | None:
        from segflow.warehouse.ask import condition_problem

        return condition_problem(query, self.dialect)

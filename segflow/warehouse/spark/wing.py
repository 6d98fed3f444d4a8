"""Spark as settings name it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlglot import exp

from segflow.warehouse.allowed import Allowed
from segflow.warehouse.engine import Engine
from segflow.warehouse.spark.target import connection
from segflow.warehouse.wing import Place, Wing
from segflow.warehouse.words import Words


class SparkWing(Wing):
    """A server that speaks Spark Connect, found as dbt-spark finds it in its method `session`."""

    name = "spark"
    title = "Spark"
    adapter = "spark"
    dialect = "spark"
    like_escape = "\\"
    extra = "spark"
    modules = ("pyspark", "dbt.adapters.spark")
    file_backed = False

    def place(self, output: Mapping[str, Any], render: Callable[[Any], Any], project: Path) -> Place:
        return Place(connection=connection(output, render))

    def engine(self, place: Place, ledgers: Path, memory_limit: str | None) -> Engine:
        from segflow.warehouse.spark.engine import SparkEngine

        return SparkEngine(place.connection["url"])

    def words(self) -> Words:
        from segflow.warehouse.spark.words import SparkWords

        return SparkWords()

    @property
    def allowed(self) -> Allowed:
        from segflow.warehouse.spark.allowed import ALLOWED

        return ALLOWED

    def pattern_problem(self, pattern: str) -> str | None:
        from segflow.warehouse.patterns import PatternError
        from segflow.warehouse.spark.patterns import translated

        try:
            translated(pattern)
        except PatternError as error:
            return str(error)
        return None

    def condition_problem(self, query: exp.Query) -> str | None:
        from segflow.warehouse.ask import condition_problem

        return condition_problem(query, self.dialect)

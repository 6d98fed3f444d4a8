"""Scenarios that begin on one engine and go on on Spark (on Sail), or the other way round: each tick has the same
outcome."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import Server
from tests.postgres_world import PostgresWorld
from tests.sail import Sail
from tests.spark_world import SparkWorld
from tests.warehouse.test_move_scenarios import ALL, Moving
from tests.world import World

WHOLE = "SEGFLOW_SPARK_WHOLE" in os.environ
TO, BACK, FROM_SERVER, TO_SERVER = "duckdb to spark", "spark to duckdb", "postgres to spark", "spark to postgres"
CHOSEN = [
    (TO, "edits/who_leaves_by_data_stays_in_the_flow_without_exit_when"),
    (BACK, "delivery_limits/a_held_message_keeps_to_the_window_of_its_step"),
]
if WHOLE:
    every = list(ALL)
    CHOSEN = [(TO, name) for name in every] + [(BACK, name) for name in every[::6]]
    CHOSEN += [(way, name) for way in (FROM_SERVER, TO_SERVER) for name in every[::30]]
"""make test-spark: each to Spark, and a part of them other ways. Otherwise two: a tick takes its time on Sail."""


@pytest.mark.parametrize(("way", "name"), CHOSEN)
def test_scenario(sail: Sail, postgres: Server, tmp_path: Path, way: str, name: str) -> None:
    def on_spark(root: Path, **given: Any) -> SparkWorld:
        return SparkWorld(root, sail.new_warehouse(), **{key: told for key, told in given.items() if key != "real"})

    def on_postgres(root: Path, **given: Any) -> PostgresWorld:
        return PostgresWorld(root, postgres.new_database(), **given)

    def to_spark(root: Path) -> World:
        return SparkWorld.there(root, sail.new_warehouse())

    def to_duckdb(root: Path) -> World:
        return World.at(root).stay_open()

    def to_postgres(root: Path) -> World:
        new = PostgresWorld.at(root)
        assert isinstance(new, PostgresWorld)
        new.url = postgres.new_database()
        return new

    begins: dict[str, Callable[..., World]] = {"duckdb": World, "spark": on_spark, "postgres": on_postgres}
    ends: dict[str, Callable[[Path], World]] = {"duckdb": to_duckdb, "spark": to_spark, "postgres": to_postgres}
    old, new = way.split(" to ")
    scenario = Moving(ALL[name], tmp_path, new, ends[new], world=begins[old])
    scenario.run()
    scenario.close()

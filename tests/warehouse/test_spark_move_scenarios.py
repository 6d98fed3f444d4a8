"""Scenarios that begin on one engine and go on on Spark (on Sail), or the other way round: each tick has the same
outcome."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sail import Sail
from tests.spark_world import SparkWorld
from tests.warehouse.test_move_scenarios import ALL, Moving
from tests.world import World

WHOLE = "SEGFLOW_SPARK_WHOLE" in os.environ
TO, BACK = "duckdb to spark", "spark to duckdb"
CHOSEN = (
    [(TO, name) for name in ALL] + [(BACK, name) for name in list(ALL)[::6]]
    if WHOLE
    else [(TO, "edits/who_leaves_by_data_stays_in_the_flow_without_exit_when"), (BACK, "crossings/data_moves_contacts")]
)
"""make test-spark: each to Spark, and a part of them back. Otherwise one each: a tick takes its time on Sail."""


@pytest.mark.parametrize(("way", "name"), CHOSEN)
def test_scenario(sail: Sail, tmp_path: Path, way: str, name: str) -> None:
    def on_spark(root: Path, **given: Any) -> SparkWorld:
        return SparkWorld(root, sail.new_warehouse(), **{key: told for key, told in given.items() if key != "real"})

    def to_spark(root: Path) -> World:
        return SparkWorld.there(root, sail.new_warehouse())

    def to_duckdb(root: Path) -> World:
        return World.at(root).stay_open()

    ways: dict[str, tuple[str, Callable[[Path], World], Callable[..., World]]] = {
        TO: ("spark", to_spark, World),
        BACK: ("duckdb", to_duckdb, on_spark),
    }
    engine, there, world = ways[way]
    scenario = Moving(ALL[name], tmp_path, engine, there, world=world)
    scenario.run()
    scenario.close()

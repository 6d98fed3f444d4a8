"""Conditions and scenarios on Spark, of which Sail stands for the server: what they mean is the same as on DuckDB."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from segflow.warehouse.spark.engine import SparkEngine
from tests.planned import Planned
from tests.sail import Sail
from tests.scenarios.runner import Scenario, scenarios
from tests.segments import test_property
from tests.spark_world import SparkWorld
from tests.test_scenarios import PLANNED
from tests.warehouse.test_postgres import _with_json
from tests.world import CATALOG

ALL = scenarios()
WHOLE = "SEGFLOW_SPARK_WHOLE" in os.environ
"""make test-spark: every scenario and ten worlds of random conditions. Otherwise one of each, and of the conditions a
part: a tick takes its time on Sail."""
CHOSEN = list(ALL) if WHOLE else ["guards/a_segment_may_set_its_own_numbers"]
SEEDS, CONDITIONS = (range(10), 65) if WHOLE else (range(1), 4)


@pytest.mark.parametrize("seed", SEEDS)
def test_conditions_mean_what_the_naive_model_says(sail: Sail, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(test_property, "CATALOG", _with_json(test_property.CATALOG))
    with SparkEngine(*sail.new_warehouse()).open() as warehouse:
        warehouse.ensure_tables()
        test_property.check(warehouse, seed, CONDITIONS)


def test_facts_are_computed_in_full_and_the_tick_says_why(sail: Sail, tmp_path: Path) -> None:
    catalog = {"events": [{**CATALOG["events"][0], "arrived_at": "at"}]}
    world = SparkWorld(tmp_path / "world", sail.new_warehouse(), catalog=catalog)
    world.segment("buyers", {"where": {"event": "purchase"}})
    for day in (1, 2):
        report = world.tick(datetime(2026, 3, day, tzinfo=UTC))
        assert report.facts == {"facts__event_purchase": "the engine patches none"}
    world.project.store.close()


@pytest.mark.parametrize("name", CHOSEN)
def test_scenario(sail: Sail, tmp_path: Path, name: str) -> None:
    def world(root: Path, *, real: bool, **given: Any) -> SparkWorld:
        return SparkWorld(root, sail.new_warehouse(), **given)

    scenario = (Planned if name in PLANNED else Scenario)(ALL[name], tmp_path, world=world)
    scenario.run()
    scenario.world.project.store.close()

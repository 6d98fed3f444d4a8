"""Conditions and scenarios on Postgres: what they mean is the same as on DuckDB."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from segflow.specs.catalog import Catalog
from segflow.warehouse.postgres.engine import PostgresEngine
from tests.planned import Planned
from tests.postgres import Server
from tests.postgres_world import PostgresWorld
from tests.scenarios.runner import Scenario, scenarios
from tests.segments import test_property
from tests.test_scenarios import PLANNED

ALL = scenarios()
WHOLE = "SEGFLOW_POSTGRES_WHOLE" in os.environ
"""make test-postgres: every scenario and twenty worlds. Otherwise a part of both, from all files."""
CHOSEN = list(ALL) if WHOLE else list(ALL)[::6]
SEEDS = range(20 if WHOLE else 2)


def _with_json(catalog: Catalog) -> Catalog:
    """Structs are a type of DuckDB's; here they are JSON."""
    told = catalog.model_dump(by_alias=True, exclude_unset=True)
    for source in told["events"]:
        if (source.get("payload") or {}).get("format") == "struct":
            source["payload"]["format"] = "json"
    return Catalog.model_validate(told)


@pytest.mark.parametrize("seed", SEEDS)
def test_conditions_mean_what_the_naive_model_says(
    postgres: Server, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(test_property, "CATALOG", _with_json(test_property.CATALOG))
    with PostgresEngine(postgres.new_database()).open() as warehouse:
        warehouse.ensure_tables()
        test_property.check(warehouse, seed)


@pytest.mark.parametrize("name", CHOSEN)
def test_scenario(postgres: Server, tmp_path: Path, name: str) -> None:
    url = postgres.new_database()

    def world(root: Path, *, real: bool, **given: Any) -> PostgresWorld:
        return PostgresWorld(root, url, **given)

    scenario = (Planned if name in PLANNED else Scenario)(ALL[name], tmp_path, world=world)
    scenario.run()
    scenario.world.project.store.close()
    postgres.drop_database(url)

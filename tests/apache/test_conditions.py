"""Random conditions on Apache Spark mean what the naive model says, which DuckDB's are held against, too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from segflow.warehouse.base import Warehouse
from tests.apache.parquet import ParquetEngine
from tests.apache.server import ApacheSpark
from tests.segments import test_property
from tests.warehouse.test_postgres import _with_json

SEEDS, CONDITIONS = range(2), 8


@pytest.fixture(scope="module")
def shared(apache: ApacheSpark) -> Iterator[Warehouse]:
    """A world replaces the last one: to make the engine's own tables takes longer than the rest."""
    with ParquetEngine(apache.new_warehouse()).open() as warehouse:
        warehouse.ensure_tables()
        yield warehouse


@pytest.mark.parametrize("seed", SEEDS)
def test_conditions_mean_what_the_naive_model_says(
    shared: Warehouse, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(test_property, "CATALOG", _with_json(test_property.CATALOG))
    test_property.check(shared, seed, CONDITIONS)

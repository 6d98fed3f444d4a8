"""The demo's shop on Apache Spark: its project, compiled for Spark, makes of the demo's tables the contacts, facts and
memberships that DuckDB makes of them. The engine's own tables are those of the tick on DuckDB, and dbt's part is taken
by the tests' own runner: both would be in Delta."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from sqlglot import exp

from demo.elsewhere import build_shop, copy_project
from demo.on_spark import _OTHERS
from demo.run import ROOT
from demo.screen import LAST
from demo.shop import raw_tables
from segflow.project import Project
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.names import own_relation
from segflow.warehouse.tables import TABLES
from tests.apache.parquet import ParquetDbt, ParquetEngine
from tests.apache.server import ApacheSpark
from tests.direct_dbt import DirectProject

_SOURCE = re.compile(r"\{\{ source\('raw', '(\w+)'\) \}\}")


def _without_sources(root: Path) -> None:
    """The tests' own runner knows no sources but segflow's."""
    for model in (root / "dbt/models/staging").glob("*.sql"):
        model.write_text(_SOURCE.sub(r"raw.\1", model.read_text(encoding="utf-8")), encoding="utf-8")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """The demo on DuckDB after a tick."""
    root = tmp_path_factory.mktemp("here") / "demo"
    copy_project(ROOT, root, tmp_path_factory.mktemp("nothing"))
    shutil.copy(ROOT / "dbt/profiles.yml", root / "dbt")
    _without_sources(root)
    made = DirectProject(root)
    with made.engine.open() as warehouse:
        build_shop(warehouse)
    report = made.tick(LAST)
    made.store.close()
    assert report.errors == []
    with made.engine.open() as warehouse:
        yield warehouse


@pytest.fixture(scope="module")
def there(apache: ApacheSpark, here: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """The demo's models on Apache Spark, of the same tables."""
    root = tmp_path_factory.mktemp("there") / "demo"
    copy_project(ROOT, root, _OTHERS)
    _without_sources(root)
    url = apache.new_warehouse()
    output = {"type": "spark", "method": "session", "host": url, "schema": "main", "threads": 1}
    profile = {"segflow": {"target": "spark", "outputs": {"spark": output}}}
    (root / "dbt/profiles.yml").write_text(yaml.safe_dump(profile), encoding="utf-8")
    made = Project(root)
    made.write_models()
    with ParquetEngine(url).open() as warehouse:
        _, tables = raw_tables()
        for name, rows in tables.items():
            _put(warehouse, root / "tables", "raw", name, rows)
        for name in TABLES:
            _put(warehouse, root / "tables", "segflow", name, here.query(exp.select("*").from_(relation(name))))
        dbt = ParquetDbt(made.specs.dbt_dir, (url, ""), ZoneInfo(made.specs.settings.time_zone))
        tick = here.scalar(exp.select(exp.Max(this=exp.column("tick_id"))).from_(relation("ticks")))
        results = dbt.run(sorted(dbt.models()), {"segflow": {"tick_id": tick}})
        assert {name: one.message for name, one in results.items() if one.status != "success"} == {}
        yield warehouse


def _put(warehouse: Any, folder: Path, schema: str, name: str, rows: pa.Table) -> None:
    """Make `rows` a table, by a file: to send them takes Spark minutes."""
    place = folder / f"{schema}.{name}"
    place.mkdir(parents=True)
    pq.write_table(rows, place / "rows.parquet")
    warehouse._asked(f"CREATE SCHEMA IF NOT EXISTS `{schema}`")
    warehouse._asked(f"CREATE TABLE `{schema}`.`{name}` USING parquet LOCATION '{place}'")


def _rows(warehouse: Warehouse, name: str) -> list[str]:
    rows = warehouse.query(exp.select("*").from_(exp.table_(name, db="segflow", quoted=True))).to_pylist()
    return sorted(repr(sorted((key, _plain(value)) for key, value in row.items())) for row in rows)


def _plain(value: Any) -> Any:
    """Sums of doubles depend on the order of the rows in their last digit, on every engine."""
    return float(f"{value:.12g}") if isinstance(value, float) and math.isfinite(value) else value


MODELS = sorted(
    name
    for path in (ROOT / "dbt/models/segflow").rglob("*.sql")
    if (name := own_relation(path.stem)) is not None and not name.startswith("segment__")
)
"""Contacts, facts and memberships."""


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_the_rows_that_it_has_on_duckdb(here: Warehouse, there: Any, name: str) -> None:
    found = _rows(there, name)
    assert found
    assert found == _rows(here, name)


def test_members_are_those_of_the_tick(here: Warehouse, there: Any) -> None:
    """By each segment's own view or table."""
    members: dict[str, set[str]] = {}
    for row in here.rows(exp.select("segment", "contact_id").from_(relation("segment_members"))):
        members.setdefault(row["segment"], set()).add(row["contact_id"])
    assert len(members) > 10
    for segment, contacts in members.items():
        rows = there._asked(f"SELECT contact_id FROM segflow.segment__{segment}")
        assert set(rows.column(0).to_pylist()) == contacts, segment

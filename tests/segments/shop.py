"""tests/fixtures/small_shop in a folder of its own, with a DuckDB file of raw tables, built by real dbt."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from sqlglot import exp

from segflow.models.build import BuildReport, build
from segflow.segments.compiler import Compiled, compile_project
from segflow.segments.files import write
from segflow.segments.membership_models import MEMBERSHIPS, segment_model
from segflow.specs.load import load_specs
from segflow.ticks.context import TickContext
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.dbt import DbtProject
from segflow.warehouse.duckdb.engine import DuckDBEngine
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from segflow.warehouse.generations import whole_for
from segflow.warehouse.tick import Tick

FIXTURE = Path(__file__).parents[1] / "fixtures" / "small_shop"
AS_OF = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
RAW = """
drop schema if exists raw cascade;
create schema raw;
create table raw.people as select * from (values
    ('ana', 'London', 30, 46, timestamp '2025-01-01'),
    ('ben', 'Paris', 17, 40, timestamp '2025-01-01'),
    ('cleo', 'London', null, 45, null),
    ('dan', null, 50, null, timestamp '2025-06-01'),
    ('eve', 'London', 20, 46, timestamp '2026-03-02'),
    (null, 'London', 20, 46, timestamp '2025-01-01'),
    (null, 'Rome', 21, 46, timestamp '2025-01-01')
) as people (person_id, city, age, shoe_size, joined_at);
create table raw.purchases as select * from (values
    ('ana', timestamp '2026-02-20', 'tea', 5.0, timestamp '2026-02-28 12:00:00'),
    ('ben', timestamp '2026-02-25', 'cake', 3.0, timestamp '2026-02-27'),
    ('cleo', timestamp '2025-10-01', 'tea', 4.0, null),
    ('dan', timestamp '2026-03-01 06:00:01', 'tea', 4.0, null),
    ('ghost', timestamp '2026-02-25', 'tea', 9.0, null)
) as purchases (person_id, purchased_at, category, amount, delivered_at);
create table raw.reviews as select * from (values
    ('ben', timestamp '2026-01-01', 4), ('dan', timestamp '2026-01-02', 1)
) as reviews (person_id, written_at, stars);
create table raw.list_members as select * from (values
    ('ana', 'news'), ('dan', 'news'), ('dan', 'other')
) as list_members (person_id, list_name);
"""


class Shop:
    """A project to break and mend."""

    def __init__(self, folder: Path, fixture: Path = FIXTURE) -> None:
        self.root = folder / "shop"
        shutil.copytree(fixture, self.root)
        self.warehouse_path = self.root / ".segflow" / "warehouse.duckdb"
        self.warehouse_path.parent.mkdir()
        self.dbt = DbtProject(self.root / "dbt", DuckDBEngine(self.warehouse_path, self.root / ".segflow/ledgers"))
        self.compiled = self.compile()
        self.reset()

    def compile(self) -> Compiled:
        """Read the specs as they are now and bring the models up to date."""
        self.compiled = compile_project(load_specs(self.root))
        if write(self.compiled, self.root):
            self.dbt.forget()
        return self.compiled

    def reset(self) -> None:
        """The raw tables as they were at first."""
        self.sql(RAW)

    def sql(self, text: str) -> None:
        with duckdb.connect(str(self.warehouse_path)) as connection:
            connection.execute(text)

    def open(self) -> Warehouse:
        return DuckDBWarehouse(self.warehouse_path)

    def build(self, as_of: datetime = AS_OF, tick_id: str = "t1") -> BuildReport:
        with self.open() as warehouse:
            warehouse.ensure_tables()
            return build(TickContext(self.compiled, warehouse, self.dbt, Tick(tick_id, as_of)))

    def members(self) -> dict[str, set[str]]:
        """The members of all YAML segments by the one pass."""
        with self.open() as warehouse:
            rows = warehouse.rows(exp.select("segment", "contact_id").from_(relation(MEMBERSHIPS)))
        found: dict[str, set[str]] = {}
        for row in rows:
            found.setdefault(row["segment"], set()).add(row["contact_id"])
        return found

    def own(self, segment: str) -> set[str]:
        """The members by the segment's own view or table."""
        with self.open() as warehouse:
            return {
                row["contact_id"] for row in warehouse.rows(exp.select("*").from_(relation(segment_model(segment))))
            }

    def generation(self, model: str) -> set[str]:
        """The ticks that a table was built for: as it is noted, or else as its rows say."""
        with self.open() as warehouse:
            if model in (noted := whole_for(warehouse)):
                return {noted[model]}
            rows = warehouse.rows(exp.select("tick_id").distinct().from_(relation(model)))
        return {row["tick_id"] for row in rows}

"""Patched facts against facts in full: random conditions over random worlds in which rows come late and time goes on.

The facts of one moment, with those of touched contacts computed again, are those of the later moment.
SEGFLOW_PATCH_EXAMPLES=500 digs deeper.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from segflow.segments.compiler import Compiled, compile_project
from segflow.segments.emit import Filling, template
from segflow.segments.fact_models import fact_query
from segflow.segments.fact_patches import Moved, arrivals, touched_form, touched_query, why_whole
from segflow.segments.facts import FactColumn, by_model
from segflow.specs.catalog import Catalog
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.segments.engine import load_table, make_specs
from tests.segments.worlds import Maker
from tests.segments.worlds_catalog import CATALOG, SCHEMAS

EXAMPLES = int(os.environ.get("SEGFLOW_PATCH_EXAMPLES", "6"))
EARLY, LATE = datetime(2026, 1, 1), datetime(2026, 1, 2)
PASSED = [timedelta(0), timedelta(microseconds=1), timedelta(hours=12), *map(timedelta, (1, 6, 7, 31, 366))]
CALLED = re.compile(r"\{\{ segflow_touched\('(.*?)'\) \}\}")


def with_arrivals(catalog: Catalog) -> Catalog:
    """The catalog, with rows of events and objects that say when they arrived."""
    told = catalog.model_dump(by_alias=True, exclude_unset=True)
    for spec in [*told["events"], *told["objects"].values()]:
        spec["arrived_at"] = "loaded at"
    return Catalog.model_validate(told)


ARRIVING = with_arrivals(CATALOG)
MODELS = {spec.model for spec in (*ARRIVING.events, *ARRIVING.objects.values())}


class Lives:
    """What a project's models hold when its rows came early, and when all came."""

    def __init__(self, warehouse: DuckDBWarehouse, compiled: Compiled, then: datetime, now: datetime) -> None:
        self.warehouse, self.compiled, self.then, self.now = warehouse, compiled, then, now

    def query(self, text: str, at: datetime, *, early: bool = False) -> exp.Query:
        def place(model: str) -> exp.Table:
            return exp.table_(f"{model} early" if early else model, db="raw", quoted=True)

        text = CALLED.sub(r"\1 in (select contact_id from touched)", text)
        return Filling(place, at, self.compiled.zone, "t", self.compiled.words).query(text)

    def rows(self, query: exp.Query) -> dict[Any, dict[str, Any]]:
        found = self.warehouse.rows(query)
        assert len(found) == len({row["contact_id"] for row in found})
        return {row["contact_id"]: row for row in found}

    def check(self, columns: list[FactColumn]) -> tuple[int, int]:
        """How many contacts are touched, and how many there are."""
        catalog, words = self.compiled.specs.catalog, self.compiled.words
        whole = template(fact_query(columns, catalog), words)
        then = self.rows(self.query(whole, self.then, early=True))
        now = self.rows(self.query(whole, self.now))
        moved = Moved(self.then, self.now, self.compiled.zone)
        until = {one.key: EARLY.replace(tzinfo=UTC) for one in arrivals(columns, catalog)}
        found: list[set[str]] = []
        for at_once in (True, False):
            query = touched_query(columns, catalog, moved, until, at_once=at_once)
            self.warehouse.stage("touched", self.query(template(query, words), self.now))
            found.append({str(row["contact_id"]) for row in self.warehouse.rows(exp.select("*").from_("touched"))})
        assert found[0] == found[1], columns[0].model
        ids = found[0]
        patch = template(fact_query(columns, catalog, touched_form(columns, catalog)), words)
        assert CALLED.search(patch)
        again = self.rows(self.query(patch, self.now))
        assert again.keys() <= ids
        assert {**{key: row for key, row in then.items() if key not in ids}, **again} == now, columns[0].model
        return len(ids), len(now.keys() | then.keys())


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with DuckDBWarehouse(tmp_path_factory.mktemp("patches") / "warehouse.duckdb") as opened:
        opened.ensure_tables()
        yield opened


def check(warehouse: DuckDBWarehouse, seed: int) -> tuple[int, int]:
    random, maker = Random(seed), Maker(seed)
    world, rules = maker.world(), maker.segments(65)
    later = random.random() < 0.5
    passed = random.choice(PASSED)
    then, now = (maker.as_of, maker.as_of + passed) if later else (maker.as_of - passed, maker.as_of)
    late_share = random.choice([0, 0.1, 0.5])
    for model in MODELS:
        rows = [{**row, "loaded at": LATE if random.random() < late_share else EARLY} for row in world.tables[model]]
        _load(warehouse, model, rows)
        _load(warehouse, f"{model} early", [row for row in rows if row["loaded at"] == EARLY])
    compiled = compile_project(make_specs(ARRIVING, rules, maker.zone.key, maker.week_starts), warehouse.words)
    lives = Lives(warehouse, compiled, then, now)
    found = [
        lives.check(columns) for columns in by_model(compiled.columns).values() if why_whole(columns, ARRIVING) is None
    ]
    return sum(touched for touched, _ in found), sum(there for _, there in found)


def _load(warehouse: DuckDBWarehouse, model: str, rows: list[Mapping[str, Any]]) -> None:
    schema = SCHEMAS[model.removesuffix(" early")]
    fields = schema.items() if isinstance(schema, dict) else [(field.name, field.type) for field in pa.schema(schema)]
    whole = pa.schema([*fields, ("loaded at", pa.timestamp("us"))])
    load_table(warehouse, model, pa.Table.from_pylist(rows, schema=whole))


@settings(max_examples=EXAMPLES, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_patched_facts_are_those_in_full(warehouse: DuckDBWarehouse, seed: int) -> None:
    check(warehouse, seed)


def test_some_contacts_are_left_alone(warehouse: DuckDBWarehouse) -> None:
    """Or else the property says nothing."""
    touched, there = map(sum, zip(*(check(warehouse, seed) for seed in range(4)), strict=True))
    assert 0 < touched < there * 0.8

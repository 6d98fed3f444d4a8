"""Compiled conditions against the naive model, on random worlds: 520 conditions in each run, always the same ones.

SEGFLOW_PROPERTY_EXAMPLES=500 (worlds of 65 conditions) digs deeper. A failure names its seed, for `check`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from segflow.specs.conditions import CONDITION_MODELS, PROPERTY_MODELS, Condition
from segflow.warehouse.base import Warehouse
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.segments.engine import Engine, load_table, make_specs
from tests.segments.naive import World
from tests.segments.worlds import Maker
from tests.segments.worlds_catalog import CATALOG, SCHEMAS
from tests.test_conditions_page import accepted_keys

EXAMPLES = int(os.environ.get("SEGFLOW_PROPERTY_EXAMPLES", "8"))
READ: TypeAdapter[Any] = TypeAdapter(Condition)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with DuckDBWarehouse(tmp_path_factory.mktemp("property") / "warehouse.duckdb") as opened:
        opened.ensure_tables()
        yield opened


def load(warehouse: Warehouse, world: World) -> None:
    for model, rows in world.tables.items():
        load_table(warehouse, model, pa.Table.from_pylist(rows, schema=pa.schema(SCHEMAS[model])))
    warehouse.append("contact_updates", "t0", pa.Table.from_pylist(world.updates))
    warehouse.append("deliveries", "t0", pa.Table.from_pylist(world.deliveries))
    warehouse.append("message_events", "t0", pa.Table.from_pylist(world.message_events))
    warehouse.append("attribute_history", "t0", pa.Table.from_pylist(world.history))


def check(warehouse: Warehouse, seed: int, number: int = 65) -> None:
    """The pass, the views and (of every third segment: they compute their facts anew) the standalone texts give the
    members that the naive model gives."""
    maker = Maker(seed)
    world, rules = maker.world(), maker.segments(number)
    load(warehouse, world)
    engine = Engine(warehouse, make_specs(CATALOG, rules, maker.zone.key, maker.week_starts), maker.as_of)
    engine.build()
    world.segments = {
        name: (lambda row: row["city"] == "London") if isinstance(rule, str) else READ.validate_python(rule)
        for name, rule in rules.items()
    }
    found = engine.memberships()
    for position, (name, rule) in enumerate(rules.items()):
        expected = world.members(world.segments[name])
        where = f"seed {seed}, as_of {maker.as_of}, zone {maker.zone}, segment {name}: {json.dumps(rule)}"
        assert engine.view(name) == expected, f"view, {where}"
        if position % 3 == 0:
            assert engine.standalone(name) == expected, f"standalone, {where}"
        if not isinstance(rule, str):
            assert found[name] == expected, f"memberships, {where}"


@settings(max_examples=EXAMPLES, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_compiled_conditions_mean_what_the_naive_model_says(warehouse: DuckDBWarehouse, seed: int) -> None:
    check(warehouse, seed)


def words(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from words(inner)


def depth(rule: Any) -> int:
    inner = [rule.get(key) or [] for key in ("all", "any", "none")] + [[rule["not"]] if "not" in rule else []]
    return max((1 + depth(one) for items in inner for one in items), default=0)


def leaves(rule: Any) -> Iterator[Any]:
    """The conditions on contacts below a rule that are no groups."""
    inner = [one for key in ("all", "any", "none") for one in rule.get(key) or []]
    inner += [rule["not"]] if "not" in rule else []
    yield from (found for one in inner for found in leaves(one)) if inner else [rule]


def test_every_word_of_conditions_is_drawn() -> None:
    """A word that no rule has is compared by nothing."""
    rules = [rule for seed in range(8) for rule in Maker(seed).segments(65).values() if isinstance(rule, dict)]
    seen: set[type[BaseModel]] = set()
    models = [*CONDITION_MODELS.values(), *PROPERTY_MODELS.values()]
    accepted = {key for model in models for key in accepted_keys(model, seen)}
    only_in_flows = {"enters", "exits", "trigger", "crossing", "enrollment"}
    assert accepted - set(words(rules)) == only_in_flows
    assert {"sent", "delivered", "opened", "clicked", "bounced", "replied", "complained", "unsubscribed"} == {
        leaf["message"] for rule in rules for leaf in leaves(rule) if "message" in leaf
    }
    assert max(depth(rule) for rule in rules) == 4


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_the_zone_of_the_session_changes_nothing(tmp_path: Path, zone: str) -> None:
    """Texts in JSON payloads included; `test_sessions.py` has the other types."""
    with DuckDBWarehouse(tmp_path / "warehouse.duckdb") as warehouse:
        warehouse.ensure_tables()
        warehouse._connection.execute(f"SET TimeZone = '{zone}'")
        maker = Maker(7)
        world = maker.world()
        rules = maker.segments(25)
        load(warehouse, world)
        engine = Engine(warehouse, make_specs(CATALOG, rules, maker.zone.key, maker.week_starts), maker.as_of)
        engine.build()
        found = engine.memberships()
        warehouse._connection.execute("SET TimeZone = 'UTC'")
        engine.build()
        assert found == engine.memberships()
        assert any(found.values())

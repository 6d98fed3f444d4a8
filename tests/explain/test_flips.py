"""Each part of an explanation says what the naive model says, and predicted changes are exact: the naive model changes
at that moment, and not before. SEGFLOW_PROPERTY_EXAMPLES=500 digs deeper."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlglot import exp

from segflow.explain.explain import Judge
from segflow.explain.places import Place, place_of
from segflow.explain.replay import Replay
from segflow.segments.compiler import compile_project
from segflow.segments.resolve import Resolver
from segflow.specs import conditions as c
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.segments.engine import make_specs
from tests.segments.naive import World
from tests.segments.test_property import READ, load
from tests.segments.worlds import Maker
from tests.segments.worlds_catalog import CATALOG

EXAMPLES = int(os.environ.get("SEGFLOW_PROPERTY_EXAMPLES", "4"))
MICROSECOND = timedelta(microseconds=1)
AHEAD = timedelta(days=800)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with DuckDBWarehouse(tmp_path_factory.mktemp("flips") / "warehouse.duckdb") as opened:
        opened.ensure_tables()
        yield opened


def says(world: World, condition: Any, contact: str, at: datetime) -> bool:
    then = replace(world, as_of=at)
    return then.holds(condition, contact, then.contacts()[contact])


def parts(place: Place, condition: Any) -> Iterator[tuple[Place, Any]]:
    """Each part beside its condition."""
    yield place, condition
    inner = {"all": "all", "any": "any", "none": "none"}.get(place.kind)
    below = getattr(condition, inner) if inner else [condition.not_] if isinstance(condition, c.Not) else []
    for one, its in zip(place.below, below, strict=True):
        yield from parts(one, its)


def check(warehouse: DuckDBWarehouse, seed: int) -> tuple[int, int]:
    """Returns how many parts there were, and how many change."""
    maker, chance = Maker(seed), random.Random(seed)
    world, rules = maker.world(), maker.segments(12)
    load(warehouse, world)
    chosen = chance.sample([rule for rule in rules.values() if not isinstance(rule, str)], 5)
    rules["whole"] = {"any": [*chosen, {"not": {"segment": chance.choice(sorted(rules))}}]}
    compiled = compile_project(specs := make_specs(CATALOG, rules, maker.zone.key, maker.week_starts))
    world.segments = {
        name: (lambda row: row["city"] == "London") if isinstance(rule, str) else READ.validate_python(rule)
        for name, rule in rules.items()
    }
    contact = chance.choice(sorted(world.contacts()))
    members = {
        name: segment.node or says(world, world.segments[name], contact, maker.as_of)
        for name, segment in compiled.segments.items()
    }

    def resolve(model: str) -> exp.Table:
        return exp.table_(model, db="raw", quoted=True)

    replay = Replay(warehouse, CATALOG, maker.zone, contact, resolve, members)
    whole = place_of(specs, "whole", Resolver(CATALOG, maker.zone, specs.settings.week_starts))
    judge = Judge(replay, whole, maker.as_of, maker.zone)
    changing, number = 0, 0
    for place, condition in parts(whole, world.segments["whole"]):
        where = f"seed {seed}, as_of {maker.as_of}, zone {maker.zone}, {contact}: {json.dumps(chosen)}: {place.words}"
        now = says(world, condition, contact, maker.as_of)
        assert place.holds(judge.now) == now, where
        number += 1
        until = judge.until(place)
        if until is not None:
            changing += 1
            assert says(world, condition, contact, until - MICROSECOND) == now, f"until {until}, {where}"
            assert says(world, condition, contact, until) != now, f"until {until}, {where}"
        elif not judge.can_say(place):
            continue
        end = until or min(maker.as_of + AHEAD, judge.known_to)
        for _ in range(3):
            between = maker.as_of + (end - maker.as_of) * chance.random()
            assert says(world, condition, contact, min(between, end - MICROSECOND)) == now, f"{between}, {where}"
    return number, changing


def test_every_part_and_its_next_change_are_what_the_naive_model_says(warehouse: DuckDBWarehouse) -> None:
    found = [check(warehouse, seed) for seed in range(EXAMPLES)]
    assert sum(changing for _, changing in found) * 50 > sum(number for number, _ in found)

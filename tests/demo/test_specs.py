"""The specs that ship with the repository are right, and show every kind of condition that exists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.shop import codes_of
from segflow.specs.conditions import AGGREGATES, CONDITION_KEYS
from segflow.specs.load import load_specs
from segflow.specs.operators import OPERATORS
from segflow.specs.steps import STEP_KEYS, walk

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("folder", [".", "examples/online_retail"])
def test_a_shipped_project_loads_without_a_problem(folder: str) -> None:
    specs = load_specs(ROOT / folder)
    assert specs.segments
    assert specs.flows


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for item in value.values() for key in _keys(item)}
    return {key for item in value for key in _keys(item)} if isinstance(value, list) else set()


def _used(pattern: str) -> set[str]:
    return {key for path in ROOT.glob(pattern) for key in _keys(yaml.safe_load(path.read_text("utf-8")))}


# docs/CONDITIONS.md shows them all
LEAVES = ("all", "any", "none", "not", "attribute", "event", "object", "list", "tag", "segment", "everyone")


@pytest.mark.parametrize("leaf", [*LEAVES, "sum", "avg", "max", "first", "last"])
def test_the_demo_shows_the_common_conditions(leaf: str) -> None:
    assert leaf in {*CONDITION_KEYS, *AGGREGATES, *OPERATORS}
    assert leaf in _used("segment_specs/*.yml")


@pytest.mark.parametrize("step", STEP_KEYS)
def test_the_demo_shows_every_kind_of_step(step: str) -> None:
    assert step in _used("flow_specs/*.yml")


def test_the_demo_shows_what_flows_are_made_of() -> None:
    """A level and a date trigger, waits of all kinds, a fallback, a split whose conversions are held to a holdout."""
    flows = {name: named.spec for name, named in load_specs(ROOT).flows.items() if named.spec.status == "active"}
    triggers = {trigger.word for flow in flows.values() for trigger in flow.triggers()}
    assert {"enters", "exits", "every_day_at", "date"} <= triggers
    steps = {name: [step.model_dump(exclude_none=True) for step, _ in walk(flow.steps)] for name, flow in flows.items()}
    every = [step for found in steps.values() for step in found]
    until = [step["wait"].get("until", {}) for step in every if "wait" in step]
    assert {key for key in ("time", "date", "event") for one in until if key in one} == {"time", "date", "event"}
    assert any("fallback" in step.get("send_email", {}) for step in every)
    split = [name for name, found in steps.items() if any("split" in step for step in found)]
    assert [name for name in split if flows[name].goal is not None and flows[name].holdout is not None]


def test_the_demo_fills_the_pools_that_its_flows_take_codes_from() -> None:
    specs = load_specs(ROOT)
    steps = [step for named in specs.flows.values() for step, _ in walk(named.spec.steps)]
    taken = {step.row().coupon for step in steps} - {None}
    assert taken == set(specs.settings.coupons)
    pools = [codes_of(pool) for pool in sorted(specs.settings.coupons)]
    assert pools == [codes_of(pool) for pool in sorted(specs.settings.coupons)]
    codes = [code for pool in pools for code in pool]
    assert len(codes) == len(set(codes)) == 1500 * len(pools)


def test_the_demo_shows_every_status_of_a_flow() -> None:
    statuses = [flow.spec.status for flow in load_specs(ROOT).flows.values()]
    assert statuses.count("active") >= 6
    assert {"active", "draft", "paused"} == set(statuses)

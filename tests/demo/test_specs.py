"""The specs that ship with the repository are right, and show every kind of condition that exists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from segflow.specs.conditions import AGGREGATES, CONDITION_KEYS
from segflow.specs.load import load_specs
from segflow.specs.operators import OPERATORS
from segflow.specs.steps import STEP_KEYS

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


def test_the_demo_shows_every_status_of_a_flow() -> None:
    statuses = [flow.spec.status for flow in load_specs(ROOT).flows.values()]
    assert statuses.count("active") >= 6
    assert {"active", "draft", "paused"} == set(statuses)

"""A small run of the benchmark: the same answers as hand-written SQL, at no more than recorded ratios of its CPU."""

from __future__ import annotations

import json
from pathlib import Path

from bench.report import ratios, table
from bench.run import STEPS, Plan, run

BUDGET = Path(__file__).parents[1] / "bench" / "budget.json"
SMALL = Plan(20_000, 100, others=False, steps=tuple(step for step in STEPS if step.name != "steady again"))


def test_within_the_budget(tmp_path: Path) -> None:
    """`run` itself raises when members, crossings or messages differ."""
    found = run(SMALL, tmp_path)
    budget = json.loads(BUDGET.read_text(encoding="utf-8"))
    told = ratios(found)
    assert {name: value for name, value in told.items() if value > budget.get(name, float("inf"))} == {}, table(found)
    assert budget.keys() <= told.keys()

"""A small run of the benchmark: the same answers as hand-written SQL, at no more than recorded ratios of its CPU."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.engines import TICKS, exponents, measure
from bench.pictures import draw
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


def test_curves_are_drawn_to_scale(tmp_path: Path) -> None:
    """A cost that grows like the contacts climbs as far as twice as much of one that grows like their root."""

    def of(contacts: int, mine: float, floor: float) -> dict[str, Any]:
        ticks = {"steady": {"segflow": {"cpu": mine}, "floor": {"cpu": floor}}}
        machine = {"cores": 2, "duckdb": "1.5"}
        return {"plan": {"contacts": contacts, "segments": 100}, "machine": machine, "ticks": ticks}

    draw([of(1_000, 4.0, 1.0), of(16_000, 16.0, 16.0)], "contacts", tmp_path / "contacts.svg")
    drawn = (tmp_path / "contacts.svg").read_text(encoding="utf-8")
    texts = [text.strip() for text in re.findall(r"<text[^>]*>([^<]*)</text>", drawn)]
    assert {"1,000", "16,000", "contacts", "steady (to the power of 0.5)", "steady, floor"} <= set(texts)
    place = r"([\d.]+) ([\d.]+)"
    lines = re.findall(rf'<path d="M {place}\s+L {place}\s*" clip-path="[^"]*" style="[^"]*stroke: #1f77b4', drawn)
    mine, floor = ([float(number) for number in line] for line in lines)
    assert (mine[0], mine[2], mine[3]) == (floor[0], floor[2], floor[3])
    assert floor[1] - floor[3] == pytest.approx(2 * (mine[1] - mine[3]), rel=1e-3)


@pytest.mark.parametrize(
    ("sizes", "refused"),
    [
        pytest.param("--contacts 10 --segments 5 --pictures curves", "needs several sizes", id="one of each"),
        pytest.param("--contacts 10 20 --segments 5 6 --pictures curves", "needs several sizes", id="several of both"),
        pytest.param("--contacts 10 10", "given twice", id="the same twice"),
    ],
)
def test_sizes_that_make_no_curve_are_refused_before_anything_is_measured(
    sizes: str, refused: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "bench", "--folder", str(tmp_path / "there"), *sizes.split()]
    done = subprocess.run(command, cwd=BUDGET.parents[1], capture_output=True, text=True, check=False)
    assert (done.returncode, refused in done.stderr, list(tmp_path.iterdir())) == (2, True, [])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read there")
def test_the_peak_of_a_tick_is_its_own() -> None:
    """Not that of the process that started it, in which the floor has run."""
    large = bytearray(b"x") * (300 * 2**20)
    ask = "import worker; print(worker.peak_mb())"
    done = subprocess.run([sys.executable, "-c", ask], cwd=BUDGET.parent, capture_output=True, text=True, check=True)
    assert 1 < float(done.stdout) < 200 < len(large) / 2**20


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="what servers use is read there")
def test_engines_give_the_same_answers_at_a_cost_of_their_own(tmp_path: Path) -> None:
    """`measure` itself raises when members, crossings or planned messages differ."""
    found = measure(("duckdb", "postgres", "spark"), 2_000, 20, tmp_path, TICKS[:2])
    assert list(found) == ["first", "steady"]
    for costs in found.values():
        assert {engine for engine, cost in costs.items() if cost.server > 0} == {"postgres", "spark"}
        assert min(cost.own for cost in costs.values()) > 0
        for cost in costs.values():
            assert cost.wall == pytest.approx(sum(cost.stages.values()))
    answers = found["steady"]["spark"].answers
    assert answers["contacts"] > 2_000 > answers["entered"] > 0 < answers["planned"]
    assert set(exponents([1_000, 2_000], [found, found])["postgres"].values()) == {0.0}

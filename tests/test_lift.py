"""What a holdout shows: the interval of a difference, and the contacts that are compared."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from segflow.cli.main import app
from segflow.flows.lift import newcombe, wilson
from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("x1", "n1", "x2", "n2", "low", "high"),
    [
        # Newcombe 1998 (III), table II, method 10.
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0),
        (10, 10, 0, 10, 0.6075, 1.0),
    ],
)
def test_the_interval_is_the_published_one(x1: int, n1: int, x2: int, n2: int, low: float, high: float) -> None:
    assert newcombe(x1, n1, x2, n2) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_of_a_share_is_the_published_one() -> None:
    """Newcombe 1998 (II), table I, method 3."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_contacts_count_once_since_the_flow_has_had_its_holdout(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    flow = {
        "status": "active",
        "trigger": {"enters": "londoners"},
        "reentry": "always",
        "goal": {"event": "purchase", "since": "enrollment"},
        "steps": [{"id": "news", "add_to_list": "news"}],
    }
    world.flow("hi", flow)
    # The hash of bob and kim keeps them out. Old was there before the holdout.
    cities = [{}, {"old": 1}, {"ana": 1, "bob": 1, "ian": 1, "kim": 1}, {}, {"ana": 1}]
    events = {1: ["old"], 3: ["bob", "ana"], 4: ["ana"]}
    told = []
    for day, there in enumerate(cities):
        if day == 2:
            world.flow("hi", {**flow, "holdout": "50%"})
        names = ("ana", "bob", "ian", "kim", "old")
        world.rows_of("contacts", [{"contact_id": n, "city": "London" if n in there else "Rome"} for n in names])
        at = FIRST + timedelta(days=day)
        told += [
            {"contact_id": n, "name": "purchase", "at": at - timedelta(hours=1), "properties": "{}"}
            for n in events.get(day, [])
        ]
        world.rows_of("events", told)
        assert world.tick(at).errors == []
    (lift,) = world.project.lifts()
    assert (lift.enrolled, lift.converted, lift.withheld, lift.converted_withheld) == (2, 1, 2, 1)
    assert (lift.lift, lift.low, lift.high) == (0.0, *newcombe(1, 2, 1, 2))
    words = [row.words for row in world.project.trace("bob").rows if row.kind == "flow"]
    assert words == ["withheld: withheld (enters londoners)", "converted: withheld"]
    world.project.store.close()
    world.close()
    found = CliRunner().invoke(app, ["--project-dir", str(tmp_path), "--format", "json", "flows", "--lift"])
    assert json.loads(found.stdout)["flows"][0]["converted_withheld"] == 1
    shown = CliRunner().invoke(app, ["--project-dir", str(tmp_path), "flows", "--lift"]).stdout
    assert "50.0%" in shown
    assert "+0.0" in shown

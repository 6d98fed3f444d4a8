"""Entry rules, restarts, goals and holdouts of all flows are judged together, however many flows there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segflow.stages import advance as stage
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)


def _statements(root: Path, flows: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many statements `advance` takes in a tick in which contacts come in, start again and convert."""
    root.mkdir()
    world = World(root, settings={"groups": {"all": {"max_active": 2}}})
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    for number in range(flows):
        spec: dict[str, Any] = {
            "status": "active",
            "trigger": {"enters": "londoners"},
            "reentry": "always",
            "group": "all",
            "priority": number,
            "max_enrollments": 3,
            "not_within": {"flow": f"flow{(number + 1) % flows}", "days": 1},
            "restart_when": [{"event": "visit"}, {"attribute": "age", "gte": 9}],
            "goal": {"event": "purchase", "since": "enrollment"},
            "holdout": "20%",
            "steps": [{"id": "think", "wait": "9 days"}],
        }
        world.flow(f"flow{number}", spec)
    found: list[str] = []
    for day in range(3):
        london = {2: "ana eve ian", 1: "ana eve", 0: ""}[day].split()
        ages = {"ana": 10 * (day == 2)}
        people = ("ana", "bob", "eve", "ian")
        rows = [{"contact_id": n, "city": "London" if n in london else "Rome", "age": ages.get(n, 1)} for n in people]
        world.rows_of("contacts", rows)
        at = FIRST + timedelta(days=day)
        if day == 2:
            _count(monkeypatch, found)
        assert world.tick(at).errors == []
    monkeypatch.undo()
    world.project.store.close()
    world.close()
    return len(found)


def _hops(root: Path, before: int, after: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many statements `advance` takes in a tick in which a contact takes plain steps, a branch, and plain ones."""
    root.mkdir()
    world = World(root)
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    steps: list[dict[str, Any]] = [{"id": f"t{number}", "add_tag": "t"} for number in range(before + after)]
    adult = {"if": {"attribute": "age", "gte": 18}, "then": [{"id": "grown", "add_tag": "grown"}]}
    steps.insert(before, {"id": "adult", "branch": adult})
    world.flow("hi", {"status": "active", "trigger": {"enters": "londoners"}, "steps": steps})
    found: list[str] = []
    for day, city in enumerate(("Rome", "London")):
        world.rows_of("contacts", [{"contact_id": "ana", "city": city, "age": 20}])
        if day:
            _count(monkeypatch, found)
        assert world.tick(FIRST + timedelta(days=day)).errors == []
    monkeypatch.undo()
    assert len(world.rows("SELECT step FROM segflow.flow_journal WHERE action = 'add_tag'")) == before + after + 1
    world.project.store.close()
    world.close()
    return len(found)


def _count(monkeypatch: pytest.MonkeyPatch, found: list[str]) -> None:
    inside = [False]
    advance = stage.flows.advance

    def counted(*args: Any, **kwargs: Any) -> Any:
        inside[0] = True
        try:
            return advance(*args, **kwargs)
        finally:
            inside[0] = False

    monkeypatch.setattr(stage.flows, "advance", counted)
    for name in ("execute", "query"):
        run = getattr(DuckDBWarehouse, name)

        def told(self: Any, *args: Any, _run: Any = run, **kwargs: Any) -> Any:
            if inside[0]:
                found.append(str(args[0])[:60])
            return _run(self, *args, **kwargs)

        monkeypatch.setattr(DuckDBWarehouse, name, told)


def test_the_number_of_statements_does_not_grow_with_flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = _statements(tmp_path / "few", 2, monkeypatch)
    many = _statements(tmp_path / "many", 9, monkeypatch)
    assert few > 20
    assert many <= few


@pytest.mark.parametrize(("before", "after"), [(4, 0), (0, 4), (2, 2)], ids=["before it", "after it", "around it"])
def test_plain_steps_ask_nothing_of_a_branch(
    before: int, after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes a hop of its own, and a hop without a branch costs what it does in a flow that has none."""
    alone = _hops(tmp_path / "alone", 0, 0, monkeypatch)
    among = _hops(tmp_path / "among", before, after, monkeypatch)
    assert (among - alone) / (before + after) <= 6, (alone, among)

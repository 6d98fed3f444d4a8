"""`held_for` over ticks: the history that the engine keeps, and who has held a value for how long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segflow.project import Project
from tests.world import World

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def after(days: int, seconds: int = 0) -> datetime:
    return START + timedelta(days=days, seconds=seconds)


def held(bound: str, **test: Any) -> dict[str, Any]:
    return {"where": {"attribute": "city", **(test or {"is": "London"}), "held_for": {bound: "30 days"}}}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    for bound in ("gte", "gt", "lt", "lte"):
        world.segment(bound, held(bound))
    world.segment("nowhere", held("gte", is_not_set=True))
    yield world
    world.close()


def move(world: World, **cities: str | None) -> None:
    world.rows_of("contacts", [{"contact_id": who, "city": city} for who, city in cities.items()])


def members(world: World, contact: str = "ana") -> set[str]:
    rows = world.rows(f"SELECT segment FROM segflow.segment_members WHERE contact_id = '{contact}'")
    return {row["segment"] for row in rows}


def history(world: World) -> list[tuple[Any, ...]]:
    rows = world.rows("SELECT contact_id, value, since FROM segflow.attribute_history ORDER BY since, contact_id")
    return [(row["contact_id"], row["value"], row["since"].replace(tzinfo=UTC)) for row in rows]


def test_a_value_is_held_from_the_tick_that_first_saw_it(world: World) -> None:
    move(world, ana="London", bob=None)
    expected = [
        (after(0), {"lt", "lte"}),
        (after(30, -1), {"lt", "lte"}),
        (after(30), {"gte", "lte"}),
        (after(30, 1), {"gte", "gt"}),
    ]
    for at, found in expected:
        world.tick(at)
        assert members(world) == found, at
    assert members(world, "bob") == {"nowhere"}
    assert history(world) == [("ana", "London", after(0)), ("bob", None, after(0))]


def test_the_tick_that_changes_a_value_knows_it(world: World) -> None:
    move(world, ana="London")
    world.tick(after(0))
    move(world, ana="Paris")
    world.tick(after(40))
    assert members(world) == set()
    move(world, ana="London")
    world.tick(after(50))
    assert members(world) == {"lt", "lte"}
    move(world, ana=None)
    world.tick(after(60))
    world.tick(after(90))
    assert members(world) == {"nowhere"}
    assert [row[1:] for row in history(world)] == [
        ("London", after(0)), ("Paris", after(40)), ("London", after(50)), (None, after(60)),
    ]  # fmt: skip


def test_an_attribute_that_cannot_be_read_changes_no_history(world: World) -> None:
    move(world, ana="London")
    world.tick(after(0))
    world.missing.add("contacts.city")
    move(world, ana="London")
    assert world.tick(after(20)).errors
    world.missing.clear()
    move(world, ana="London")
    world.tick(after(30))
    assert members(world) == {"gte", "lte"}
    assert history(world) == [("ana", "London", after(0))]


def test_an_edit_is_told_from_a_change(world: World) -> None:
    """The old rule reads the same history, though no segment asks for it any more."""
    move(world, ana="London", bob="Paris")
    world.tick(after(0))
    world.tick(after(40))
    for name in ("gt", "lt", "lte", "nowhere"):
        world.segment(name, None)
    world.segment("gte", {"where": {"attribute": "city", "is": "Paris"}})
    world.tick(after(50))
    rows = world.rows("SELECT contact_id, cause FROM segflow.segment_entries WHERE segment = 'gte' ORDER BY entered_at")
    assert [(row["contact_id"], row["cause"]) for row in rows][-1] == ("bob", "definition")
    gone = world.rows("SELECT contact_id, cause FROM segflow.segment_exits WHERE segment = 'gte'")
    assert [(row["contact_id"], row["cause"]) for row in gone] == [("ana", "definition")]


def test_preview_looks_at_the_history(world: World) -> None:
    move(world, ana="London")
    world.tick(after(0))
    seen = [world.project.preview("gte", at).column("contact_id").to_pylist() for at in (after(30, -1), after(30))]
    assert seen == [[], ["ana"]]


class Killed(Exception):
    pass


@pytest.mark.parametrize("stage", ["cross", "advance", "send"])
def test_a_tick_that_is_resumed_keeps_the_same_history(world: World, stage: str) -> None:
    move(world, ana="London", bob="Rome")
    world.tick(after(0))
    move(world, ana="Paris", bob="London")

    def die(_: object, name: str) -> None:
        if name == stage:
            raise Killed

    with pytest.raises(Killed):
        world.tick(after(40), progress=die)
    # Another spec makes the resumed tick build again, over the rows that it may have written itself.
    world.segment("more", held("lt", is_not="Rome"))
    again: Project = world.project
    again.tick(after(40))
    assert history(world)[2:] == [("ana", "Paris", after(40)), ("bob", "London", after(40))]
    assert members(world, "bob") >= {"lt", "lte"}

"""A warehouse that was lost, damaged or replaced by an older copy comes back exactly, and nothing goes out twice."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segflow.errors import RunError
from tests.world import World

FIRST = datetime(2026, 1, 28, tzinfo=UTC)
DAYS = 8
SEGMENTS: dict[str, Any] = {
    "londoners": {"where": {"attribute": "city", "is": "London"}},
    "old": {"where": {"attribute": "age", "gte": 30}},
}
FLOW: dict[str, Any] = {
    "status": "active",
    "reentry": "always",
    "trigger": {"enters": "londoners"},
    "exit_when": [{"exits": "londoners"}],
    "steps": [
        {"id": "hello", "send_sms": {"text": "Hello"}},
        {"id": "think", "wait": "1 day"},
        {"id": "news", "add_to_list": "news"},
        {"id": "more", "wait": "3 days"},
        {"id": "bye", "send_sms": {"text": "Bye"}},
    ],
}
SLOW: dict[str, Any] = {**FLOW, "reentry": {"after_exit": "4 days"}, "steps": FLOW["steps"][:2]}


def contacts(day: int) -> list[dict[str, Any]]:
    """Each contact enters, exits and enters again on its own days; one is gone for a while."""
    return [
        {
            "contact_id": f"c{number}",
            "city": "London" if (day + number) % 4 in (1, 2) else "Rome",
            "age": 28 + (day + number) % 5,
            "phone": f"+4420794601{number:02}",
        }
        for number in range(8)
        if not (number == 3 and day in (3, 4))
    ]


def made(root: Path, days: int = 0) -> World:
    """A world with the ticks of its first `days` behind it."""
    root.mkdir(parents=True)
    world = World(root)
    for name, spec in SEGMENTS.items():
        world.segment(name, spec)
    world.flow("hi", FLOW)
    world.flow("slow", SLOW)
    for day in range(days):
        lived(world, day)
    return world


def lived(world: World, day: int) -> None:
    """The tick of a day, with what happens before it."""
    if day == 2:
        world.segment("old", {"where": {"attribute": "age", "gte": 31}})
    if day == 7:
        world.flow("slow", None)
    world.rows_of("contacts", contacts(day))
    world.tick(FIRST + timedelta(days=day), send=True)


def reopened(root: Path) -> World:
    """The world of a folder, after its warehouse was exchanged; raw tables that went with it are there again."""
    world = World.__new__(World)
    world.root, world.real, world.missing, world._open = root, False, set(), None
    for table in ("contacts", "events", "lists", "tags"):
        world.rows_of(table, [])
    return world


Kept = tuple[dict[str, Any], list[str]]


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Kept]]:
    """The folder as it was after each day, and the tables and messages of these days."""
    root = tmp_path_factory.mktemp("lives")
    world = made(root / "world")
    kept = []
    for day in range(DAYS):
        lived(world, day)
        kept.append((world.ledgers(), world.mailbox()))
        world.close()
        shutil.copytree(world.root, root / f"day{day}")
        world = reopened(world.root)
    tables, messages = kept[-1]
    assert {row[-2] for row in tables["flow_waits"]} == {"waits", "over"}
    assert {row[1] for row in tables["contact_changes"]} == {"came", "gone", "returned"}
    assert len(messages) > 10
    return root, kept


def same(world: World, kept: Kept) -> None:
    for table, rows in world.ledgers().items():
        assert rows == kept[0][table], table
    assert world.mailbox() == kept[1]


def lost(path: Path) -> None:
    path.unlink()


def cut(share: float) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def flipped(seed: int, end: int | None = None) -> Callable[[Path], None]:
    def flip(path: Path) -> None:
        content = bytearray(path.read_bytes())
        chance = random.Random(seed)
        for _ in range(4):
            content[chance.randrange(end or len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)

    return flip


DAMAGES: dict[str, Callable[[Path], None]] = {
    "lost": lost,
    "empty": cut(0),
    "its first half": cut(0.5),
    "short of its end": cut(0.95),
    "a text": lambda path: path.write_text("hello\n" * 5000),
    **{f"flipped in the header {seed}": flipped(seed, 12288) for seed in range(3)},
    **{f"flipped {seed}": flipped(seed) for seed in range(6)},
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage(tmp_path: Path, lives: tuple[Path, list[Kept]], damage: str) -> None:
    """Either it does no harm, or the tick is refused in words; after a rebuild all goes on as if nothing had been."""
    root, kept = lives
    shutil.copytree(root / "day4", tmp_path / "world")
    DAMAGES[damage](tmp_path / "world/.segflow/warehouse.duckdb")
    try:
        world = reopened(tmp_path / "world")
        lived(world, 5)
    except Exception as error:
        world = World.__new__(World)
        world.root, world.real, world.missing, world._open = tmp_path / "world", False, set(), None
        assert "duckdb" in type(error).__module__ or "run segflow rebuild" in str(error).lower(), error
        done = world.project.rebuild()
        assert done.place in ("done", "begun", "ingest")
        world = reopened(world.root)
        lived(world, 5)
    lived(world, 6)
    same(world, kept[6])


@pytest.mark.parametrize("day", range(DAYS - 1))
def test_an_older_copy(tmp_path: Path, lives: tuple[Path, list[Kept]], day: int) -> None:
    root, kept = lives
    shutil.copytree(root / "day6", tmp_path / "world")
    shutil.copy(root / f"day{day}/.segflow/warehouse.duckdb", tmp_path / "world/.segflow")
    world = reopened(tmp_path / "world")
    if day < 6:
        with pytest.raises(RunError, match="was committed.*Run segflow rebuild"):
            lived(world, 7)
    done = world.project.rebuild()
    assert (done.new_file, done.set_aside, done.damage) == (False, None, None)
    same(world, kept[6])
    world.check_replay()
    lived(world, 7)
    same(world, kept[7])

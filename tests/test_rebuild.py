"""A warehouse that was lost, damaged or replaced by an older copy comes back exactly, and nothing goes out twice."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from segflow.crashpoints import watched
from segflow.durations import Duration
from segflow.errors import InputError, RunError
from segflow.warehouse.ledgers import LedgerFiles
from tests.world import World

REPO = Path(__file__).parents[1]
FIRST = datetime(2026, 1, 28, tzinfo=UTC)
DAYS = 8
SEGMENTS: dict[str, Any] = {
    "londoners": {"where": {"attribute": "city", "is": "London"}},
    "old": {"where": {"attribute": "age", "gte": 30}},
    "settled": {"where": {"attribute": "city", "is": "London", "held_for": {"gte": "1 day"}}},
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


def raw(world: World, day: int) -> None:
    """The user's own tables, which are in the warehouse file, too, as they are on that day."""
    with duckdb.connect(str(world.root / ".segflow/warehouse.duckdb")):  # opened once, not four times
        world.rows_of("contacts", contacts(day))
        for table in ("events", "lists", "tags"):
            world.rows_of(table, [])


def lived(world: World, day: int) -> None:
    """The tick of a day, with what happens before it."""
    raw(world, day)
    edited(world, day)
    world.tick(FIRST + timedelta(days=day), send=True)


def edited(world: World, day: int) -> None:
    if day == 2:
        world.segment("old", {"where": {"attribute": "age", "gte": 31}})
    if day == 7:
        world.flow("slow", None)


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
        world = World.at(world.root)
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
    **{f"flipped in the header {seed}": flipped(seed, 12288) for seed in range(1)},
    **{f"flipped {seed}": flipped(seed) for seed in range(2)},
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage(tmp_path: Path, lives: tuple[Path, list[Kept]], damage: str) -> None:
    """Either it does no harm, or the tick is refused in words; after a rebuild all goes on as if nothing had been."""
    root, kept = lives
    shutil.copytree(root / "day4", tmp_path / "world")
    world = World.at(tmp_path / "world")
    raw(world, 5)
    DAMAGES[damage](tmp_path / "world/.segflow/warehouse.duckdb")
    try:
        world.tick(FIRST + timedelta(days=5), send=True)
    except RunError as error:
        assert re.search("[Rr]un segflow rebuild", str(error)), error  # noqa: PT017 - some of it does no harm
        done = world.project.rebuild()
        if done.new_file:
            raw(world, 5)
        world.tick(FIRST + timedelta(days=5), send=True)
    same(world, kept[5])
    world.check_replay()


def test_the_command(tmp_path: Path, lives: tuple[Path, list[Kept]]) -> None:
    root, kept = lives
    shutil.copytree(root / "day4", tmp_path / "world")
    world = World.at(tmp_path / "world")
    cut(0.5)(world.project.warehouse_path)
    command = [sys.executable, "-m", "segflow", "--project-dir", str(world.root), "--format", "json", "rebuild"]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert (told["tick_id"], told["place"], told["new_file"]) == ("20260201T000000Z", "done", True)
    assert Path(told["set_aside"]).name.startswith("warehouse.duckdb.damaged-20")
    assert told["rows"]["segment_entries"] == len(kept[4][0]["segment_entries"])
    same(world, kept[4])


@pytest.mark.parametrize("day", [0, 2, 5])
def test_an_older_copy(tmp_path: Path, lives: tuple[Path, list[Kept]], day: int) -> None:
    root, kept = lives
    shutil.copytree(root / "day6", tmp_path / "world")
    shutil.copy(root / f"day{day}/.segflow/warehouse.duckdb", tmp_path / "world/.segflow")
    world = World.at(tmp_path / "world")
    with pytest.raises(RunError, match=r"was committed.*Run segflow rebuild"):
        lived(world, 7)
    done = world.project.rebuild()
    assert (done.new_file, done.set_aside, done.damage) == (False, None, None)
    same(world, kept[6])
    world.check_replay()
    lived(world, 7)
    same(world, kept[7])


def test_an_older_file_beside_the_log_of_a_newer_one(tmp_path: Path, lives: tuple[Path, list[Kept]]) -> None:
    """DuckDB replays such a log without a word: the last tick is there, and those before it are not."""
    root, kept = lives
    shutil.copytree(root / "day5", tmp_path / "world")
    world = World.at(tmp_path / "world")
    lived_and_killed(world, 6)
    path = world.project.warehouse_path
    assert path.with_name(f"{path.name}.wal").exists()
    shutil.copy(root / "day2/.segflow/warehouse.duckdb", path)
    with pytest.raises(RunError, match=r"holds a part of its history only|was committed: the file was lost"):
        world.tick(FIRST + timedelta(days=7), send=True)
    world.project.rebuild()
    same(world, kept[6])


@pytest.mark.parametrize("table", ["segment_entries", "flow_positions", "ticks"])
def test_rows_that_are_gone_are_missed(tmp_path: Path, lives: tuple[Path, list[Kept]], table: str) -> None:
    root, kept = lives
    shutil.copytree(root / "day4", tmp_path / "world")
    world = World.at(tmp_path / "world")
    first = "tick_id = '20260130T000000Z'" if table != "flow_positions" else "rowid = 0"
    world.run(f"DELETE FROM segflow.{table} WHERE {first}")
    with pytest.raises(RunError, match=r"holds a part of its history only.*run segflow rebuild"):
        lived(world, 5)
    world.project.rebuild()
    same(world, kept[4])


def lived_and_killed(world: World, day: int) -> None:
    """The tick of a day in a process that is killed right after its end: what it wrote is in the log only."""
    raw(world, day)
    code = "import os, sys; from datetime import datetime; from pathlib import Path; import duckdb; "
    code += "from tests.direct_dbt import DirectProject; path = Path(sys.argv[1]); "
    code += "held = duckdb.connect(str(path / '.segflow/warehouse.duckdb')); "
    code += "DirectProject(path).tick(datetime.fromisoformat(sys.argv[2]), send=True); os._exit(0)"
    moment = (FIRST + timedelta(days=day)).isoformat()
    subprocess.run([sys.executable, "-c", code, str(world.root), moment], cwd=REPO, check=True)


STOPS = [
    "begin.committed", "record.written", "build.committed", "ledger.written", "cross.before_commit", "cross.committed",
    "record.written:4", "advance.before_commit", "record.written:5", "send.committed", "export.committed",
    "finish.committed",
]  # fmt: skip


class Stopped(BaseException):
    """Stands in for a kill."""


@contextmanager
def stopped_at(place: str) -> Iterator[None]:
    """End the block at a crash point, the Nth time it is reached with `NAME:N`."""
    name, _, turn = place.partition(":")
    left = [int(turn or 1)]

    def reached(found: str) -> None:
        left[0] -= found == name
        if found == name and left[0] == 0:
            raise Stopped

    with watched(reached), pytest.raises(Stopped):
        yield


@pytest.mark.parametrize("stop", STOPS)
def test_a_warehouse_lost_in_the_middle_of_a_tick(tmp_path: Path, lives: tuple[Path, list[Kept]], stop: str) -> None:
    """The tick that was stopped goes on from its last recorded stage."""
    root, kept = lives
    shutil.copytree(root / "day2", tmp_path / "world")
    world = World.at(tmp_path / "world")
    with stopped_at(stop):
        lived(world, 3)
    (world.root / ".segflow/warehouse.duckdb").unlink()
    (world.root / ".segflow/warehouse.duckdb.wal").unlink(missing_ok=True)
    done = world.project.rebuild()
    assert (done.new_file, done.set_aside) == (True, None)
    raw(world, 3)
    world.project.reload()
    world.tick(FIRST + timedelta(days=3), send=True)
    same(world, kept[3])
    world.check_replay()


def test_tables_that_were_loaded_again_before_are_not_gone(tmp_path: Path, lives: tuple[Path, list[Kept]]) -> None:
    shutil.copytree(lives[0] / "day2", tmp_path / "world")
    world = World.at(tmp_path / "world")
    (world.root / ".segflow/warehouse.duckdb").unlink()
    raw(world, 2)
    assert world.project.rebuild().new_file is False


@pytest.mark.parametrize("stop", ["rebuild.set_aside", "rebuild.tables", "rebuild.before_commit", "rebuild.committed"])
def test_a_rebuild_that_is_stopped_can_be_repeated(tmp_path: Path, lives: tuple[Path, list[Kept]], stop: str) -> None:
    root, kept = lives
    shutil.copytree(root / "day4", tmp_path / "world")
    world = World.at(tmp_path / "world")
    cut(0.5)(world.project.warehouse_path)
    with stopped_at(stop):
        world.project.rebuild()
    world.project.rebuild()
    same(world, kept[4])


def test_what_is_compacted_is_read_once(tmp_path: Path, lives: tuple[Path, list[Kept]]) -> None:
    root, kept = lives
    shutil.copytree(root / "day6", tmp_path / "world")
    world = World.at(tmp_path / "world")
    folder = world.project.ledgers_path / "segment_sizes"
    for turn, place in enumerate(("compact.merged:2", "compact.removed:2")):
        with stopped_at(place):
            world.project.compact(Duration.parse("1 day"))
        world.project.rebuild()
        same(world, kept[6])
        shutil.copytree(folder, tmp_path / f"stopped{turn}")
    world.project.compact(Duration.parse("1 day"))
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["202601.parquet", *(f"2026020{day}T000000Z.parquet" for day in (1, 2, 3))]
    assert world.project.compact(Duration.parse("1 day")) == []
    world.project.rebuild()
    same(world, kept[6])
    lived(world, 7)
    same(world, kept[7])


@pytest.mark.parametrize("what", ["missing", "cut", "flipped", "other rows", "tick missing"])
def test_ledgers_that_are_not_complete_are_refused(tmp_path: Path, lives: tuple[Path, list[Kept]], what: str) -> None:
    root, kept = lives
    shutil.copytree(root / "day4", tmp_path / "world")
    world = World.at(tmp_path / "world")
    files = LedgerFiles(world.project.ledgers_path)
    path = files.path("ticks" if what == "tick missing" else "segment_entries", "20260129T000000Z")
    if "missing" in what:
        path.unlink()
    elif what == "cut":
        cut(0.5)(path)
    elif what == "flipped":
        content = bytearray(path.read_bytes())
        content[40] ^= 1
        path.write_bytes(content)
    else:
        shutil.copy(files.path("segment_entries", "20260130T000000Z"), path)
    with pytest.raises(RunError, match=rf"{path}.*from a backup.*nothing was changed"):
        world.project.rebuild()
    same(world, kept[4])


def test_a_store_that_knows_less_than_the_warehouse_is_refused(tmp_path: Path, lives: tuple[Path, list[Kept]]) -> None:
    root, _ = lives
    for name, other, told in (
        ("lost", None, "knows of no tick"),
        ("older", root / "day2", "an older delivery store was restored"),
    ):
        shutil.copytree(root / "day4", tmp_path / name)
        store = tmp_path / name / ".segflow"
        for path in store.glob("delivery.db*"):
            path.unlink()
        for path in other.glob(".segflow/delivery.db*") if other is not None else ():
            shutil.copy(path, store)
        with pytest.raises(RunError, match=told):
            lived(World.at(tmp_path / name), 5)


def test_nothing_to_rebuild_from(tmp_path: Path) -> None:
    world = made(tmp_path / "world")
    world.close()
    with pytest.raises(InputError, match="nothing to rebuild"):
        world.project.rebuild()
    assert world.project.compact(Duration.parse("1 day")) == []

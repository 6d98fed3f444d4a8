"""Files that stay the same from tick to tick are linked, and folders that are too old go."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segflow.errors import SpecError
from segflow.exports.due import Export
from tests.world import World

AT = datetime(2026, 3, 1, tzinfo=UTC)
OWN = {"columns": ["contact_id", "entered_at", "entry_number"]}


def world_of(root: Path, exports: dict[str, Any]) -> World:
    world = World(root, settings={"exports": exports})
    people(world, ana="London", ben="Rome")
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    return world


def people(world: World, **cities: str) -> None:
    world.rows_of("contacts", [{"contact_id": name, "city": city} for name, city in cities.items()])


def ticked(world: World, day: int) -> Export:
    [one] = world.tick(AT + timedelta(days=day)).exports
    return one


def folder(day: int) -> str:
    return f"{AT + timedelta(days=day):%Y%m%dT%H%M%SZ}"


def same(world: World, first: Export) -> None:
    """Nothing happens."""


def enters(world: World, first: Export) -> None:
    people(world, ana="London", ben="London")


def left_and_returned(world: World, first: Export) -> None:
    # Between two exports, not between two ticks: an hour later somebody is out, then in again.
    people(world, ana="Paris", ben="Rome")
    world.tick(AT + timedelta(hours=1))
    people(world, ana="London", ben="Rome")


def truncated(world: World, first: Export) -> None:
    first.path.write_text("contact_id\n", encoding="utf-8")


def gone(world: World, first: Export) -> None:
    first.path.unlink()


def other_columns(world: World, first: Export) -> None:
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}, "export": {"columns": ["contact_id"]}})


@pytest.mark.parametrize(
    ("exports", "happens", "linked"),
    [
        pytest.param(OWN, same, True, id="nobody moved"),
        pytest.param({**OWN, "format": "parquet"}, same, True, id="parquet"),
        pytest.param(OWN, enters, False, id="somebody entered"),
        pytest.param({**OWN, "every": "day"}, left_and_returned, False, id="out and in between two exports"),
        pytest.param(OWN, truncated, False, id="the file was changed"),
        pytest.param(OWN, gone, False, id="the file is gone"),
        pytest.param(OWN, other_columns, False, id="other columns"),
        pytest.param({"columns": ["contact_id", "city"]}, same, False, id="says something of the contacts"),
    ],
)
def test_a_file_that_would_be_the_same_is_linked(
    exports: dict[str, Any], happens: Callable[[World, Export], None], linked: bool, tmp_path: Path
) -> None:
    world = world_of(tmp_path, exports)
    first = ticked(world, 0)
    inode = first.path.stat().st_ino
    happens(world, first)
    second = ticked(world, 1)
    assert (second.same_as == folder(0), second.path.stat().st_ino == inode) == (linked, linked)
    assert second.rows == (2 if happens is enters else 1)
    # What lies there is what would have been written.
    output = tmp_path / "by hand"
    plan = world.project.specs.exports()[0]
    again = world.project.export("londoners", output, format=plan.format, columns=plan.columns)
    assert again.rows == second.rows
    assert output.read_bytes() == second.path.read_bytes()


def test_a_copy_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(tmp_path, OWN)
    first = ticked(world, 0)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr("segflow.exports.unchanged.os.link", refuse)
    second = ticked(world, 1)
    assert second.same_as == folder(0)
    assert second.path.read_bytes() == first.path.read_bytes()
    assert second.path.stat().st_ino != first.path.stat().st_ino


def test_the_third_is_linked_to_the_second(tmp_path: Path) -> None:
    world = world_of(tmp_path, OWN)
    found = [ticked(world, day) for day in range(3)]
    assert [one.same_as for one in found] == [None, folder(0), folder(1)]
    assert len({one.path.stat().st_ino for one in found}) == 1


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        pytest.param(None, [0, 1, 2, 3], id="for ever"),
        pytest.param("2 ticks", [2, 3], id="ticks"),
        pytest.param("1 tick", [3], id="one tick"),
        pytest.param("1 day", [2, 3], id="a duration"),
        pytest.param("1 year", [0, 1, 2, 3], id="a long one"),
    ],
)
def test_older_folders_go(keep: str | None, left: list[int], tmp_path: Path) -> None:
    world = world_of(tmp_path, {**OWN, **({"keep": keep} if keep else {})})
    for day in range(4):
        assert world.tick(AT + timedelta(days=day)).warnings == []
    assert sorted(path.name for path in (tmp_path / "exports").iterdir()) == [folder(day) for day in left]


def test_what_segflow_has_not_written_stays(tmp_path: Path) -> None:
    world = world_of(tmp_path, {**OWN, "keep": "1 tick"})
    exports = tmp_path / "exports"
    ticked(world, 0)
    (exports / folder(0) / "notes.txt").write_text("mine", encoding="utf-8")
    for name in ("20200101T000000Z", "archive"):
        (exports / name).mkdir()
        (exports / name / "londoners.csv").write_text("mine", encoding="utf-8")
    ticked(world, 1)
    left = sorted(path.relative_to(exports).as_posix() for path in exports.rglob("*.*") if path.is_file())
    mine = ["20200101T000000Z/londoners.csv", f"{folder(0)}/notes.txt", f"{folder(1)}/londoners.csv"]
    assert left == [*mine, "archive/londoners.csv"]


def test_the_last_export_of_a_segment_stays(tmp_path: Path) -> None:
    world = world_of(tmp_path, {**OWN, "every": "month", "keep": "1 tick"})
    ticked(world, 0)
    for day in (1, 2):
        assert world.tick(AT + timedelta(days=day)).exports == []
    assert [path.name for path in (tmp_path / "exports").iterdir()] == [folder(0)]


def test_a_folder_that_cannot_be_removed_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(tmp_path, {**OWN, "keep": "1 tick"})
    ticked(world, 0)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("segflow.exports.keep._remove", refuse)
    [warning] = world.tick(AT + timedelta(days=1)).warnings
    assert warning.startswith(f"exports.keep: cannot remove {tmp_path / 'exports' / folder(0)}: permission denied")


@pytest.mark.parametrize("keep", ["30", "0 ticks", "ticks", "thirty ticks"])
def test_no_length_of_time(keep: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"segflow\.yml:\d+:\d+: .*30 ticks or 90 days"):
        _ = world_of(tmp_path, {"keep": keep}).project.specs

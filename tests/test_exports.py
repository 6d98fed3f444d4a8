"""Membership as files: what a spreadsheet must not run, formats, and folders that are whole or not there."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from segflow.errors import InputError, RunError
from segflow.exports import tick as export_stage
from segflow.exports.write import Write, as_cells, writer
from segflow.specs.exports import FORMATS, Format
from tests.disk import limited
from tests.world import World

AT = datetime(2026, 3, 1, tzinfo=UTC)


def lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def cells(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+447", "'+447"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("\uff1d1", "'\uff1d1"),
        ('="a"', "'=\"a\""),
        ("a=1", "a=1"),
        ("a\n=1", "a\n=1"),
        (" =1", " =1"),
        ("'=1", "''=1"),
        ("''+49", "'''+49"),
        ("'tis", "'tis"),
        ("'", "'"),
        ("Zoë 茶, \"x\"", "Zoë 茶, \"x\""),
        ("", ""),
        (None, ""),
    ],
)  # fmt: skip
def test_cells(value: str | None, written: str, tmp_path: Path) -> None:
    path = tmp_path / "members.csv"
    table = pa.table({"contact_id": ["c1"], "city": pa.array([value], pa.string())})
    with writer("csv", path, table.schema) as write:
        write(table.to_batches()[0])
    with path.open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["contact_id", "city"], ["c1", written]]


def test_numbers_stay_numbers() -> None:
    table = pa.table({"score": [-1.5, None], "age": [-3, 4]})
    assert as_cells(table, formula_guard=True) == table


def test_what_is_guarded_in_a_list_is_its_text() -> None:
    table = pa.table({"tags": [["=a", "b"], ["a", "=b"]]})
    assert as_cells(table, formula_guard=True)["tags"].to_pylist() == ["'=a, b", "a, =b"]
    assert as_cells(table, formula_guard=False)["tags"].to_pylist() == ["=a, b", "a, =b"]


def test_the_guard_can_be_switched_off(world: World) -> None:
    world.segment("raw", {"where": {"attribute": "age", "gte": 2}, "export": {"formula_guard": False}})
    world.tick(AT)
    folder = world.root / "exports/20260301T000000Z"
    told = {name: cells(folder / f"{name}.csv") for name in ("some", "raw")}
    assert [row["city"] for row in told["some"]] == ["'=London", "'=London"]
    assert [row["city"] for row in told["raw"]] == ["=London"]
    for guard, city in ((None, "'=London"), (True, "'=London"), (False, "=London")):
        done = world.project.export("raw", columns=["city"], formula_guard=guard)
        assert [row["city"] for row in cells(done.path)] == [city]


def test_the_guard_can_be_switched_off_for_the_project(tmp_path: Path) -> None:
    world = World(tmp_path, settings={"exports": {"columns": ["city"], "formula_guard": False}})
    world.rows_of("contacts", [{"contact_id": "a", "city": "=London"}])
    world.segment("all", {"where": {"everyone": True}})
    world.segment("safe", {"where": {"everyone": True}, "export": {"formula_guard": True}})
    world.tick(AT)
    folder = world.root / "exports/20260301T000000Z"
    assert [cells(folder / f"{name}.csv") for name in ("all", "safe")] == [
        [{"city": "=London"}],
        [{"city": "'=London"}],
    ]
    done = world.project.export("all")
    assert cells(done.path) == [{"city": "=London"}]


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, settings={"exports": {"columns": ["contact_id", "city", "age"]}})
    world.rows_of("contacts", [{"contact_id": f"c{n}", "city": "=London", "age": n} for n in range(3)])
    world.segment("some", {"where": {"attribute": "age", "gte": 1}})
    world.segment("nobody", {"where": {"attribute": "age", "gte": 100}})
    return world


def test_a_folder_per_tick(world: World) -> None:
    report = world.tick(AT)
    folder = world.root / "exports/20260301T000000Z"
    assert sorted(path.name for path in folder.iterdir()) == ["nobody.csv", "some.csv"]
    assert [(one.segment, one.path, one.rows) for one in report.exports] == [
        ("nobody", folder / "nobody.csv", 0),
        ("some", folder / "some.csv", 2),
    ]
    text = (folder / "some.csv").read_text(encoding="utf-8")
    assert text == '"contact_id","city","age"\n"c1","\'=London",1\n"c2","\'=London",2\n'
    assert (folder / "nobody.csv").read_text(encoding="utf-8") == '"contact_id","city","age"\n'


def test_a_folder_is_whole_or_not_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real = writer

    @contextmanager
    def full(file_format: Format, path: Path, schema: pa.Schema, *, formula_guard: bool) -> Iterator[Write]:
        if path.name == "some.csv":
            raise OSError("no space left on device")
        with real(file_format, path, schema, formula_guard=formula_guard) as write:
            yield write

    with monkeypatch.context() as patch:
        patch.setattr(export_stage, "writer", full)
        with pytest.raises(RunError, match="20260301T000000Z: no space left"):
            world.tick(AT)
    folder = world.root / "exports/20260301T000000Z"
    assert not folder.exists()
    world.tick(AT)
    assert sorted(path.name for path in folder.iterdir()) == ["nobody.csv", "some.csv"]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("file_format", FORMATS)
def test_formats(world: World, file_format: Format) -> None:
    world.tick(AT)
    done = world.project.export("some", format=file_format, columns=["contact_id", "city"])
    assert done.path == world.root / f"exports/some.{file_format}"
    assert (done.rows, done.of, done.full) == (2, 2, True)
    # Only CSV is read by spreadsheets; the others keep the value as it is.
    if file_format == "csv":
        assert done.path.read_text(encoding="utf-8").splitlines()[1:] == ['"c1","\'=London"', '"c2","\'=London"']
    else:
        rows = parquet.read_table(done.path).to_pylist() if file_format == "parquet" else lines(done.path)
        assert rows == [{"contact_id": "c1", "city": "=London"}, {"contact_id": "c2", "city": "=London"}]


def test_json_lines_hold_what_json_can_say(world: World) -> None:
    world.rows_of(
        "contacts",
        [
            {"contact_id": 'a\n"b\u2028', "age": 2**53 + 1, "score": float("nan"), "subscribed": True},
            {"contact_id": "c", "age": 5, "score": -1.5},
        ],
    )
    world.tick(AT)
    columns = ["contact_id", "age", "score", "subscribed", "entered_at", "entry_number"]
    done = world.project.export("some", format="jsonl", columns=columns)
    assert len(done.path.read_text(encoding="utf-8").splitlines()) >= 2
    at = "2026-03-01T00:00:00.000000Z"
    assert [list(row.values()) for row in lines(done.path)] == [
        ['a\n"b\u2028', 2**53 + 1, None, True, at, 1],
        ["c", 5.0, -1.5, None, at, 1],
    ]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ([], ["c0", "c1", "c2", "c3"]),
        (["age"], ["c2", "c0", "c3", "c1"]),
        (["age:desc"], ["c0", "c3", "c2", "c1"]),
        (["city:desc", "age:asc"], ["c0", "c2", "c3", "c1"]),
        (["contact_id:desc"], ["c3", "c2", "c1", "c0"]),
    ],
    ids=repr,
)
def test_sort(world: World, sort: list[str], expected: list[str]) -> None:
    values = [("Rome", 7), ("Bonn", None), ("Paris", 3), ("Bonn", 7)]
    world.rows_of(
        "contacts", [{"contact_id": f"c{n}", "city": city, "age": age} for n, (city, age) in enumerate(values)]
    )
    world.segment("some", {"where": {"everyone": True}})
    world.tick(AT)
    done = world.project.export("some", columns=["contact_id"], sort=sort)
    assert [row["contact_id"] for row in cells(done.path)] == expected


@pytest.mark.parametrize(
    ("segment", "columns", "message"),
    [
        ("sone", None, "unknown segment sone .did you mean some"),
        ("some", ["citi"], "unknown column citi .did you mean city"),
    ],
)
def test_wrong_names(world: World, segment: str, columns: list[str] | None, message: str) -> None:
    world.tick(AT)
    with pytest.raises(InputError, match=message):
        world.project.export(segment, columns=columns or ())


def test_a_member_of_a_stale_segment_keeps_its_row(world: World) -> None:
    world.tick(AT)
    world.missing = {"contacts.age"}
    world.rows_of("contacts", [{"contact_id": f"c{n}", "city": "Rome"} for n in range(3)])
    world.tick(AT + timedelta(days=1))
    text = (world.root / "exports/20260302T000000Z/some.csv").read_text(encoding="utf-8")
    assert text.splitlines()[1:] == ['"c1","Rome",', '"c2","Rome",']


TARGETS = [
    pytest.param("link.csv", "link.csv is a symbolic link to .*elsewhere; give the path of the file", id="link"),
    pytest.param("dangling.csv", "dangling.csv is a symbolic link to nowhere", id="dangling link"),
    pytest.param("folder", "folder is a folder; give the path of a file in it", id="folder"),
    pytest.param("pipe", "pipe is not a file but a device or a pipe", id="pipe"),
    pytest.param("missing/some.csv", "missing is no folder; make it or choose another path", id="folder missing"),
    pytest.param("elsewhere/some.csv", "elsewhere is no folder", id="below a file"),
    pytest.param("n" * 300, "the name is too long", id="long name"),
]


@pytest.mark.parametrize(("target", "message"), TARGETS)
def test_targets_that_are_refused(world: World, target: str, message: str) -> None:
    world.tick(AT)
    place = world.root / "place"
    place.mkdir()
    (place / "elsewhere").write_text("precious", encoding="utf-8")
    (place / "link.csv").symlink_to(place / "elsewhere")
    (place / "dangling.csv").symlink_to("nowhere")
    (place / "folder").mkdir()
    os.mkfifo(place / "pipe")
    before = sorted(place.rglob("*"))
    with pytest.raises(InputError, match=message):
        world.project.export("some", place / target)
    assert sorted(place.rglob("*")) == before
    assert (place / "elsewhere").read_text(encoding="utf-8") == "precious"
    assert (place / "link.csv").is_symlink()


@pytest.mark.parametrize("what", ["the folder", "a file in it"])
def test_links_where_a_tick_writes(world: World, what: str) -> None:
    folder = world.root / "exports/20260301T000000Z"
    precious = world.root / "precious"
    precious.mkdir()
    (precious / "some.csv").write_text("precious", encoding="utf-8")
    if what == "the folder":
        folder.parent.mkdir()
        folder.symlink_to(precious)
    else:
        folder.mkdir(parents=True)
        (folder / "some.csv").symlink_to(precious / "some.csv")
    with pytest.raises(RunError, match=r"20260301T000000Z.* is a symbolic link to .*precious.*; remove it and run"):
        world.tick(AT)
    assert (precious / "some.csv").read_text(encoding="utf-8") == "precious"
    (folder if what == "the folder" else folder / "some.csv").unlink()
    assert world.tick(AT).resumed
    assert sorted(path.name for path in folder.iterdir()) == ["nobody.csv", "some.csv"]


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_export_that_is_too_large_leaves_the_old_file(world: World, file_format: Format) -> None:
    world.rows_of("contacts", [{"contact_id": f"c{n}" * 9, "city": str(n * n) * 9, "age": n} for n in range(900)])
    world.tick(AT)
    target = world.root / "place" / "some.out"
    target.parent.mkdir()
    target.write_text("before", encoding="utf-8")
    message = f"cannot write {target}: it would be larger than this process may write"
    with limited(4096), pytest.raises(RunError, match=message):
        world.project.export("some", target, format=file_format, columns=["contact_id", "city"])
    assert target.read_text(encoding="utf-8") == "before"
    assert list(target.parent.iterdir()) == [target]

"""Membership as files: what a spreadsheet must not run, formats, and folders that are whole or not there."""

from __future__ import annotations

import csv
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from segflow import exports
from segflow.errors import InputError, RunError
from tests.disk import limited
from tests.world import World

AT = datetime(2026, 3, 1, tzinfo=UTC)


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
        ("'=1", "'=1"),
        ("Zoë 茶, \"x\"", "Zoë 茶, \"x\""),
        ("", ""),
        (None, ""),
    ],
)  # fmt: skip
def test_cells(value: str | None, written: str, tmp_path: Path) -> None:
    path = tmp_path / "members.csv"
    cells = pa.table({"contact_id": ["c1"], "city": pa.array([value], pa.string())})
    exports._write_csv(exports.neutralised(cells), path)
    with path.open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["contact_id", "city"], ["c1", written]]


def test_numbers_stay_numbers() -> None:
    table = pa.table({"score": [-1.5, None], "age": [-3, 4]})
    assert exports.neutralised(table) == table


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
    real = exports._write_csv

    def full(table: pa.Table, path: Path) -> None:
        if path.name == "some.csv":
            raise OSError("no space left on device")
        real(table, path)

    with monkeypatch.context() as patch:
        patch.setattr(exports, "_write_csv", full)
        with pytest.raises(RunError, match="20260301T000000Z: no space left"):
            world.tick(AT)
    folder = world.root / "exports/20260301T000000Z"
    assert not folder.exists()
    world.tick(AT)
    assert sorted(path.name for path in folder.iterdir()) == ["nobody.csv", "some.csv"]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("file_format", exports.FORMATS)
def test_formats(world: World, file_format: exports.Format) -> None:
    world.tick(AT)
    specs = world.project.specs
    with world.project.warehouse() as warehouse:
        done = exports.export_segment(specs, warehouse, "some", file_format, None, ["contact_id", "city"])
    assert done.path == world.root / f"exports/some.{file_format}"
    # Only CSV is read by spreadsheets; the others keep the value as it is.
    if file_format == "csv":
        assert done.path.read_text(encoding="utf-8").splitlines()[1:] == ['"c1","\'=London"', '"c2","\'=London"']
    else:
        rows = (
            parquet.read_table(done.path).to_pylist() if file_format == "parquet" else json.loads(done.path.read_text())
        )
        assert rows == [{"contact_id": "c1", "city": "=London"}, {"contact_id": "c2", "city": "=London"}]


@pytest.mark.parametrize(
    ("segment", "columns", "message"),
    [
        ("sone", None, "unknown segment sone .did you mean some"),
        ("some", ["citi"], "unknown column citi .did you mean city"),
    ],
)
def test_wrong_names(world: World, segment: str, columns: list[str] | None, message: str) -> None:
    world.tick(AT)
    with world.project.warehouse() as warehouse, pytest.raises(InputError, match=message):
        exports.export_segment(world.project.specs, warehouse, segment, "csv", None, columns)


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
    specs = world.project.specs
    with world.project.warehouse() as warehouse, pytest.raises(InputError, match=message):
        exports.export_segment(specs, warehouse, "some", "csv", place / target, None)
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


@pytest.mark.parametrize("file_format", exports.FORMATS)
def test_an_export_that_is_too_large_leaves_the_old_file(world: World, file_format: exports.Format) -> None:
    world.rows_of("contacts", [{"contact_id": f"c{n}" * 9, "city": str(n * n) * 9, "age": n} for n in range(900)])
    world.tick(AT)
    target = world.root / "place" / "some.out"
    target.parent.mkdir()
    target.write_text("before", encoding="utf-8")
    message = f"cannot write {target}: it would be larger than this process may write"
    with world.project.warehouse() as warehouse, limited(4096), pytest.raises(RunError, match=message):
        exports.export_segment(world.project.specs, warehouse, "some", file_format, target, ["contact_id", "city"])
    assert target.read_text(encoding="utf-8") == "before"
    assert list(target.parent.iterdir()) == [target]

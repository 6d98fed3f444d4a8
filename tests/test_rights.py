"""Folders and files that may not be written, or are something else: the message names the path and the reason."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from segflow.errors import SegflowError
from segflow.outbox.store import DeliveryStore
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.disk import CLI, bound_by_rights, mounted, python, tmp_path, tmp_path_factory
from tests.world import World

__all__ = ["tmp_path", "tmp_path_factory"]

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after one tick."""
    world = World(tmp_path_factory.mktemp("rights"))
    world.rows_of("contacts", [{"contact_id": "c1", "city": "London", "age": 1, "phone": "+442079460018"}])
    world.segment("some", {"where": {"attribute": "age", "gte": 1}, "on_create": "trigger"})
    step = {"id": "hello", "send_sms": {"text": "Hello"}}
    world.flow("hi", {"status": "active", "trigger": {"enters": "some"}, "steps": [step]})
    world.tick(AT)
    world.close()
    return world.root


def run(root: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return python(CLI, "--project-dir", root, *arguments, before=bound_by_rights)


@pytest.mark.parametrize(
    ("locked", "arguments", "code", "message"),
    [
        pytest.param("exports", ["export", "some"], 2, "may not write to {path}", id="exports, one segment"),
        pytest.param(
            "exports", ["tick", "--no-send"], 1, "cannot write {path}/.*: permission denied; give this", id="exports"
        ),
        pytest.param(
            ".segflow/mailbox", ["tick"], 1, "cannot write to the mailbox {path}: permission denied; mend", id="mailbox"
        ),
        pytest.param(
            ".segflow/warehouse.duckdb", ["tick"], 2, "warehouse {path}: permission denied; give", id="warehouse"
        ),
        pytest.param(
            ".segflow/delivery.db", ["tick"], 2, "delivery store .*{path}: permission denied; give", id="delivery store"
        ),
        pytest.param(
            ".segflow/schemas", ["schema"], 1, "cannot write {path}/.*: permission denied; give", id="schemas"
        ),
        pytest.param(
            "dbt/models/segflow", ["compile"], 1, "cannot write {path}/.*: permission denied; give", id="models"
        ),
        pytest.param("flow_specs", ["fmt"], 1, "cannot write {path}/.*: permission denied; give", id="flow specs"),
    ],
)
def test_no_right_to_write(root: Path, locked: str, arguments: list[str], code: int, message: str) -> None:
    path = root / locked
    if not path.suffix:
        path.mkdir(exist_ok=True)
    undo = path.stat().st_mode
    written = root / "dbt/models/segflow/segflow__membership_masks.sql"
    flow = root / "flow_specs/hi.yml"
    before = flow.read_bytes()
    if arguments == ["compile"]:
        written.write_text(written.read_text(encoding="utf-8") + "-- out of date\n", encoding="utf-8")
    if arguments == ["fmt"]:
        flow.write_text(before.decode().replace("id: hello", "").replace("- \n ", "-"), encoding="utf-8")
    path.chmod(0o444 if path.suffix else 0o555)
    try:
        done = run(root, *arguments)
    finally:
        path.chmod(undo)
        flow.write_bytes(before)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert re.search(message.format(path=re.escape(str(path))), done.stderr.replace("\n", " ")), done.stderr
    assert list(root.rglob("*.partial")) == []


def test_dbt_may_not_write(tmp_path: Path) -> None:
    world = World(tmp_path, real=True)
    target = world.root / "dbt/target"
    target.mkdir()
    target.chmod(0o555)
    code = "from segflow.cli.main import main\nmain()"
    done = python(code, "--project-dir", world.root, "tick", "--no-send", before=bound_by_rights)
    assert done.returncode == 1
    assert f"dbt cannot read {world.root}/dbt: it cannot use {target}/" in done.stderr
    assert "permission denied; give this user the right to write there" in done.stderr


def test_a_project_on_a_read_only_file_system(root: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "project", "--bind", str(root)) as project:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(project)], check=True)
        done = python(CLI, "--project-dir", project, "tick")
    assert done.returncode == 2
    assert f"{project}/.segflow/delivery.db: the file system is read-only; make it writable" in done.stderr


@pytest.mark.parametrize("open_", [DuckDBWarehouse, DeliveryStore], ids=["warehouse", "delivery store"])
@pytest.mark.parametrize(
    ("place", "message"),
    [("folder", "there is a folder of that name"), ("file/below", "file")],
    ids=["a folder", "below a file"],
)
def test_paths_that_hold_no_database(open_: Callable[[Path], object], place: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(SegflowError, match=message) as caught:
        open_(tmp_path / place)
    assert str(tmp_path) in str(caught.value)
    assert not os.listdir(tmp_path / "folder")

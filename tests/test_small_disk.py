"""A disk that runs full at every stage: the tick fails with a sentence, and goes on as if nothing had been."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from segflow.files import PARTIAL
from tests.disk import CLI, filled, mounted, python
from tests.test_resume import THIRD, made, undisturbed
from tests.world import World

__all__ = ["undisturbed"]

FILLING = (
    """
import os
from segflow import crashpoints
from tests.disk import free
disk, place, leave = sys.argv.pop(1), sys.argv.pop(1), int(sys.argv.pop(1))
def reached(name):
    if name == place and not os.path.exists(f"{disk}/ballast"):
        with open(f"{disk}/ballast", "wb") as file:
            file.write(b"x" * (max(0, free(Path(disk)) - leave) // 4096 * 4096))
crashpoints._reached = reached
"""
    + CLI
)
"""The command line on a disk that runs full when it comes to a crash point."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=32m", "none") as folder:
        yield folder


PLACES = [
    "store.acquire.committed",
    "begin.tables",
    "begin.committed",
    "ingest.committed",
    "build.ran",
    "build.committed",
    "warehouse.table",
    "cross.committed",
    "advance.committed",
    "store.insert_new.committed",
    "store.claim.committed",
    "send.committed",
    "exports.file",
    "export.committed",
    "finish.committed",
]


def test_full_at_every_stage(disk: Path, undisturbed: tuple[dict[str, Any], list[str]]) -> None:
    world = made(disk / "world")
    world.close()
    for place in PLACES:
        done = python(FILLING, disk, place, 0, "--project-dir", world.root, "tick", "--as-of", THIRD.isoformat())
        print(place, done.returncode, done.stdout[-300:], done.stderr[-1500:])
        print((disk/"ballast").exists())
        (disk / "ballast").unlink(missing_ok=True)
    raise AssertionError

"""A disk that runs full at every stage: the tick fails with a sentence, and goes on as if nothing had been."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.disk import CLI, mounted, python, tmp_path, tmp_path_factory
from tests.test_resume import THIRD, made, undisturbed

__all__ = ["tmp_path", "tmp_path_factory", "undisturbed"]

FILLING = """
import os
from segflow import crashpoints
from tests.disk import free
disk, place = Path(sys.argv.pop(1)), sys.argv.pop(1)
def reached(name):
    if name == place and not (disk / "ballast").exists():
        (disk / "ballast").write_bytes(b"x" * (free(disk) // 4096 * 4096))
with crashpoints.watched(reached):
    """ + CLI.strip().replace("\n", "\n    ")
"""The command line on a disk that runs full when it comes to a crash point."""

PLACES = {
    "begin.committed": "ingest",
    "ingest.committed": "build",
    "build.committed": "cross",
    "cross.committed": "advance",
    "advance.committed": "take messages over",
    "store.claim.committed": "write them to the mailbox",
    "send.committed": "export",
    "exports.file": "the second file",
    "export.committed": "finish",
}
"""Crash point -> what comes after it."""


def test_full_at_every_stage(tmp_path: Path, undisturbed: tuple[dict[str, Any], list[str]]) -> None:
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=32m", "none") as disk:
        world = made(disk / "world")
        world.close()
        for place, following in PLACES.items():
            options = ["--project-dir", world.root, "tick", "--as-of", THIRD.isoformat()]
            done = python(FILLING, disk, place, *options)
            assert (disk / "ballast").exists(), f"never came to {place}: {done.stderr}"
            (disk / "ballast").unlink()
            assert done.returncode == 1, (following, done.stdout, done.stderr)
            assert "disk is full" in done.stderr or "no space left" in done.stderr, (following, done.stderr)
            assert "Traceback" not in done.stderr, (following, done.stderr)
            assert list(disk.rglob("*.partial")) == []
        report = world.project.tick(THIRD, send=True)
        assert report.errors == []
        assert world.mailbox() == undisturbed[1]
        expected, found = undisturbed[0], world.ledgers()
        for table in expected:
            # What was claimed when the disk ran full is tried again, and that is counted.
            rows, wanted = (
                [(row[0], *row[2:]) if table == "deliveries" else row for row in side[table]]
                for side in (found, expected)
            )
            assert rows == wanted, table
        exported = world.root / "exports/20260303T000000Z"
        assert sorted(path.name for path in exported.iterdir()) == ["londoners.csv", "recent.csv"]


def test_a_full_disk_before_anything_begins(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=1m", "none") as disk:
        (disk / "segflow.yml").write_text("name: x\n", encoding="utf-8")
        (disk / "ballast").write_bytes(b"x" * 1_040_000)
        done = python(CLI, "--project-dir", disk, "schema")
        assert done.returncode == 1
        assert done.stderr.startswith(f"cannot write {disk}/.segflow/schemas"), done.stderr
        assert "the disk is full; free some space and run the command again" in done.stderr
        assert list(disk.rglob("*.partial")) == []

"""Puts a new project into its folder: all of it or nothing, and nothing that is there is touched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from segflow.errors import InputError
from segflow.files import cannot_write, make_folder

OURS = ("segflow.yml", "dbt", "segment_specs", "flow_specs")
"""What makes a folder a project: where one of these is, nothing is added."""
_MAY_STAY = (".gitignore",)
"""What is left as it is where it is there."""


def check_place(root: Path, more: tuple[str, ...] = ()) -> None:
    """Raise InputError when a project cannot be made at `root` without touching what is there."""
    if root.is_file():
        raise InputError(f"{root} is a file; name a folder for the project")
    there = [name for name in (*OURS, *more) if (root / name).exists()]
    if there:
        raise InputError(
            f"{root} has {', '.join(there)} already, and init changes nothing that is there; name another folder, or "
            "move that away"
        )


@contextmanager
def building(root: Path, files: Mapping[str, str]) -> Iterator[Path]:
    """A folder with `files` (path below the project -> text), which becomes the project when the block ends and is
    gone when it fails. Raises RunError when it cannot be written."""
    beside = root if root.is_dir() else root.parent
    made = _make_parents(beside)
    folder = beside / f".{root.name or 'project'}.{os.getpid()}.partial"
    try:
        folder.mkdir()
        for name, text in files.items():
            path = folder / name
            make_folder(path.parent)
            path.write_text(text, encoding="utf-8")
        yield folder
        _move(folder, root)
    except OSError as error:
        raise cannot_write(root, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for one in reversed(made):
            # What was made for the project and is empty, because there is none.
            if one.is_dir() and not any(one.iterdir()):
                one.rmdir()


def _make_parents(folder: Path) -> list[Path]:
    """Make a folder; returns those that were not there."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    make_folder(folder)
    return list(reversed(missing))


def _move(folder: Path, root: Path) -> None:
    """Give a folder its name, or its contents their place in one that is there, segflow.yml the last of them."""
    if not root.exists():
        folder.rename(root)
        return
    moved: list[Path] = []
    try:
        for path in sorted(folder.iterdir(), key=lambda one: (one.name == "segflow.yml", one.name)):
            target = root / path.name
            if target.exists():
                if path.name in _MAY_STAY:
                    continue
                raise InputError(f"{target} came to be in the meantime; nothing was written")
            path.rename(target)
            moved.append(target)
    except BaseException:
        for target in moved:
            shutil.rmtree(target) if target.is_dir() else target.unlink()
        raise

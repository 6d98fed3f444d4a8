"""Files that are whole or not there: replaced, refused, and on a disk that runs full while they are written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from segflow.errors import RunError
from segflow.files import cannot_write, make_folder, reason, replacing, same_reason, write_whole
from tests.disk import limited, tmp_path, tmp_path_factory

__all__ = ["tmp_path", "tmp_path_factory"]


def test_a_file_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a/b/file.txt"
    write_whole(path, b"one")
    path.chmod(0o640)
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]


def test_a_new_file_gets_the_usual_permissions(tmp_path: Path) -> None:
    write_whole(tmp_path / "ours", b"")
    (tmp_path / "usual").touch()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt], ids=lambda error: error.__name__)
def test_an_error_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "file.txt"
    write_whole(path, b"before")

    def fail() -> None:
        with replacing(path) as partial:
            partial.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_outgrows_the_limit_of_the_process(tmp_path: Path) -> None:
    """Works wherever no small disk can be mounted: the system stops the write in the middle, as a full disk does."""
    path = tmp_path / "file.txt"
    write_whole(path, b"before")
    message = f"cannot write {path}: it would be larger than this process may write"
    with limited(10_000), pytest.raises(RunError, match=message):
        write_whole(path, b"x" * 100_000)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("folder", "cannot write .*/folder: there is a folder of that name"),
        ("file/below", "cannot write .*/file: something else has that name"),
        ("file/far/below", "cannot write .*/file/far: a part of the path is a file"),
        ("n" * 300, "the name is too long; choose a shorter one"),
        ("loop/below", "cannot write .*loop.*: "),
    ],
)
def test_places_that_hold_no_file(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RunError, match=message):
        write_whole(tmp_path / path, b"x")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot write .*/file/a: a part of the path is a file"):
        make_folder(tmp_path / "file/a")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES], ids=errno.errorcode.get)
def test_a_reason_is_found_by_number_and_by_words(number: int) -> None:
    error = OSError(number, os.strerror(number), "/some/where")
    assert same_reason(f'IO Error: Could not write file "x": {os.strerror(number)}') == reason(error)
    assert str(cannot_write(Path("/a"), error)) == f"cannot write /some/where: {reason(error)}"


def test_unknown_reasons_keep_the_systems_words() -> None:
    assert reason(OSError(errno.ETXTBSY, "Text file busy")) == "text file busy"
    assert reason(OSError("no space left")) == "no space left"
    assert same_reason("Binder Error: no such column") is None

"""Files that are whole or not there, and the words for when one cannot be written."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from segflow.errors import RunError

PARTIAL = ".partial"
"""How the name of a file ends that is being written; a leftover of a dead process may be removed."""

_AGAIN = "and run the command again"
_REASONS = {
    errno.ENOSPC: f"the disk is full; free some space {_AGAIN}",
    errno.EDQUOT: f"the disk quota is used up; free some space {_AGAIN}",
    errno.EFBIG: f"it would be larger than this process may write; raise the limit (ulimit -f) {_AGAIN}",
    errno.EROFS: f"the file system is read-only; make it writable {_AGAIN}",
    errno.EACCES: f"permission denied; give this user the right to write there {_AGAIN}",
    errno.EPERM: f"the operation is not permitted; give this user the right to write there {_AGAIN}",
    errno.EISDIR: "there is a folder of that name; move it away or choose another path",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another path",
    errno.EEXIST: "something else has that name; move it away or choose another path",
    errno.ENOENT: "the folder does not exist; make it or choose another path",
    errno.ELOOP: "the symbolic links of the path lead in a circle; mend them or choose another path",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.EIO: f"the disk reports an error; look at the system's log, mend the disk {_AGAIN}",
    errno.EMFILE: f"too many files are open; raise the limit (ulimit -n) {_AGAIN}",
}


def reason(error: OSError) -> str:
    """Why the system refused, and what to do: half a sentence that follows a colon."""
    known = _REASONS.get(error.errno or 0)
    return known or (error.strerror or str(error) or type(error).__name__).lower()


def same_reason(text: str) -> str | None:
    """The reason in a message of a library that knows only the system's words ("... No space left on device")."""
    for number, known in _REASONS.items():
        if os.strerror(number) in text:
            return known
    return None


def cannot_write(path: Path, error: OSError) -> RunError:
    """The error to raise for a path that cannot be written. Names the file the system stumbled over, if it did."""
    place = path
    if isinstance(error.filename, str) and not error.filename.endswith(PARTIAL):
        place = Path(error.filename)
    return RunError(f"cannot write {place}: {reason(error)}")


def make_folder(path: Path) -> None:
    """Make a folder and those above it. Raises RunError that names the path and the reason."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """A path to write to, which takes the place of `path` when the block ends, and is gone when it fails.

    Nobody sees a half-written file under the final name, whenever the process dies. `durable` also lets the content
    survive a power cut; leave it out for what is made again when it is wrong. A file that is replaced hands on its
    permissions. What dead processes left of their attempts at the same file is removed. Raises RunError that names
    `path` and the reason when it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        make_folder(path.parent)
        _remove_leftovers(path)
        yield partial
        if path.exists():
            shutil.copymode(path, partial)
        if durable:
            sync(partial)
        partial.replace(path)
        if durable:
            sync(path.parent)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise


def _remove_leftovers(path: Path) -> None:
    for left in path.parent.glob(f".{path.name}.*{PARTIAL}"):
        pid = left.name.removesuffix(PARTIAL).rpartition(".")[2]
        if pid.isdecimal() and _is_dead(int(pid)):
            left.unlink(missing_ok=True)


def _is_dead(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def write_whole(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Make `content` the whole of a file, as `replacing` does."""
    with replacing(path, durable=durable) as partial:
        partial.write_bytes(content)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""What DuckDB's messages mean for a person. They carry no codes, only the system's words and DuckDB's own."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

from segflow.errors import DamagedWarehouseError, InputError, RunError, SegflowError, WarehouseBusyError, WarehouseError
from segflow.files import same_reason

_VERSION = slice(52, 84)
"""Where the main header of a DuckDB file names the version that made it (after checksum, magic, format, flags)."""
_FILE = re.compile(r'file "([^"]+)"')
_DAMAGE = re.compile(
    r"[Cc]orrupt|checksum|Could not read enough bytes|not a valid DuckDB database|replaying WAL|[Dd]eserializ"
)

STOPPED = re.compile(r"(?:^|\n)\s*INTERRUPT Error: ")
"""It was asked to stop."""
_ABOUT_A_QUERY = re.compile(
    r"(?:^|\n)\s*(?:Binder|Catalog|Parser|Conversion|Invalid Input|Not implemented|Out of Range) Error: "
)
"""It tells of a name that is not there, or of a text that is no number, no time, no pattern or no zone, and shows a
piece of the statement. Any word may stand in these."""


def made_by(path: Path) -> str | None:
    """The DuckDB version that made a file, like `1.5.6`; None when it is no DuckDB file or cannot be read."""
    try:
        with path.open("rb") as file:
            header = file.read(_VERSION.stop)
    except OSError:
        return None
    if header[8:12] != b"DUCK":
        return None
    return header[_VERSION].rstrip(b"\0").decode("ascii", "replace").removeprefix("v") or None


def warehouse_error(error: Exception) -> WarehouseError:
    """What DuckDB raised about a statement, for those who do not know DuckDB."""
    return WarehouseError(plain_message(str(error)), unbound=isinstance(error, duckdb.BinderException))


def plain_message(text: str) -> str:
    """DuckDB's message in one line, without the piece of generated SQL below it and its advice to programmers."""
    return " ".join(re.split(r"\n\s*\n\s*(?:LINE |Possible solutions|See also)", text, maxsplit=1)[0].split())


def cannot_open(path: Path, error: duckdb.Error) -> SegflowError:
    """The error to raise for a warehouse that does not open."""
    text = str(error)
    if is_damage(path, text):
        return _damaged(path, text)
    if is_busy(text):
        process = found[0] if (found := re.search(r"\(PID \d+\)", text)) else ""
        return WarehouseBusyError(
            f"the warehouse {path} is in use by another process{f' {process}' if process else ''}, a tick perhaps; try "
            "again when it is done"
        )
    if "newer version" in text:
        return _newer(path)
    if why := same_reason(text):
        return InputError(f"cannot open the warehouse {path}: {why}")
    return InputError(f"cannot open the warehouse {path}: {text}")


def is_busy(text: str) -> bool:
    """Does a message say that another process has a file open?"""
    return "Could not set lock" in text or "being used by another process" in text


def machine_trouble(path: Path, text: str) -> RunError | None:
    """The error for a message that tells of the disk, of rights or of a damaged file and of nothing in a query; None
    for all others."""
    if _ABOUT_A_QUERY.search(text):
        return None
    if is_damage(path, text):
        return _damaged(path, text)
    why = same_reason(text)
    if why is None and "database has been invalidated" not in text:
        return None
    named = _FILE.search(text)
    why = why or "an earlier error made DuckDB give it up for this process; run the command again"
    return RunError(f"the warehouse cannot be written ({named[1] if named else path}): {why}")


def is_damage(path: Path, text: str) -> bool:
    """Does a message say that the warehouse file itself cannot be read?"""
    named = _FILE.search(text)
    # A model may read files of the user's, which can be damaged too.
    other = named is not None and Path(named[1]).name not in (path.name, f"{path.name}.wal")
    return not other and _DAMAGE.search(text) is not None


def _damaged(path: Path, text: str) -> DamagedWarehouseError:
    why = " ".join(text.split("\n", 1)[0].removeprefix("IO Error: ").split())
    return DamagedWarehouseError(f"the warehouse file {path} is damaged ({why}); run segflow rebuild")


def _newer(path: Path) -> InputError:
    theirs, ours = made_by(path) or "a newer version", duckdb.__version__
    return InputError(
        f"the warehouse {path} was made by DuckDB {theirs}, and the DuckDB {ours} that runs here cannot read it. Use "
        f"the environment that made it (pip install duckdb=={theirs}), or let that one make a copy: ATTACH "
        "'copy.duckdb' AS copy (STORAGE_VERSION 'v1.5.0'); COPY FROM DATABASE warehouse TO copy; and put the copy in "
        "its place."
    )

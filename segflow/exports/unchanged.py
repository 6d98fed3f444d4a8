"""Files that would be the same as those of an earlier tick: they are linked, not written again.

A file of members that says nothing of the contacts themselves follows from the ledgers of entries and exits. When these
have nothing of its segment since its last file, the next one is that file.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlglot import exp

from segflow.exports.due import LEDGER, Due
from segflow.exports.rows import reads_contacts
from segflow.warehouse.base import Warehouse, relation

_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS)
_CROSSINGS = ("segment_entries", "segment_exits")


@dataclass(frozen=True)
class Before:
    """A file of an earlier tick that this one's would be the same as."""

    path: Path
    rows: int
    tick_id: str


def shape_of(one: Due, attributes: Sequence[str]) -> str:
    """What a file's content depends on beside its rows, as the ledger keeps it."""
    guard = one.plan.formula_guard and one.plan.format == "csv"
    return json.dumps([one.plan.format, guard, list(one.plan.columns_of(one.only, attributes))])


def unchanged(warehouse: Warehouse, files: Sequence[Due], attributes: Sequence[str], root: Path) -> dict[str, Before]:
    """File's name -> the one of the export before, for those of `files` that would be the same. A file that is gone, or
    that has another size than segflow wrote, is none."""
    asked = {
        one.wanted.segment_key: one
        for one in files
        if one.only == "members" and one.wanted.since and not reads_contacts(one.plan.columns, attributes)
    }
    if not asked:
        return {}
    after = min(str(one.wanted.since) for one in asked.values())
    written, *moves = warehouse.answers(_written(asked), *(_last_moves(ledger, after) for ledger in _CROSSINGS))
    moved: dict[str, str] = {}
    for row in (row for rows in moves for row in rows):
        moved[row["segment_key"]] = max(moved.get(row["segment_key"], ""), row["tick_id"])
    found = {}
    for row in written:
        one = asked[row["segment_key"]]
        if row["tick_id"] != one.wanted.since or moved.get(row["segment_key"], "") > row["tick_id"]:
            continue
        path = root / row["path"]
        if row["shape"] == shape_of(one, attributes) and _is_whole(path, row["bytes"]):
            found[one.name] = Before(path, row["row_count"], row["tick_id"])
    return found


def put(before: Before, path: Path) -> None:
    """Let `path` be the earlier file: a hard link, or a copy where there are none. Raises OSError."""
    try:
        os.link(before.path, path, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copy2(before.path, path, follow_symlinks=False)


def _is_whole(path: Path, size: int | None) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == size


def _written(asked: Mapping[str, Due]) -> exp.Query:
    ticks = sorted({str(one.wanted.since) for one in asked.values()})
    return (
        exp.select("segment_key", "tick_id", "path", "row_count", "shape", "bytes")
        .from_(relation(LEDGER))
        .where(exp.column("kind").eq(exp.Literal.string("members")))
        .where(exp.column("tick_id").isin(*(exp.Literal.string(tick) for tick in ticks)))
        .where(exp.column("segment_key").isin(*(exp.Literal.string(key) for key in asked)))
    )


def _last_moves(ledger: str, after: str) -> exp.Query:
    """(segment_key, tick_id): the last tick later than `after` in which anybody entered or exited."""
    return (
        exp.select("segment_key", exp.Max(this=exp.column("tick_id")).as_("tick_id"))
        .from_(relation(ledger))
        .where(exp.column("tick_id") > exp.Literal.string(after))
        .group_by("segment_key")
    )

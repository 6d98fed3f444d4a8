"""Folders of exports that are older than `exports.keep` says: what segflow wrote in them goes."""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from pathlib import Path

from sqlglot import exp

from segflow.crashpoints import crash_point
from segflow.exports.due import LEDGER
from segflow.files import reason
from segflow.specs.exports import Keep
from segflow.specs.project import Specs
from segflow.ticks import ledger as ticks
from segflow.warehouse.base import Warehouse, relation

_FOLDER = re.compile(r"\d{8}T\d{6}Z")


def remove_old(specs: Specs, warehouse: Warehouse, tick_id: str) -> list[str]:
    """Remove the files of ticks that are no longer kept, and folders that are empty then. Call it when the exports of
    `tick_id` are committed. Returns a warning for each that cannot be removed.

    The last export of every segment stays, whatever its age: with `every: month` it may be older than 30 ticks.
    """
    keep = specs.settings.exports.keep
    if keep is None:
        return []
    kept_from = _kept_from(warehouse, keep, tick_id, specs)
    folders = _folders(specs, kept_from)
    if not folders:
        return []
    found, last = _written(warehouse, {folder.name for folder in folders}), _last(warehouse)
    warnings = []
    for folder in folders:
        if folder.name in last:
            continue
        try:
            _remove(folder, [(specs.root / path, segment) for path, segment in found[folder.name]])
        except OSError as error:
            warnings.append(f"exports.keep: cannot remove {folder}: {reason(error)}")
        crash_point("exports.old_folder")
    return warnings


def _remove(folder: Path, written: list[tuple[Path, str]]) -> None:
    mine = [(path, segment) for path, segment in written if path.parent == folder]
    for path, segment in mine:
        path.unlink(missing_ok=True)
        path.with_name(f"{segment}.stale.txt").unlink(missing_ok=True)
    # What somebody else has put there stays, and the folder with it.
    if mine and not any(folder.iterdir()):
        folder.rmdir()


def _kept_from(warehouse: Warehouse, keep: Keep, tick_id: str, specs: Specs) -> str:
    """The first tick whose folder stays."""
    if keep.span is not None:
        with contextlib.suppress(OverflowError, ValueError):
            return ticks.tick_id_of(keep.span.before(ticks.as_of_of(tick_id), specs.settings.zone))
        return ""
    last = exp.select("tick_id").from_(relation("ticks")).where(exp.column("tick_id") <= exp.Literal.string(tick_id))
    rows = warehouse.rows(last.order_by(exp.column("tick_id").desc()).limit(keep.ticks or 1))
    return str(rows[-1]["tick_id"])


def _folders(specs: Specs, kept_from: str) -> list[Path]:
    places = {specs.path(plan.path) for plan in specs.exports()}
    return sorted(
        path
        for place in places
        if place.is_dir()
        for path in place.iterdir()
        if _FOLDER.fullmatch(path.name) and path.name < kept_from and path.is_dir() and not path.is_symlink()
    )


def _written(warehouse: Warehouse, tick_ids: set[str]) -> dict[str, list[tuple[str, str]]]:
    """Tick -> (path, segment) of each file that the ledger has of it."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    listed = [exp.Literal.string(tick) for tick in sorted(tick_ids)]
    asked = exp.select("tick_id", "path", "segment").from_(relation(LEDGER))
    for row in warehouse.rows(asked.where(exp.column("tick_id").isin(*listed))):
        found[row["tick_id"]].append((row["path"], row["segment"]))
    return found


def _last(warehouse: Warehouse) -> set[str]:
    """The ticks that hold the last export of a segment which is still there."""
    there = exp.select("segment_key").from_(relation("segment_state"))
    rows = warehouse.rows(
        exp.select(exp.Max(this=exp.column("tick_id")).as_("tick_id"))
        .from_(relation(LEDGER))
        .where(exp.column("segment_key").isin(query=there))
        .group_by("segment_key", "kind")
    )
    return {row["tick_id"] for row in rows}

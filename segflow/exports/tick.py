"""The export stage: a folder per tick, with the files of the segments that are due."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pyarrow as pa
from sqlglot import exp

from segflow.crashpoints import crash_point
from segflow.errors import RunError
from segflow.exports.due import Due, Export, due
from segflow.exports.fetch import fetch
from segflow.exports.rows import KEY, base_query, reads_contacts
from segflow.exports.unchanged import Before, put, shape_of, unchanged
from segflow.exports.write import writer
from segflow.files import PARTIAL, cannot_write, make_folder, sync
from segflow.history.members import stage_wanted
from segflow.segments.compiler import CONTACTS
from segflow.specs.project import Specs
from segflow.warehouse.base import Warehouse
from segflow.warehouse.generations import check_generation

_ROWS_AT_ONCE = 1_000_000


def export_tick(specs: Specs, warehouse: Warehouse, tick_id: str) -> list[Export]:
    """Write what is due to `PATH/TICK_ID/`. All or nothing: a folder appears when it is whole.

    The caller appends `ledger_rows` of what is returned when it commits; until then a repetition writes the same
    files. Raises RunError when a folder cannot be written, or when a symbolic link stands where it should be, and
    StaleGenerationError when contacts were built for another tick.
    """
    files = due(specs, warehouse, tick_id)
    if any(reads_contacts(one.plan.columns, _attributes(specs)) for one in files):
        check_generation(warehouse, [CONTACTS], tick_id)
    written: list[Export] = []
    folders = {specs.path(one.plan.path): None for one in files}
    for folder in folders:
        here = [one for one in files if specs.path(one.plan.path) == folder]
        written += _write_folder(specs, warehouse, here, folder / tick_id, tick_id)
    return written


def _write_folder(specs: Specs, warehouse: Warehouse, files: list[Due], folder: Path, tick_id: str) -> list[Export]:
    _refuse_links(folder)
    partial = folder.with_name(f".{tick_id}{PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        make_folder(partial)
        same = unchanged(warehouse, files, _attributes(specs), specs.root)
        written = [_as_before(specs, one, same[one.name], partial) for one in files if one.name in same]
        others = sorted((one for one in files if one.name not in same), key=_shape)
        for _, alike in groupby(others, key=_shape):
            written += _write_alike(specs, warehouse, list(alike), partial, tick_id)
        for name, why in {one.plan.segment: one.stale for one in files if one.stale is not None}.items():
            _mark(partial / f"{name}.stale.txt", name, why, tick_id)
        sync(partial)
        if folder.exists():
            shutil.rmtree(folder)
            crash_point("exports.old_removed")
        partial.rename(folder)
        crash_point("exports.renamed")
        sync(folder.parent)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise cannot_write(folder, error) from error
    return sorted((replace(one, path=folder / one.path.name) for one in written), key=lambda one: one.path.name)


def _shape(one: Due) -> tuple[str, str, bool, tuple[str, ...]]:
    return one.only, one.plan.format, one.plan.formula_guard, one.plan.columns


def _write_alike(specs: Specs, warehouse: Warehouse, files: list[Due], folder: Path, tick_id: str) -> list[Export]:
    """Write files that hold the same columns of the same kind of rows into a folder that nobody looks at yet."""
    plan, only = files[0].plan, files[0].only
    base = base_query(only, tick_id)
    stage_wanted(warehouse, [one.wanted for one in files])
    counted = exp.select("segment", exp.Count(this=exp.Star()).as_("rows_in")).from_(base.subquery("counted"))
    sizes = {row["segment"]: row["rows_in"] for row in warehouse.rows(counted.group_by("segment"))}
    columns = plan.columns_of(only, _attributes(specs))
    written = []
    for chunk in _chunks(files, sizes):
        stage_wanted(warehouse, [one.wanted for one in chunk])
        schema, batches = fetch(specs, warehouse, base, only, columns, plan.format)
        pieces = groupby(_by_segment(batches), key=itemgetter(0))
        following = next(pieces, None)
        for one in chunk:
            path = folder / one.name
            rows = 0
            with writer(plan.format, path, schema, formula_guard=plan.formula_guard) as write:
                if following is not None and following[0] == one.plan.segment:
                    for _, piece in following[1]:
                        write(piece)
                        rows += piece.num_rows
                    following = next(pieces, None)
            sync(path)
            written.append(_export(specs, one, path, rows))
            crash_point("exports.file")
    return written


def _as_before(specs: Specs, one: Due, before: Before, folder: Path) -> Export:
    """A file that is the one of an earlier tick."""
    path = folder / one.name
    put(before, path)
    crash_point("exports.file")
    return replace(_export(specs, one, path, before.rows), same_as=before.tick_id)


def _export(specs: Specs, one: Due, path: Path, rows: int) -> Export:
    key, since, shape = one.wanted.segment_key, one.wanted.since, shape_of(one, _attributes(specs))
    size = path.stat().st_size
    return Export(one.plan.segment, path, rows, one.only, key, since, one.stale, shape=shape, size=size)


def _mark(path: Path, segment: str, why: str, tick_id: str) -> None:
    """Say beside the files of a segment that they are not of this tick's moment."""
    text = f"segment {segment} is as an earlier tick left it; in tick {tick_id} it is {why}\n"
    path.write_text(text, encoding="utf-8")
    sync(path)


def _by_segment(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[str, pa.RecordBatch]]:
    """(segment, its rows without KEY), for batches that are sorted by segment."""
    for batch in batches:
        rows = batch.drop_columns(KEY)
        begin = 0
        for count in batch.column(KEY).value_counts().to_pylist():
            yield count["values"], rows.slice(begin, count["counts"])
            begin += count["counts"]


def _chunks(files: Sequence[Due], sizes: dict[str, int]) -> list[list[Due]]:
    """Files to read in one query: hundreds of small ones together, large ones on their own."""
    chunks: list[list[Due]] = []
    room = 0
    for one in sorted(files, key=lambda one: one.plan.segment):
        size = sizes.get(one.plan.segment, 0)
        if not chunks or size > room:
            chunks.append([])
            room = _ROWS_AT_ONCE
        chunks[-1].append(one)
        room -= size
    return chunks


def _attributes(specs: Specs) -> list[str]:
    return list(specs.catalog.contacts.attributes)


def _refuse_links(folder: Path) -> None:
    """Raise RunError for a link where files of a tick go: it would be removed, or followed to anywhere."""
    entries = sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []
    for path in (folder, *entries):
        if path.is_symlink():
            raise RunError(
                f"{path} is a symbolic link to {os.readlink(path)}, and exports do not follow links; remove it and "
                "run segflow tick again"
            )

"""Membership as files: one CSV per segment in a folder per tick, and single exports in other formats."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet
from sqlglot import exp

from segflow.crashpoints import crash_point
from segflow.errors import InputError, RunError, did_you_mean
from segflow.files import PARTIAL, cannot_write, make_folder, reason, replacing, sync
from segflow.segments.compiler import CONTACTS
from segflow.segments.sql import col
from segflow.specs.project import Specs
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.generations import check_generation

Format = Literal["csv", "parquet", "json"]
FORMATS: tuple[Format, ...] = ("csv", "parquet", "json")

# A spreadsheet runs a cell that starts like this; the quote makes it a text (OWASP, "CSV Injection"). Some take the
# full-width forms for the same signs.
_FORMULA = r"^[=+\-@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]"

_ROWS_AT_ONCE = 1_000_000
_OWN = ("segment", "contact_id")


@dataclass(frozen=True)
class Export:
    """One written file."""

    segment: str
    path: Path
    rows: int


def export_tick(specs: Specs, warehouse: Warehouse, tick_id: str) -> list[Export]:
    """Write the CSV files of a tick to `exports.path/TICK_ID/`. All or nothing: the folder appears when it is whole.

    Raises RunError when it cannot be written, or when a symbolic link stands where it should be, and
    StaleGenerationError when contacts were built for another tick.
    """
    settings = specs.settings.exports
    chosen = list(specs.segments) if settings.segments == "all" else settings.segments
    if not chosen:
        return []
    if _reads_contacts(settings.columns):
        check_generation(warehouse, [CONTACTS], tick_id)
    folder = specs.path(settings.path) / tick_id
    _refuse_links(folder)
    partial = folder.with_name(f".{tick_id}{PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        make_folder(partial)
        written = _write_tick(specs, warehouse, chosen, partial)
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
    return [replace(one, path=folder / one.path.name) for one in written]


def _write_tick(specs: Specs, warehouse: Warehouse, chosen: list[str], folder: Path) -> list[Export]:
    """Write a file per segment into a folder that nobody looks at yet."""
    written = []
    for chunk in _chunks(chosen, _sizes(warehouse)):
        members = warehouse.query(_members_query(chunk, ["segment", *specs.settings.exports.columns]))
        cells = neutralised(members.drop_columns("segment"))
        begin = 0
        rows_of = {row["values"]: row["counts"] for row in members.column("segment").value_counts().to_pylist()}
        for segment in sorted(chunk):
            rows = rows_of.get(segment, 0)
            path = folder / f"{segment}.csv"
            _write_csv(cells.slice(begin, rows), path)
            sync(path)
            written.append(Export(segment, path, rows))
            begin += rows
            crash_point("exports.file")
    return written


def export_segment(
    specs: Specs, warehouse: Warehouse, segment: str, file_format: Format, path: Path | None, columns: list[str] | None
) -> Export:
    """Write the present members of one segment to `path`, or below `exports.path`. The file appears when it is whole.

    Raises InputError for an unknown segment or column and for a path that can hold no file, RunError when writing
    fails; a file that was there is untouched then.
    """
    if segment not in specs.segments:
        raise InputError(f"unknown segment {segment}{did_you_mean(segment, list(specs.segments))}")
    columns = columns or specs.settings.exports.columns
    known = ["contact_id", *specs.catalog.contacts.attributes]
    for name in columns:
        if name not in known:
            raise InputError(f"unknown column {name}{did_you_mean(name, known)}")
    target = path or specs.path(specs.settings.exports.path) / f"{segment}.{file_format}"
    if path is None:
        make_folder(target.parent)
    try:
        _check_target(target)
    except OSError as error:
        raise InputError(f"cannot write {target}: {reason(error)}") from error
    members = members_table(warehouse, segment, columns)
    with replacing(target) as partial:
        if file_format == "csv":
            _write_csv(neutralised(members), partial)
        elif file_format == "parquet":
            parquet.write_table(members, partial)
        else:
            text = json.dumps(members.to_pylist(), default=_plain, ensure_ascii=False, indent=1)
            partial.write_text(text + "\n", encoding="utf-8")
    return Export(segment, target, members.num_rows)


def _check_target(target: Path) -> None:
    """Raise InputError when a file cannot, or should not, take this place."""
    folder = target.parent
    if target.is_symlink():
        raise InputError(f"{target} is a symbolic link to {os.readlink(target)}; give the path of the file itself")
    if target.is_dir():
        raise InputError(f"{target} is a folder; give the path of a file in it")
    if target.exists() and not target.is_file():
        raise InputError(f"{target} is not a file but a device or a pipe; give the path of a file")
    if not folder.is_dir():
        raise InputError(f"cannot write {target}: {folder} is no folder; make it or choose another path")
    for place in (folder, target):
        if place.exists() and not os.access(place, os.W_OK):
            raise InputError(f"cannot write {target}: this user may not write to {place}; choose another path")


def _refuse_links(folder: Path) -> None:
    """Raise RunError for a link where files of a tick go: it would be removed, or followed to anywhere."""
    entries = sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []
    for path in (folder, *entries):
        if path.is_symlink():
            raise RunError(
                f"{path} is a symbolic link to {os.readlink(path)}, and exports do not follow links; remove it and "
                "run segflow tick again"
            )


def members_table(warehouse: Warehouse, segment: str, columns: list[str]) -> pa.Table:
    """The members of a segment with the chosen contact columns, ordered by contact_id.

    A member of a stale segment may be gone from the contacts; its attributes are null then. Raises
    StaleGenerationError when the contacts are older than the members.
    """
    crossed = exp.select(exp.Max(this=exp.column("tick_id"))).from_(relation("segment_sizes"))
    if _reads_contacts(columns) and (tick_id := warehouse.scalar(crossed)) is not None:
        check_generation(warehouse, [CONTACTS], tick_id, or_newer=True)
    return warehouse.query(_members_query([segment], columns))


def _members_query(segments: list[str], columns: list[str]) -> exp.Select:
    """The members of several segments, ordered by segment and contact_id; a column may also be `segment`."""
    chosen = [col(name, "members") if name in _OWN else col(name, CONTACTS) for name in columns]
    query = exp.select(*chosen).from_(exp.alias_(relation("segment_members"), "members", table=True))
    if _reads_contacts(columns):
        query = query.join(
            exp.alias_(relation(CONTACTS), CONTACTS, table=True),
            on=exp.EQ(this=col("contact_id", CONTACTS), expression=col("contact_id", "members")),
            join_type="left",
        )
    return query.where(
        exp.In(this=col("segment", "members"), expressions=[exp.Literal.string(name) for name in segments])
    ).order_by(*(col(name, "members") for name in _OWN))


def _reads_contacts(columns: list[str]) -> bool:
    return not set(columns) <= set(_OWN)


def _sizes(warehouse: Warehouse) -> dict[str, int]:
    counted = exp.select("segment", exp.Count(this=exp.Star()).as_("members")).from_(relation("segment_members"))
    return {row["segment"]: row["members"] for row in warehouse.rows(counted.group_by("segment"))}


def _chunks(segments: list[str], sizes: dict[str, int]) -> list[list[str]]:
    """Segments to read in one query: hundreds of small ones together, large ones on their own."""
    chunks: list[list[str]] = []
    room = 0
    for segment in sorted(segments):
        size = sizes.get(segment, 0)
        if not chunks or size > room:
            chunks.append([])
            room = _ROWS_AT_ONCE
        chunks[-1].append(segment)
        room -= size
    return chunks


def neutralised(table: pa.Table) -> pa.Table:
    """The table with a leading apostrophe before every text that a spreadsheet would run as a formula.

    A list becomes one text with commas."""
    columns = []
    for column in table.columns:
        if pa.types.is_list(column.type):
            column = pc.binary_join(column, ", ")
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            runs = pc.match_substring_regex(column, pattern=_FORMULA)
            quoted = pc.binary_join_element_wise("'", column, "")
            column = pc.if_else(runs, quoted, column)
        columns.append(column)
    return pa.table(columns, names=table.column_names)


def _write_csv(table: pa.Table, path: Path) -> None:
    """UTF-8, header, quotes where needed, empty cells for missing values. The cells are neutralised already."""
    csv.write_csv(table, path, csv.WriteOptions(include_header=True, quoting_style="needed"))


def _plain(value: Any) -> Any:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError(f"cannot write {type(value).__name__} as JSON")

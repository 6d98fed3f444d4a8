"""Membership as files: one CSV per segment in a folder per tick, and single exports in other formats."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet
from sqlglot import exp

from segflow.errors import InputError, did_you_mean
from segflow.segments.compiler import CONTACTS
from segflow.segments.sql import col
from segflow.specs.project import Specs
from segflow.warehouse.base import Warehouse, relation

Format = Literal["csv", "parquet", "json"]
FORMATS: tuple[Format, ...] = ("csv", "parquet", "json")

# A spreadsheet runs a cell that starts like this; the quote makes it a text (OWASP, "CSV Injection"). Some take the
# full-width forms for the same signs.
_FORMULA = r"^[=+\-@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]"


@dataclass(frozen=True)
class Export:
    """One written file."""

    segment: str
    path: Path
    rows: int


def export_tick(specs: Specs, warehouse: Warehouse, tick_id: str) -> list[Export]:
    """Write the CSV files of a tick to `exports.path/TICK_ID/`. All or nothing: the folder appears when it is whole."""
    settings = specs.settings.exports
    chosen = list(specs.segments) if settings.segments == "all" else settings.segments
    if not chosen:
        return []
    folder = specs.path(settings.path) / tick_id
    partial = folder.with_name(f".{tick_id}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    written = []
    for segment in chosen:
        members = members_table(warehouse, segment, settings.columns)
        _write_csv(members, partial / f"{segment}.csv")
        written.append(Export(segment, folder / f"{segment}.csv", members.num_rows))
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)
    return written


def export_segment(
    specs: Specs, warehouse: Warehouse, segment: str, file_format: Format, path: Path | None, columns: list[str] | None
) -> Export:
    """Write the present members of one segment. Raises InputError for an unknown segment or column."""
    if segment not in specs.segments:
        raise InputError(f"unknown segment {segment}{did_you_mean(segment, list(specs.segments))}")
    columns = columns or specs.settings.exports.columns
    known = ["contact_id", *specs.catalog.contacts.attributes]
    for name in columns:
        if name not in known:
            raise InputError(f"unknown column {name}{did_you_mean(name, known)}")
    members = members_table(warehouse, segment, columns)
    target = path or specs.path(specs.settings.exports.path) / f"{segment}.{file_format}"
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.partial")
    if file_format == "csv":
        _write_csv(members, temporary)
    elif file_format == "parquet":
        parquet.write_table(members, temporary)
    else:
        text = json.dumps(members.to_pylist(), default=_plain, ensure_ascii=False, indent=1)
        temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(target)
    return Export(segment, target, members.num_rows)


def members_table(warehouse: Warehouse, segment: str, columns: list[str]) -> pa.Table:
    """The members of a segment with the chosen contact columns, ordered by contact_id.

    A member of a stale segment may be gone from the contacts; its attributes are null then.
    """
    chosen = [col("contact_id", "members") if name == "contact_id" else col(name, CONTACTS) for name in columns]
    query = (
        exp.select(*chosen)
        .from_(exp.alias_(relation("segment_members"), "members", table=True))
        .join(
            exp.alias_(relation(CONTACTS), CONTACTS, table=True),
            on=exp.EQ(this=col("contact_id", CONTACTS), expression=col("contact_id", "members")),
            join_type="left",
        )
        .where(exp.EQ(this=col("segment", "members"), expression=exp.Literal.string(segment)))
        .order_by(col("contact_id", "members"))
    )
    return warehouse.query(query)


def neutralised(table: pa.Table) -> pa.Table:
    """The table with a leading apostrophe before every text that a spreadsheet would run as a formula."""
    columns = []
    for column in table.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            runs = pc.match_substring_regex(column, pattern=_FORMULA)
            quoted = pc.binary_join_element_wise("'", column, "")
            column = pc.if_else(runs, quoted, column)
        columns.append(column)
    return pa.table(columns, names=table.column_names)


def _write_csv(table: pa.Table, path: Path) -> None:
    """UTF-8, header, quotes where needed, empty cells for missing values."""
    csv.write_csv(neutralised(table), path, csv.WriteOptions(include_header=True, quoting_style="needed"))


def _plain(value: Any) -> Any:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError(f"cannot write {type(value).__name__} as JSON")

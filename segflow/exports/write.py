"""Rows into files: CSV, Parquet, JSON lines. A batch at a time, so that memory does not grow with the rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from segflow.specs.exports import Format

ROWS_AT_ONCE = 100_000

# A spreadsheet runs a cell that starts like this; the quote makes it a text (OWASP, "CSV Injection"). Some take the
# full-width forms for the same signs.
_FORMULA = r"^[=+\-@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]"

NUMBER = {b"segflow": b"number"}
"""The metadata of a column of texts that are numbers: none of them is a formula."""

Write = Callable[[pa.RecordBatch], None]


@contextmanager
def writer(file_format: Format, path: Path, schema: pa.Schema) -> Iterator[Write]:
    """A function that appends a batch of `schema` to `path`. JSON lines take batches of one column: the lines."""
    open_one = {"csv": _csv, "parquet": _parquet, "jsonl": _lines}[file_format]
    with open_one(path, schema) as write:
        yield write


@contextmanager
def _csv(path: Path, schema: pa.Schema) -> Iterator[Write]:
    """UTF-8, header, quotes where needed, empty cells for missing values, formulas neutralised."""
    numbers = frozenset(field.name for field in schema if field.metadata == NUMBER)
    cells = neutralised(schema.empty_table(), numbers).schema
    options = csv.WriteOptions(include_header=True, quoting_style="needed")
    with csv.CSVWriter(path, cells, write_options=options) as file:
        yield lambda batch: file.write_table(neutralised(pa.Table.from_batches([batch]), numbers))


@contextmanager
def _parquet(path: Path, schema: pa.Schema) -> Iterator[Write]:
    with parquet.ParquetWriter(path, schema, compression="zstd") as file:
        yield file.write_batch


@contextmanager
def _lines(path: Path, schema: pa.Schema) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        yield lambda batch: file.writelines(batch.column(0).to_pylist())


def neutralised(table: pa.Table, numbers: Collection[str] = ()) -> pa.Table:
    """The table with a leading apostrophe before every text that a spreadsheet would run as a formula.

    A list becomes one text with commas. The texts of `numbers` are left alone: -5 is no formula."""
    columns = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name in numbers:
            columns.append(column)
            continue
        if pa.types.is_list(column.type):
            column = pc.binary_join(column, ", ")
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            runs = pc.match_substring_regex(column, pattern=_FORMULA)
            quoted = pc.binary_join_element_wise("'", column, "")
            column = pc.if_else(runs, quoted, column)
        columns.append(column)
    return pa.table(columns, names=table.column_names)

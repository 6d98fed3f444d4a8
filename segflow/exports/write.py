"""Rows into files: CSV, Parquet, JSON lines. A batch at a time, so that memory does not grow with the rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from segflow.exports.formulas import guarded
from segflow.specs.exports import Format

ROWS_AT_ONCE = 100_000

NUMBER = {b"segflow": b"number"}
"""The metadata of a column of texts that are numbers: none of them is a formula."""

Write = Callable[[pa.RecordBatch], None]


@contextmanager
def writer(file_format: Format, path: Path, schema: pa.Schema, *, formula_guard: bool = True) -> Iterator[Write]:
    """A function that appends a batch of `schema` to `path`. JSON lines take batches of one column: the lines.

    `formula_guard`: an apostrophe before texts of a CSV file that a spreadsheet would run; the other formats need none.
    """
    if file_format == "csv":
        opened = _csv(path, schema, formula_guard)
    else:
        opened = _parquet(path, schema) if file_format == "parquet" else _lines(path, schema)
    with opened as write:
        yield write


@contextmanager
def _csv(path: Path, schema: pa.Schema, formula_guard: bool) -> Iterator[Write]:
    """UTF-8, header, quotes where needed, empty cells for missing values."""
    numbers = frozenset(field.name for field in schema if field.metadata == NUMBER)

    def cells(table: pa.Table) -> pa.Table:
        return as_cells(table, formula_guard=formula_guard, numbers=numbers)

    with path.open("wb") as file:

        def write(table: pa.Table, header: bool) -> None:
            table = cells(table)
            for name in numbers:
                place = table.schema.get_field_index(name)
                table = table.set_column(place, name, _bare(table.column(name)))
            csv.write_csv(table, file, csv.WriteOptions(include_header=header, quoting_style="needed"))

        write(schema.empty_table(), True)
        yield lambda batch: write(pa.Table.from_batches([batch]), False)


def _bare(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """The texts of numbers as doubles, which are written without quotes, where doubles say the same in all of them."""
    doubles = pc.cast(texts, pa.float64())
    return doubles if pc.cast(doubles, pa.string()).equals(texts) else texts


@contextmanager
def _parquet(path: Path, schema: pa.Schema) -> Iterator[Write]:
    with parquet.ParquetWriter(path, schema, compression="zstd") as file:
        yield file.write_batch


@contextmanager
def _lines(path: Path, schema: pa.Schema) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        yield lambda batch: file.writelines(batch.column(0).to_pylist())


def as_cells(table: pa.Table, *, formula_guard: bool, numbers: Collection[str] = ()) -> pa.Table:
    """The table as CSV holds it: a list becomes one text with commas, and with `formula_guard` no text is a formula.
    The texts of the columns `numbers` are left alone: -5 is no formula."""
    joined = [pc.binary_join(column, ", ") if pa.types.is_list(column.type) else column for column in table.columns]
    flat = pa.table(joined, names=table.column_names)
    return guarded(flat, numbers) if formula_guard else flat

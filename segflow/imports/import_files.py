"""Files that people import: CSV and Parquet, as they are, with the line of each row."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from segflow.errors import InputError
from segflow.exports.formulas import unguarded
from segflow.files import reason

_DELIMITERS = ",;\t|"
_MARK = b"\xef\xbb\xbf"
# A line that Excel reads and writes before the header; other programs add quotes, or the other columns' separators.
_SEP_LINE = re.compile(rb'"?sep=([!-~\t ])"?[,;\t|]*\r?\n', re.IGNORECASE)


@dataclass(frozen=True)
class Refused:
    """A row that was not taken. `line` counts from 1, the header of a CSV file included; in a Parquet file it is the
    number of the row."""

    line: int
    column: str | None
    value: str | None
    why: str


@dataclass(frozen=True)
class Given:
    """A file: its columns as they are (those of a CSV file are texts), the line of each row, and what is no row."""

    name: str
    rows: pa.Table
    lines: pa.Array
    refused: list[Refused] = field(default_factory=list)


def read_file(path: Path, *, formula_guard: bool = True) -> Given:
    """Read a .csv or .parquet file. Raises InputError when it cannot be read as one.

    `formula_guard`: take the apostrophes that exports put before formulas off the texts of a .csv file again.
    """
    kind = path.suffix.lower()
    if kind not in (".csv", ".parquet"):
        raise InputError(f"{path}: its name must end with .csv or .parquet, which says how it is read")
    try:
        given = _csv(path) if kind == ".csv" else _parquet(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason(error)}") from error
    if kind == ".csv" and formula_guard:
        given = replace(given, rows=unguarded(given.rows))
    # Columns without a name can only be left out, all of them.
    names = [name for name in given.rows.column_names if name]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"{path}: more than one column is called {twice[0]}; rename one")
    return given


def given_table(rows: pa.Table) -> Given:
    """A table of the caller's, as if it were a Parquet file."""
    return Given("a table", rows, _numbers(rows.num_rows))


def _parquet(path: Path) -> Given:
    try:
        with parquet.ParquetFile(path) as file:
            rows = file.read()
    except (pa.ArrowException, ValueError) as error:
        raise InputError(f"{path} is not a Parquet file: {_words(error)}") from error
    return Given(path.name, rows, _numbers(rows.num_rows))


def _csv(path: Path) -> Given:
    # What Excel calls "CSV UTF-8" begins with a mark that is no part of the first name.
    raw = path.read_bytes().removeprefix(_MARK)
    told = _SEP_LINE.match(raw)
    raw = raw[told.end() :] if told else raw
    head = raw.split(b"\n", 1)[0].rstrip(b"\r")
    try:
        header = head.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not written in UTF-8; save it as CSV UTF-8") from error
    likely = max(_DELIMITERS, key=lambda sign: (header.count(sign), -_DELIMITERS.index(sign)))
    delimiter = told[1].decode() if told else likely
    wrong: list[tuple[int, int, int, str]] = []

    def other_length(row: csv.InvalidRow) -> str:
        wrong.append((row.number, row.expected_columns, row.actual_columns, row.text))
        return "skip"

    parse = csv.ParseOptions(
        delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=other_length
    )
    # One thread: only then are rows counted.
    read = csv.ReadOptions(use_threads=False)
    try:
        names = csv.open_csv(io.BytesIO(raw), read, parse).schema.names
        wrong.clear()
        texts = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
        rows = csv.read_csv(io.BytesIO(raw), read, parse, texts)
    except (pa.ArrowException, ValueError) as error:
        why = "it is not written in UTF-8; save it as CSV UTF-8" if "invalid UTF8" in str(error) else _words(error)
        raise InputError(f"cannot read {path}: {why}") from error
    before = 1 if told else 0
    lines = pc.add(_lines(rows, wrong), before)
    start = {number: line + before for number, line in _wrong_lines(rows, wrong)}
    refused = [
        Refused(start[number], None, text[:100], f"the row has {actual} columns, the header has {expected}")
        for number, expected, actual, text in wrong
    ]
    empty = pa.array([True] * rows.num_rows, pa.bool_())
    for column in rows.columns:
        empty = pc.and_(empty, pc.equal(column, "").combine_chunks())
    filled = pc.invert(empty)
    return Given(path.name, rows.filter(filled), lines.filter(filled), refused)


def _lines(rows: pa.Table, wrong: list[tuple[int, int, int, str]]) -> pa.Array:
    """The line at which each row starts: its number, and the line breaks inside of the values before it."""
    numbers = _record_numbers(rows.num_rows, [number for number, *_ in wrong])
    return pc.add(numbers, _breaks_before(rows, wrong, numbers))


def _wrong_lines(rows: pa.Table, wrong: list[tuple[int, int, int, str]]) -> list[tuple[int, int]]:
    valid = _record_numbers(rows.num_rows, [number for number, *_ in wrong])
    inside = pc.cumulative_sum(_breaks(rows)) if rows.num_rows else pa.array([], pa.int64())
    found, before = [], 0
    for number, _, _, text in wrong:
        passed = pc.sum(pc.less(valid, number)).as_py() or 0
        found.append((number, number + before + (inside[passed - 1].as_py() if passed else 0)))
        before += text.count("\n")
    return found


def _breaks_before(rows: pa.Table, wrong: list[tuple[int, int, int, str]], numbers: pa.Array) -> pa.Array:
    own = _breaks(rows)
    before = pc.subtract(pc.cumulative_sum(own), own) if rows.num_rows else own
    for number, _, _, text in wrong:
        if "\n" in text:
            later = pc.cast(pc.greater(numbers, number), pa.int64())
            before = pc.add(before, pc.multiply(later, text.count("\n")))
    return before


def _breaks(rows: pa.Table) -> pa.Array:
    """How many line breaks the values of each row hold."""
    total = pa.array([0] * rows.num_rows, pa.int64())
    for column in rows.columns:
        counted = pc.count_substring(column, "\n")
        total = pc.add(total, pc.cast(counted, pa.int64()).combine_chunks())
    return total


def _record_numbers(count: int, wrong: list[int]) -> pa.Array:
    """The numbers of the rows that were read, the header being 1: those of the others are left out."""
    skipped = set(wrong)
    if not skipped:
        return pa.array(range(2, count + 2), pa.int64())
    return pa.array([n for n in range(2, count + len(skipped) + 2) if n not in skipped], pa.int64())


def _numbers(count: int) -> pa.Array:
    return pa.array(range(1, count + 1), pa.int64())


def _words(error: Exception) -> str:
    return " ".join(str(error).split())

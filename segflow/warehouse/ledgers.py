"""Ledgers as Parquet files: what the warehouse's tables can be made from again when its file is lost.

`FOLDER/TABLE/TICK_ID.parquet` holds the rows that one tick added; `compact` merges those of a month into
`TABLE/YYYYMM.parquet`. A file is whole or not there, and its pages carry checksums, which reading verifies: DuckDB
itself reads a Parquet file with a flipped bit and says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from segflow.crashpoints import crash_point
from segflow.errors import RunError
from segflow.files import replacing, sync
from segflow.warehouse.tables import TABLES, arrow_schema

_MONTH = re.compile(r"\d{6}")
_ROWS_AT_ONCE = 500_000


@dataclass(frozen=True)
class Compacted:
    """One month of a ledger: how many files of ticks went into it."""

    table: str
    month: str
    files: int
    rows: int


class LedgerFiles:
    """The files below one folder. One process writes at a time: the tick's lease sees to that."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, table: str, tick_id: str) -> Path:
        """Where the rows of a tick are, until they are compacted."""
        return self.folder / table / f"{tick_id}.parquet"

    def write(self, table: str, tick_id: str, batches: Iterable[pa.RecordBatch]) -> int:
        """Make `batches` the durable rows of a tick and return how many there are; without rows there is no file.

        Repeating it replaces them. Raises RunError when the folder cannot be written.
        """
        path = self.path(table, tick_id)
        some = (batch for batch in batches if batch.num_rows)
        first = next(some, None)
        if first is None:
            _remove(path)
            return 0
        return _save(path, arrow_schema(table), _chain(first, some))

    def ticks(self, table: str) -> set[str]:
        """The ticks that have a file of their own."""
        return {path.stem for path in self._files(table) if not _MONTH.fullmatch(path.stem)}

    def read(self, table: str, wanted: Mapping[str, int], problems: list[str]) -> Iterator[pa.Table]:
        """The rows of `wanted` (tick id -> how many rows it has), each once, also while `compact` has not ended.

        What is missing, damaged or has another number of rows is left out and told in `problems`, by file.
        """
        pieces: list[pa.Table] = []
        for month, group in groupby(sorted(tick for tick, rows in wanted.items() if rows), key=_month):
            ticks = list(group)
            merged, fault = self._load(table, self.path(table, month))
            counts = _counts(merged)
            whole = [tick for tick in ticks if counts.get(tick) == wanted[tick]]
            if whole:
                pieces.append(merged.filter(pc.is_in(merged["tick_id"], pa.array(whole, pa.string()))))
            for tick in sorted(set(ticks) - set(whole)):
                path = self.path(table, tick)
                rows, own_fault = self._load(table, path)
                if _counts(rows) == {tick: wanted[tick]}:
                    pieces.append(rows)
                elif not path.exists() and (fault or counts.get(tick)):
                    told = fault or f"has {counts[tick]:,} rows of tick {tick} instead of {wanted[tick]:,}"
                    problems.append(f"{self.path(table, month)} {told}")
                else:
                    told = f"has {rows.num_rows:,} rows instead of {wanted[tick]:,}" if path.exists() else "is missing"
                    problems.append(f"{path} {own_fault or told}")
                if sum(piece.num_rows for piece in pieces) >= _ROWS_AT_ONCE:
                    yield pa.concat_tables(pieces)
                    pieces = []
        if pieces:
            yield pa.concat_tables(pieces)

    def read_all(self, table: str) -> pa.Table:
        """Every row that can be read, of all files; a tick that stands in two files has its rows twice."""
        found = [self._load(table, path)[0] for path in self._files(table)]
        return pa.concat_tables(found) if found else arrow_schema(table).empty_table()

    def compact(self, before: str) -> list[Compacted]:
        """Merge the files of ticks earlier than tick `before`, one file per table and month. Raises RunError."""
        found = []
        for table in TABLES:
            ticks = sorted(tick for tick in self.ticks(table) if tick < before)
            for month, group in groupby(ticks, key=_month):
                done = self._merge(table, month, list(group))
                if done is not None:
                    found.append(done)
        return found

    def _merge(self, table: str, month: str, ticks: list[str]) -> Compacted | None:
        target = self.path(table, month)
        if len(ticks) < 2 and not target.exists():
            return None
        present, fault = self._load(table, target)
        if fault and target.exists():
            raise RunError(f"{target} {fault}; put it back from a backup")
        # Merged by a run that was killed before it had removed them.
        known = set(_counts(present))
        pieces = [present]
        for tick in ticks:
            rows, fault = self._load(table, self.path(table, tick))
            if fault:
                raise RunError(f"{self.path(table, tick)} {fault}; put it back from a backup")
            pieces += [] if tick in known else [rows]
        merged = pa.concat_tables(pieces).sort_by("tick_id")
        _save(target, arrow_schema(table), merged.to_batches(_ROWS_AT_ONCE))
        crash_point("compact.merged")
        for tick in ticks:
            self.path(table, tick).unlink(missing_ok=True)
            crash_point("compact.removed")
        return Compacted(table, month, len(ticks), merged.num_rows)

    def _files(self, table: str) -> list[Path]:
        return sorted((self.folder / table).glob("*.parquet"))

    def _load(self, table: str, path: Path) -> tuple[pa.Table, str | None]:
        """The rows of a file, or none and what is wrong with it. Columns of a later version are null."""
        schema = arrow_schema(table)
        try:
            with parquet.ParquetFile(path, page_checksum_verification=True) as file:
                rows = file.read()
        except FileNotFoundError:
            return schema.empty_table(), None
        except (OSError, pa.ArrowException, ValueError) as error:
            return schema.empty_table(), f"cannot be read ({' '.join(str(error).split())})"
        columns = {
            field.name: rows[field.name].cast(field.type)
            if field.name in rows.schema.names
            else pa.nulls(rows.num_rows, field.type)
            for field in schema
        }
        return pa.table(columns, schema=schema), None


def _chain(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest


def _counts(rows: pa.Table) -> dict[str, int]:
    return {row["values"]: row["counts"] for row in rows["tick_id"].value_counts().to_pylist()}


def _month(tick_id: str) -> str:
    return tick_id[:6]


def _save(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    rows = 0
    with replacing(path) as partial:
        with parquet.ParquetWriter(partial, schema, compression="zstd", write_page_checksum=True) as writer:
            for batch in batches:
                writer.write_table(pa.Table.from_batches([batch]).cast(schema))
                rows += batch.num_rows
        crash_point("ledger.written")
    crash_point("ledger.renamed")
    return rows


def _remove(path: Path) -> None:
    """What a dead attempt left goes: the attempt that counts added no rows."""
    if path.exists():
        path.unlink()
        sync(path.parent)

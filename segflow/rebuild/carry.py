"""What segflow keeps in one warehouse, row by row into another, of whatever engine, and the proof that it is there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping

import pyarrow as pa
from sqlglot import exp

from segflow.errors import RunError, WarehouseError
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.ledgers import LedgerFiles
from segflow.warehouse.tables import TABLES, arrow_schema

MADE_WITH_MODELS = ("segment_views", "build_faults", "time_zones", "model_builds", "fact_arrivals", "touched_contacts")
"""The states that are about the models that are built: the next tick makes them with those."""
CARRIED = tuple(name for name in TABLES if name not in MADE_WITH_MODELS)
_ROWS_AT_ONCE = 100_000
Change = Callable[[pa.Table], pa.Table]


def carry(source: Warehouse, target: Warehouse, changes: Mapping[str, Change]) -> dict[str, int]:
    """Make the rows of `source` those of `target`, and read them back; returns how many each table has.

    `changes`: table -> what is said otherwise there; the number of rows stays. Call it in a transaction of the
    target's. Raises RunError when a table cannot hold its rows, or does not give back what was put in.
    """
    found = {}
    for name in CARRIED:
        put, got = _Digest(), _Digest()
        pieces = put.passing(map(changes.get(name, _as_it_is), _pieces(source, name)))
        try:
            target.restore(name, pieces)
        except (WarehouseError, RunError) as error:
            raise RunError(f"{name} cannot be moved: {error}. Nothing was changed") from error
        try:
            for piece in _pieces(target, name):
                got.take(piece)
        except WarehouseError as error:
            raise RunError(f"{name} cannot be read back: {error}. Nothing was changed") from error
        if (put.rows, put.sum) != (got.rows, got.sum):
            raise RunError(
                f"{name} is not the same there: {put.rows:,} rows were put in, {got.rows:,} came back, and they "
                "differ. Nothing was changed"
            )
        found[name] = put.rows
    return found


def write_files(warehouse: Warehouse, files: LedgerFiles) -> None:
    """Write the ledger files of a warehouse that came from elsewhere: what it is rebuilt from when it is lost."""
    for name in (table.name for table in TABLES.values() if table.ledger):
        ticks = warehouse.query(exp.select("tick_id").distinct().from_(relation(name)))
        for tick in ticks["tick_id"].to_pylist():
            mine = exp.column("tick_id").eq(exp.Literal.string(tick))
            files.write(name, tick, warehouse.batches(_columns(name).where(mine), _ROWS_AT_ONCE))


def _pieces(warehouse: Warehouse, name: str) -> Iterator[pa.Table]:
    for batch in warehouse.batches(_columns(name), _ROWS_AT_ONCE):
        if batch.num_rows:
            yield pa.Table.from_batches([batch]).cast(arrow_schema(name))


def _columns(name: str) -> exp.Select:
    return exp.select(*(exp.column(column, quoted=True) for column in TABLES[name].columns)).from_(relation(name))


def _as_it_is(piece: pa.Table) -> pa.Table:
    return piece


class _Digest:
    """How many rows there were and what they hold, in whatever order."""

    def __init__(self) -> None:
        self.rows = self.sum = 0

    def passing(self, pieces: Iterable[pa.Table]) -> Iterator[pa.Table]:
        for piece in pieces:
            self.take(piece)
            yield piece

    def take(self, piece: pa.Table) -> None:
        self.rows += piece.num_rows
        # Engines sort, and hash, each in its own way: so it is done here.
        for row in zip(*(column.to_pylist() for column in piece.columns), strict=True):
            digest = hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()
            self.sum = (self.sum + int.from_bytes(digest)) % (1 << 128)

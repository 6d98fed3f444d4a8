"""Rows in portions that go to a server in one message each."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

BYTES = 32_000_000
"""Servers that speak Spark Connect refuse a message of 128 MiB, and each is held in memory some times over."""


def portions(rows: pa.Table) -> Iterator[pa.Table]:
    """The rows in their order, in tables of at most `BYTES`, or of one row."""
    if rows.num_rows <= 1 or rows.nbytes <= BYTES:
        yield rows
        return
    half = rows.num_rows // 2
    yield from portions(rows.slice(0, half))
    yield from portions(rows.slice(half))

"""Prints what an export of many rows takes: `python -m tests.measure_exports [ROWS ...] [--memory-limit 1GB]`.

Each format and number of rows runs in a process of its own, whose peak memory is told. The warehouse is made of random
rows; no tick builds it.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from segflow.project import Project
from segflow.specs.exports import FORMATS
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.world import World

_COLUMNS = ["contact_id", "city", "email", "phone", "age", "score", "entered_at"]


def _make(root: Path, rows: int, limit: str) -> None:
    world = World(root, settings={"warehouse": {"memory_limit": limit}})
    world.segment("everybody", {"where": {"everyone": True}})
    world.close()
    with DuckDBWarehouse(root / ".segflow/warehouse.duckdb") as warehouse:
        warehouse.ensure_tables()
    with duckdb.connect(str(root / ".segflow/warehouse.duckdb")) as connection:
        connection.execute(
            f"""
            INSERT INTO segflow.ticks (tick_id, as_of, stage, status, started_at)
                VALUES ('20260301T000000Z', '2026-03-01', 'export', 'done', '2026-03-01');
            INSERT INTO segflow.segment_state VALUES ('everybody', 'everybody', 1, 'ok', NULL);
            CREATE TABLE segflow.contacts AS SELECT 'contact-' || hash(n) AS contact_id, 'City ' || n % 1000 AS city,
                n || '@example.com' AS email, '+44' || n AS phone, n % 90 AS age, n / 7 AS score, true AS subscribed,
                NULL::VARCHAR AS stage, '20260301T000000Z' AS tick_id FROM range({rows}) AS numbers (n);
            INSERT INTO segflow.segment_members SELECT 'everybody', 'everybody', contact_id, '2026-03-01', 1, 1
                FROM segflow.contacts ORDER BY hash(contact_id);
            """
        )


def _export(root: Path, file_format: str) -> None:
    started = time.perf_counter()
    path = root / f"all.{file_format}"
    done = Project(root).export("everybody", path, format=file_format, columns=_COLUMNS)  # type: ignore[arg-type]
    spent = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = path.stat().st_size / 1e6
    print(
        f"{done.rows:>12,} rows  {file_format:8} {size:>8,.0f} MB  {spent:>6.1f} s  peak {peak:>7,.0f} MB", flush=True
    )


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("rows", type=int, nargs="*", default=[1_000_000, 5_000_000])
    arguments.add_argument("--memory-limit", default="1GB")
    arguments.add_argument("--only", help=argparse.SUPPRESS)
    arguments.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.only:
        _export(given.root, given.only)
        return
    for rows in given.rows:
        with tempfile.TemporaryDirectory() as folder:
            _make(Path(folder), rows, given.memory_limit)
            for file_format in FORMATS:
                command = [sys.executable, "-m", "tests.measure_exports", "--only", file_format, "--root", folder]
                subprocess.run(command, check=True)


if __name__ == "__main__":
    main()

"""Other ways to the same answer, measured in the same run: pandas sets, one contact at a time, a dbt snapshot."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import yaml

from bench.segments import Person, Segment

_SNAPSHOT = """{% snapshot members %}
{{ config(target_schema='snapshots', unique_key='id', strategy='check', check_cols=['contact_id'],
    hard_deletes='invalidate') }}
select segment || '/' || contact_id as id, segment, contact_id from present
{% endsnapshot %}
"""


def pandas_sets(before: Path, after: Path) -> dict[str, float]:
    """Who entered and exited, found by sets of pandas' index; `before` and `after` are Parquet files of members."""
    import pandas as pd

    wall, cpu = time.perf_counter(), time.process_time()
    old = pd.MultiIndex.from_frame(pd.read_parquet(before))
    new = pd.MultiIndex.from_frame(pd.read_parquet(after))
    entered, exited = new.difference(old, sort=False), old.difference(new, sort=False)
    spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return {**spent, "entered": len(entered), "exited": len(exited)}


def one_by_one(file: Path, as_of: datetime, segments: dict[str, Segment], contacts: int = 1000) -> dict[str, Any]:
    """Evaluate a sample in plain Python, a contact after the other, and scale to all of them.

    Their rows are fetched in one query per table, which flatters it. Returns the seconds for all contacts, and
    segment -> its members in the sample.
    """
    with duckdb.connect(str(file), read_only=True) as connection:
        every = connection.execute("select count(*) from raw.contacts where signed_up_at <= ?", [as_of]).fetchall()[0][
            0
        ]
        connection.execute(
            "create temp table sample as select * from raw.contacts where signed_up_at <= ? "
            "order by hash(contact_id) limit ?",
            [as_of, contacts],
        )
        wall, cpu = time.perf_counter(), time.process_time()
        people = _rows(connection, "select * from sample")
        events = _grouped(connection, "raw.events", "occurred_at", as_of)
        orders = _grouped(connection, "raw.orders", "ordered_at", as_of)
        of_orders = "(select items.*, contact_id, ordered_at from raw.items join raw.orders using (order_id))"
        items = _grouped(connection, of_orders, "ordered_at", as_of)
    members: dict[str, set[str]] = {name: set() for name in segments}
    for contact in people:
        key = contact["contact_id"]
        person = Person(contact, events[key], orders[key], items[key], as_of)
        for name, segment in segments.items():
            if segment.python(person):
                members[name].add(key)
    scale = every / max(1, len(people))
    spent = {"wall": (time.perf_counter() - wall) * scale, "cpu": (time.process_time() - cpu) * scale}
    return {**spent, "sample": len(people), "members": members, "ids": {one["contact_id"] for one in people}}


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    found = connection.execute(sql)
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _grouped(connection: Any, table: str, at: str, as_of: datetime) -> dict[str, list[dict[str, Any]]]:
    sql = f"select * from {table} semi join sample using (contact_id) where {at} <= '{as_of}'"
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in _rows(connection, sql):
        found[row["contact_id"]].append(row)
    return found


class Snapshot:
    """A dbt snapshot over the members: what a team without segflow would try first. `root`: a new folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "snapshots").mkdir(parents=True)
        (root / "snapshots" / "members.sql").write_text(_SNAPSHOT)
        project = {
            "name": "snap",
            "version": "1.0.0",
            "profile": "snap",
            "flags": {"send_anonymous_usage_stats": False},
        }
        output = {"type": "duckdb", "path": str(root / "snap.duckdb"), "threads": 1}
        profile = {"snap": {"target": "duckdb", "outputs": {"duckdb": output}}}
        (root / "dbt_project.yml").write_text(yaml.safe_dump(project))
        (root / "profiles.yml").write_text(yaml.safe_dump(profile))

    def tick(self, members: Path) -> dict[str, float]:
        """Snapshot a Parquet file of members, in a process of its own; the rows that are open after it."""
        with duckdb.connect(str(self.root / "snap.duckdb")) as connection:
            connection.execute(f"create or replace table present as select * from read_parquet('{members}')")
        before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = [str(Path(sys.executable).with_name("dbt")), "snapshot", "--profiles-dir", "."]
        subprocess.run(command, cwd=self.root, check=True, capture_output=True, env={**os.environ})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        with duckdb.connect(str(self.root / "snap.duckdb")) as connection:
            open_rows = connection.execute(
                "select count(*) from snapshots.members where dbt_valid_to is null"
            ).fetchall()
        return {"wall": time.perf_counter() - wall, "cpu": cpu, "members": open_rows[0][0]}

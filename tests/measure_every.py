"""Prints what a tick costs (CPU) in which 90 of 100 segments rest, beside one in which all are due, with dbt:
`python -m tests.measure_every [CONTACTS] [SQL]`. 90 segments are compared every day, `SQL` of them are queries."""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.world import World

FIRST = datetime(2026, 3, 1, 10, tzinfo=UTC)
EVENTS = 20
SETTINGS = {"exports": {"segments": []}, "guards": {"exits": "off", "entries": "off"}}
KINDS = ("purchase", "visit", "booking")


def main(contacts: int, sql: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), real=True, settings=SETTINGS)
        fill(world, contacts)
        for number in range(100):
            world.segment(f"s{number:03}", spec(number, sql))
        ticks = (
            ("the first", FIRST),
            ("all are due", FIRST.replace(day=2)),
            ("90 rest", FIRST.replace(day=2, hour=11)),
            ("90 rest", FIRST.replace(day=2, hour=12)),
            ("all are due", FIRST.replace(day=3)),
        )
        for what, at in ticks:
            started, cpu = time.perf_counter(), time.process_time()
            report = world.tick(at)
            rest = sum(one.status == "resting" for one in report.segments)
            stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in report.seconds.items())
            spent = f"{time.process_time() - cpu:.1f} s CPU, {time.perf_counter() - started:.1f} s wall"
            print(f"{what}: {spent} ({stages}); {rest} rest, dbt {report.dbt_seconds:.1f}", flush=True)
            assert report.errors == [], report.errors[:3]
        world.close()


def spec(number: int, sql: int) -> object:
    """The first ten are compared at every tick. Each looks at another window."""
    slow = number >= 10
    if slow and number < 10 + sql:
        since = f"timestamp '2025-12-{number % 28 + 1:02}'"
        query = (
            "select contact_id from {{ ref('stg_events') }} where name = 'purchase' and id is not null\n"
            f'group by contact_id having count(*) > {number % 7} and max("at") > {since}'
        )
        return f"-- every: 1 day\n{query}"
    days = 30 + number
    event = "visit" if not slow else KINDS[number % 3]
    where = {"event": event, "within_last": f"{days} days", "count": {"gte": number % 5 + 1}}
    return {"where": where, **({"every": "1 day"} if slow else {})}


def fill(world: World, contacts: int) -> None:
    """People, and events of the last 200 days."""
    world.run(
        "INSERT INTO raw.contacts BY NAME SELECT 'c' || i AS contact_id, 'London' AS city, i % 90 AS age "
        f"FROM range({contacts}) AS t (i)"
    )
    kinds = "['" + "', '".join(KINDS) + "']"
    world.run(
        f"INSERT INTO raw.events BY NAME SELECT 'c' || (hash(i) % {contacts}) AS contact_id, "
        f"({kinds})[1 + i % {len(KINDS)}] AS name, 'e' || i AS id, '{{}}' AS properties, "
        "timestamp '2026-03-01' - interval 1 minute * (hash(i * 7) % 288000) AS at "
        f"FROM range({contacts * EVENTS}) AS t (i)"
    )


if __name__ == "__main__":
    main(*(int(text) for text in [*sys.argv[1:], *("100000", "30")[len(sys.argv) - 1 :]]))

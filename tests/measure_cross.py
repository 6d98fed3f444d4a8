"""Prints what the cross stage costs beside a bare FULL OUTER JOIN of the same two membership tables, measured in the
same run: `python -m tests.measure_cross [CONTACTS] [SEGMENTS]`. Each segment has about a tenth of the contacts."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from segflow.crossings.cross import cross
from segflow.segments.membership_masks import WORD
from segflow.ticks.context import Faults
from segflow.ticks.ledger import tick_id_of
from segflow.warehouse.tables import ledgers_of
from segflow.warehouse.tick import Tick
from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
CHURN = (None, 0, 1, 10)
"""Percent of the members that exit, and as many enter; None: the first members."""
SCALE = 10_000


def members(day: int) -> str:
    """A condition on (segment s, contact i) that holds for a tenth; each later day moves its share of that."""
    number = f"hash(i * 1000003 + s * 7919) % {SCALE}"
    moved = sum(percent or 0 for percent in CHURN[: day + 1]) * SCALE // 1000
    return f"{number} >= {moved} AND {number} < {SCALE // 10 + moved}"


def main(contacts: int, segments: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), settings={"guards": {"exits": "off", "entries": "off"}})
        world.run("SET threads = 2")
        for number in range(segments):
            world.segment(f"s{number:03}", {"where": {"attribute": "age", "is": number}})
        for day, churn in enumerate(CHURN):
            tick_id = tick_id_of(FIRST + timedelta(days=day))
            build(world, contacts, segments, day, tick_id)
            bare = timed(lambda: world.run(JOIN)) if churn is not None else 0.0
            spent = timed(lambda at=FIRST + timedelta(days=day), tick=tick_id: stage(world, tick, at))
            what = "the first members" if churn is None else f"{churn}% churn"
            against = "" if churn is None else f"; bare join {bare:.2f} s; {spent / bare:.1f} times"
            print(f"{what}: cross {spent:.2f} s{against}", flush=True)
        world.close()


JOIN = """
CREATE OR REPLACE TEMP TABLE bare AS
SELECT coalesce(now.segment, before.segment) AS segment, coalesce(now.contact_id, before.contact_id) AS contact_id,
    before.contact_id IS NULL AS enters
FROM segflow.bare_members AS now
FULL OUTER JOIN segflow.segment_members AS before
    ON before.segment = now.segment AND before.contact_id = now.contact_id
WHERE now.contact_id IS NULL OR before.contact_id IS NULL
"""


def build(world: World, contacts: int, segments: int, day: int, tick_id: str) -> None:
    """What the build stage leaves behind."""
    world.run("CREATE SCHEMA IF NOT EXISTS segflow")
    ids = f"SELECT 'c' || i AS contact_id, '{tick_id}' AS tick_id FROM range({contacts}) AS r(i)"
    world.run(f"CREATE OR REPLACE TABLE segflow.contacts AS {ids}")
    world.run(
        "CREATE OR REPLACE TABLE segflow.bare_members AS "
        "SELECT printf('s%03d', s) AS segment, 'c' || i AS contact_id, s "
        f"FROM range({contacts}) AS c(i), range({segments}) AS n(s) WHERE {members(day)}"
    )
    words = range(-(-segments // WORD))
    masks = ", ".join(
        f"bit_or(CASE WHEN s // {WORD} = {w} THEN 1::BIGINT << s % {WORD} END) AS mask_{w}" for w in words
    )
    world.run(
        f"CREATE OR REPLACE TABLE segflow.membership_masks AS SELECT contact_id, {masks}, '{tick_id}' AS tick_id "
        "FROM segflow.bare_members GROUP BY contact_id"
    )
    world.run("CHECKPOINT")


def stage(world: World, tick_id: str, at: datetime) -> None:
    """The cross stage with its ledger files, as `tick.cross` commits it."""
    with world.project.warehouse() as warehouse:
        warehouse.ensure_tables()
        with warehouse.transaction():
            cross(world.project.context(warehouse, Tick(tick_id, at)), Faults())
            warehouse.settle(tick_id, ledgers_of("cross"))


def timed(call: Callable[[], None]) -> float:
    """Seconds of processor time: other work on the machine does not count."""
    started = time.process_time()
    call()
    return time.process_time() - started


if __name__ == "__main__":
    main(*(int(number) for number in [*sys.argv[1:], "1000000", "100"][:2]))

"""Prints what one hop of all flows costs, in CPU seconds, against the same joins as one bare statement:
`python -m tests.measure_hop [CONTACTS] [FLOWS]` (50000 and 20: a million enrollments).

Two worlds of the same size: in one everybody's wait is over at the last tick, in the other one contact in a hundred.
The hop is what decides who takes which step. The second line has all of stage advance, its ledger files included,
against the bare statement and the bare writes that nobody can do without: journal, moves, places and files.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from segflow.flows import advance as flows
from segflow.stages import advance as stage
from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
BARE = """
CREATE TEMP TABLE hop AS
SELECT positions.*, steps.action, steps.detail, steps.channel, steps.sender, steps.content, arms.next_step, 0 AS hop
FROM segflow.flow_positions AS positions
INNER JOIN flows ON flows.flow = positions.flow
INNER JOIN steps ON steps.flow = positions.flow AND steps.step = positions.step
LEFT JOIN arms ON arms.flow = positions.flow AND arms.step = positions.step AND arms.ordinal = 0
LEFT JOIN passed ON passed.enrollment_id = positions.enrollment_id AND passed.step = positions.step
WHERE positions.since <= steps.due_before
"""
"""What a hop cannot do without: who stands where, what the step is, whether its time has come, where it leads."""

WRITES = (
    "INSERT INTO segflow.flow_journal "
    '(flow, enrollment_id, contact_id, step, visit, action, detail, hop, "at", tick_id) '
    "SELECT flow, enrollment_id, contact_id, step, visit, action, detail, hop, TIMESTAMP '2026-03-09', 'bare' FROM hop",
    "INSERT INTO segflow.flow_moves (enrollment_id, flow, step, visit, since, tick_id) "
    "SELECT enrollment_id, flow, next_step, visit, TIMESTAMP '2026-03-09', 'bare' FROM hop",
    "UPDATE segflow.flow_positions AS p SET step = hop.next_step, since = TIMESTAMP '2026-03-09' "
    "FROM hop WHERE hop.enrollment_id = p.enrollment_id",
    "COPY (FROM segflow.flow_journal WHERE tick_id = 'bare') TO '{folder}/journal.parquet' (COMPRESSION zstd)",
    "COPY (FROM segflow.flow_moves WHERE tick_id = 'bare') TO '{folder}/moves.parquet' (COMPRESSION zstd)",
)


def flow(number: int) -> dict[str, Any]:
    return {
        "status": "active",
        "trigger": {"enters": "londoners"},
        "steps": [{"id": "think", "wait": "1 day"}, {"id": "note", "wait": f"{9 + number} days"}],
    }


def lived(root: Path, contacts: int, number: int, early: int) -> World:
    """A world in which one contact of each `early` entered a day before the others, and nobody has moved since."""
    off = dict.fromkeys(("exits", "entries", "contacts_lost", "messages"), "off")
    world = World(root, settings={"guards": off})
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    for one in range(number):
        world.flow(f"flow{one}", flow(one))
    for day, inside in enumerate(("false", f"i % {early} = 0", "true")):
        rows = f"SELECT 'c' || i AS contact_id, if({inside}, 'London', 'Rome') AS city, i % 80 AS age"
        rows += f" FROM range({contacts}) AS r(i)"
        world.run(
            f"CREATE OR REPLACE TABLE raw.contacts AS SELECT * FROM ({rows}) "
            "LEFT JOIN (SELECT * EXCLUDE (contact_id, city, age) FROM raw.contacts WHERE false) ON true"
        )
        world.tick(FIRST + timedelta(hours=12 * day))
    return world


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds of all threads, and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


@dataclass(frozen=True)
class Hop:
    """CPU seconds of the hop and of the whole stage, and of the bare statement and writes on the same rows before."""

    hop: float
    stage: float
    bare: float
    writes: float


def hop(contacts: int, number: int, early: int) -> Hop:
    with tempfile.TemporaryDirectory() as folder:
        return taken(lived(Path(folder), contacts, number, early), early)


def taken(world: World, early: int) -> Hop:
    """What the last tick of a world costs, which is closed afterwards."""
    with duckdb.connect(str(world.root / ".segflow/warehouse.duckdb")) as connection:
        bare, writes = bare_costs(connection, early)
    spent: dict[str, float] = {}

    def time_it(owner: Any, name: str) -> None:
        run = getattr(owner, name)

        def timed(*args: Any) -> Any:
            cpu = time.process_time()
            try:
                return run(*args)
            finally:
                spent[name] = time.process_time() - cpu

        patched.setattr(owner, name, timed)

    with pytest.MonkeyPatch.context() as patched:
        time_it(flows._Advance, "_move")
        time_it(stage, "_advance")
        report = world.tick(FIRST + timedelta(hours=36 if early > 1 else 48))
    steps = world.rows(f"SELECT count(*) AS steps FROM segflow.flow_journal WHERE tick_id = '{report.tick_id}'")
    print(f"  {steps[0]['steps']:,} steps taken; stage advance {report.seconds['advance']:.2f} s wall")
    world.close()
    return Hop(spent["_move"], spent["_advance"], bare, writes)


def bare_costs(connection: duckdb.DuckDBPyConnection, early: int) -> tuple[float, float]:
    """CPU seconds of the bare statement, the best of three, and of the bare writes, which are taken back."""
    due = "TIMESTAMP '2026-03-01 12:00:00'" if early > 1 else "TIMESTAMP '2026-03-02 00:00:00'"
    connection.execute("CREATE TEMP TABLE flows AS SELECT DISTINCT flow FROM segflow.flow_positions")
    connection.execute(
        "CREATE TEMP TABLE steps AS SELECT flow, 'think' AS step, 'wait' AS action, '1 day' AS detail, "
        "NULL::VARCHAR AS channel, NULL::VARCHAR AS sender, NULL::VARCHAR AS content, "
        f"{due} AS due_before FROM flows"
    )
    connection.execute(
        "CREATE TEMP TABLE arms AS SELECT flow, 'think' AS step, 0 AS ordinal, 'note' AS next_step FROM flows"
    )
    connection.execute("CREATE TEMP TABLE passed AS SELECT '' AS enrollment_id, '' AS step WHERE false")
    bare = []
    for _ in range(3):
        connection.execute("DROP TABLE IF EXISTS hop")
        bare.append(measured(lambda: connection.execute(BARE))[0])
    with tempfile.TemporaryDirectory() as folder:
        connection.begin()
        writes = measured(lambda: [connection.execute(one.format(folder=folder)) for one in WRITES])[0]
        connection.rollback()
    for name in ("hop", "flows", "steps", "arms", "passed"):
        connection.execute(f"DROP TABLE temp.{name}")
    return min(bare), writes


def main(contacts: int, number: int) -> None:
    print(f"{contacts * number:,} enrollments in {number} flows")
    show(hop(contacts, number, 1), hop(contacts, number, 100))


def show(every: Hop, few: Hop) -> None:
    print(f"all due: {every.hop:.2f} CPU s, bare {every.bare:.2f}: {every.hop / every.bare:.2f} times")
    least = every.bare + every.writes
    print(f"  with what is written: {every.stage:.2f} CPU s, bare {least:.2f}: {every.stage / least:.2f} times")
    print(f"1% due: {few.hop:.2f} CPU s: {few.hop / every.hop:.1%} of all due")
    print(f"  with what is written: {few.stage:.2f} CPU s: {few.stage / every.stage:.1%} of all due")


if __name__ == "__main__":
    main(*(int(number) for number in [*sys.argv[1:], "50000", "20"][:2]))

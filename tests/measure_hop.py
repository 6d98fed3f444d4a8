"""Prints what one hop of all flows costs, in CPU seconds, against the same joins as one bare statement:
`python -m tests.measure_hop [CONTACTS] [FLOWS]` (50000 and 20: a million enrollments).

Two worlds of the same size: in one everybody's wait is over at the last tick, in the other one contact in a hundred.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from segflow.flows import advance as flows
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


def hop(contacts: int, number: int, early: int) -> tuple[float, float]:
    """CPU seconds of stage advance, and of the bare statement on the same rows just before."""
    with tempfile.TemporaryDirectory() as folder:
        world = lived(Path(folder), contacts, number, early)
        bare = []
        with duckdb.connect(str(Path(folder) / ".segflow/warehouse.duckdb")) as connection:
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
            for _ in range(3):
                connection.execute("DROP TABLE IF EXISTS hop")
                bare.append(measured(lambda: connection.execute(BARE))[0])
        taken: list[float] = []
        moved = flows._Advance._move

        def timed(self: Any, rows: Any) -> None:
            taken.append(measured(lambda: moved(self, rows))[0])

        flows._Advance._move = timed  # type: ignore[method-assign]
        try:
            at = FIRST + timedelta(hours=36 if early > 1 else 48)
            report = world.tick(at)
        finally:
            flows._Advance._move = moved  # type: ignore[method-assign]
        steps = world.rows(f"SELECT count(*) AS steps FROM segflow.flow_journal WHERE tick_id = '{report.tick_id}'")
        print(f"  {steps[0]['steps']:,} steps taken; stage advance {report.seconds['advance']:.2f} s wall")
        world.close()
        return taken[-1], min(bare)


def main(contacts: int, number: int) -> None:
    print(f"{contacts * number:,} enrollments in {number} flows")
    all_due, bare = hop(contacts, number, 1)
    print(f"all due: {all_due:.2f} CPU s, bare {bare:.2f}: {all_due / bare:.2f} times")
    few_due, _ = hop(contacts, number, 100)
    print(f"1% due: {few_due:.2f} CPU s: {few_due / all_due:.1%} of all due")


if __name__ == "__main__":
    main(*(int(number) for number in [*sys.argv[1:], "50000", "20"][:2]))

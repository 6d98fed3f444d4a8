"""Prints what a tick costs with many contacts in many flows: `python -m tests.measure_advance [CONTACTS] [FLOWS]`."""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)


def flow(number: int) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [
        {"id": "hello", "send_sms": {"text": "Hello"}},
        {"id": "think", "wait": f"{1 + number % 3} days"},
    ]
    if number % 2:
        condition = {"attribute": "age", "gte": 30}
        steps.append({"id": "old", "branch": {"if": condition, "then": [{"id": "list", "add_to_list": "old"}]}})
    steps += [{"id": "write", "update_contact": {"stage": "told"}}, {"id": "more", "wait": "2 days"}]
    return {
        "status": "active",
        "trigger": {"enters": "londoners"},
        "reentry": "always",
        "exit_when": [{"attribute": "age", "lt": 5}],
        "steps": steps,
    }


def main(contacts: int, flows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        off = dict.fromkeys(("exits", "entries", "contacts_lost", "messages"), "off")
        world = World(Path(folder), settings={"guards": off})
        world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
        for number in range(flows):
            world.flow(f"flow{number}", flow(number))
        for day in range(8):
            select = f"SELECT 'c' || i AS contact_id, if(i % 7 < {day}, 'London', 'Rome') AS city, i % 80 AS age"
            rest = "'+4420794601' || i % 100 AS phone, NULL AS email, NULL AS subscribed, NULL AS score"
            rows = f"{select}, {rest}, NULL AS created_at FROM range({contacts}) AS r(i)"
            world.run(f"CREATE OR REPLACE TABLE raw.contacts AS {rows}")
            started = time.perf_counter()
            report = world.tick(FIRST + timedelta(days=day))
            taken = time.perf_counter() - started
            stages = ", ".join(f"{name} {seconds:.2f}" for name, seconds in report.seconds.items())
            planned, active = sum(one.planned for one in report.flows), sum(one.active for one in report.flows)
            print(f"day {day}: {taken:.2f} s ({stages}); {planned} messages planned, {active} enrollments active")
        started = time.perf_counter()
        world.tick(FIRST + timedelta(days=7, hours=1))
        print(f"nothing to do: {time.perf_counter() - started:.2f} s")
        world.close()


if __name__ == "__main__":
    main(*(int(number) for number in [*sys.argv[1:], "100000", "10"][:2]))

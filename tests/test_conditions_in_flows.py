"""Conditions say the same in a flow as in a segment."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.world import CATALOG, World

NEW: dict[str, dict[str, Any]] = {
    "missing": {"attribute": "phone", "is_not_set": True},
    "other": {"attribute": "city", "is_not": {"attribute": "email"}},
    "any_case": {"attribute": "city", "is": "LONDON", "ignore_case": True},
    "added": {"list": "news", "added": {"within_last": "7 days"}},
    "some_list": {"any_list": True},
    "no_tag": {"not": {"any_tag": True}},
    "bucket": {"bucket": "test", "between": [20, 70.5]},
    "expression": {"sql": "length(city) > 5"},
    "held": {"attribute": "city", "is_not": "Rome", "held_for": {"gte": "2 days"}},
    "held_not": {"not": {"attribute": "city", "is_set": True, "held_for": {"gte": "2 days"}}},
}


def test_a_flow_takes_in_whom_a_segment_of_the_same_condition_has(tmp_path: Path) -> None:
    world = World(tmp_path)
    cities = ("London", "Rome", None)
    people = [{"contact_id": f"c{n:02}", "city": cities[n % 3], "email": cities[n % 2], "age": 0} for n in range(30)]
    world.segment("adults", {"where": {"attribute": "age", "gte": 18}})
    for name, condition in NEW.items():
        world.segment(name, {"where": condition})
        steps = [{"id": "note", "add_to_list": f"noted_{name}"}]
        flow = {"status": "active", "trigger": {"enters": "adults"}, "where": condition, "steps": steps}
        world.flow(name, flow)
    world.rows_of("contacts", people)
    for day in (1, 2):
        world.tick(datetime(2026, 3, day, tzinfo=UTC))
    added = [{"contact_id": f"c{n:02}", "name": "news", "added_at": datetime(2026, 2, 20 + n % 9)} for n in range(9)]
    world.rows_of("lists", added)
    world.rows_of("tags", [{"contact_id": "c05", "name": "vip"}])
    world.rows_of("contacts", [{**person, "age": 20} for person in people])
    world.tick(datetime(2026, 3, 3, tzinfo=UTC))
    enrolled = world.rows("SELECT flow, contact_id FROM segflow.flow_enrollment_starts")
    members = world.rows("SELECT segment, contact_id FROM segflow.segment_members WHERE segment <> 'adults'")
    world.close()
    found = {(row["flow"], row["contact_id"]) for row in enrolled}
    assert found == {(row["segment"], row["contact_id"]) for row in members}
    assert {flow for flow, _ in found} == set(NEW)
    assert all(len([1 for flow, _ in found if flow == name]) < len(people) for name in NEW if name != "missing")


AT = {"timestamp": ("done", "{}"), "unix seconds": ({"column": "done", "unix": "seconds"}, "epoch_ms({}) // 1000")}
SINCE = {
    "enrollment": {"event": "call", "since": "enrollment"},
    "step": {"event": "call", "since": "pause"},
    "last_tick": {"event": "call", "since": "last_tick"},
    "twice": {"event": "call", "since": "enrollment", "count": {"gte": 2}},
    "never": {"not": {"event": "call", "since": "enrollment"}},
    "either": {"any": [{"event": "call", "since": "last_tick"}, {"event": "call", "count": {"gte": 4}}]},
}
CALLS = {
    # Enrolled on the 3rd at noon, past `pause` on the 5th, asked on the 7th, the tick before was on the 6th.
    "before": ("2026-03-03 11:00", {"never"}),
    "at the enrollment": ("2026-03-03 12:00", {"never"}),
    "after it": ("2026-03-03 13:00", {"enrollment"}),
    "after the step": ("2026-03-05 13:00", {"enrollment", "step"}),
    "after the last tick": ("2026-03-06 13:00", {"enrollment", "step", "last_tick", "either"}),
    "later": ("2026-03-07 13:00", {"never"}),
}


@pytest.mark.parametrize("kept", AT)
def test_what_counts_since_a_moment_of_the_enrollment(tmp_path: Path, kept: str) -> None:
    """Of many rows only those are read that may count: by who is enrolled first, however their time is kept."""
    column, written = AT[kept]
    world = World(tmp_path)
    events = [*CATALOG["events"], {"model": "stg_calls", "event": "call", "at": column}]
    world.root.joinpath("segment_specs/catalog.yml").write_text(yaml.safe_dump({**CATALOG, "events": events}))
    (world.root / "dbt/models/staging/stg_calls.sql").write_text("select * from raw.calls\n")
    calls = ", ".join(f"('{name}', timestamp '{at}')" for name, (at, _) in CALLS.items())
    done = written.format("done")
    world.run(
        f"create table raw.calls as select contact_id, {done} as done from (values {calls}) as v(contact_id, done)"
    )
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    for name, condition in SINCE.items():
        branch = {"if": condition, "then": [{"id": "note", "add_to_list": name}]}
        steps = [
            {"id": "pause", "wait": "2 days"},
            {"id": "think", "wait": "2 days"},
            {"id": "asked", "branch": branch},
        ]
        world.flow(name, {"status": "active", "trigger": {"enters": "londoners"}, "steps": steps})
    for day in range(2, 8):
        city = "London" if day > 2 else "Rome"
        world.rows_of("contacts", [{"contact_id": name, "city": city} for name in CALLS])
        assert world.tick(datetime(2026, 3, day, 12, tzinfo=UTC)).errors == []
    noted = world.rows("SELECT contact_id, name FROM segflow.contact_updates")
    world.close()
    found = {name: {row["name"] for row in noted if row["contact_id"] == name} for name in CALLS}
    assert found == {name: wanted for name, (_, wanted) in CALLS.items()}

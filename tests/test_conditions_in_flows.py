"""Conditions say the same in a flow as in a segment."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.world import World

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

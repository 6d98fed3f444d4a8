"""A flow that is made a draft, and is unfinished for a while: ticks go on, and whoever stands in it stays there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.planned import done, planned
from tests.world import World

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WELCOME: dict[str, Any] = {
    "status": "active",
    "trigger": {"enters": "londoners"},
    "steps": [{"id": "think", "wait": "2 days"}, {"id": "hi", "send_sms": {"text": "Hi"}}],
}


@pytest.mark.parametrize(
    ("lateness", "messages"), [({}, []), ({"max_lateness": "7 days"}, ["hi"])], ids=["too late", "not too late"]
)
def test_whoever_stands_in_an_unfinished_draft_stays_there(
    tmp_path: Path, lateness: dict[str, str], messages: list[str]
) -> None:
    """Coming back is like the end of a pause: who was due long ago is passed by."""
    world = World(tmp_path)
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}, "on_create": "trigger"})
    world.flow("welcome", WELCOME)
    world.flow("later", {"status": "draft"})
    world.rows_of("contacts", [{"contact_id": "ana", "city": "London", "phone": "+442079460001"}])
    report = world.tick(START)
    assert (report.errors, [one.flow for one in report.flows]) == ([], ["welcome"])
    places = world.rows("SELECT contact_id, step FROM segflow.flow_positions")
    assert places == [{"contact_id": "ana", "step": "think"}]
    world.flow("welcome", {"status": "draft", "steps": []})
    for day in (3, 4):
        plan = world.project.plan(START + day * DAY)
        report = world.tick(START + day * DAY)
        assert report.errors == []
        assert planned(plan) == done(world, report)
        assert world.rows("SELECT contact_id, step FROM segflow.flow_positions") == places
        assert world.rows("SELECT * FROM segflow.flow_enrollment_ends") == []
        world.check_replay()
    world.flow("welcome", {**WELCOME, **lateness})
    world.tick(START + 5 * DAY)
    assert [row["step"] for row in world.rows("SELECT step FROM segflow.outbox")] == messages
    passed_by = world.rows("SELECT step FROM segflow.flow_journal WHERE action = 'skipped' AND detail = 'too_late'")
    assert [row["step"] for row in passed_by] == [step for step in ["hi"] if step not in messages]
    world.close()

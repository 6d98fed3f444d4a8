"""What checks and pages tell of ticks: sizes against their history, messages that fail or wait, senders."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetCheckResult

from segflow.dagster.cadence import freshness, longest_gap
from segflow.dagster.check_results import CHECKS
from segflow.dagster.reports import METADATA
from segflow.dagster.steps import Step
from segflow.history.standing import Size, nameless
from segflow.outbox.breaker import MARK, Rest
from segflow.outbox.lease import Lease
from segflow.specs.settings import Settings
from segflow.stages.recall import recall
from segflow.stages.tick_report import TickReport
from segflow.stages.tick_run import TickRun
from segflow.ticks import ledger as ticks
from tests.dagster.conftest import DAY, HELLO, START
from tests.world import World


def people(city: str, number: int = 40) -> list[dict[str, Any]]:
    return [{"contact_id": f"c{n:02}", "city": city, "email": f"c{n}@example.com"} for n in range(number)]


def looked_at(world: World) -> Step:
    """The last tick, as somebody reports it who has not run it."""
    with world.project.warehouse() as warehouse:
        row = ticks.last(warehouse)
        assert row is not None
        report = TickReport(row.tick_id, row.as_of, already_done=True)
        run = TickRun(world.project, row, Lease("tick", "test", 0), report)
        return Step(run, recall(run, warehouse), ran=True)


def red(step: Step, stage: str) -> dict[str, str]:
    """asset:check -> why, of those that are not green; a check that only warns has a question mark."""

    def name(one: AssetCheckResult) -> str:
        assert one.asset_key is not None
        return f"{'/'.join(one.asset_key.path)}:{one.check_name}{'' if one.severity.value == 'ERROR' else '?'}"

    return {name(one): str(one.description) for one in CHECKS[stage](step) if not one.passed}


def test_what_is_unusual_warns_and_what_waits_is_told(tmp_path: Path) -> None:
    world = World(tmp_path / "world").stay_open()
    world.rows_of("contacts", people("London"))
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    world.segment("everybody", {"where": {"attribute": "city", "is_set": True}})
    world.flow("hello", {"status": "active", "trigger": {"enters": "londoners"}, "steps": [{"id": "letter", **HELLO}]})
    for day in range(5):
        if day == 4:
            world.rows_of("contacts", people("London", 42))
            world.project.store.stop_sending("the shop is closed")
        world.tick(START + day * DAY, send=day == 4)
    step = looked_at(world)
    assert red(step, "cross") == {}
    assert red(step, "advance") == {}
    world.run(
        "INSERT INTO segflow.deliveries (message_id, attempt, flow, step, contact_id, channel, sender, outcome, "
        "reason, \"at\", tick_id) SELECT 'm' || n, 1, 'hello', 'letter', 'c01', 'email', 'mailbox', "
        "CASE WHEN n < 3 THEN 'failed' ELSE 'sent' END, '550 | <ana@example.com>, call +49 30 123456', "
        "TIMESTAMP '2026-03-05 06:00', '20260305T060000Z' FROM range(25) AS numbers(n)"
    )
    world.rows_of("contacts", people("Paris"))
    world.tick(START + 5 * DAY)
    step = looked_at(world)
    assert red(step, "cross") == {
        "segments/londoners:not_suddenly_empty?": "nobody is left of 42 members",
        "segments/londoners:size_within_history?": "0 members; the 5 ticks before had 40 to 42",
    }
    assert red(step, "advance") == {
        "flows/hello:nobody_past_due?": (
            "2 messages wait since the tick before or longer, the first since 2026-03-05 06:00 UTC"
        ),
        "flows/hello:failure_rate?": "3 of 25 attempts of the last 7 days failed",
    }
    [page] = [dict(facts) for key, facts in METADATA["advance"](step).items() if key.path[-1] == "hello"]
    assert (page["enrolled_ever"], page["waiting"], page["ended_by_reason"]) == (2, 0, {"completed": 2})
    lines = page["last_messages"].value.splitlines()
    assert len(lines) == 2 + 5
    assert lines[2] == "| 2026-03-05 06:00 | letter | mailbox | failed | 550 / <(address)>, call (number) |"


def test_senders_tell_of_doubts_dead_letters_and_the_breaker(tmp_path: Path) -> None:
    world = World(tmp_path / "world").stay_open()
    world.rows_of("contacts", people("London", 3))
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    world.flow("hello", {"status": "active", "trigger": {"enters": "londoners"}, "steps": [{"id": "letter", **HELLO}]})
    world.tick(START)
    world.rows_of("contacts", people("London", 6))
    world.tick(START + DAY, send=True)
    assert red(looked_at(world), "send") == {}
    store = world.project.store
    with store._database.write("test") as connection:  # what only crashes and providers bring about
        connection.exec_driver_sql("UPDATE messages SET status = 'unknown', due_at = NULL WHERE contact_id = 'c03'")
        connection.exec_driver_sql("UPDATE messages SET status = 'failed', due_at = NULL WHERE contact_id = 'c04'")
    until = datetime.now(UTC) + timedelta(hours=1)
    store.set_mark(f"{MARK}mailbox", Rest(until=until, times=1, reason="the provider is down").dump())
    step = looked_at(world)
    found = red(step, "send")
    assert found["senders/mailbox:nothing_unknown?"].startswith("1 messages may have arrived or not")
    assert found["senders/mailbox:no_dead_letters?"].startswith("1 failed: segflow outbox list")
    assert "the provider is down" in found["senders/mailbox:breaker_closed?"]
    assert len(found) == 3
    [page] = [dict(facts) for key, facts in METADATA["send"](step).items() if key.path[-1] == "mailbox"]
    assert (page["unknown_in_all"], page["failed_in_all"], page["held_in_all"]) == (1, 1, 0)
    assert "the provider is down" in page["breaker"]
    assert "segflow outbox release --sender mailbox" in page["to_release"]


SIZE = Size(members=100, status="ok", ticks=30, smallest=90, largest=110, last=100)


@pytest.mark.parametrize(
    ("size", "usual"),
    [
        pytest.param(SIZE, (70, 130), id="as much again as it varied"),
        pytest.param(replace(SIZE, smallest=1000, largest=1000), (900, 1100), id="a tenth"),
        pytest.param(replace(SIZE, smallest=3, largest=5), (0, 15), id="ten"),
        pytest.param(replace(SIZE, ticks=4), None, id="too little history"),
    ],
)
def test_the_sizes_that_a_history_lets_expect(size: Size, usual: tuple[int, int] | None) -> None:
    assert size.usual == usual


@pytest.mark.parametrize(
    ("cadence", "zone", "hours"),
    [
        pytest.param("0 * * * *", "UTC", 1, id="hourly"),
        pytest.param("0 6 * * 1-5", "UTC", 72, id="working days"),
        pytest.param("0 6 * * *", "Europe/London", 25, id="daily, over the end of summer time"),
    ],
)
def test_a_segment_is_late_after_the_longest_gap_between_ticks(cadence: str, zone: str, hours: int) -> None:
    settings = Settings(cadence=cadence, time_zone=zone)
    assert longest_gap(settings, datetime(2026, 10, 1, tzinfo=UTC)) == timedelta(hours=hours)
    policy = freshness(settings)
    assert policy.fail_window.to_timedelta() > policy.warn_window.to_timedelta()  # type: ignore[attr-defined]


def test_reasons_name_nobody() -> None:
    assert nameless("550 5.1.1 <ana@example.com>: no such user") == "550 5.1.1 <(address)>: no such user"
    assert (
        nameless("call +49 (30) 1234567 of 2026-03-05 06:00 was refused (code 21610)")
        == "call (number) of 2026-03-05 06:00 was refused (code 21610)"
    )

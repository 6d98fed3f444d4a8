"""Flows that people pause, resume, rename and take contacts out of: at once, across crashes and lost stores."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segflow.cli.main import main
from segflow.errors import InputError
from segflow.plan.words import details
from segflow.stages.tick_run import TickRun
from tests.test_rebuild import stopped_at
from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HELLO = [{"id": "hello", "send_sms": {"text": "Hello"}}]
LATER = [*HELLO, {"id": "think", "wait": "2 days"}, {"id": "again", "send_sms": {"text": "Again"}}]
PEOPLE = [
    {"contact_id": name, "city": "Rome", "phone": f"+44207946001{number}"} for number, name in enumerate(("ana", "bob"))
]
MOVED = [{**one, "city": "London"} for one in PEOPLE]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two contacts outside, a flow that waits for them, one tick; their messages were sent by the second."""
    return World.again(two_ticks, tmp_path / "world")


def two_ticks(root: Path) -> World:
    root.mkdir()
    world = World(root)
    world.rows_of("contacts", PEOPLE)
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    world.segment("told", {"where": {"message": "sent", "flow": "hi"}})
    world.flow("hi", flow(LATER))
    world.tick(FIRST)
    world.rows_of("contacts", MOVED)
    world.tick(FIRST + DAY, send=True)
    return world


def flow(steps: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"status": "active", "trigger": {"enters": "londoners"}, "steps": steps, **more}


def outcomes(world: World) -> list[str]:
    rows = world.rows("SELECT flow, step, contact_id, outcome, reason FROM segflow.deliveries ORDER BY ALL")
    return [
        f"{r['contact_id']} {r['flow']}.{r['step']} {r['outcome']} {(r['reason'] or '')[:20]}".strip() for r in rows
    ]


def test_a_tick_under_way_looks_before_it_sends(world: World) -> None:
    def pause(run: TickRun, stage: str) -> None:
        if stage == "send":
            run.project.pause("hi", "wrong text")  # type: ignore[attr-defined]

    report = world.tick(FIRST + 3 * DAY, send=True, progress=pause)
    assert report.sent.total("skipped") == 2
    assert [one for one in outcomes(world) if "again" in one] == [
        "ana hi.again skipped withdrawn: paused by", "bob hi.again skipped withdrawn: paused by",
    ]  # fmt: skip
    world.tick(FIRST + 4 * DAY)
    assert world.rows("SELECT kind, name, reason, tick_id FROM segflow.decisions") == [
        {"kind": "pause", "name": "hi", "reason": "wrong text", "tick_id": "20260305T000000Z"}
    ]


def test_a_tick_under_way_looks_before_it_plans(world: World) -> None:
    def pause(run: TickRun, stage: str) -> None:
        if stage == "advance":
            run.project.pause("hi")  # type: ignore[attr-defined]

    report = world.tick(FIRST + 3 * DAY, progress=pause)
    assert [(one.flow, one.status, one.planned) for one in report.flows] == [("hi", "paused", 0)]
    assert str(report.flows[0].reason).startswith("paused by ")


@pytest.mark.parametrize("place", ["advance.before_commit", "advance.committed"])
def test_a_tick_that_died_is_resumed_as_it_was(world: World, place: str) -> None:
    world.project.pause("hi")
    world.project.remove("hi", ["ana"], "asked")
    with stopped_at(place):
        world.tick(FIRST + 3 * DAY)
    world.tick(FIRST + 4 * DAY)
    world.check_replay()
    booked = (
        "SELECT kind, tick_id FROM segflow.decisions UNION ALL SELECT contact_id, tick_id FROM segflow.flow_removals"
    )
    assert {(row["kind"], row["tick_id"]) for row in world.rows(booked)} == {
        ("pause", "20260304T000000Z"), ("ana", "20260304T000000Z"),
    }  # fmt: skip


def test_a_pause_outlives_both_stores(world: World) -> None:
    world.project.pause("hi")
    world.tick(FIRST + 3 * DAY)
    world.close()
    world.project.store.close()
    for file in (world.root / ".segflow").glob("delivery.db*"):
        file.unlink()
    del world.project.__dict__["store"]
    world.project.rebuild_store()
    assert list(world.project.store.pauses.now()) == ["hi"]


def test_a_renamed_flow_keeps_its_messages_and_what_people_said(world: World) -> None:
    world.project.pause("hi")
    world.flow("hi", None)
    world.flow("hello", flow(LATER, renamed_from="hi"))
    world.segment("told", {"where": {"message": "sent", "flow": "hello"}})
    plan = world.project.plan(FIRST + 2 * DAY)
    assert [(one.flow, one.change, one.renamed_from, one.ends, one.active) for one in plan.flows] == [
        ("hello", "renamed", "hi", {}, 2)
    ]
    with stopped_at("ingest.before_commit"):
        world.tick(FIRST + 2 * DAY)
    report = world.tick(FIRST + 3 * DAY)
    assert [(one.flow, one.status, one.active) for one in report.flows] == [("hello", "paused", 2)]
    assert outcomes(world) == ["ana hello.hello sent", "bob hello.hello sent"]
    assert [(one.segment, one.members) for one in report.segments] == [("londoners", 2), ("told", 2)]
    crossed = "SELECT contact_id FROM segflow.segment_exits"
    assert world.rows(crossed) == []
    before = world.ledgers()
    world.close()
    world.project.rebuild()
    assert world.ledgers() == before


def test_a_flow_that_is_renamed_while_a_tick_lies_dead(world: World) -> None:
    with stopped_at("cross.committed"):
        world.tick(FIRST + 3 * DAY)
    world.flow("hi", None)
    world.flow("hello", flow(LATER, renamed_from="hi"))
    world.segment("told", None)
    world.tick(FIRST + 3 * DAY)
    rows = world.rows("SELECT flow, status, end_reason FROM segflow.flow_enrollments")
    assert rows == [{"flow": "hello", "status": "ended", "end_reason": "completed"}] * 2
    world.check_replay()


REFUSED: dict[str, tuple[list[str], str]] = {
    "pause what is not there": (["pause", "hu"], "unknown flow hu"),
    "pause a draft": (["pause", "later"], "flow later is draft in flow_specs/later.yml: it does not move anyway"),
    "resume what moves": (["resume", "hi"], "nobody has paused flow hi with segflow flow pause"),
    "resume what a file pauses": (
        ["resume", "off"],
        "nobody has paused flow off with segflow flow pause; it is paused in flow_specs/off.yml: set status: active",
    ),
    "remove who is not inside": (["remove", "hi", "ana", "eve"], "eve is not in flow hi; nobody was removed"),
    "remove from nowhere": (["remove", "hu", "ana"], "unknown flow hu"),
}


@pytest.mark.parametrize(("words", "told"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(
    world: World, words: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.flow("off", flow(HELLO, status="paused"))
    world.flow("later", flow(HELLO, status="draft"))
    world.close()
    assert run(world, monkeypatch, "flow", *words) == 2
    assert told in capsys.readouterr().err
    assert world.project.store.pauses.now() == {}
    assert world.project.store.removals.waiting("") == []


def test_the_commands(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    world.close()

    def out(*words: str) -> str:
        assert run(world, monkeypatch, *words) == 0
        return capsys.readouterr().out

    assert "Flow hi is paused. segflow flow resume hi lets it go on." in out("flow", "pause", "hi", "--reason", "typo")
    with pytest.raises(InputError, match=r"flow hi is paused by .*: typo already"):
        world.project.pause("hi")
    flows = json.loads(out("flows", "--format", "json"))["flows"]
    assert (flows[0]["status"], flows[0]["reason"][-6:]) == ("paused", ": typo")
    assert "flow hi is paused by" in out("plan", "--as-of", "2026-03-04")
    assert "paused" in out("flows")
    world.tick(FIRST + 2 * DAY)
    assert "Flow hi is resumed. It goes on with the next tick." in out("flow", "resume", "hi")
    flows = json.loads(out("flows", "--format", "json"))["flows"]
    assert (flows[0]["status"], flows[0]["reason"]) == ("active", "resumed; it goes on with the next tick")
    assert "takes 1 contact out of flow hi" in out("flow", "remove", "hi", "bob", "--reason", "asked")
    assert json.loads(out("flow", "remove", "hi", "ana", "--format", "json"))["removed"][0]["contact_id"] == "ana"


def run(world: World, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(world.root), *words])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


def test_the_trace_of_a_contact(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.rows_of("contacts", [MOVED[0], PEOPLE[1]])
    world.tick(FIRST + 3 * DAY)
    found = world.project.trace("ana")
    assert [(row.at.day, row.what, row.words) for row in found.rows] == [
        (1, "contact", "came"),
        (2, "segment londoners", "entered, entry 1: data"),
        (2, "flow hi", "enrolled: enters londoners"),
        (2, "hi.hello", "send_sms"),
        (2, "hi.hello", "sms planned by mailbox"),
        (2, "hi.hello", "sms sent by mailbox"),
        (4, "segment told", "entered, entry 1: data"),
        (4, "hi.think", "wait: 2 days"),
        (4, "hi.again", "send_sms"),
        (4, "hi.again", "sms planned by mailbox"),
        (4, "flow hi", "ended: completed"),
    ]
    assert (found.segments, found.flows, len(found.waiting)) == (["londoners", "told"], {}, 1)
    assert [row.words for row in world.project.trace("bob").rows if row.kind == "segment"] == [
        "entered, entry 1: data", "exited, entry 1: data", "entered, entry 1: data",
    ]  # fmt: skip
    world.close()
    assert run(world, monkeypatch, "trace", "ana") == 0
    out = capsys.readouterr().out
    assert "Now a member of londoners, told; in no flow. 1 message waits to be sent." in out
    assert run(world, monkeypatch, "trace", "eve") == 2
    assert "unknown contact eve: no tick has seen one of this id" in capsys.readouterr().err
    assert run(world, monkeypatch, "trace", "ana", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["rows"][1]["segment"] == "londoners"


def test_a_plan_says_where_those_go_who_wait_in_an_edited_flow(world: World) -> None:
    longer = [*HELLO, {"id": "think", "wait": "5 days"}, {"id": "again", "send_sms": {"text": "Again"}}]
    world.rows_of("contacts", [{**MOVED[0], "city": "Rome"}, MOVED[1]])
    world.flow("hi", flow(longer, exit_when=[{"exits": "londoners"}]))
    plan = world.project.plan(FIRST + 4 * DAY)
    assert "flow hi: step think (wait 2 days, now wait 5 days): 1 ends (exit_when), 1 stays" in details(plan)
    world.flow("hi", flow([*HELLO, {"id": "think", "wait": "1 hour"}, {"id": "rest", "wait": "1 day"}]))
    plan = world.project.plan(FIRST + 2 * DAY)
    assert "flow hi: step think (wait 2 days, now wait 1 hour): 2 go on to rest" in details(plan)

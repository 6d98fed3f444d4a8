"""What changes too much in one tick is held until a person releases it: numbers, contacts, crashes, the CLI."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segflow.cli.main import main
from segflow.crashpoints import watched
from segflow.crossings.allowed import Crossed, bounds, too_many
from segflow.errors import ContactsLostError, InputError
from segflow.flows.message_guard import messages_reason
from segflow.specs.guards import EntriesGuard, ExitsGuard, MessagesGuard
from tests.fifty import FIFTY_GUARDS, fifty_segments, move_fifty, sizes_of_fifty
from tests.world import World

START = datetime(2026, 3, 1, 6, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("exited", "members", "percent", "reason"),
    [
        pytest.param(1000, 1000, 50, "1,000 of 1,000 members would exit (100%, the guard allows 50%)", id="all"),
        pytest.param(612, 1000, 50, "612 of 1,000 members would exit (61.2%, the guard allows 50%)", id="over"),
        pytest.param(501, 1000, 50, "501 of 1,000 members would exit (50.1%, the guard allows 50%)", id="just over"),
        pytest.param(500, 1000, 50, None, id="at the border"),
        pytest.param(999, 999, 50, None, id="too few members"),
        pytest.param(1, 1000, 0, "1 of 1,000 members would exit (0.1%, the guard allows 0%)", id="nobody may"),
        pytest.param(126, 1000, 12.5, "126 of 1,000 members would exit (12.6%, the guard allows 12.5%)", id="fraction"),
        pytest.param(1000, 1000, 100, None, id="everybody may"),
    ],
)
def test_exits(exited: int, members: int, percent: float, reason: str | None) -> None:
    crossed = Crossed(members, 0, exited)
    assert too_many(bounds(ExitsGuard(percent=percent), EntriesGuard(), members, None), crossed) == reason
    assert too_many(bounds(None, EntriesGuard(), members, None), crossed) is None


@pytest.mark.parametrize(
    ("entered", "members", "reason"),
    [
        pytest.param(1001, 0, "1,001 contacts would enter where 0 are members (the guard allows 1,000)", id="empty"),
        pytest.param(1000, 0, None, id="at the border of few"),
        pytest.param(
            5001, 1000, "5,001 contacts would enter where 1,000 are members (the guard allows 5,000)", id="over"
        ),
        pytest.param(5000, 1000, None, id="at the border of many"),
    ],
)
def test_entries(entered: int, members: int, reason: str | None) -> None:
    crossed = Crossed(members, entered, 0)
    assert too_many(bounds(ExitsGuard(), EntriesGuard(), members, None), crossed) == reason
    assert too_many(bounds(ExitsGuard(), None, members, None), crossed) is None


@pytest.mark.parametrize(
    ("messages", "contacts", "everybody", "held"),
    [
        pytest.param(1001, 1001, 2000, True, id="over"),
        pytest.param(1000, 1000, 1000, False, id="few messages"),
        pytest.param(1001, 1000, 2000, False, id="at the border of contacts"),
        pytest.param(5000, 100, 2000, False, id="many messages to few"),
    ],
)
def test_messages(messages: int, contacts: int, everybody: int, held: bool) -> None:
    assert (messages_reason(MessagesGuard(), messages, contacts, everybody) is not None) == held


def people(cities: str) -> list[dict[str, Any]]:
    """One contact per letter: L is in London, R in Rome, - is gone."""
    names = {"L": "London", "R": "Rome"}
    return [
        {"contact_id": f"c{number}", "city": names[letter], "phone": f"+4420794600{number:02}"}
        for number, letter in enumerate(cities)
        if letter != "-"
    ]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.again(one_tick, tmp_path / "world")


def one_tick(root: Path) -> World:
    root.mkdir()
    guards = {
        "exits": {"of_at_least": 4},
        "contacts_lost": {"percent": 20, "of_at_least": 5},
        "messages": {"percent": 40, "above": 2},
    }
    world = World(root, settings={"guards": guards})
    world.rows_of("contacts", people("LLLLRR"))
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    world.segment("others", {"where": {"not": {"segment": "londoners"}}})
    world.flow(
        "bye",
        {"status": "active", "trigger": {"exits": "londoners"}, "steps": [{"id": "a", "send_sms": {"text": "Bye"}}]},
    )
    world.tick(START)
    return world


def statuses(world: World) -> dict[str, str]:
    rows = world.rows("SELECT segment AS name, status FROM segflow.segment_state")
    newest = "(SELECT max(tick_id) FROM segflow.ticks)"
    rows += world.rows(f"SELECT flow AS name, status FROM segflow.flow_cursors WHERE tick_id = {newest}")
    return {row["name"]: row["status"] for row in rows}


def test_lost_contacts_stop_the_tick_until_they_are_back(world: World) -> None:
    before = world.ledgers()
    world.rows_of("contacts", people("LL--R-"))
    for _ in range(2):
        with pytest.raises(
            ContactsLostError, match=r"3 of 6 contacts are missing \(50%, the guard allows 20%\)"
        ) as told:
            world.tick(START + DAY)
    assert "stg_contacts" in str(told.value)
    assert "segflow release --contacts" in str(told.value)
    after = world.ledgers()
    assert [table for table in before if before[table] != after[table]] == ["ticks"]
    world.rows_of("contacts", people("LLLLR-"))  # 1 of 6 is less than a fifth
    report = world.tick(START + 2 * DAY)
    assert (report.resumed, report.errors) == (True, [])
    ticks = world.rows("SELECT as_of, status FROM segflow.ticks ORDER BY as_of")
    assert [(row["as_of"].day, row["status"]) for row in ticks] == [(1, "done"), (2, "done"), (3, "done")]
    exits = world.rows("SELECT contact_id, cause, tick_id FROM segflow.segment_exits")
    assert exits == [{"contact_id": "c5", "cause": "gone", "tick_id": "20260302T060000Z"}]


def test_lost_contacts_are_released_once(world: World) -> None:
    with pytest.raises(InputError, match="no tick waits"):
        world.project.release(contacts=True)
    world.rows_of("contacts", people("LLLL--"))
    with pytest.raises(ContactsLostError):
        world.tick(START + DAY)
    world.project.release(contacts=True, reason="an old list was deleted")
    assert world.tick(START + DAY).errors == []
    (row,) = world.rows("SELECT kind, name, reason, tick_id FROM segflow.decisions")
    assert row == {
        "kind": "contacts", "name": "contacts", "reason": "an old list was deleted", "tick_id": "20260302T060000Z",
    }  # fmt: skip
    world.rows_of("contacts", people("LLLL----RR"))  # two new ones: nobody is lost
    assert world.tick(START + 2 * DAY).errors == []
    world.rows_of("contacts", people("LLLL"))
    with pytest.raises(ContactsLostError):
        world.tick(START + 3 * DAY)


@pytest.mark.parametrize("stage", ["build", "cross", "advance"])
def test_a_resumed_tick_sees_the_same_decision(world: World, stage: str) -> None:
    cities = {"build": "LLLL--", "cross": "LRRRRR", "advance": "LRRRRR"}[stage]
    world.rows_of("contacts", people(cities))
    at = START + DAY
    if stage == "build":
        with pytest.raises(ContactsLostError):
            world.tick(at)
        world.project.release(contacts=True)
    else:
        assert world.tick(at).errors != []
        world.project.release(["londoners"])
        at += DAY
    if stage == "advance":
        assert world.tick(at).errors != []
        assert statuses(world) == {"londoners": "ok", "others": "ok", "bye": "held"}
        world.project.release(flows=["bye"])
        at += DAY

    class Died(Exception):
        pass

    def die(place: str) -> None:
        if place == f"{stage}.before_commit":
            raise Died

    with watched(die), pytest.raises(Died):
        world.tick(at)
    report = world.tick(at)
    assert report.resumed
    assert world.project.store.decisions.used(report.tick_id) != []
    kind = {"build": "contacts", "cross": "segment", "advance": "flow"}[stage]
    assert world.project.store.decisions.released(kind, "another") == set()  # type: ignore[arg-type]
    assert statuses(world) | {"bye": ""} == {"londoners": "ok", "others": "ok", "bye": ""}
    planned = world.rows("SELECT count(*) AS messages FROM segflow.outbox")[0]["messages"]
    assert planned == (3 if stage == "advance" else 0)
    told = world.rows(f"SELECT kind FROM segflow.decisions WHERE tick_id = '{report.tick_id}'")
    assert [row["kind"] for row in told] == [kind]


REFUSED: dict[str, tuple[dict[str, Sequence[str]], str]] = {
    "nothing": ({}, "say what to release"),
    "unknown segment": ({"segments": ["londoner"]}, r"unknown segment londoner \(did you mean londoners\?\)"),
    "unknown flow": ({"flows": ["bey"]}, r"unknown flow bey \(did you mean bye\?\)"),
    "not held": ({"segments": ["fine"]}, "segment fine is not held; held are londoners, others"),
    "held for another's sake": ({"segments": ["others"]}, "others is held for the sake of something else"),
    "flow held for a segment's sake": ({"flows": ["bye"]}, "bye is held for the sake of something else.*londoners"),
    "one of two is wrong": ({"segments": ["londoners", "fine"]}, "segment fine is not held"),
}


@pytest.mark.parametrize(("asked", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_released(world: World, asked: dict[str, Sequence[str]], told: str) -> None:
    world.segment("fine", {"where": {"everyone": True}})
    world.rows_of("contacts", people("LRRRRR"))
    world.tick(START + DAY)
    with pytest.raises(InputError, match=told):
        world.project.release(**asked)  # type: ignore[arg-type]
    assert world.project.store.decisions.released("segment", "any") == set()


def test_what_was_held_once_is_not_released_later(world: World) -> None:
    world.rows_of("contacts", people("LRRRRR"))
    world.tick(START + DAY)
    assert statuses(world) == {"londoners": "held", "others": "held", "bye": "held"}
    world.rows_of("contacts", people("LLLLRR"))
    assert world.tick(START + 2 * DAY).errors == []
    for asked in ({"segments": ["londoners"]}, {"flows": ["bye"]}):
        with pytest.raises(InputError, match=r"is not held; no (segment|flow) is"):
            world.project.release(**asked)


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(root: Path, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(root), *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return call


def test_one_stale_and_one_held_of_fifty_through_the_command_line(tmp_path: Path, run: Run) -> None:
    world = World(tmp_path / "world", real=True, settings={"guards": FIFTY_GUARDS})
    fifty_segments(world)
    assert run(world.root, "tick", "--as-of", "2026-03-01")[0] == 0
    move_fifty(world)
    code, out, err = run(world.root, "tick", "--as-of", "2026-03-02")
    assert code == 1
    held = "3 of 4 members would exit (75%, the guard allows 50%); look at the data, then: segflow release londoners"
    assert f"segment londoners is held: {held}" in err
    assert "segment vips is stale" in err
    assert f"flow about_held is held: segment londoners is held: {held}" in err
    assert "flow about_stale is held: segment vips cannot be evaluated" in err
    told = json.loads(run(world.root, "segments", "--format", "json")[1])["segments"]
    assert {one["segment"]: one["members"] for one in told} == sizes_of_fifty()
    assert {one["segment"]: one["status"] for one in told if one["status"] != "ok"} == {
        "londoners": "held", "vips": "stale",
    }  # fmt: skip
    assert {one["reason"] for one in told if one["segment"] == "londoners"} == {held}
    assert "held" in run(world.root, "flows")[1]
    assert {row["flow"] for row in world.rows("SELECT flow FROM segflow.outbox")} == {"about_fine"}
    assert len(world.mailbox()) > 0

    code, _, err = run(world.root, "release", "vips")
    assert (code, "segment vips is not held; held are londoners" in err) == (2, True)
    code, out, err = run(world.root, "release", "londoners", "--reason", "they moved", "--format", "json")
    assert code == 0, err
    (row,) = json.loads(out)["released"]
    assert (row["name"], row["reason"], row["tick_id"]) == ("londoners", "they moved", None)
    move_fifty(world, score=True)
    code, out, err = run(world.root, "tick", "--as-of", "2026-03-03", "--format", "json")
    assert code == 0, err
    assert next(one["exited"] for one in json.loads(out)["segments"] if one["segment"] == "londoners") == 3

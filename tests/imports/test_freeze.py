"""`segflow freeze`: a list of those who are members now, and stay on it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from segflow.cli.main import main
from segflow.errors import InputError
from tests.direct_dbt import DirectProject
from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
FLOW = {
    "status": "active",
    "trigger": {"enters": "guests"},
    "steps": [{"id": "hello", "send_sms": {"text": "Hello"}}],
}


def live(world: World, day: int, **cities: str) -> None:
    world.rows_of("contacts", [{"contact_id": who, "city": city} for who, city in cities.items()])
    world.tick(FIRST + timedelta(days=day))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.segment("romans", {"where": {"attribute": "city", "is": "Rome"}})
    world.segment("guests", {"where": {"list": "feast"}})
    world.flow("hello", FLOW)
    yield world
    world.close()


def crossings(world: World) -> list[tuple[str, str, bool]]:
    rows = world.rows(
        "SELECT contact_id, cause, triggers FROM segflow.segment_entries WHERE segment = 'guests' ORDER BY contact_id"
    )
    return [(row["contact_id"], row["cause"], row["triggers"]) for row in rows]


def test_a_frozen_list_stays_as_it_was(world: World) -> None:
    live(world, 0, ana="Rome", bob="Rome", cem="Bonn")
    done = world.project.freeze("romans", "feast")
    assert (done.rows, done.list, done.trigger_flows, done.repeated, done.tick_id) == (2, "feast", False, False, None)
    assert world.project.freeze("romans", "feast").repeated
    assert crossings(world) == []
    live(world, 1, ana="Bonn", bob="Rome", cem="Rome")
    live(world, 2, ana="Bonn", bob="Rome", cem="Rome")
    assert world.project.members("romans").to_pydict() == {"contact_id": ["bob", "cem"]}
    assert world.project.members("guests").to_pydict() == {"contact_id": ["ana", "bob"]}
    assert crossings(world) == [("ana", "import", False), ("bob", "import", False)]
    assert world.rows("SELECT * FROM segflow.outbox") == []
    world.check_replay()


@pytest.mark.parametrize(
    ("segment", "list_name", "message"),
    [
        ("roman", "feast", "unknown segment roman .did you mean romans"),
        ("romans", " ", "the list has no name"),
        ("romans", "feast", "no tick has run yet"),
    ],
)
def test_refused(world: World, segment: str, list_name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        world.project.freeze(segment, list_name)


def test_what_the_command_says(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(line: str) -> str:
        monkeypatch.setattr("segflow.project.Project", DirectProject)
        monkeypatch.setattr(sys, "argv", ["segflow", *shlex.split(line), "--project-dir", str(world.root)])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 0
        return capsys.readouterr().out

    live(world, 0, ana="Rome", bob="Bonn")
    told = "The next tick puts 1 member of romans on list feast; no flow will react.\n"
    assert said("freeze romans --list feast") == told
    again = "Nothing was recorded: 1 member of romans will be on list feast with the next tick, as asked before.\n"
    assert said("freeze romans --list feast") == again
    assert said("freeze guests --list other") == "guests has no members; nothing was recorded.\n"


def test_who_is_gone_before_the_list_is_made_does_not_come_back(tmp_path: Path) -> None:
    world = World(tmp_path / "gone")
    people = [{"contact_id": name, "city": "Rome"} for name in ("ana", "bob")]
    world.rows_of("contacts", people)
    world.segment("romans", {"where": {"attribute": "city", "is": "Rome"}})
    world.tick(datetime(2026, 3, 1, tzinfo=UTC))
    world.project.freeze("romans", "news")
    world.rows_of("contacts", people[:1])
    world.tick(datetime(2026, 3, 2, tzinfo=UTC))
    assert [row["contact_id"] for row in world.rows("FROM segflow.contacts")] == ["ana"]
    assert [row["cause"] for row in world.rows("FROM segflow.segment_exits")] == ["gone"]
    world.close()

# ruff: noqa: E501 (tables: one case per line)
"""`segflow explain`: what it found, what is in the way, until when, and what it says when it cannot."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segflow.cli.main import main
from segflow.errors import InputError
from segflow.explain.explain import Answer
from tests.explain.test_look import bought
from tests.world import World

AT = datetime(2026, 1, 10, tzinfo=UTC)
DAY = timedelta(days=1)
PEOPLE = [
    {"contact_id": "ana", "city": "London", "age": 30, "email": "ana@example.com"},
    {"contact_id": "bob", "city": "Paris"},
    {"contact_id": "cleo", "city": "London", "created_at": AT + DAY},
]


def make(root: Path) -> World:
    world = World(root)
    world.segment("everyone", {"where": {"everyone": True}})
    world.segment("queried", "select contact_id from {{ ref('contacts') }} where age > 25")
    world.segment("all_models", {"where": {"any": [{"event": "visit"}, {"tag": "vip"}, {"list": "news"}]}})
    world.segment("deep", {"where": {"segment": "londoners"}})
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    world.rows_of("contacts", PEOPLE)
    world.rows_of("events", [bought("ana", 1), bought("ana", 3), bought("bob", 20)])
    world.rows_of("tags", [{"contact_id": "bob", "name": "vip", "added_at": AT - DAY}])
    world.tick(AT - DAY)
    return world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = make(tmp_path)
    yield world
    world.close()


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world without further ticks, which tests may share."""
    world = make(tmp_path_factory.mktemp("still"))
    yield world
    world.close()


def ask(world: World, condition: Any, contact: str, at: datetime = AT) -> Any:
    world.segment("asked", {"where": condition})
    return world.project.explain("asked", contact, at)


def flat(answer: Answer) -> Iterator[Answer]:
    yield answer
    for part in answer.parts:
        yield from flat(part)


PURCHASE = {"event": "purchase", "within_last": "7 days"}


LEAVES = {
    "a value": ({"attribute": "city", "is": "London"}, "bob", False, {"city": "Paris"}, None),
    "a missing value": ({"attribute": "age", "gt": 20}, "bob", False, {"age": None}, None),
    "a count": (PURCHASE, "ana", True, {"count": 2, "last": AT - DAY}, AT + 6 * DAY),
    "a count of two": ({**PURCHASE, "count": {"gte": 2}}, "ana", True, {"count": 2, "last": AT - DAY}, AT + 4 * DAY),
    "none, and none": ({**PURCHASE, "count": 0}, "bob", True, {"count": 0, "last": AT - 20 * DAY}, None),
    "none, and some": ({**PURCHASE, "count": 0}, "ana", False, {"count": 2, "last": AT - DAY}, AT + 6 * DAY),
    "older rows": ({"event": "purchase", "not_within_last": "30 days"}, "bob", False, {"count": 0, "last": AT - 20 * DAY}, AT + 10 * DAY),
    "a month": ({"event": "purchase", "within_last": "1 month"}, "bob", True, {"count": 1, "last": AT - 20 * DAY}, datetime(2026, 1, 21, tzinfo=UTC)),
    "a sum": ({"event": "purchase", "sum": {"property": "amount", "gte": 15}}, "ana", True, {"sum of amount": 20.0, "last": AT - DAY}, None),
    "a last time": ({"event": "purchase", "last_time": {"within_last": "2 days"}}, "ana", True, {"last": AT - DAY}, AT + DAY),
    "never": ({"event": "visit"}, "ana", False, {"count": 0}, None),
    "a tag": ({"tag": "vip"}, "bob", True, {"since": AT - DAY}, None),
    "a tag of late": ({"tag": "vip", "added": {"within_last": "2 days"}}, "bob", True, {"since": AT - DAY}, AT + DAY),
    "no tag": ({"tag": "vip"}, "ana", False, {}, None),
    "held": ({"attribute": "city", "is": "London", "held_for": {"gte": "30 days"}}, "ana", False, {"city": "London", "since": AT}, None),
    "sql": ({"sql": "age > 20"}, "ana", True, {"age": 30.0}, None),
    "bucket": ({"bucket": "a", "percent": 50}, "ana", True, {"percent": 38.65}, None),
    "another segment": ({"segment": "queried"}, "ana", True, {}, None),
    "everyone": ({"everyone": True}, "ana", True, {}, None),
}  # fmt: skip
"""condition, contact, does it hold, what it found, until when."""


@pytest.mark.parametrize(("condition", "contact", "holds", "found", "until"), list(LEAVES.values()), ids=list(LEAVES))
def test_a_leaf(
    still: World, condition: Any, contact: str, holds: bool, found: dict[str, Any], until: datetime | None
) -> None:
    told = ask(still, condition, contact)
    assert (told.member, told.answer.holds, told.answer.found, told.until) == (holds, holds, found, until)


def test_the_tree_and_what_is_in_the_way(still: World) -> None:
    told = ask(
        still,
        {
            "all": [
                {"any": [{"attribute": "city", "is": "London"}, {"all": [{"tag": "gold"}, {"list": "news"}]}]},
                {"none": [{"tag": "vip"}, {"attribute": "age", "gte": 1}]},
                {"not": PURCHASE},
            ]
        },
        "bob",
    )
    assert [(one.words, one.holds) for one in flat(told.answer)] == [
        ("all of", False),
        ("any of", False),
        ("city is London", False),
        ("all of", False),
        ("tagged gold", False),
        ("on list news", False),
        ("none of", False),
        ("tagged vip", True),
        ("age is at least 1", False),
        ("not", True),
        ("at least 1 x purchase in the last 7 days", False),
    ]
    assert [(one.words, one.holds) for one in told.kept_out_by] == [("city is London", False), ("tagged vip", True)]


def test_other_segments_are_shown_one_level_deep(still: World) -> None:
    told = ask(still, {"any": [{"segment": "deep"}, {"segment": "queried"}]}, "ana")
    assert [(one.words, one.holds, one.segment) for one in flat(told.answer)] == [
        ("any of", True, None),
        ("in segment deep", True, "deep"),
        ("in segment londoners", True, "londoners"),
        ("in segment queried", True, "queried"),
        ("found by the query of segment_specs/queried.sql", True, None),
        ("FROM contacts", True, None),
        ("WHERE age > 25", True, None),
    ]


def test_crossings_and_what_the_last_tick_said(world: World) -> None:
    world.segment("asked", {"where": PURCHASE})
    world.tick(AT)
    world.tick(AT + 8 * DAY)
    told = world.project.explain("asked", "ana", AT)
    assert [(one.kind, one.at, one.cause, one.triggers) for one in told.crossings] == [
        ("entered", AT, "baseline", False),
        ("exited", AT + 8 * DAY, "data", True),
    ]
    assert (told.member, told.member_at_last_tick, told.last_tick) == (True, False, "20260118T000000Z")


def test_a_prediction_comes_true(still: World) -> None:
    told = ask(still, {"all": [{"attribute": "city", "is_not": "Paris"}, {**PURCHASE, "count": {"gte": 2}}]}, "ana")
    assert told.until is not None
    before, after = (
        still.project.explain("asked", "ana", told.until - span) for span in (timedelta.resolution, DAY * 0)
    )
    assert (before.member, after.member) == (True, False)


NOT_THERE = {
    "anna": r"there is no contact anna in model stg_contacts \(did you mean ana\?\)",
    "Ana@Example.com": "there is no contact Ana@Example.com, but contact ana has that address; give the id",
    "cleo": "contact cleo is not there yet at 2026-01-10 00:00:00 UTC: created_at is later",
    "dan": "contact dan is gone from model stg_contacts; the tick of 2026-01-11 00:00 UTC missed it",
}


def test_who_is_not_there(world: World) -> None:
    world.rows_of("contacts", [*PEOPLE, {"contact_id": "dan"}])
    world.tick(AT)
    world.rows_of("contacts", PEOPLE)
    world.tick(AT + DAY)
    for contact, message in NOT_THERE.items():
        with pytest.raises(InputError, match=message):
            world.project.explain("londoners", contact, AT)
    with pytest.raises(InputError, match=r"unknown segment londoner \(did you mean londoners\?\)"):
        world.project.explain("londoner", "ana")


def test_the_command(still: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("segflow.project.Project", type(still.project))

    def call(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(still.root), "explain", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        return capsys.readouterr().out

    still.segment("asked", {"where": {"all": [PURCHASE, {"segment": "deep"}]}})
    at = ("--as-of", AT.isoformat())
    told = call("asked", "ana", *at)
    assert told.startswith("ana is in asked at 2026-01-10 00:00 UTC; if nothing happens, until 2026-01-16 00:00 UTC")
    assert "segflow explain londoners ana" in told
    assert "At the last tick (20260109T000000Z) the contact was not in it." in told
    assert "- at least 1 x purchase in the last 7 days (false)" in call("asked", "bob", *at)
    data = json.loads(call("asked", "bob", *at, "--format", "json"))
    assert data["member"] is False
    assert data["answer"]["parts"][0]["found"] == {"count": 0, "last": "2025-12-21T00:00:00+00:00"}
    assert [one["words"] for one in data["kept_out_by"]] == [
        "at least 1 x purchase in the last 7 days",
        "in segment deep",
    ]

"""`segflow preview`: sizes, who comes and goes, the columns that conditions use, and what it says when it cannot."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from segflow.cli import show
from segflow.cli.main import main
from segflow.errors import InputError, RunError, SpecError
from segflow.explain.look import NO_HISTORY
from tests.world import World

AT = datetime(2026, 1, 10, tzinfo=UTC)
PEOPLE = [
    {"contact_id": "ana", "city": "London", "age": 30, "subscribed": True},
    {"contact_id": "bob", "city": "Paris", "age": 20},
    {"contact_id": "cleo", "city": "London", "age": None},
    {"contact_id": "dan"},
]
BUYERS = {"event": "purchase", "where": {"property": "amount", "gt": 5}, "within_last": "7 days", "count": {"gte": 1}}


def bought(who: str, days_ago: float, amount: float = 10, category: str = "tea") -> dict[str, Any]:
    properties = json.dumps({"amount": amount, "category": category})
    return {"contact_id": who, "name": "purchase", "at": AT - timedelta(days=days_ago), "properties": properties}


def make(root: Path) -> World:
    world = World(root)
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    world.segment("buyers", {"where": BUYERS})
    world.segment("rich", {"where": {"all": [{"segment": "londoners"}, {"not": {"segment": "queried"}}]}})
    world.segment("queried", "select contact_id from {{ ref('contacts') }} where age > 25")
    world.segment("labelled", {"where": {"any": [{"tag": "vip"}, {"list": "news"}, {"any_tag": True}]}})
    world.rows_of("contacts", PEOPLE)
    world.rows_of("events", [bought("ana", 1), bought("ana", 2), bought("bob", 6), bought("dan", 1, amount=2)])
    world.rows_of("tags", [{"contact_id": "dan", "name": "vip", "added_at": AT}])
    return world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = make(tmp_path)
    yield world
    world.close()


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world after one tick, which tests may share because nothing moves in it."""
    world = make(tmp_path_factory.mktemp("still"))
    world.tick(AT)
    yield world
    world.close()


def test_sizes_and_who_comes_and_goes_against_the_last_tick(world: World) -> None:
    world.tick(AT)
    world.rows_of("events", [bought("ana", 1), bought("ana", 2), bought("cleo", -1), bought("dan", -1)])
    look = world.project.look("buyers", AT + timedelta(days=2))
    assert (look.members, look.would_enter, look.would_exit) == (3, 2, 1)
    assert look.compared_with == "20260110T000000Z"
    (fact,) = look.columns
    assert fact == "purchase count where amount over 5 and in the last 7 days"
    assert look.sample == [
        {"contact_id": "cleo", "enters": True, fact: 1},
        {"contact_id": "dan", "enters": True, fact: 1},
        {"contact_id": "ana", "enters": False, fact: 2},
    ]
    assert look.exiting == ["bob"]
    assert look.notes == [NO_HISTORY]
    assert [len(world.project.look("buyers", AT + timedelta(days=2), n).sample) for n in (0, 1, 9)] == [0, 1, 3]
    assert world.rows(look.sql.replace("\n", " ") + " order by 1") == [
        {"contact_id": c} for c in ("ana", "cleo", "dan")
    ]
    # An edit counts without a tick.
    world.segment("buyers", {"where": {**BUYERS, "count": {"gte": 2}}})
    look = world.project.look("buyers", AT + timedelta(days=2))
    assert (look.members, look.would_enter, look.would_exit, look.exiting) == (1, 0, 1, ["bob"])


@pytest.mark.parametrize(
    ("segment", "columns", "members"),
    [
        ("rich", ["in londoners", "in queried"], ["cleo"]),
        ("queried", ["age"], ["ana"]),
        ("labelled", ["tag vip", "list news", "any tag"], ["dan"]),
    ],
)
def test_columns_are_what_the_conditions_use(
    still: World, segment: str, columns: list[str], members: list[str]
) -> None:
    look = still.project.look(segment, AT)
    assert (look.columns, [row["contact_id"] for row in look.sample]) == (columns, members)
    assert still.project.preview(segment, AT).column("contact_id").to_pylist() == members


def test_a_condition_that_is_in_no_file(still: World) -> None:
    look = still.project.look_for("{all: [{attribute: age, gte: 20}, {segment: londoners}]}", AT)
    assert (look.segment, look.members, look.would_enter, look.exiting) == (None, 1, None, [])
    assert look.sample == [{"contact_id": "ana", "age": 30.0, "in londoners": True}]


def test_mistakes_of_a_condition_are_located_in_its_text(still: World) -> None:
    text = "all:\n  - {attribute: citi, is: London}\n  - {segment: londoner}\n  - sql: |\n      wrong > 3\n"
    with pytest.raises(SpecError) as error:
        still.project.look_for(text, file="--where")
    told = str(error.value)
    assert "--where:2:17: there is no attribute citi (did you mean city?)" in told
    assert "--where:3:15: there is no segment londoner (did you mean londoners?)" in told
    assert "line 1, column 1 of it: there is no attribute wrong" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{attribute: city, iss: London}", "--where:1:19: "),
        ("city is London", "--where:1:1: expected a condition"),
        ("all: [", "--where:"),
        ("", "--where:1:1: "),
    ],
    ids=["unknown key", "words", "broken", "empty"],
)
def test_what_is_no_condition_is_refused(still: World, text: str, told: str) -> None:
    with pytest.raises(SpecError) as error:
        still.project.look_for(text, file="--where")
    assert str(error.value).startswith(told)


def test_before_dbt_has_built_anything(world: World) -> None:
    with pytest.raises(InputError, match="no tick has run yet, and dbt has not built stg_contacts; run segflow tick"):
        world.project.look("londoners")
    world.run("CREATE SCHEMA staging")
    world.run("CREATE VIEW staging.stg_contacts AS SELECT * FROM raw.contacts")
    look = world.project.look("londoners")
    assert (look.members, look.would_enter, look.compared_with) == (2, None, None)
    assert look.notes == ["No tick has run yet, so there is nothing to compare with."]
    with pytest.raises(RunError, match=r"segment buyers cannot be evaluated: .*stg_events.* segflow tick builds it"):
        world.project.look("buyers")


def test_without_a_warehouse(world: World) -> None:
    world.close()
    (world.root / ".segflow/warehouse.duckdb").unlink()
    with pytest.raises(InputError, match=r"there is no warehouse .* yet; run segflow tick"):
        world.project.look("londoners")
    assert not (world.root / ".segflow/warehouse.duckdb").exists()


def test_notes_say_how_the_last_tick_left_the_segment(world: World) -> None:
    world.tick(AT)
    world.segment("new", {"where": {"everyone": True}})
    assert "No tick has seen this segment yet" in world.project.look("new").notes[0]
    world.missing.add("contacts.city")
    world.rows_of("contacts", PEOPLE)
    world.tick(AT + timedelta(days=1))
    world.missing.clear()
    world.rows_of("contacts", PEOPLE)
    (note,) = world.project.look("londoners").notes
    assert note.startswith(
        "At the last tick the segment was stale: contacts.city: model stg_contacts has no column city"
    )


def call(world: World, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("segflow.project.Project", type(world.project))
    monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(world.root), "preview", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_the_command(still: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(still, monkeypatch, "londoners", "--sql", "--limit", "1") == 0
    out = capsys.readouterr().out
    assert "ana         London" in out
    assert "cleo" not in out
    assert "FROM segment__londoners" in out
    assert call(still, monkeypatch, "londoners", "--format", "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["members"] == 2
    assert told["sample"][0] == {"contact_id": "ana", "enters": False, "city": "London"}
    assert set(told) >= {"sql", "seconds", "notes", "would_enter", "would_exit", "compared_with", "columns", "exiting"}
    monkeypatch.setattr("sys.stdin", io.StringIO("attribute: city\nis: Paris\n"))
    assert call(still, monkeypatch, "--where", "-", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["members"] == 1
    for wrong in ((), ("londoners", "--where", "{everyone: true}")):
        assert call(still, monkeypatch, *wrong) == 2
        assert "name a segment, or give a condition" in capsys.readouterr().err


def test_sums_of_whole_numbers_are_numbers_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    show.as_json({"whole": Decimal(12), "part": Decimal("1.5")})
    assert json.loads(capsys.readouterr().out) == {"whole": 12, "part": 1.5}


@pytest.mark.parametrize("city", ["Nowhere", "London"])
def test_nobody_now_and_before(tmp_path: Path, city: str) -> None:
    world = World(tmp_path)
    world.segment("nobody", {"where": {"attribute": "city", "is": "Nowhere"}})
    world.rows_of("contacts", [{"contact_id": "ana", "city": "London"}] if city == "London" else [])
    world.tick(AT)
    found = world.project.look("nobody", AT)
    assert (found.members, found.would_enter, found.would_exit, found.sample) == (0, 0, 0, [])
    world.close()


COLUMNS_READ: dict[str, dict[str, Any] | str] = {
    "condition": {"where": {"attribute": "city", "is": "London"}},
    "query": "select contact_id from {{ ref('contacts') }} where city = 'London'",
    "through another one": {"where": {"segment": "londoners"}},
}


@pytest.mark.parametrize("spec", COLUMNS_READ.values(), ids=COLUMNS_READ)
def test_a_missing_column_that_nobody_reads(tmp_path: Path, spec: dict[str, Any] | str) -> None:
    """As in a tick: who asks for it cannot be evaluated, the others can."""
    world = World(tmp_path)
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    world.segment("fine", spec)
    world.segment("high", {"where": {"attribute": "score", "gt": 1}})
    world.segment("all_columns", "select * from {{ ref('contacts') }}")
    world.missing = {"contacts.score", "contacts.phone"}
    world.rows_of("contacts", [{"contact_id": "ana", "city": "London"}])
    status = {one.segment: one.status for one in world.tick(AT).segments}
    assert status == {"londoners": "ok", "fine": "ok", "high": "stale", "all_columns": "stale"}
    assert world.project.look("fine", AT).members == 1
    assert world.project.preview("fine", AT).num_rows == 1
    assert world.project.explain("fine", "ana", AT).member
    with pytest.raises(InputError, match="there is no contact nobody"):
        world.project.explain("fine", "nobody", AT)
    for name in ("high", "all_columns"):
        with pytest.raises(RunError, match="cannot be evaluated"):
            world.project.look(name, AT)
        with pytest.raises(RunError, match="cannot be evaluated"):
            world.project.explain(name, "ana", AT)
    world.close()


def test_a_fraction_of_a_second_is_dropped_wherever_a_moment_is_asked_for(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.segment("late", {"where": {"event": "visit", "count": {"gte": 1}}})
    world.rows_of("contacts", [{"contact_id": "ana"}])
    world.rows_of("events", [{"contact_id": "ana", "name": "visit", "at": AT + timedelta(milliseconds=200)}])
    moment = AT + timedelta(milliseconds=500)
    (told,) = world.tick(moment).segments
    assert told.members == 0
    assert world.project.look("late", moment).members == 0
    assert world.project.preview("late", moment).num_rows == 0
    explained = world.project.explain("late", "ana", moment)
    assert (explained.member, explained.as_of) == (False, AT)
    plan = world.project.plan(moment + timedelta(days=1))
    assert plan.as_of == AT + timedelta(days=1)
    world.close()

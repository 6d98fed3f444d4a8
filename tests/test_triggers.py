"""Renamed segments and offers to flows: what is written where, crashes, rebuilds, the command."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from segflow.cli.main import main
from segflow.decisions.retrigger import contacts_of
from segflow.errors import InputError
from tests.test_rebuild import stopped_at
from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
LONDON: dict[str, Any] = {"where": {"attribute": "city", "is": "London"}}
HELLO = [{"id": "hello", "send_sms": {"text": "Hello"}}]
PEOPLE = [
    {"contact_id": name, "city": city, "phone": f"+44207946001{number}"}
    for number, (name, city) in enumerate([("ana", "London"), ("bob", "London"), ("eve", "Rome")])
]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two members, a flow that took in neither, one tick."""
    return World.again(one_tick, tmp_path / "world")


def one_tick(root: Path) -> World:
    root.mkdir()
    world = World(root)
    world.rows_of("contacts", PEOPLE)
    world.segment("londoners", LONDON)
    world.segment("old_people", {"where": {"attribute": "age", "gte": 65}})
    world.flow("hi", {"status": "active", "reentry": "always", "trigger": {"enters": "londoners"}, "steps": HELLO})
    world.flow("bye", {"status": "active", "trigger": {"exits": "londoners"}, "steps": HELLO})
    world.flow("off", {"status": "paused", "trigger": {"enters": "londoners"}, "steps": HELLO})
    world.tick(FIRST)
    return world


def planned(world: World) -> list[str]:
    rows = world.rows("SELECT contact_id, planned_at FROM segflow.outbox ORDER BY ALL")
    return [f"{row['contact_id']} {row['planned_at'].day}" for row in rows]


def rename(world: World) -> None:
    world.segment("londoners", None)
    world.segment("people", {**LONDON, "renamed_from": "londoners"})
    for flow, kind in (("hi", "enters"), ("bye", "exits"), ("off", "enters")):
        status = "paused" if flow == "off" else "active"
        world.flow(flow, {"status": status, "reentry": "always", "trigger": {kind: "people"}, "steps": HELLO})


def test_every_table_shows_the_name_of_now(world: World) -> None:
    rename(world)
    world.tick(FIRST + DAY)
    for table in ("versions", "members", "entries", "sizes", "state"):
        shown = world.rows(f"SELECT DISTINCT segment, segment_key FROM segflow.segment_{table} ORDER BY ALL")
        assert {"segment": "people", "segment_key": "londoners"} in shown, table
        assert "londoners" not in {row["segment"] for row in shown}, table
    assert world.rows("SELECT max(segment_version) AS v FROM segflow.segment_versions") == [{"v": 1}]
    world.check_replay()


def test_enrollments_and_messages_show_the_name_of_now(world: World) -> None:
    world.project.retrigger("hi", contacts=["ana"])
    world.tick(FIRST + DAY)
    rename(world)
    world.project.retrigger("hi", segment="people", contacts=["bob"])
    world.tick(FIRST + 2 * DAY)
    rows = world.rows("SELECT contact_id, trigger_segment AS name FROM segflow.flow_enrollments ORDER BY ALL")
    assert [(row["contact_id"], row["name"]) for row in rows] == [("ana", "people"), ("bob", "people")]
    rows = world.rows("SELECT contact_id, trigger_segment AS name FROM segflow.outbox ORDER BY ALL")
    assert [(row["contact_id"], row["name"]) for row in rows] == [("ana", "londoners"), ("bob", "people")]


def test_a_rebuild_shows_the_name_of_now(world: World) -> None:
    rename(world)
    world.tick(FIRST + DAY)
    before = world.ledgers()
    world.close()
    (world.root / ".segflow/warehouse.duckdb").unlink()
    lost = World.at(world.root)
    lost.project.rebuild()
    assert lost.ledgers() == before
    lost.rows_of("contacts", [one for one in PEOPLE if one["contact_id"] != "bob"])
    for table in ("events", "lists", "tags"):
        lost.rows_of(table, [])
    lost.tick(FIRST + 2 * DAY)
    exits = lost.rows("SELECT segment, segment_key, contact_id, entry_number FROM segflow.segment_exits")
    wanted = {"segment": "people", "segment_key": "londoners", "contact_id": "bob", "entry_number": 1}
    assert exits == [wanted]


@pytest.mark.parametrize("stop", ["cross.before_commit", "cross.committed"])
def test_a_rename_survives_a_crash(world: World, stop: str) -> None:
    rename(world)
    with stopped_at(stop):
        world.tick(FIRST + DAY)
    world.tick(FIRST + DAY)
    assert world.rows("SELECT * FROM segflow.segment_exits") == []
    assert world.rows("SELECT DISTINCT segment FROM segflow.segment_members") == [{"segment": "people"}]
    world.check_replay()


@pytest.mark.parametrize("stop", ["store.book.committed", "advance.before_commit", "advance.committed"])
def test_a_retrigger_is_used_once_whatever_happens(world: World, stop: str) -> None:
    world.project.retrigger("hi", contacts=["ana", "eve"])
    with stopped_at(stop):
        world.tick(FIRST + DAY)
    world.project.reload()
    world.tick(FIRST + DAY)
    world.tick(FIRST + 2 * DAY)
    assert planned(world) == ["ana 2"]
    world.check_replay()


def test_members_are_offered_once_whatever_happens(world: World) -> None:
    flow = {"status": "active", "reentry": "always", "include_members": True}
    world.flow("hi", {**flow, "trigger": {"enters": "londoners"}, "steps": HELLO})
    with stopped_at("advance.before_commit"):
        world.tick(FIRST + DAY)
    world.tick(FIRST + DAY)
    world.close()
    (world.root / ".segflow/warehouse.duckdb").unlink()
    lost = World.at(world.root)
    lost.project.rebuild()
    for table in ("events", "lists", "tags"):
        lost.rows_of(table, [])
    lost.rows_of("contacts", PEOPLE)
    lost.tick(FIRST + 2 * DAY)
    assert planned(lost) == ["ana 2", "bob 2"]


def test_what_was_offered_is_told(world: World) -> None:
    world.project.retrigger("hi", reason="the first one had a wrong link")
    world.project.retrigger("hi", segment="londoners", contacts=["bob", "eve", "bob"], ignore_reentry=True)
    world.tick(FIRST + DAY)
    rows = world.rows("SELECT flow, offer, segment, ignore_reentry, contacts, reason FROM segflow.flow_offers")
    told = {(row["segment"], row["ignore_reentry"], row["contacts"], row["reason"]) for row in rows}
    # bob is offered once, by the one that may do more.
    assert told == {(None, False, 1, "the first one had a wrong link"), ("londoners", True, 2, None)}
    assert planned(world) == ["ana 2", "bob 2"]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown flow": ({"flow": "offf"}, r"unknown flow offf \(did you mean off\?\)"),
    "paused": ({"flow": "off"}, r"flow off is paused.*set status: active in flow_specs/off.yml"),
    "another segment": (
        {"flow": "hi", "segment": "old_people"},
        r"segment old_people does not trigger flow hi; its triggers are: enters londoners",
    ),
    "those outside": ({"flow": "bye"}, r"those who leave \(exits londoners\).*--contacts FILE"),
    "nobody": ({"flow": "hi", "contacts": []}, r"the list is empty"),
}


@pytest.mark.parametrize(("asked", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_retriggered(world: World, asked: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        world.project.retrigger(**asked)
    assert world.project.store.retriggers.waiting("any") == []


def test_contacts_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,contact_id\nx,007\ny,\nz,8\nx,007\n", encoding="utf-8")
    assert contacts_of(tmp_path / "a.csv") == ["007", "8"]
    parquet.write_table(pa.table({"contact_id": [7, 8]}), tmp_path / "a.parquet")
    assert contacts_of(tmp_path / "a.parquet") == ["7", "8"]
    (tmp_path / "b.csv").write_text("contact\n7\n", encoding="utf-8")
    (tmp_path / "c.parquet").write_text("contact\n", encoding="utf-8")
    for name, told in (
        ("b.csv", r"has no column contact_id"),
        ("c.parquet", "cannot read"),
        ("d.csv", "there is no file .*d.csv"),
    ):
        with pytest.raises(InputError, match=told):
            contacts_of(tmp_path / name)


def test_the_command(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    path = world.root / "again.csv"
    path.write_text("contact_id\nbob\neve\n", encoding="utf-8")
    asked = ["flow", "retrigger", "hi", "--contacts", str(path), "--ignore-reentry", "--reason", "again"]
    monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(world.root), "--format", "json", *asked])
    with pytest.raises(SystemExit) as done:
        main()
    told = json.loads(capsys.readouterr().out)["retrigger"]
    assert done.value.code in (None, 0)
    assert (told["flow"], told["contacts"], told["ignore_reentry"], told["reason"]) == ("hi", 2, True, "again")
    world.tick(FIRST + DAY)
    assert planned(world) == ["bob 2"]
    assert len(world.project.store.retriggers.waiting("20260302T000000Z")) == 1
    assert world.project.store.retriggers.waiting("20260303T000000Z") == []

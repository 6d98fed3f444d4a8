"""`segflow plan` says what the next tick does, and writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlglot import parse_one

from segflow.errors import InputError, RunError, WarehouseError
from segflow.outbox.lease import held_lease
from segflow.warehouse.duckdb.rehearsal import Rehearsal, rehearse
from tests.planned import done, planned, stage
from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HELLO = {"status": "active", "trigger": {"enters": "grown"}, "steps": [{"id": "hello", "send_sms": {"text": "Hello"}}]}


def everything(world: World) -> dict[str, Any]:
    """All that a plan might write to: every table and view of the warehouse, and the files beside it."""
    tables = world.rows("SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT temporary")
    names = [f'"{row["schema_name"]}"."{row["table_name"]}"' for row in tables]
    found: dict[str, Any] = {name: sorted(map(repr, world.rows(f"SELECT * FROM {name}"))) for name in names}
    found["views"] = sorted(map(repr, world.rows("SELECT schema_name, view_name, sql FROM duckdb_views()")))
    files = [path for path in world.root.rglob("*") if path.is_file() and "warehouse.duckdb" not in path.name]
    return found | {str(path): path.read_bytes() for path in files if path.suffix not in (".db-shm", ".pyc")}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.rows_of("contacts", [{"contact_id": f"c{n}", "age": n, "city": "Rome"} for n in range(10, 30)])
    world.segment("grown", {"where": {"attribute": "age", "gte": 18}})
    world.segment("romans", "select contact_id from {{ ref('stg_contacts') }} where city = 'Rome'")
    world.flow("hi", HELLO)
    yield world
    world.close()


def test_a_plan_writes_nothing(world: World) -> None:
    world.tick(FIRST, send=True)
    world.rows_of("contacts", [{"contact_id": f"c{n}", "age": n, "city": "Paris"} for n in range(15, 35)])
    world.segment("grown", {"where": {"attribute": "age", "gte": 20}})
    world.segment("parisians", {"where": {"attribute": "city", "is": "Paris"}})
    # Its query fails at run time, and takes the transaction with it.
    world.segment("romans", "select contact_id from {{ ref('stg_contacts') }} where cast(city as integer) = 1")
    world.flow("hi", None)
    before = everything(world)
    plan = world.project.plan(FIRST + DAY)
    assert everything(world) == before
    assert {one.segment: one.change for one in plan.segments} == {
        "grown": "edited",
        "parisians": "new",
        "romans": "none",
    }
    assert {one.flow: one.change for one in plan.flows} == {"hi": "removed"}
    assert planned(plan) == done(world, world.tick(FIRST + DAY))
    # What went is gone: it goes once.
    assert world.project.plan(FIRST + 2 * DAY).flows == []


def test_before_the_first_tick_everybody_is_baseline(world: World) -> None:
    with pytest.raises(InputError, match=r"dbt has not built stg_contacts.*segflow tick --no-send"):
        world.project.plan(FIRST)
    stage(world)
    before = everything(world)
    plan = world.project.plan(FIRST)
    assert everything(world) == before
    assert [dict(one.entries) for one in plan.segments] == [{"baseline": 12}, {"baseline": 20}]
    assert plan.notes == ["No tick has run yet: everybody who enters is part of the baseline."]


def test_nothing_changes_when_the_files_are_what_is_live(world: World) -> None:
    world.tick(FIRST)
    world.rows_of("contacts", [{"contact_id": "c40", "age": 40, "city": "Rome"}])
    world.segment("grown", {"description": "Of age", "where": {"all": [{"attribute": "age", "gte": 18}]}})
    plan = world.project.plan(FIRST + DAY)
    assert not plan.changes
    assert [one.entries for one in plan.segments] == [{"data": 1}, {"data": 1}]


def test_on_change_that_was_there_before_is_told(world: World) -> None:
    world.segment("grown", {"where": {"attribute": "age", "gte": 18}, "on_change": "trigger"})
    world.tick(FIRST)
    assert world.project.plan(FIRST + DAY).warnings == []
    world.segment("grown", {"where": {"attribute": "age", "gte": 15}, "on_change": "trigger"})
    plan = world.project.plan(FIRST + DAY)
    assert plan.warnings == [
        "segment grown: on_change: trigger was in the file before this edit already, so that the 3 contacts that the "
        "edit moves may trigger flows; take it out if this edit should not"
    ]
    assert [one.messages for one in plan.flows] == [{"hello": 3}]


def test_on_change_that_comes_with_the_edit_is_no_surprise(world: World) -> None:
    world.tick(FIRST)
    world.segment("grown", {"where": {"attribute": "age", "gte": 15}, "on_change": "trigger"})
    assert world.project.plan(FIRST + DAY).warnings == []


def test_whose_on_change_counts_is_told(world: World) -> None:
    world.segment("grown", {"where": {"attribute": "age", "gte": 18}})
    world.segment("grown_too", {"where": {"segment": "grown"}, "on_change": "trigger"})
    world.tick(FIRST)
    world.segment("grown", {"where": {"attribute": "age", "gte": 15}})
    plan = world.project.plan(FIRST + DAY)
    assert plan.warnings == [
        "segment grown_too: of the 3 contacts that edits move here, those trigger of whom all causes say so; on_change "
        "counts in grown (suppress)"
    ]
    assert {one.segment: (one.answered_by, one.triggering) for one in plan.segments} == {
        "grown": (("grown",), 0),
        "grown_too": (("grown",), 0),
    } | {one.segment: ((), 0) for one in plan.segments if not one.segment.startswith("grown")}
    world.segment("grown", {"where": {"attribute": "age", "gte": 15}, "on_change": "trigger"})
    assert {one.segment: one.triggering for one in world.project.plan(FIRST + DAY).segments if one.entries} == {
        "grown": 3,
        "grown_too": 3,
    }


def test_a_changed_staging_model_is_told(world: World) -> None:
    world.tick(FIRST)
    path = world.root / "dbt/models/staging/stg_contacts.sql"
    path.write_text("select * replace (age + 5 as age) from raw.contacts", encoding="utf-8")
    world.project.models.forget()
    plan = world.project.plan(FIRST + DAY)
    assert {one.change for one in plan.segments} == {"models"}
    assert [note[:47] for note in plan.notes] == ["Models of your own changed since the last tick "]


def test_lost_contacts_stop_the_tick(world: World) -> None:
    (world.root / "segflow.yml").write_text(
        "name: world\nguards: {contacts_lost: {of_at_least: 10}}\n", encoding="utf-8"
    )
    world.project.reload()
    world.tick(FIRST)
    world.rows_of("contacts", [])
    plan = world.project.plan(FIRST + DAY)
    assert str(plan.stopped).startswith("20 of 20 contacts are missing")
    assert plan.segments == []


class Died(Exception):
    pass


def test_a_tick_that_died_is_told(world: World) -> None:
    def die(_: object, name: str) -> None:
        if name == "advance":
            raise Died

    with pytest.raises(Died):
        world.tick(FIRST, progress=die)
    assert world.project.plan(FIRST + DAY).notes == [
        "Tick 20260301T000000Z died and will be resumed first; this plan goes on from where it stands (cross)."
    ]


def test_a_plan_waits_for_no_tick(world: World) -> None:
    world.tick(FIRST)
    with held_lease(world.project.store.leases, "another"), pytest.raises(RunError, match="a tick is at work: another"):
        world.project.plan(FIRST + DAY)


@pytest.mark.parametrize("days", [-1, 0])
def test_a_plan_lies_after_the_last_tick(world: World, days: int) -> None:
    world.tick(FIRST)
    with pytest.raises(InputError, match="ive a later --as-of"):
        world.project.plan(FIRST + days * DAY)


def test_a_failed_statement_is_not_run_again(world: World) -> None:
    tries = []

    def play(rehearsal: Rehearsal) -> str:
        tries.append(1)
        rehearsal.stage("mine", parse_one("select 1 as x"))
        with pytest.raises(WarehouseError, match="Could not convert"):
            rehearsal.query(parse_one("select cast('a' as integer)"))
        assert isinstance(rehearsal.attempt(parse_one("select nothing")), str)
        return str(rehearsal.scalar(parse_one("select x from temp.mine")))

    with world.project.warehouse() as warehouse:
        assert rehearse(warehouse, play) == "1"  # type: ignore[arg-type]
        assert len(tries) == 2
        assert isinstance(warehouse.attempt(parse_one("select * from temp.mine")), str)

"""Segments with `every:`: what a tick in which they rest does not pay for, and what people are told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from segflow.cli.main import app
from segflow.doctor.examine import examine
from tests.world import World

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)
HOUR_LATER = AT.replace(hour=11)
NEXT_DAY = AT.replace(day=2)
LONDONERS = "{{ ref('contacts') }} where city = 'London'"


def world_of(root: Path, *, real: bool = False) -> World:
    world = World(root, real=real)
    world.rows_of("contacts", [{"contact_id": "ana", "city": "London"}, {"contact_id": "bob", "city": "Paris"}])
    world.rows_of("events", [{"contact_id": "ana", "name": "visit", "at": AT.replace(day=1, month=2)}])
    all_of = [{"attribute": "city", "is": "London"}, {"event": "visit", "count": {"gte": 1}}]
    world.segment("slow", {"where": {"all": all_of}, "every": "1 day"})
    world.segment("query", f"-- every: 1 day\nselect contact_id from {LONDONERS}")
    world.segment("fast", {"where": {"any": [{"segment": "slow"}, {"segment": "query"}]}})
    world.segment("reads", "select contact_id from {{ ref('segment__slow') }}")
    world.segment("above", "select contact_id from {{ ref('segment__fast') }}")
    return world


def sizes(world: World) -> dict[str, int]:
    return {row["segment"]: row["members"] for row in world.rows(
        "SELECT segment, count(*) AS members FROM segflow.segment_members GROUP BY segment"
    )}  # fmt: skip


def built_for(world: World, table: str) -> set[str]:
    """As it is noted, or else as its rows say."""
    noted = world.rows(f"SELECT tick_id FROM segflow.model_builds WHERE model = '{table}'")
    return {row["tick_id"] for row in noted or world.rows(f"SELECT DISTINCT tick_id FROM segflow.{table}")}


@pytest.mark.parametrize("real", [False, True], ids=["models run directly", "models run by dbt"])
def test_a_tick_builds_nothing_that_resting_segments_alone_need(real: bool, tmp_path: Path) -> None:
    world = world_of(tmp_path, real=real)
    first = world.tick(AT).tick_id
    everybody = [{"contact_id": name, "city": "London"} for name in ("ana", "bob")]
    world.rows_of("contacts", everybody)
    world.rows_of(
        "events", [{"contact_id": name, "name": "visit", "at": AT.replace(day=1, month=2)} for name in ("ana", "bob")]
    )
    second = world.tick(HOUR_LATER)
    assert second.errors == []
    assert sizes(world) == dict.fromkeys(("slow", "query", "fast", "reads", "above"), 1)
    assert [built_for(world, name) for name in ("facts__event_visit", "segment__query")] == [{first}, {first}]
    assert [built_for(world, name) for name in ("memberships", "segment__reads")] == [{second.tick_id}] * 2
    # The views that people look at say what the members are, in a tick like this and in the next one.
    for name in ("slow", "fast"):
        assert world.rows(f"SELECT * FROM segflow.segment__{name}") == [{"contact_id": "ana"}]
    third = world.tick(NEXT_DAY)
    assert sizes(world) == dict.fromkeys(("slow", "query", "fast", "reads", "above"), 2)
    assert built_for(world, "facts__event_visit") == {third.tick_id}
    assert len(world.rows("SELECT * FROM segflow.segment__slow")) == 2
    # A view that dbt has made once is made again when it says something else.
    world.rows_of("contacts", everybody[:1])
    assert world.tick(NEXT_DAY.replace(hour=11)).errors == []
    assert sizes(world) == dict.fromkeys(("slow", "query", "fast", "reads", "above"), 1)
    world.rows_of("contacts", everybody)
    assert world.tick(NEXT_DAY.replace(day=3)).errors == []
    assert sizes(world) == dict.fromkeys(("slow", "query", "fast", "reads", "above"), 2)
    world.close()


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = world_of(tmp_path)
    world.tick(AT)
    world.tick(HOUR_LATER)
    return world


def test_a_model_of_the_users_that_only_a_resting_segment_reads_is_left_alone(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    world.segment("reads_slowly", "-- every: 1 day\nselect contact_id from {{ ref('costly') }}")
    costly = tmp_path / "dbt/models/staging/costly.sql"
    costly.write_text("{{ config(materialized='table') }}\nselect contact_id from raw.contacts\n", encoding="utf-8")
    world.project.reload()
    world.tick(AT)
    world.rows_of("contacts", [{"contact_id": "ana", "city": "London"}])
    world.tick(HOUR_LATER)
    assert len(world.rows("SELECT * FROM staging.costly")) == 2
    world.tick(NEXT_DAY)
    assert len(world.rows("SELECT * FROM staging.costly")) == 1


def test_the_plan_says_when_it_is_compared(world: World) -> None:
    plan = world.project.plan(AT.replace(hour=12))
    assert plan.notes[0] == (
        "Not due at this tick, so that their members stay: "
        "query: it is compared every 1 day, next from 2026-03-02 00:00 UTC on; "
        "slow: it is compared every 1 day, next from 2026-03-02 00:00 UTC on."
    )
    assert all(one.quiet for one in plan.segments)


def test_preview_looks_at_now(world: World) -> None:
    world.rows_of("contacts", [{"contact_id": name, "city": "London"} for name in ("ana", "bob")])
    world.tick(AT.replace(hour=12))
    assert world.project.preview("query", AT.replace(hour=13)).num_rows == 2
    assert sizes(world)["query"] == 1


def test_the_listing_says_since_and_until_when(world: World) -> None:
    _, found = world.project.segments()
    told = {one.segment: (one.status, one.every, one.last_tick, one.due) for one in found}
    assert told["slow"] == ("resting", "1 day", "20260301T100000Z", datetime(2026, 3, 2, tzinfo=UTC))
    assert told["fast"] == ("ok", None, "20260301T110000Z", None)
    world.close()
    told_by_cli = CliRunner().invoke(app, ["--project-dir", str(world.root), "segments"], env={"COLUMNS": "140"})
    assert "2026-03-02 00:00" in told_by_cli.output
    assert "is resting" not in told_by_cli.output


def test_doctor_finds_nothing_old(world: World) -> None:
    world.close()
    [found] = [one for one in examine(world.root) if one.check == "generations"]
    assert found.findings == []


def test_exports_are_of_the_members(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    world.tick(AT)
    report = world.tick(HOUR_LATER)
    assert {one.segment: (one.rows, one.stale) for one in report.exports}["slow"] == (1, None)
    assert not list(tmp_path.glob("exports/*/slow.stale.txt"))


def test_a_rebuilt_warehouse_lets_them_rest_as_before(world: World) -> None:
    before = world.ledgers()
    world.close()
    (world.root / ".segflow/warehouse.duckdb").unlink()
    world.project.reload()
    world.project.rebuild()
    for table in ("contacts", "events", "lists", "tags"):
        world.rows_of(table, [])
    world.rows_of("contacts", [{"contact_id": "ana", "city": "London"}, {"contact_id": "bob", "city": "London"}])
    assert world.ledgers()["segment_members"] == before["segment_members"]
    report = world.tick(AT.replace(hour=13))
    assert report.errors == []
    assert {one.segment for one in report.segments if one.status == "resting"} == {"slow", "query"}
    assert sizes(world)["fast"] == 1

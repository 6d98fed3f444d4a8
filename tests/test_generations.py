"""Whoever reads a table that was built for an older tick is refused: a killed build leaves tables of mixed age."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from segflow.errors import StaleGenerationError
from segflow.outbox.lease import held_lease
from segflow.stages.order import stage_named
from segflow.stages.tick import begin, run_stage
from tests.world import World

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, settings={"exports": {"columns": ["contact_id", "city"]}})
    world.rows_of("contacts", [{"contact_id": "ana", "city": "London", "email": "ana@example.com"}])
    world.rows_of("events", [{"contact_id": "ana", "name": "visit", "at": AT - timedelta(days=9)}])
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}, "on_create": "trigger"})
    world.segment("asked", "select contact_id from {{ ref('contacts') }} where city = 'London'")
    where = {"event": "visit", "count": {"gte": 1}}
    steps = [{"id": "hello", "send_email": {"subject": "Hi", "text": "Hello"}}]
    trigger = {"enters": "londoners"}
    world.flow("hi", {"status": "active", "trigger": trigger, "where": where, "steps": steps})
    return world


@pytest.mark.parametrize(
    ("stage", "model"),
    [
        ("cross", "contacts"),
        ("cross", "membership_masks"),
        ("cross", "segment__asked"),
        ("advance", "contacts"),
        ("advance", "facts__event_visit"),
        ("send", "contacts"),
        ("export", "contacts"),
    ],
)
def test_a_stage_refuses_what_was_built_for_an_older_tick(stage: str, model: str, world: World) -> None:
    with held_lease(world.project.store.leases, world.project.holder) as lease:
        run = begin(world.project, AT, lease)
        for name in ("ingest", "build", "cross", "advance", "send", "export"):
            if name == stage:
                break
            run_stage(run, stage_named(name))
        before, sent = world.ledgers(), world.mailbox()
        _date(world, model, "20260101T000000Z")
        with pytest.raises(StaleGenerationError, match=rf"segflow\.{model} was built for tick 20260101T000000Z.*tick"):
            run_stage(run, stage_named(stage))
        assert world.ledgers() == before
        assert world.mailbox() == sent
        _date(world, model, run.row.tick_id)
        run_stage(run, stage_named(stage))


def _date(world: World, model: str, tick_id: str) -> None:
    """Let a table, and what is noted of it, be of another tick."""
    world.run(f"UPDATE segflow.{model} SET tick_id = '{tick_id}'")
    world.run(f"UPDATE segflow.model_builds SET tick_id = '{tick_id}' WHERE model = '{model}'")


def _export(world: World) -> int:
    return world.project.export("londoners", world.root / "x.csv", columns=["city"]).rows


@pytest.mark.parametrize(
    ("tick_id", "read", "works"),
    [
        ("20260101T000000Z", _export, False),
        ("20260401T000000Z", _export, True),
        ("20260101T000000Z", lambda world: world.project.members("londoners").num_rows, True),
    ],
    ids=["export of older contacts", "export of contacts that the next tick built", "members read no contacts"],
)
def test_a_reader_between_ticks(tick_id: str, read: Callable[[World], int], works: bool, world: World) -> None:
    world.tick(AT)
    _date(world, "contacts", tick_id)
    if works:
        assert read(world) == 1
    else:
        with pytest.raises(StaleGenerationError, match=r"segflow\.contacts was built for tick 20260101T000000Z"):
            read(world)


def test_a_table_that_is_not_there_is_named(world: World) -> None:
    world.tick(AT)
    world.run("DROP TABLE segflow.contacts")
    with pytest.raises(StaleGenerationError, match=r"segflow\.contacts was never built; run `segflow tick`"):
        _export(world)

"""A first tick that failed is taken back only where nothing is lost with it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from segflow.errors import RunError
from segflow.ticks import record
from tests.test_resume import FIRST, contacts, made
from tests.world import World


def places(world: World) -> list[tuple[str, str]]:
    rows = world.rows("select status, coalesce(stage, 'begun') as stage from segflow.ticks order by tick_id")
    return [(row["status"], row["stage"]) for row in rows]


def test_what_was_taken_in_stays_with_its_tick(tmp_path: Path) -> None:
    (tmp_path / "world").mkdir()
    world = World(tmp_path / "world")
    world.segment("all", {"where": {"everyone": True}})
    world.missing.add("contacts.created_at")
    world.rows_of("contacts", contacts(in_london=0))
    with pytest.raises(RunError, match="has no column created_at"):
        world.tick(FIRST)
    assert (places(world), record.read(world.project.store)) == ([], None)
    (tmp_path / "people.csv").write_text("contact_id,city\nc1,Rome\n")
    world.project.import_contacts(tmp_path / "people.csv", trigger_flows=False)
    with pytest.raises(RunError, match="has no column created_at"):
        world.tick(FIRST + timedelta(days=1))
    assert places(world) == [("running", "begun")]
    world.missing.clear()
    world.rows_of("contacts", contacts(in_london=0))
    report = world.tick(FIRST + timedelta(days=2))
    assert (report.resumed, report.errors) == (True, [])
    assert places(world) == [("done", "export")] * 2
    assert [row["tick_id"] for row in world.rows("select tick_id from segflow.imports")] == [
        f"{FIRST + timedelta(days=1):%Y%m%dT%H%M%SZ}"
    ]
    world.check_replay()


def test_a_tick_that_forgot_the_one_before_it_is_not_the_first(tmp_path: Path) -> None:
    """A version before did not keep it."""
    world = made(tmp_path / "world")
    at = FIRST + timedelta(days=2)

    def stop(_: object, stage: str) -> None:
        if stage == "build":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.tick(at, progress=stop)
    world.run("update segflow.ticks set previous_tick = null where status = 'running'")
    world.missing.add("contacts.created_at")
    world.rows_of("contacts", contacts(in_london=40))
    with pytest.raises(RunError, match="has no column created_at"):
        world.tick(at)
    assert len(places(world)) == 3

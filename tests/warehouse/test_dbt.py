"""dbt on a manifest that is kept: the second run does what the first one did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.world import World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A project whose contacts stand on an ephemeral model, and whose events are in a folder named like a view."""
    world = World(tmp_path, real=True)
    models = world.root / "dbt/models/staging"
    base = "{{ config(materialized='ephemeral') }}\nselect * from raw.contacts\n"
    (models / "base_contacts.sql").write_text(base, encoding="utf-8")
    contacts = "{{ config(materialized='table') }}\nselect * from {{ ref('base_contacts') }}\n"
    (models / "stg_contacts.sql").write_text(contacts, encoding="utf-8")
    # The view is built once per process and left out of later runs.
    (models / "stg_lists").mkdir()
    events = "{{ config(materialized='table') }}\nselect * from raw.events\n"
    (models / "stg_lists/stg_events.sql").write_text(events, encoding="utf-8")
    (models / "stg_events.sql").unlink()
    world.segment("listed", {"where": {"list": "news"}})
    world.segment("visitors", {"where": {"event": "visit"}})
    return world


def test_later_ticks_of_a_process_see_what_the_first_one_saw(world: World) -> None:
    ana = {"contact_id": "ana", "created_at": FIRST - timedelta(days=9)}
    world.rows_of("contacts", [ana])
    world.rows_of("lists", [{"contact_id": "ana", "name": "news"}])
    sizes = []
    for day, name in enumerate(("ana", "bob", "cleo")):
        at = FIRST + timedelta(days=day)
        world.rows_of("contacts", [ana | {"contact_id": known} for known in ("ana", "bob", "cleo")[: day + 1]])
        visits = [{"contact_id": name, "name": "visit", "at": at, "properties": "{}"}] if day else []
        world.rows_of("events", visits)
        report = world.tick(at)
        assert report.errors == []
        sizes.append((report.contacts, {one.segment: one.members for one in report.segments}))
    assert sizes == [
        (1, {"listed": 1, "visitors": 0}),
        (2, {"listed": 1, "visitors": 1}),
        (3, {"listed": 1, "visitors": 1}),
    ]

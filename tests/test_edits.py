"""Edits beside the condition: the catalog's mapping, the user's models, the segments that a rule refers to."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.world import CATALOG, World

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
PEOPLE = [
    {"contact_id": "ana", "city": "London", "email": "Rome"},
    {"contact_id": "bob", "city": "Rome", "email": "London"},
]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World.again(one_tick, tmp_path / "world")
    yield world
    world.close()


def one_tick(root: Path) -> World:
    root.mkdir()
    world = World(root)
    world.rows_of("contacts", PEOPLE)
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}})
    world.segment("grown", {"where": {"attribute": "age", "gte": 18}})
    world.tick(FIRST)
    return world


def second(world: World) -> tuple[list[str], dict[str, int]]:
    """The crossings of a second tick, and the version of each segment after it."""
    tick = world.tick(FIRST + timedelta(days=1)).tick_id
    found = [
        f"{row['contact_id']} {kind} {row['segment']} {row['cause']}{' triggers' if row['triggers'] else ''}"
        for kind, ledger in (("enters", "segment_entries"), ("exits", "segment_exits"))
        for row in world.rows(f"SELECT * FROM segflow.{ledger} WHERE tick_id = '{tick}'")
    ]
    versions = world.rows("SELECT segment, segment_version FROM segflow.segment_state")
    return sorted(found), {row["segment"]: row["segment_version"] for row in versions}


def remap(world: World, **attributes: Any) -> None:
    catalog = deepcopy(CATALOG)
    catalog["contacts"]["attributes"] |= attributes
    (world.root / "segment_specs/catalog.yml").write_text(yaml.safe_dump(catalog), encoding="utf-8")
    world.project.reload()


def test_another_mapping_of_an_attribute_is_an_edit_of_those_that_read_it(world: World) -> None:
    remap(world, city={"type": "text", "column": "email"})
    crossings, versions = second(world)
    assert crossings == ["ana exits londoners definition", "bob enters londoners definition"]
    assert versions == {"londoners": 2, "grown": 1}


def test_who_would_have_moved_under_the_old_mapping_moves_by_data(world: World) -> None:
    remap(world, city={"type": "text", "column": "email"})
    # Under both mappings ana leaves now; bob comes by the new one only.
    world.rows_of("contacts", [{**PEOPLE[0], "city": "Paris"}, PEOPLE[1]])
    assert second(world)[0] == ["ana exits londoners data triggers", "bob enters londoners definition"]


def test_a_mapping_whose_column_is_gone_is_an_old_rule_that_cannot_run(world: World) -> None:
    remap(world, city={"type": "text", "column": "email"})
    world.missing = {"contacts.city"}
    world.rows_of("contacts", PEOPLE)
    assert second(world)[0] == ["ana exits londoners definition", "bob enters londoners definition"]


def test_words_about_an_attribute_are_no_edit(world: World) -> None:
    remap(world, city={"type": "text", "column": "city", "description": "Where they live"})
    assert second(world) == ([], {"londoners": 1, "grown": 1})


def test_a_changed_staging_model_is_a_version_and_moves_by_data(world: World) -> None:
    path = world.root / "dbt/models/staging/stg_contacts.sql"
    path.write_text("select * replace ('London' as city) from raw.contacts", encoding="utf-8")
    world.project.models.forget()
    crossings, versions = second(world)
    assert crossings == ["bob enters londoners data triggers"]
    assert versions == {"londoners": 2, "grown": 2}
    # The same models again: no further version.
    world.tick(FIRST + timedelta(days=2))
    assert world.rows("SELECT DISTINCT segment_version FROM segflow.segment_state") == [{"segment_version": 2}]


def test_versions_of_an_earlier_segflow_are_no_edit(world: World) -> None:
    world.run("UPDATE segflow.segment_versions SET contacts = NULL, models = NULL")
    assert second(world) == ([], {"londoners": 1, "grown": 1})

"""The bits of memberships: more segments than a word has, some left out, and what reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from segflow.segments.membership_masks import WORD, places_of, words_of
from tests.world import World

START, DAY = datetime(2026, 3, 1, 6, tzinfo=UTC), timedelta(days=1)
MANY = 2 * WORD + 5
AGES = {"child": 0, "last of the first word": WORD - 1, "first of the second": WORD, "last": MANY - 1, "nobody": -1}


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, 1), (1, 1), (WORD, 1), (WORD + 1, 2), (MANY, 3)],
    ids=["none", "one", "a full word", "one more", "many"],
)
def test_each_segment_has_a_bit_of_its_own(count: int, words: int) -> None:
    places = places_of([f"s{number:03}" for number in range(count)])
    assert words_of(places) == words
    assert len(set(places.values())) == count
    assert all(0 < bit < 2**62 and bit.bit_count() == 1 for _, bit in places.values())


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, settings={"guards": {"exits": "off", "entries": "off"}})
    for number in range(MANY):
        world.segment(f"s{number:03}", {"where": {"attribute": "age", "is": number}, "on_create": "trigger"})
    people(world, AGES)
    return world


def people(world: World, ages: dict[str, int]) -> None:
    world.rows_of("contacts", [{"contact_id": name, "age": age} for name, age in ages.items()])


def members(world: World, table: str) -> set[tuple[str, str]]:
    return {
        (row["segment"], row["contact_id"]) for row in world.rows(f"SELECT segment, contact_id FROM segflow.{table}")
    }


def of(ages: dict[str, int]) -> set[tuple[str, str]]:
    return {(f"s{age:03}", name) for name, age in ages.items() if age >= 0}


def test_who_moves_over_the_borders_of_words(world: World) -> None:
    world.tick(START)
    assert members(world, "memberships") == members(world, "segment_members") == of(AGES)
    swapped = {"child": MANY - 1, "last of the first word": WORD, "first of the second": WORD - 1, "nobody": 2 * WORD}
    people(world, swapped)
    tick = world.tick(START + DAY)
    assert members(world, "memberships") == members(world, "segment_members") == of(swapped)
    moved = f"WHERE tick_id = '{tick.tick_id}'"
    assert members(world, f"segment_entries {moved}") == of(swapped) - of(AGES)
    assert members(world, f"segment_exits {moved}") == of(AGES) - of(swapped)


def test_places_move_with_the_names_and_nobody_crosses(world: World) -> None:
    world.tick(START)
    # Before all others: each bit is another one than in the tick before.
    world.segment("a_first", {"where": {"attribute": "age", "is": -5}})
    world.segment("s001", None)
    tick = world.tick(START + DAY)
    assert members(world, "segment_members") == of(AGES)
    assert not members(world, f"segment_entries WHERE tick_id = '{tick.tick_id}'")
    assert not members(world, f"segment_exits WHERE tick_id = '{tick.tick_id}'")


def test_those_that_rest_keep_their_members_and_their_bits_are_not_set(world: World) -> None:
    for number in (WORD - 1, WORD):
        rule = {"where": {"attribute": "age", "is": number}, "on_create": "trigger", "every": "1 week"}
        world.segment(f"s{number:03}", rule)
    monday = START + DAY
    world.tick(monday)
    people(world, AGES | {"last of the first word": WORD, "last": 0})
    world.tick(monday + DAY)
    resting = {(f"s{WORD - 1:03}", "last of the first word"), (f"s{WORD:03}", "first of the second")}
    assert members(world, "segment_members") == {("s000", "child"), ("s000", "last")} | resting
    assert members(world, "memberships") == {("s000", "child"), ("s000", "last")}


def test_a_project_without_yaml_segments_has_the_view_too(tmp_path: Path) -> None:
    world = World(tmp_path)
    people(world, AGES)
    world.tick(START)
    assert members(world, "memberships") == set()


def test_the_table_of_earlier_builds_gives_way_to_the_view(world: World) -> None:
    world.run("CREATE SCHEMA IF NOT EXISTS segflow")
    world.run("CREATE TABLE segflow.memberships (segment VARCHAR, contact_id VARCHAR, tick_id VARCHAR)")
    world.tick(START)
    assert members(world, "memberships") == of(AGES)

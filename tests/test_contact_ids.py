"""Ids of contacts that are written another way than before: the same people, who must not be welcomed again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from segflow.errors import RunError
from segflow.stages.build import ContactsLostError
from tests.world import World

START, DAY = datetime(2026, 3, 1, 6, tzinfo=UTC), timedelta(days=1)
IDS = ["1001", "1002", "1003", "20-aB"]


def people(world: World, ids: list[str]) -> None:
    world.rows_of("contacts", [{"contact_id": one, "city": "London"} for one in ids])


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.again(one_tick, tmp_path / "world")


def one_tick(root: Path) -> World:
    root.mkdir()
    world = World(root, settings={"guards": {"contacts_lost": "off"}})
    people(world, IDS)
    world.segment("londoners", {"where": {"attribute": "city", "is": "London"}, "on_create": "trigger"})
    hello = [{"id": "hello", "webhook": {"url": "https://example.com/hello"}}]
    world.flow("welcome", {"status": "active", "trigger": {"enters": "londoners"}, "reentry": "always", "steps": hello})
    world.tick(START)
    return world


@pytest.mark.parametrize(
    "ids",
    [
        pytest.param(["1001.0", "1002.0", "1003.0", "20-aB"], id="numbers that became doubles"),
        pytest.param(["001001", "001002", "001003", "20-aB"], id="leading zeros"),
        pytest.param(["1,001", "1,002", "1,003", "20-aB"], id="thousands"),
        pytest.param(["1.001e3", "1.002e3", "1.003E+3", "20-aB"], id="exponents"),
        pytest.param([" 1001", "1002 ", "\t1003", "20-aB"], id="blanks"),
        pytest.param(["1001", "1002", "1003", "20AB"], id="one id in another case"),
        pytest.param(["1001.0", "1002.0", "1003.0", "20ab", "5001"], id="all of them, and a new contact"),
    ],
)
def test_ids_in_another_writing_stop_the_tick(world: World, ids: list[str]) -> None:
    before = world.ledgers()
    people(world, ids)
    with pytest.raises(ContactsLostError, match=r"ids are written another way than in the tick before: \S+ is .+ now"):
        world.tick(START + DAY)
    after = world.ledgers()
    assert [table for table in before if before[table] != after[table]] == ["ticks"]
    people(world, IDS)
    report = world.tick(START + DAY)
    assert (report.resumed, report.errors) == (True, [])
    assert world.rows("SELECT * FROM segflow.segment_exits") == []


@pytest.mark.parametrize(
    "ids",
    [
        pytest.param(["1001", "1002", "1003"], id="one is gone"),
        pytest.param(["1001", "1002", "1003", "30"], id="one is gone and another came"),
        pytest.param(["1001", "1002", "1003", "20-aB", "020ab"], id="one that is like another came"),
    ],
)
def test_other_contacts_do_not(world: World, ids: list[str]) -> None:
    people(world, ids)
    assert world.tick(START + DAY).errors == []


def test_a_release_says_that_they_are_others(world: World) -> None:
    people(world, ["1001", "1002", "1003", "20ab"])
    with pytest.raises(ContactsLostError, match="segflow release --contacts"):
        world.tick(START + DAY)
    world.project.release(contacts=True)
    assert world.tick(START + DAY).errors == []
    assert world.rows("SELECT contact_id, cause FROM segflow.segment_exits") == [
        {"contact_id": "20-aB", "cause": "gone"}
    ]


@pytest.mark.parametrize("kind", ["DOUBLE", "FLOAT"])
def test_ids_that_are_doubles_are_refused(world: World, kind: str) -> None:
    people(world, IDS[:3])
    world.run(f"ALTER TABLE raw.contacts ALTER contact_id TYPE {kind}")
    with pytest.raises(RunError, match=rf"contact_id of model stg_contacts .* holds ids as {kind}: .* to BIGINT"):
        world.tick(START + DAY)

"""What a model of the user's tells of messages: the catalog names it in place of calls of providers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from segflow.crashpoints import watched
from segflow.errors import RunError
from tests.serve.shop import PEOPLE, START, messages, shop, suppressed, told
from tests.world import CATALOG, World

SOURCE: dict[str, Any] = {
    "model": "stg_told",
    "message_id": "our_id",
    "provider_id": "their_id",
    "at": "at",
    "hard": "hard",
    "kinds": {"opened": "Open", "bounced": ["HardBounce", "SoftBounce"], "complained": "SpamComplaint",
              "unsubscribed": "Unsubscribe", "subscribed": "Resubscribe", "delivered": "Delivery"},
}  # fmt: skip
COLUMNS = 'our_id VARCHAR, their_id VARCHAR, kind VARCHAR, "at" TIMESTAMP, id VARCHAR, hard BOOLEAN'


def name_model(world: World, source: Mapping[str, Any]) -> None:
    """The catalog names it from now on."""
    catalog = yaml.safe_dump({**CATALOG, "message_events": dict(source)}, sort_keys=False)
    (world.root / "segment_specs/catalog.yml").write_text(catalog, encoding="utf-8")
    world.project.reload()


def told_shop(root: Path, source: Mapping[str, Any] | None = SOURCE) -> World:
    """Four contacts have their message; nothing was told yet."""
    world = shop(root)
    (root / "dbt/models/staging/stg_told.sql").write_text("select * from raw.told\n", encoding="utf-8")
    world.run(f"CREATE TABLE raw.told ({COLUMNS})")
    if source is not None:
        name_model(world, source)
    world.segment("openers", {"where": {"message": "opened", "flow": "welcome"}})
    assert world.tick(START, send=True).sent.total("sent") == 4
    return world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.again(told_shop, tmp_path / "world")
    yield made
    made.close()


def add(world: World, *rows: tuple[str | None, str | None, str, float], hard: bool | None = None, **more: str) -> None:
    """Rows of (our id, their id, kind, minutes after the first tick)."""
    for ours, theirs, kind, minutes in rows:
        values = (ours, theirs, kind, (START + timedelta(minutes=minutes)).replace(tzinfo=None), more.get("id"), hard)
        text = ", ".join("NULL" if one is None else f"'{one}'" for one in values)
        world.run(f"INSERT INTO raw.told VALUES ({text})")


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def members(world: World) -> set[str]:
    rows = world.rows("SELECT contact_id FROM segflow.segment_members WHERE segment = 'openers'")
    return {row["contact_id"] for row in rows}


def test_rows_become_message_events_once(world: World) -> None:
    ids = messages(world)
    add(
        world,
        (ids["ana"], None, "Open", 1),
        (ids["ana"], None, "Open", 1),
        (None, f"p-{ids['ben']}", "Open", 2),
        (ids["cleo"], None, "Open", 30),
        ("of another system", "theirs", "Open", 1),
        (ids["dan"], None, "Sent", 1),
    )
    plan = world.project.plan(after(10))
    report = world.tick(after(10))
    assert (report.answers.new, report.answers.unmatched, report.warnings) == (2, 0, [])
    assert told(world) == [("ana", "opened"), ("ben", "opened")]
    assert members(world) == {"ana", "ben"}
    assert [dict(one.entries) for one in plan.segments if one.segment == "openers"] == [{"data": 2}]
    assert world.tick(after(20)).answers.new == 0
    # What lies ahead of the tick is seen when it is there; what comes late is taken, too.
    add(world, (ids["dan"], None, "Open", 3))
    assert world.tick(after(40)).answers.new == 2
    assert members(world) == set(PEOPLE)
    world.check_replay()


@pytest.mark.parametrize(
    ("rows", "hard", "expected"),
    [
        pytest.param([("HardBounce", 1)], True, "bounced", id="a hard bounce"),
        pytest.param([("SoftBounce", 1)], False, None, id="a soft bounce"),
        pytest.param([("SoftBounce", 1)], None, None, id="a bounce of which nothing is said"),
        pytest.param([("SpamComplaint", 1)], None, "complained", id="a complaint"),
        pytest.param([("Unsubscribe", 1)], None, "unsubscribed", id="an unsubscribe"),
        pytest.param([("Unsubscribe", 1), ("Resubscribe", 2)], None, None, id="taken back"),
        pytest.param([("Unsubscribe", 2), ("Resubscribe", 1)], None, "unsubscribed", id="the later word counts"),
        pytest.param([("Open", 1), ("Delivery", 1)], True, None, id="no reason to"),
    ],
)
def test_suppressions_follow(
    world: World, rows: list[tuple[str, float]], hard: bool | None, expected: str | None
) -> None:
    ana = messages(world)["ana"]
    add(world, *((ana, None, kind, minutes) for kind, minutes in rows), hard=hard)
    world.tick(after(10))
    assert suppressed(world) == ({"email:ana@shop.example": expected} if expected else {})
    assert len(told(world)) == len(rows)


def test_without_a_column_for_it_each_bounce_is_hard(tmp_path: Path) -> None:
    world = told_shop(tmp_path / "world", {name: SOURCE[name] for name in ("model", "message_id", "at", "kinds")})
    add(world, (messages(world)["ana"], None, "SoftBounce", 1), hard=False)
    world.tick(after(10))
    assert suppressed(world) == {"email:ana@shop.example": "bounced"}
    world.close()


def test_an_id_tells_two_events_of_one_moment_apart(tmp_path: Path) -> None:
    world = told_shop(tmp_path / "world", {**SOURCE, "id": "id", "kinds": {}})
    ana = messages(world)["ana"]
    for number in ("1", "2", "2"):
        add(world, (ana, None, "opened", 1), id=number)
    world.tick(after(10))
    assert told(world) == [("ana", "opened")] * 2
    add(world, (ana, None, "opened", 1), id="3")
    assert world.tick(after(20)).answers.new == 1
    world.close()


def test_rows_older_than_late_by_are_not_looked_for_again(tmp_path: Path) -> None:
    """The first reading takes all; later ones look back by `late_by`."""
    world = told_shop(tmp_path / "world", None)
    ids = messages(world)
    add(world, (ids["ana"], None, "Open", 1))
    world.tick(after(8))
    name_model(world, {**SOURCE, "late_by": "5 minutes"})
    world.tick(after(10))
    add(world, (ids["ben"], None, "Open", 4), (ids["cleo"], None, "Open", 6))
    world.tick(after(20))
    assert members(world) == {"ana", "cleo"}
    world.close()


def test_kinds_that_nobody_knows_are_told(world: World) -> None:
    add(world, (messages(world)["ana"], None, "Opened by a person", 1))
    [warning] = world.tick(after(10)).warnings
    assert "no row of model stg_told has a kind that segflow knows: column kind holds Opened by a person" in warning


class Killed(BaseException):
    """Stands for SIGKILL: nothing in segflow catches it."""


PLACES = ("store.provider_events", "store.adopt_message_events", "ingest", "store.mark")


def test_a_tick_that_is_killed_takes_them_once(tmp_path: Path) -> None:
    """At each place where it may die between reading the model and saying that it has read it."""
    for number in count():
        world = World.again(told_shop, tmp_path / str(number))
        ids = messages(world)
        add(world, (ids["ana"], None, "Unsubscribe", 1), (ids["ben"], None, "Open", 1))
        passed = count()

        def die(place: str, passed: Iterator[int] = passed, number: int = number) -> None:
            if place.startswith(PLACES) and next(passed) == number:
                raise Killed

        try:
            with watched(die):
                world.tick(after(10))
            ended = True
        except Killed:
            ended = False
            world.tick(after(10))
        assert told(world) == [("ana", "unsubscribed"), ("ben", "opened")], number
        assert suppressed(world) == {"email:ana@shop.example": "unsubscribed"}, number
        assert world.tick(after(20)).answers.new == 0
        world.close()
        if ended:
            assert number > 6
            return


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param("ALTER TABLE raw.told DROP COLUMN kind", "has no column kind", id="a column is gone"),
        pytest.param("DROP TABLE raw.told", "stg_told", id="the model cannot be read"),
        pytest.param("ALTER TABLE raw.told ALTER \"at\" TYPE VARCHAR USING 'yesterday'", "column at", id="no times"),
    ],
)
def test_what_cannot_be_read_stops_the_tick(world: World, change: str, expected: str) -> None:
    """Who unsubscribed would be written to, and who opened would count as one who did not."""
    add(world, (messages(world)["ana"], None, "Unsubscribe", 1))
    world.run(change)
    with pytest.raises(RunError, match="message events") as caught:
        world.tick(after(10))
    assert expected in str(caught.value)
    world.run(f"CREATE OR REPLACE TABLE raw.told ({COLUMNS})")
    add(world, (messages(world)["ana"], None, "Unsubscribe", 1))
    assert world.tick(after(10)).answers.suppressed == 1

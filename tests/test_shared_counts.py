"""Facts about several events of one model: its rows are counted once in a build, and what has changed of them is found
for each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dbt.adapters.sql import SQLConnectionManager

from segflow.models.build import build_contacts
from segflow.models.build_plans import build_plans
from segflow.warehouse.tick import Tick
from tests.facts_world import FactsWorld

FIRST, DAY = datetime(2026, 1, 14, tzinfo=UTC), timedelta(days=1)
PURCHASES, VISITS = "facts__event_purchase", "facts__event_visit"
LATE = "2026-01-13 23:00"
"""Before what the first tick has seen."""


def world_of(root: Path, *, real: bool) -> FactsWorld:
    world = FactsWorld(root, real=real)
    for name in ("purchase", "visit"):
        world.segment(name, {"where": {"event": name, "within_last": "3 days", "count": {"gte": 1}}})
        buy(world, "ana", name, "2026-01-14 00:00")
    return world


def buy(world: FactsWorld, who: str, name: str, arrived: str | None) -> None:
    world.add("events", contact_id=who, name=name, at="2026-01-13 12:00", properties="{}", arrived_at=arrived)


def counts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements of dbt's from now on that count the rows of a model of the user's."""
    found: list[str] = []
    add_query = SQLConnectionManager.add_query

    def seen(self: Any, sql: str, *args: Any, **kwargs: Any) -> Any:
        if " AS loaded" in sql:
            found.append(sql)
        return add_query(self, sql, *args, **kwargs)

    monkeypatch.setattr(SQLConnectionManager, "add_query", seen)
    return found


def right(world: FactsWorld) -> None:
    """Tables and notes are those of all rows."""
    for model in (PURCHASES, VISITS):
        assert world.facts(model) == world.facts_in_full(model), model
    noted = "SELECT until, row_count, nulls FROM segflow.fact_arrivals ORDER BY model"
    rows = world.rows("SELECT max(arrived_at) AS until, count(*) AS row_count, 0 AS nulls FROM raw.events")
    assert world.rows(noted) == rows * 2


def test_rows_are_counted_once_in_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, found = world_of(tmp_path, real=True), counts(monkeypatch)
    for number, (why, looked) in enumerate((("first build", 1), ("", 1), ("rows came out of order", 2), ("", 1))):
        if number:
            arrived = LATE if looked == 2 else f"2026-01-{13 + number} 12:00"
            buy(world, "bo", "purchase", arrived)
            buy(world, "cy", "visit", arrived)
        assert world.tick(FIRST + number * DAY).facts == {PURCHASES: why, VISITS: why}
        assert len(found) == looked, found
        found.clear()
        right(world)
    world.close()


CHANGES: dict[str, tuple[list[tuple[str, str | None]], str]] = {
    "nothing": ([], ""),
    "one of them is new": ([("visit", "2026-01-14 12:00")], ""),
    "one of them is late": ([("visit", LATE)], "rows came out of order"),
    "a third event of theirs is late": ([("signup", LATE)], "rows came out of order"),
    "one has no time": ([("purchase", None)], "rows without arrived_at"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changed_is_found_for_each(tmp_path: Path, name: str) -> None:
    came, why = CHANGES[name]
    world = world_of(tmp_path, real=False)
    world.tick(FIRST)
    for event, arrived in came:
        buy(world, "bo", event, arrived)
    assert world.tick(FIRST + DAY).facts == {PURCHASES: why, VISITS: why}
    for model in (PURCHASES, VISITS):
        assert world.facts(model) == world.facts_in_full(model), model
    world.close()


def test_one_that_was_made_of_other_rows_counts_for_itself(tmp_path: Path) -> None:
    """A model that could not be built for a tick knows fewer rows than the other."""
    world = world_of(tmp_path, real=False)
    world.tick(FIRST)
    world.run(f"UPDATE segflow.fact_arrivals SET row_count = row_count - 1 WHERE model = '{VISITS}'")
    assert world.tick(FIRST + DAY).facts == {PURCHASES: "", VISITS: "rows came out of order"}
    assert world.tick(FIRST + 2 * DAY).facts == {PURCHASES: "", VISITS: ""}
    world.close()


def test_an_import_has_counted_nothing(tmp_path: Path) -> None:
    """It builds contacts under the tick's name before the others."""
    world = world_of(tmp_path, real=False)
    world.tick(FIRST)
    at = FIRST + DAY
    with world.project.warehouse() as warehouse:
        context = world.project.context(warehouse, Tick(f"{at:%Y%m%dT%H%M%SZ}", at))
        build_contacts(context)
        plans = build_plans(context)
    assert all("ask" in plans[f"segflow__{model}"]["arrived"][0] for model in (PURCHASES, VISITS))
    world.close()


def test_a_build_that_died_has_counted_for_nobody(tmp_path: Path) -> None:
    world = world_of(tmp_path, real=False)
    world.tick(FIRST)
    for at, asked in ((FIRST, False), (FIRST + DAY, True)):
        with world.project.warehouse() as warehouse:
            plans = build_plans(world.project.context(warehouse, Tick(f"{at:%Y%m%dT%H%M%SZ}", at)))
        for model in (PURCHASES, VISITS):
            [arrived] = plans[f"segflow__{model}"]["arrived"]
            assert ("ask" in arrived) == asked, at
    world.close()

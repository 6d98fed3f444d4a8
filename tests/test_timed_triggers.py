"""Triggers that look at a clock, and orders by hand: crashes, plans, objects, warnings, the command."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from segflow.cli.main import main
from segflow.errors import InputError
from segflow.flows.triggers.dates import _due
from segflow.plan.words import details
from segflow.specs.triggers.dates import DateTrigger
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.test_rebuild import stopped_at
from tests.world import CATALOG, World

FIRST = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
LONDON: dict[str, Any] = {"where": {"attribute": "city", "is": "London"}}
NEWS = [{"id": "news", "add_to_list": "news"}]
SALE = {"broadcast": {"segment": "londoners", "at": "2026-03-02T09:00", "throttle": "2 per hour"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.again(one_tick, tmp_path / "world")


def one_tick(root: Path) -> World:
    root.mkdir()
    world = World(root)
    world.rows_of("contacts", [{"contact_id": f"c{number}", "city": "London"} for number in range(5)])
    world.segment("londoners", LONDON)
    world.flow("sale", {"status": "active", "reentry": "always", "trigger": SALE, "steps": NEWS})
    world.flow("hand", {"status": "active", "trigger": {"manual": True}, "steps": NEWS})
    world.flow("asleep", {"status": "paused", "trigger": {"manual": True}, "steps": NEWS})
    world.tick(FIRST)
    return world


def enrolled(world: World, flow: str) -> list[str]:
    found = f"SELECT contact_id FROM segflow.flow_enrollment_starts WHERE flow = '{flow}' ORDER BY ALL"
    return [row["contact_id"] for row in world.rows(found)]


@pytest.mark.parametrize("stop", ["advance.before_commit", "advance.committed"])
def test_a_broadcast_goes_on_after_a_crash(world: World, stop: str) -> None:
    world.tick(FIRST + HOUR)
    with stopped_at(stop):
        world.tick(FIRST + 2 * HOUR)
    world.tick(FIRST + 2 * HOUR)
    assert len(enrolled(world, "sale")) == 4
    world.close()
    (world.root / ".segflow/warehouse.duckdb").unlink()
    lost = World.at(world.root)
    lost.project.rebuild()
    for table in ("events", "lists", "tags"):
        lost.rows_of(table, [])
    lost.rows_of("contacts", [{"contact_id": f"c{number}", "city": "London"} for number in range(5)])
    lost.tick(FIRST + 3 * HOUR)
    assert enrolled(lost, "sale") == ["c0", "c1", "c2", "c3", "c4"]
    rows = lost.rows("SELECT contacts, left_over FROM segflow.flow_offers WHERE offer = 'broadcast' ORDER BY tick_id")
    assert [(row["contacts"], row["left_over"]) for row in rows] == [(2, 3), (2, 1), (1, 0)]


def test_a_plan_says_how_many_are_left(world: World) -> None:
    plan = world.project.plan(FIRST + HOUR)
    (sale,) = [one for one in plan.flows if one.flow == "sale"]
    assert (sale.enrolled, sale.left_over) == (2, 3)
    assert "flow sale: 3 contacts of its broadcast are left for later ticks" in details(plan)
    assert enrolled(world, "sale") == []


def test_a_broadcast_that_comes_late_is_no_less(world: World) -> None:
    """The audience is that of the first tick after the moment; a throttle counts the hours of ticks."""
    world.tick(FIRST + 10 * HOUR)
    world.tick(FIRST + 10.5 * HOUR)
    assert len(enrolled(world, "sale")) == 2


@pytest.mark.parametrize("stop", ["store.book.committed", "advance.before_commit", "advance.committed"])
def test_who_is_enrolled_by_hand_is_so_once(world: World, stop: str) -> None:
    world.project.enroll("hand", contacts=["c1", "c3"])
    with stopped_at(stop):
        world.tick(FIRST + HOUR)
    world.project.reload()
    world.tick(FIRST + HOUR)
    world.tick(FIRST + 2 * HOUR)
    assert enrolled(world, "hand") == ["c1", "c3"]
    rows = world.rows("SELECT trigger_kind, trigger_segment FROM segflow.flow_enrollments WHERE flow = 'hand'")
    assert rows == 2 * [{"trigger_kind": "manual", "trigger_segment": None}]
    world.check_replay()


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown flow": ({"flow": "hnd", "segment": "londoners"}, r"unknown flow hnd \(did you mean hand\?\)"),
    "paused": ({"flow": "asleep", "segment": "londoners"}, "flow asleep is paused"),
    "unknown segment": ({"flow": "hand", "segment": "london"}, r"unknown segment london"),
    "nobody named": ({"flow": "hand"}, "either --contacts FILE or --segment SEGMENT"),
    "both": ({"flow": "hand", "segment": "londoners", "contacts": ["c1"]}, "either --contacts FILE or"),
    "an empty list": ({"flow": "hand", "contacts": []}, "the list is empty"),
}


@pytest.mark.parametrize(("asked", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_enrolled(world: World, asked: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        world.project.enroll(**asked)
    assert world.project.store.enrolls.waiting("any") == []


def test_a_flow_by_hand_is_not_retriggered(world: World) -> None:
    with pytest.raises(InputError, match=r"its triggers: by hand\): use segflow flow enroll"):
        world.project.retrigger("hand")


def test_the_command(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    path = world.root / "some.csv"
    path.write_text("contact_id\nc1\nc2\n", encoding="utf-8")
    asked = ["flow", "enroll", "hand", "--contacts", str(path), "--reason", "they asked"]
    monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(world.root), "--format", "json", *asked])
    with pytest.raises(SystemExit) as done:
        main()
    told = json.loads(capsys.readouterr().out)["enroll"]
    assert done.value.code in (None, 0)
    assert (told["flow"], told["contacts"], told["segment"], told["reason"]) == ("hand", 2, None, "they asked")
    world.tick(FIRST + HOUR)
    rows = world.rows("SELECT offer, contacts, reason FROM segflow.flow_offers WHERE flow = 'hand'")
    assert rows == [{"offer": "enroll", "contacts": 2, "reason": "they asked"}]


def with_subscriptions(world: World) -> None:
    catalog = {
        **CATALOG,
        "objects": {
            "subscription": {
                "model": "stg_tags",
                "key": "name",
                "via": "contact_id",
                "fields": {"renews_on": {"type": "date", "column": "added_at"}},
            }
        },
    }
    (world.root / "segment_specs/catalog.yml").write_text(yaml.safe_dump(catalog), encoding="utf-8")
    world.project.reload()
    trigger = {"date": {"object": "subscription", "field": "renews_on"}, "offset": "-2 days", "at": "09:00"}
    world.flow("renew", {"status": "active", "reentry": "always", "trigger": trigger, "steps": NEWS})


def test_dates_of_objects(world: World) -> None:
    """A contact has several; two on one day are one."""
    with_subscriptions(world)
    days = {"a": ("c1", 4), "b": ("c1", 4), "c": ("c1", 5), "d": ("c2", 4), "e": ("c2", 9)}
    rows = [
        {"contact_id": contact, "name": name, "added_at": datetime(2026, 3, day)}
        for name, (contact, day) in days.items()
    ]
    world.rows_of("tags", rows)
    world.tick(FIRST + HOUR)
    assert enrolled(world, "renew") == ["c1", "c2"]
    world.tick(FIRST + 25 * HOUR)
    assert enrolled(world, "renew") == ["c1", "c1", "c2"]
    data = world.rows("SELECT DISTINCT trigger_data AS d FROM segflow.flow_enrollment_starts WHERE flow = 'renew'")
    assert sorted(row["d"] for row in data) == [
        '{"date": "2026-03-04", "day": "2026-03-02"}',
        '{"date": "2026-03-05", "day": "2026-03-03"}',
    ]


def test_a_flow_whose_dates_cannot_be_read_is_held(world: World) -> None:
    with_subscriptions(world)
    world.missing = {"tags.added_at"}
    world.rows_of("tags", [{"contact_id": "c1", "name": "a"}])
    report = world.tick(FIRST + HOUR)
    (renew,) = [one for one in report.flows if one.flow == "renew"]
    assert renew.status == "held"
    assert renew.reason is not None
    assert "subscription.renews_on" in renew.reason
    assert len(enrolled(world, "sale")) == 2


# a date, its offset, the day that is due
OFFSETS = {
    "on the day": ("2026-03-31", "0 days", "2026-03-31"),
    "before it": ("2026-03-31", "-7 days", "2026-03-24"),
    "after it": ("2026-03-31", "2 weeks", "2026-04-14"),
    "a month before the 31st": ("2026-03-31", "-1 month", "2026-02-28"),
    "a month before the 29th": ("2026-03-29", "-1 month", "2026-02-28"),
    "a month after the 30th": ("2026-01-30", "1 month", "2026-02-28"),
    "a year after a leap day": ("2024-02-29", "1 year", "2025-02-28"),
}


@pytest.mark.parametrize(("dated", "offset", "due"), OFFSETS.values(), ids=OFFSETS)
def test_the_day_that_is_due(dated: str, offset: str, due: str) -> None:
    """Whatever span of days ticks look at, each date is due on its day, and on no other."""
    one = DateTrigger.model_validate({"date": "birthday", "offset": offset})
    first = date.fromisoformat(due) - timedelta(days=40)
    found = [when for day, _, when in _due(one, first, first + timedelta(days=80)) if day == date.fromisoformat(dated)]
    assert found == [date.fromisoformat(due)]


# a date, a year, the day on which it comes round
ANNIVERSARIES = {
    "any day": ("1990-05-01", 2026, "2026-05-01"),
    "a leap day": ("1988-02-29", 2026, "2026-02-28"),
    "a leap day in a leap year": ("1988-02-29", 2028, "2028-02-29"),
    "28 February": ("1990-02-28", 2026, "2026-02-28"),
    "28 February in a leap year": ("1990-02-28", 2028, "2028-02-28"),
    "the date itself": ("2026-05-01", 2026, "2026-05-01"),
    "before the date": ("2027-05-01", 2026, None),
}


@pytest.mark.parametrize(("dated", "year", "due"), ANNIVERSARIES.values(), ids=ANNIVERSARIES)
def test_the_day_that_comes_round(dated: str, year: int, due: str | None) -> None:
    one = DateTrigger.model_validate({"date": "birthday", "repeat": "yearly"})
    found = [str(when) for day, _, when in _due(one, date(year - 1, 12, 31), date(year, 12, 31)) if str(day) == dated]
    assert found == ([] if due is None else [due])


def test_flows_cost_no_statements(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One flow of each kind, and twelve, take as many."""
    counted = {"statements": 0}
    for verb in ("query", "execute"):
        one = getattr(DuckDBWarehouse, verb)

        def counting(self: Any, sql: Any, one: Any = one) -> Any:
            counted["statements"] += 1
            return one(self, sql)

        monkeypatch.setattr(DuckDBWarehouse, verb, counting)
    found = []
    for day, number in ((2, 1), (3, 12)):
        triggers = {
            "level": {"every_day_at": "10:00", "segment": "londoners", "timezone": "contact"},
            "date": {"date": "birthday", "at": "10:00", "timezone": "contact"},
            "cast": {"broadcast": {"segment": "londoners", "at": f"2026-03-0{day}T10:00"}},
        }
        for name, trigger in triggers.items():
            for place in range(number):
                flow = {"status": "active", "reentry": "always", "trigger": trigger, "steps": NEWS}
                world.flow(f"{name}{place}", flow)
        world.tick(datetime(2026, 3, day, 9, tzinfo=UTC))
        counted["statements"] = 0
        report = world.tick(datetime(2026, 3, day, 10, tzinfo=UTC))
        assert sum(one.enrolled for one in report.flows) >= number * 10
        found.append(counted["statements"])
    assert found[1] <= found[0]

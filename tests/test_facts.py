"""Facts from tick to tick: who is computed again, what is computed in full and why, and that it comes to the same."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segflow.doctor.examine import examine
from segflow.errors import StaleGenerationError
from segflow.models.build_plans import told
from segflow.models.fact_verdicts import FactVerdict, verdicts
from segflow.segments.facts import by_model
from segflow.warehouse.generations import check_generation
from segflow.warehouse.tick import Tick
from tests.facts_world import EVENTS, OBJECTS, FactsWorld
from tests.world import CATALOG, World

EXAMPLES = int(os.environ.get("SEGFLOW_FACTS_EXAMPLES", "3"))
FIRST = datetime(2026, 1, 14, tzinfo=UTC)  # a Wednesday
MEMBERS = "memberships"
PURCHASES, ORDERS, ITEMS = "facts__event_purchase", "facts__object_order", "facts__object_item"
MODELS = (PURCHASES, ORDERS, ITEMS, "facts__sequence_visit")


def bought(**window: Any) -> dict[str, Any]:
    return {"where": {"event": "purchase", **window, "count": {"gte": 1}}}


def buy(world: FactsWorld, who: str, at: str, arrived: str, name: str = "purchase", properties: str = "{}") -> None:
    world.add("events", contact_id=who, name=name, at=at, properties=properties, arrived_at=arrived)


def check(world: FactsWorld) -> None:
    """The tables are what they would be in full."""
    for model in set(MODELS) & set(world.builds()) & set(by_model(world.project.compiled.columns)):
        assert world.facts(model) == world.facts_in_full(model), model
    there, in_full = world.members_in_full()
    assert there == in_full


# A window, an event that its edge passes (or not), the time between two ticks, and whether the contact is touched.
EDGES: dict[str, tuple[dict[str, Any], str, timedelta, bool]] = {
    "comes into sight": (bought(), "2026-01-14 12:00", timedelta(days=1), True),
    "stays in the future": (bought(), "2026-01-20 12:00", timedelta(days=1), False),
    "stays in the past": (bought(), "2026-01-01 12:00", timedelta(days=1), False),
    "leaves a duration": (bought(within_last="3 days"), "2026-01-11 12:00", timedelta(days=1), True),
    "stays in a duration": (bought(within_last="3 days"), "2026-01-13 12:00", timedelta(days=1), False),
    "grows older than": (bought(not_within_last="3 days"), "2026-01-11 12:00", timedelta(days=1), True),
    "leaves by the clock": (bought(within_last="12 hours"), "2026-01-13 12:30", timedelta(hours=1), True),
    "leaves months": (bought(within_last="1 month"), "2025-12-14 12:00", timedelta(days=1), True),
    "leaves this week": (bought(within={"this": "week"}), "2026-01-13 12:00", timedelta(days=7), True),
    "stays in this week": (bought(within={"this": "week"}), "2026-01-12 12:00", timedelta(days=1), False),
    "comes into last week": (bought(within={"last": "week"}), "2026-01-13 12:00", timedelta(days=7), True),
    "leaves this month": (bought(within={"this": "month"}), "2026-01-13 12:00", timedelta(days=20), True),
    "within a fixed time": (bought(since="2026-01-10"), "2026-01-13 12:00", timedelta(days=7), False),
}


@pytest.mark.parametrize("name", EDGES)
def test_who_passes_an_edge(tmp_path: Path, name: str) -> None:
    rule, at, passed, touched = EDGES[name]
    world = FactsWorld(tmp_path)
    world.segment("s", rule)
    buy(world, "ana", at, "2026-01-14 00:00")
    world.tick(FIRST)
    assert world.builds()[PURCHASES] == ("first build", None)
    world.tick(FIRST + passed)
    assert world.builds()[PURCHASES] == (None, int(touched))
    check(world)
    world.close()


def _late(world: FactsWorld) -> None:
    buy(world, "bo", "2026-01-12 08:00", "2026-01-14 09:00")


def _other_stamp(world: FactsWorld) -> None:
    buy(world, "bo", "2026-01-12 08:00", "2026-01-13 00:00")


def _unstamped(world: FactsWorld) -> None:
    world.add("events", contact_id="bo", name="purchase", at="2026-01-12 08:00", properties="{}")


def _gone(world: FactsWorld) -> None:
    world.run("DELETE FROM raw.events WHERE contact_id = 'cy'")


def _updated(world: FactsWorld) -> None:
    world.run("UPDATE raw.events SET contact_id = 'bo', arrived_at = '2026-01-14 09:00' WHERE contact_id = 'cy'")


def _edited_rule(world: FactsWorld) -> None:
    world.segment("s", bought(within_last="4 days"))


def _edited_model(world: FactsWorld) -> None:
    text = "select * from raw.events where contact_id <> 'cy'\n"
    world.root.joinpath("dbt/models/staging/stg_events.sql").write_text(text)
    world.project.reload()
    world.project.models.forget()


def _edited_catalog(world: FactsWorld) -> None:
    events = {**EVENTS, "types": {**EVENTS["types"], "purchase": {"amount": {"type": "number", "column": "x"}}}}
    world.catalog({**CATALOG, "events": [events], "objects": OBJECTS})


def _no_column(world: FactsWorld) -> None:
    events = {key: value for key, value in EVENTS.items() if key != "arrived_at"}
    world.catalog({**CATALOG, "events": [events], "objects": OBJECTS})


def _dropped(world: FactsWorld) -> None:
    world.run(f"DROP TABLE segflow.{PURCHASES}")


def _forgotten(world: FactsWorld) -> None:
    world.run("DELETE FROM segflow.model_builds")


CHANGES: dict[str, tuple[Callable[[FactsWorld], None], str | None]] = {
    "nothing": (lambda world: None, None),
    "a late row": (_late, None),
    "a row of an earlier load": (_other_stamp, "rows came out of order"),
    "a row without a time": (_unstamped, "rows without arrived_at"),
    "a row is gone": (_gone, "rows are gone or changed"),
    "a row is changed": (_updated, "rows are gone or changed"),
    "the rule is edited": (_edited_rule, "edited"),
    "the user's model is edited": (_edited_model, "edited"),
    "the catalog is edited": (_edited_catalog, "edited"),
    "the column is taken out": (_no_column, "no arrived_at"),
    "the table is gone": (_dropped, "the table was gone"),
    "the note is gone": (_forgotten, "first build"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_computed_in_full(tmp_path: Path, name: str) -> None:
    change, why = CHANGES[name]
    world = FactsWorld(tmp_path)
    world.segment(
        "s", {"where": {"event": "purchase", "within_last": "3 days", "sum": {"property": "amount", "gte": 0}}}
    )
    world.segment("t", bought(within_last="3 days"))
    for who in ("ana", "cy"):
        buy(world, who, "2026-01-13 12:00", "2026-01-14 00:00", properties='{"amount": 2, "x": 3}')
    world.tick(FIRST)
    change(world)
    report = world.tick(FIRST + timedelta(days=1))
    assert report.facts[PURCHASES] == (why or "")
    assert not report.errors
    check(world)
    report = world.tick(FIRST + timedelta(days=2))
    check(world)
    assert report.facts[PURCHASES] == (why if why in ("no arrived_at", "rows without arrived_at") else "")
    world.close()


FULL: dict[str, dict[str, Any]] = {
    "flows and imports write lists": {"list": "x"},
    "flows and imports write tags": {"tag": "x"},
    "they are about attributes": {"attribute": "renews_at", "within_last": "3 days"},
    "they count periods": {"event": "purchase", "days": {"of_last": 7, "gte": 1}},
    "they are about messages": {"message": "sent", "flow": "f", "count": {"gte": 1}},
}


@pytest.mark.parametrize("why", FULL)
def test_what_is_always_computed_in_full(tmp_path: Path, why: str) -> None:
    world = FactsWorld(tmp_path)
    world.flow("f", {"trigger": {"enters": "all"}, "steps": [{"id": "a", "send_email": {"text": "x", "subject": "y"}}]})
    world.segment("all", {"where": {"everyone": True}})
    world.segment("s", {"where": FULL[why]})
    world.tick(FIRST)
    assert list(world.tick(FIRST + timedelta(days=1)).facts.values()) == [why]
    assert [reason for reason, _ in world.builds().values()] == [why]
    assert world.memberships() == (None, 0)
    world.close()


def test_objects_are_touched_by_any_row_of_their_path(tmp_path: Path) -> None:
    world = FactsWorld(tmp_path)
    world.segment("s", {"where": {"object": "item", "where": {"field": "category", "is": "tea"}, "count": {"gte": 1}}})
    world.segment("t", {"where": {"object": "order", "where": {"field": "due", "within_last": "2 days"}}})
    world.add("orders", contact_id="ana", order_id="1", ordered_at="2026-01-13", arrived_at="2026-01-14")
    world.add("items", order_id="1", item_id="i", category="tea", arrived_at="2026-01-14")
    world.add("items", order_id="2", item_id="j", category="tea", arrived_at="2026-01-14")
    world.add(
        "orders", contact_id="cy", order_id="4", due="2026-01-13", ordered_at="2026-01-12", arrived_at="2026-01-14"
    )
    world.add("orders", contact_id="di", order_id="5", ordered_at="2026-01-15 12:00", arrived_at="2026-01-14")
    world.add("items", order_id="5", item_id="k", category="tea", arrived_at="2026-01-14")
    world.tick(FIRST)
    world.add("orders", contact_id="bo", order_id="2", ordered_at="2026-01-10", arrived_at="2026-01-14 12:00")
    world.tick(FIRST + timedelta(days=1))
    assert world.builds() == {ITEMS: (None, 1), ORDERS: (None, 2)}
    check(world)
    world.tick(FIRST + timedelta(days=2))  # an order comes into sight, another one's day is over
    assert world.builds()[ITEMS] == (None, 1)
    check(world)
    assert [row[0] for row in world.facts(ITEMS)] == ["ana", "bo", "di"]
    world.close()


def test_a_patched_table_is_whole_for_its_tick_alone(tmp_path: Path) -> None:
    world = FactsWorld(tmp_path)
    world.segment("s", bought())
    buy(world, "ana", "2026-01-13 12:00", "2026-01-14 00:00")
    world.tick(FIRST)
    second = world.tick(FIRST + timedelta(days=1)).tick_id
    assert world.rows(f"SELECT DISTINCT tick_id FROM segflow.{PURCHASES}") == [{"tick_id": "20260114T000000Z"}]
    with world.project.warehouse() as warehouse:
        check_generation(warehouse, [PURCHASES], second)
        check_generation(warehouse, [PURCHASES], "20260114T000000Z", or_newer=True)
        with pytest.raises(StaleGenerationError, match="was built for tick 20260114T000000Z, not for 20260120T000000Z"):
            check_generation(warehouse, [PURCHASES], "20260120T000000Z")
    world.run("DELETE FROM segflow.model_builds")
    with world.project.warehouse() as warehouse, pytest.raises(StaleGenerationError):
        check_generation(warehouse, [PURCHASES], second)
    world.close()


def test_a_wrong_table_is_found_told_and_healed(tmp_path: Path) -> None:
    world = FactsWorld(tmp_path, settings={"facts": {"verify_every": 3}})
    world.segment("s", bought())
    for who in ("ana", "bo"):
        buy(world, who, "2026-01-13 12:00", "2026-01-14 00:00")
    world.tick(FIRST)
    world.run("UPDATE raw.events SET name = 'visit' WHERE contact_id = 'bo'")  # without a new arrival
    reports = [world.tick(FIRST + timedelta(days=day)) for day in (1, 2, 3, 4)]
    assert [len(report.errors) for report in reports] == [0, 0, 1, 0]
    told_so = f"facts {PURCHASES} were patched from tick to tick and not right any more: 1 rows differed"
    assert told_so in reports[2].errors[0]
    check(world)
    world.close()


def test_patches_that_are_off(tmp_path: Path) -> None:
    """All facts are computed then, and compared: memberships are patched nevertheless."""
    world = FactsWorld(tmp_path, settings={"facts": {"patch": False}})
    world.segment("s", bought())
    buy(world, "ana", "2026-01-13 12:00", "2026-01-14 00:00")
    world.tick(FIRST)
    buy(world, "bo", "2026-01-14 12:00", "2026-01-14 12:00")
    report = world.tick(FIRST + timedelta(days=1))
    assert (report.facts, report.memberships) == ({PURCHASES: "facts.patch is off"}, "")
    assert world.memberships() == (None, 1)
    check(world)
    assert [found.model for found in asked(world)] == [MEMBERS]
    settings = tmp_path / "segflow.yml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("patch: false", "patch: true"), encoding="utf-8")
    world.project.reload()
    for day, why in ((2, "first build"), (3, "")):
        assert world.tick(FIRST + timedelta(days=day)).facts == {PURCHASES: why}
        check(world)
    world.close()


def asked(world: FactsWorld) -> list[FactVerdict]:
    last = world.project.last_tick()
    assert last is not None
    with world.project.warehouse() as warehouse:
        return verdicts(world.project.context(warehouse, Tick(last.tick_id, last.as_of)))


def test_what_was_patched_is_compared_when_somebody_asks(tmp_path: Path) -> None:
    world = FactsWorld(tmp_path)
    world.segment("s", bought(within_last="3 days"))
    world.segment("t", {"where": {"object": "item", "count": {"gte": 1}}})
    world.add("orders", contact_id="ana", order_id="1", ordered_at="2026-01-13", arrived_at="2026-01-14")
    world.add("items", order_id="1", item_id="i", category="tea", arrived_at="2026-01-14")
    for who in ("ana", "bo"):
        buy(world, who, "2026-01-13 12:00", "2026-01-14 00:00")
    world.tick(FIRST)
    world.tick(FIRST + timedelta(days=1))
    fine = [FactVerdict(PURCHASES), FactVerdict(ITEMS), FactVerdict(MEMBERS)]
    assert asked(world) == fine
    buy(world, "cy", "2026-01-14 12:00", "2026-01-16")  # since the tick, and of a time that the tick has seen
    assert asked(world) == fine
    world.run("UPDATE raw.events SET name = 'visit' WHERE contact_id = 'bo'")  # without a new arrival
    assert asked(world) == [FactVerdict(PURCHASES, 1), FactVerdict(ITEMS), FactVerdict(MEMBERS)]
    world.run(f"UPDATE segflow.{ITEMS} SET contact_id = 'di'")
    assert asked(world) == [FactVerdict(PURCHASES, 1), FactVerdict(ITEMS, 2), FactVerdict(MEMBERS, 4)]
    world.run("ALTER TABLE raw.orders RENAME COLUMN arrived_at TO loaded_at")
    [compared, broken, _] = asked(world)
    assert compared == FactVerdict(PURCHASES, 1)
    assert "arrived_at" in str(broken.why_not)
    world.run("ALTER TABLE raw.orders RENAME COLUMN loaded_at TO arrived_at")
    world.run("DELETE FROM raw.items")
    world.segment("s", bought(within_last="4 days"))
    assert asked(world) == [
        FactVerdict(PURCHASES, why_not="edited"),
        FactVerdict(ITEMS, why_not="rows are gone or changed"),
        FactVerdict(MEMBERS, why_not="edited"),
    ]
    world.close()


def test_a_model_that_fails_keeps_its_table_and_its_note(tmp_path: Path) -> None:
    world = FactsWorld(tmp_path)
    world.segment("s", bought(within_last="3 days"))
    buy(world, "ana", "2026-01-13 12:00", "2026-01-14 00:00")
    world.tick(FIRST)
    world.run("ALTER TABLE raw.events RENAME COLUMN name TO called")
    report = world.tick(FIRST + timedelta(days=1))
    assert "segment s is stale" in report.errors[0]
    world.run("ALTER TABLE raw.events RENAME COLUMN called TO name")
    buy(world, "bo", "2026-01-13 12:00", "2026-01-15 12:00")
    report = world.tick(FIRST + timedelta(days=3))
    assert not report.errors
    assert report.facts[PURCHASES] == ""
    assert world.builds()[PURCHASES] == (None, 2)
    check(world)
    world.close()


def test_in_words() -> None:
    assert told({}) is None
    assert told({"a": "no arrived_at", "b": "they count periods"}) is None
    assert told({"a": "", "b": ""}) == "2 fact models patched"
    found = told({"a": "", "b": "no arrived_at", "c": "edited", "d": "no arrived_at"})
    assert found == "3 of 4 fact models in full: no arrived_at (2), edited (1)"


CONTACTS = "{{ ref('contacts') }}"
RULES: list[dict[str, Any]] = [
    bought(),
    bought(within_last="2 days"),
    bought(within={"this": "week"}),
    bought(not_within_last="3 days"),
    {"where": {"event": "purchase", "sum": {"property": "amount", "gte": 5}}},
    {"where": {"event": "visit", "followed_by": {"event": "purchase", "within": "1 day"}, "count": {"gte": 1}}},
    {"where": {"object": "item", "where": {"field": "category", "is": "tea"}, "count": {"gte": 1}}},
    {"where": {"object": "order", "within_last": "3 days", "count": {"gte": 1}}},
    {"where": {"all": [{"attribute": "city", "is": "x"}, {"event": "visit", "count": {"gte": 1}}]}},
    {"where": {"event": "booking", "where": {"property": "starts_at", "within_next": "2 days"}, "count": {"gte": 1}}},
]


def people(world: FactsWorld, random: Random) -> None:
    """Some contacts change, come or go."""
    who = random.choice(["ana", "bo", "cy", "di"])
    what = random.random()
    if what < 0.3:
        world.run(f"UPDATE raw.contacts SET city = '{random.choice('xyz')}' WHERE contact_id = '{who}'")
    elif what < 0.4:
        world.run(f"DELETE FROM raw.contacts WHERE contact_id = '{who}'")
    elif what < 0.6:
        world.run(f"DELETE FROM raw.contacts WHERE contact_id = '{who}'")
        world.run(f"INSERT INTO raw.contacts (contact_id, city) VALUES ('{who}', '{random.choice('xy')}')")


def live(world: FactsWorld, seed: int, *, full: bool) -> None:
    """Ten ticks of random rows, late ones among them, edits and broken sources; `full`: all facts in full each time."""
    random, at = Random(seed), FIRST
    loaded = at
    for number in range(10):
        for _ in range(random.choice([0, 1, 4])):
            loaded += timedelta(minutes=random.choice([0, 10]))
            when = at + timedelta(hours=random.choice([-200, -72, -49, -48, -24, -3, 0, 5, 24]))
            starts = (when + timedelta(hours=random.choice([1, 47, 70]))).isoformat()
            who, number_of = random.choice(["ana", "bo", "cy", "di"]), str(random.randrange(10**6))
            kind = random.choice(["purchase", "purchase", "visit", "booking", "order"])
            stamp = f"{loaded:%Y-%m-%d %H:%M:%S}"
            if kind == "order":
                world.add("orders", order_id=number_of, contact_id=who, ordered_at=f"{when:%F %T}", arrived_at=stamp)
                world.add("items", item_id=number_of, order_id=number_of, category="tea", arrived_at=stamp)
            else:
                values = f'{{"amount": {random.choice([1, 3])}, "starts_at": "{starts}"}}'
                buy(world, who, f"{when:%F %T}", stamp, kind, values)
        people(world, random)
        change = random.random()
        if number == 0 or change < 0.15:
            for name in "abc":
                world.segment(name, random.choice(RULES))
            world.segment("asked", f"select contact_id from {CONTACTS} where city = '{random.choice('xy')}'")
            world.segment("of_many", {"where": {"any": [{"segment": "a"}, {"segment": "asked"}]}})
        elif change < 0.25:
            world.run(f"DELETE FROM raw.events WHERE contact_id = '{random.choice(['ana', 'bo'])}'")
        broken = number > 1 and change > 0.85
        if broken:
            world.run("ALTER TABLE raw.events RENAME COLUMN arrived_at TO arrived")
        if full:
            world.run("DELETE FROM segflow.model_builds") if number else None
        world.tick(at)
        check(world) if not broken else None
        if broken:
            world.run("ALTER TABLE raw.events RENAME COLUMN arrived TO arrived_at")
        step = timedelta(hours=random.choice([1, 12, 24, 24, 24 * 8]))
        at, loaded = at + step, max(loaded, at) + timedelta(seconds=1)


@settings(max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32 - 1))
def test_the_same_life_with_all_facts_in_full(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        worlds: list[World] = []
        for full in (False, True):
            world = FactsWorld(Path(folder) / str(full))
            live(world, seed, full=full)
            worlds.append(world)
        assert worlds[0].ledgers() == worlds[1].ledgers()
        for world in worlds:
            world.close()


def test_with_dbt(tmp_path: Path) -> None:
    """The macros do what their stand-in in the other tests does; a table that is wrong is found."""
    world = FactsWorld(tmp_path, real=True, settings={"facts": {"verify_every": 3}})
    world.segment("s", bought(within_last="3 days"))
    world.segment("t", {"where": {"object": "item", "count": {"gte": 1}}})
    buy(world, "ana", "2026-01-13 12:00", "2026-01-14 00:00")
    world.add("orders", contact_id="ana", order_id="1", ordered_at="2026-01-13", arrived_at="2026-01-14")
    world.add("items", order_id="1", item_id="i", category="tea", arrived_at="2026-01-14")
    world.tick(FIRST)
    buy(world, "bo", "2026-01-13 12:00", "2026-01-14 12:00")
    assert world.tick(FIRST + timedelta(days=1)).facts == {PURCHASES: "", ITEMS: ""}
    assert world.builds() == {PURCHASES: (None, 1), ITEMS: (None, 0)}
    check(world)
    world.run("ALTER TABLE raw.events RENAME COLUMN name TO called")
    assert "segment s is stale" in world.tick(FIRST + timedelta(days=2)).errors[0]
    world.run("ALTER TABLE raw.events RENAME COLUMN called TO name")
    assert verified(world) == ("fine", [])
    world.run("UPDATE raw.items SET order_id = '9'")  # without a new arrival
    assert verified(world) == ("found", [f"1 rows of {ITEMS} are not what they are in full"])
    report = world.tick(FIRST + timedelta(days=3))
    assert report.facts == {PURCHASES: "", ITEMS: ""}
    assert f"facts {ITEMS} were patched" in report.errors[0]
    check(world)
    with duckdb.connect(str(tmp_path / ".segflow/warehouse.duckdb")) as connection:
        left = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE 'segflow_%'").fetchone()
    assert left == (0,)
    buy(world, "cy", "2026-01-16 12:00", "2026-01-18")
    assert world.tick(FIRST + timedelta(days=4)).facts == {PURCHASES: "", ITEMS: ""}
    world.run(f"DELETE FROM segflow.{PURCHASES}")
    wrong = [f"{rows} rows of {what} are not what they are in full" for rows, what in ((1, PURCHASES), (2, MEMBERS))]
    assert verified(world, repair=True) == ("mended", wrong)
    assert world.tick(FIRST + timedelta(days=5)).facts == {PURCHASES: "first build", ITEMS: ""}
    check(world)
    world.close()


BY_HAND: dict[str, tuple[bool, str, str | None, bool]] = {
    "in schema segflow": (True, "duckdb", None, False),
    "where a view leads to": (False, "duckdb", None, False),
    "in a developer's schema": (False, "dev", None, True),
    "of another moment": (True, "duckdb", "2026-01-10", False),
    "in a developer's schema, of another moment": (False, "dev", "2026-01-10", True),
}
"""Do generated models stand in schema segflow; what a build by hand is told: target and moment; whether notes stay."""


@pytest.mark.parametrize("name", BY_HAND)
def test_dbt_by_hand(tmp_path: Path, name: str) -> None:
    """No table that was built by hand is taken for the tick's: neither by who reads it, nor by the next tick."""
    own_schema, target, moment, stay = BY_HAND[name]
    world = FactsWorld(tmp_path, real=True)
    if not own_schema:
        (tmp_path / "dbt/macros/generate_schema_name.sql").unlink()
    profiles = tmp_path / "dbt/profiles.yml"
    told = yaml.safe_load(profiles.read_text(encoding="utf-8"))
    outputs = told["segflow"]["outputs"]
    outputs["dev"] = {**outputs["duckdb"], "schema": "dev"}
    profiles.write_text(yaml.safe_dump(told), encoding="utf-8")
    world.segment("s", bought(within_last="30 days"))
    buy(world, "ana", "2026-01-13 12:00", "2026-01-14 00:00")
    buy(world, "bo", "2025-12-12 12:00", "2026-01-14 00:00")
    world.tick(FIRST)
    world.close()
    noted, there = world.builds(), world.rows(f"SELECT * FROM segflow.{PURCHASES} ORDER BY ALL")
    assert noted
    command = [str(Path(sys.executable).with_name("dbt")), "run", "--quiet", "--profiles-dir", ".", "--target", target]
    if moment is not None:
        asked = [sys.executable, "-m", "segflow", "--project-dir", str(tmp_path), "vars", "--as-of", moment]
        command += ["--vars", subprocess.run(asked, capture_output=True, text=True, check=True).stdout]
    environment = {**os.environ, "SEGFLOW_WAREHOUSE": str(tmp_path / ".segflow/warehouse.duckdb")}
    done = subprocess.run(command, cwd=tmp_path / "dbt", env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert world.builds() == (noted if stay else {})
    now = world.rows(f"SELECT * FROM segflow.{PURCHASES} ORDER BY ALL")
    assert (now == there) is (stay or moment is None)
    with world.project.warehouse() as warehouse:
        if now == there:
            check_generation(warehouse, [PURCHASES], "20260114T000000Z")
        else:
            with pytest.raises(StaleGenerationError):
                check_generation(warehouse, [PURCHASES], "20260114T000000Z")
    assert world.tick(FIRST + timedelta(hours=1)).facts == {PURCHASES: "" if stay else "first build"}
    check(world)


def verified(world: FactsWorld, *, repair: bool = False) -> tuple[str, list[str]]:
    """What `segflow doctor --verify` says of facts."""
    world.close()
    [found] = [one for one in examine(world.root, repair, verify=True) if one.check == "facts"]
    return found.state, [finding.what for finding in found.findings]

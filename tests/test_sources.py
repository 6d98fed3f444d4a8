# ruff: noqa: E501 (tables: one message per line)
"""Broken sources. What needs one is stale, its flows are held and nothing of theirs is sent; the healthy rest goes on.

Every case breaks a small shop between two ticks. `zoe` comes at the second tick and belongs in every segment, and every
segment has a flow that greets who enters: what should be healthy must take her in and greet her, what should not must
do neither.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from segflow.errors import RunError, SpecError
from segflow.stages.tick_report import TickReport
from tests.test_rebuild import stopped_at
from tests.world import CATALOG, World

AT = datetime(2026, 3, 1, tzinfo=UTC)
NEXT = AT + timedelta(days=1)

MODELS = {
    "stg_reviews": "select * from raw.reviews",
    "stg_orders": "select * from raw.orders",
    "stg_items": "select * from raw.items",
}
TABLES = """
create table raw.reviews (contact_id varchar, done timestamp, stars bigint, public boolean);
create table raw.orders (order_id bigint, customer varchar, placed_at timestamp, total double);
create table raw.items (item_id bigint, order_id bigint, product varchar);
insert into raw.reviews values ('007', '2026-02-01', 5, true), ('008', '2026-02-02', 2, true);
insert into raw.orders values (1, '007', '2026-02-01', 10), (2, '008', '2026-02-02', 90);
insert into raw.items values (1, 1, 'tea'), (2, 2, 'cup');
"""
ZOE = """
insert into raw.contacts (contact_id, city, age, email, subscribed) values ('030', 'London', 60, 'z@example.com', true);
insert into raw.reviews values ('030', '2026-02-28', 5, true);
insert into raw.orders values (3, '030', '2026-02-28', 100);
insert into raw.items values (3, 3, 'cup');
insert into raw.events (contact_id, name, "at", properties) values ('030', 'visit', '2026-02-28', '{}');
insert into raw.lists (contact_id, name) values ('030', 'news');
insert into raw.tags values ('030', 'vip', null);
"""
SEGMENTS: dict[str, Any] = {
    "londoners": {"where": {"attribute": "city", "is": "London"}},
    "grown": {"where": {"attribute": "age", "gte": 50}},
    "reachable": {"where": {"attribute": "subscribed", "is": True}},
    "reviewers": {"where": {"event": "review", "within_last": "3 days"}},
    "fans": {"where": {"event": "review", "where": {"property": "stars", "gte": 4}, "count": {"gte": 1}}},
    "public": {"where": {"event": "review", "where": {"property": "public", "is": True}, "within_last": "3 days"}},
    "visitors": {"where": {"event": "visit"}},
    "spenders": {"where": {"object": "order", "sum": {"field": "total", "gte": 95}}},
    "cup_buyers": {"where": {"object": "item", "where": {"field": "product", "is": "cup"}, "count": {"gte": 1}}},
    "readers": {"where": {"list": "news"}},
    "vips": {"where": {"tag": "vip"}},
    "asked": "select contact_id from {{ ref('contacts') }} where age > 50",
    "fans_of_cups": {"where": {"all": [{"segment": "fans"}, {"segment": "cup_buyers"}]}},
}
REVIEWS = {"reviewers", "fans", "public", "fans_of_cups"}
OWN = "since_enrollment"


def shop(root: Path) -> World:
    catalog = {
        **CATALOG,
        "events": [
            *CATALOG["events"],
            {
                "model": "stg_reviews", "event": "review", "at": "done",
                "properties": {"stars": "number", "public": "boolean"},
            },
        ],
        "objects": {
            "order": {
                "model": "stg_orders", "key": "order_id", "via": "customer", "created_at": "placed_at",
                "fields": {"total": "number"},
            },
            "item": {
                "model": "stg_items", "key": "item_id", "belongs_to": "order", "via": "order_id",
                "fields": {"product": "text"},
            },
        },
    }  # fmt: skip
    world = World(root, settings={"guards": {"contacts_lost": {"percent": 20, "of_at_least": 3}}})
    world.root.joinpath("segment_specs/catalog.yml").write_text(yaml.safe_dump(catalog, sort_keys=False))
    for model, text in MODELS.items():
        (world.root / f"dbt/models/staging/{model}.sql").write_text(f"{text}\n")
    # Ids with leading zeros: what a careless load makes numbers of.
    people = [("007", "London", 40), ("008", "Rome", 20), ("009", "Rome", 20)]
    world.rows_of("contacts", [{"contact_id": i, "city": c, "age": a, "subscribed": False} for i, c, a in people])
    world.rows_of("events", [{"contact_id": "007", "name": "visit", "at": AT - timedelta(days=9), "properties": "{}"}])
    world.rows_of("lists", [{"contact_id": "007", "name": "news"}])
    world.rows_of("tags", [{"contact_id": "008", "name": "vip"}])
    world.run(TABLES)
    for name, spec in SEGMENTS.items():
        world.segment(name, spec)
        greet = [{"id": "hello", "webhook": {"url": "https://example.com/hello"}}]
        world.flow(f"greet_{name}", {"status": "active", "trigger": {"enters": name}, "steps": greet})
    world.flow(
        OWN,
        {
            "status": "active",
            "trigger": {"enters": "londoners"},
            "steps": [
                {"id": "pause", "wait": "1 hour"},
                {
                    "id": "reviewed",
                    "branch": {
                        "if": {"event": "review", "where": {"property": "stars", "gte": 1}, "since": "enrollment"},
                        "then": [{"id": "stop", "exit": True}],
                    },
                },
            ],
        },
    )
    return world


@dataclass(frozen=True)
class Case:
    """`sql` breaks raw tables, `models` replaces staging models. `stale`: the segments that must be; `says`: what the
    reason of each of them must hold, as a regular expression."""

    name: str
    says: str
    stale: set[str]
    sql: str = ""
    models: dict[str, str] = field(default_factory=dict)


CONTACT_TEXTS = "alter table raw.contacts alter {0} type varchar; update raw.contacts set {0} = {1}"
CASES = [
    Case(
        "attribute renamed",
        r"contacts\.age: model stg_contacts has no column age \(attribute age, segment_specs/catalog\.yml:\d+\); it has ",
        {"grown", "asked"},
        "alter table raw.contacts rename age to years",
    ),
    Case(
        "attribute renamed to something near",
        r"model stg_contacts has no column subscribed \(.*\) \(did you mean subscribed_at\?\)",
        {"reachable"},
        "alter table raw.contacts rename subscribed to subscribed_at",
    ),
    Case(
        "texts where numbers should be",
        r"column age of model stg_contacts \(attribute age, segment_specs/catalog\.yml:\d+\) is to be a number, and none "
        r"of its values is one, for example old: mend",
        {"grown", "asked"},
        CONTACT_TEXTS.format("age", "'old'"),
    ),
    Case("numbers as texts are numbers", "", set(), CONTACT_TEXTS.format("age", "age")),
    Case(
        "some numbers cannot be read",
        "",
        set(),
        CONTACT_TEXTS.format("age", "case when contact_id = '008' then 'n/a' else age end"),
    ),
    Case("no values at all", "", set(), "update raw.contacts set age = null where contact_id <> '030'"),
    Case(
        "times where booleans should be",
        r"is to be a boolean, and none of its values is one, for example 2026-01-01",
        {"reachable"},
        "alter table raw.contacts drop subscribed; alter table raw.contacts add subscribed timestamp;"
        "update raw.contacts set subscribed = '2026-01-01'",
    ),
    Case("numbers for booleans", "", set(), "alter table raw.contacts alter subscribed type integer"),
    Case(
        "event time renamed",
        r"model stg_reviews has no column done \(the time of event review, segment_specs/catalog\.yml:\d+\)",
        REVIEWS,
        "alter table raw.reviews rename done to happened",
    ),
    Case(
        "event time no time",
        r"column done of model stg_reviews .* is to be a timestamp, and none of its values is one, for example recently",
        REVIEWS,
        "alter table raw.reviews alter done type varchar; update raw.reviews set done = 'recently'",
    ),
    Case("event time as text", "", set(), "alter table raw.reviews alter done type varchar"),
    Case("event time with a zone", "", set(), "alter table raw.reviews alter done type timestamptz"),
    Case(
        "event time as text with a zone",
        r"column done of model stg_reviews .* holds times as texts with a zone, like .*\+05:00, and the zone would be lost",
        REVIEWS,
        "alter table raw.reviews alter done type varchar; update raw.reviews set done = done || '+05:00'",
    ),
    Case("events in the future", "", set(), "insert into raw.reviews values ('009', '2030-01-01', 5, true)"),
    Case(
        "event name renamed",
        r"model stg_events has no column name \(the name of event visit",
        {"visitors"},
        "alter table raw.events rename name to what",
    ),
    Case(
        "key of events renamed",
        r"model stg_reviews has no column contact_id \(the contact of event review",
        REVIEWS,
        "alter table raw.reviews rename contact_id to person",
    ),
    Case(
        "property renamed",
        r"model stg_reviews has no column stars \(property stars of event review",
        {"fans", "fans_of_cups"},
        "alter table raw.reviews rename stars to points",
    ),
    Case(
        "property of another type",
        r"column stars of model stg_reviews .* is to be a number, and none of its values is one, for example good",
        {"fans", "fans_of_cups"},
        "alter table raw.reviews alter stars type varchar; update raw.reviews set stars = 'good'",
    ),
    Case(
        "events know contacts by number",
        r"column contact_id of model stg_reviews writes contact ids in another way \(30\) than column contact_id of model "
        r"stg_contacts \(030\).*catalog\.yml:\d+\); write them alike",
        REVIEWS,
        "alter table raw.reviews alter contact_id type integer",
    ),
    Case(
        "objects know contacts by number",
        r"column customer of model stg_orders writes contact ids in another way",
        {"spenders", "cup_buyers", "fans_of_cups"},
        "alter table raw.orders alter customer type integer",
    ),
    Case(
        "lists know contacts by number",
        r"column contact_id of model stg_lists \(.*\) holds ids as DOUBLE: .* Cast it to BIGINT",
        {"readers"},
        "alter table raw.lists alter contact_id type double",
    ),
    Case(
        "events know contacts by other numbers",
        r"column contact_id of model stg_reviews holds contact ids as numbers \(1\d+\) and column contact_id of model "
        r"stg_contacts as texts, and none of them belongs to a contact",
        REVIEWS,
        "update raw.reviews set contact_id = '1' || contact_id; alter table raw.reviews alter contact_id type integer",
    ),
    Case(
        "some contact ids without a contact",
        "",
        set(),
        "insert into raw.reviews values ('ghost', '2026-02-27', 5, true)",
    ),
    Case("null keys of events", "", set(), "insert into raw.reviews values (null, '2026-02-27', 5, true)"),
    Case("events twice", "", set(), "insert into raw.reviews select * from raw.reviews"),
    Case(
        "events table missing",
        r"facts__event_review\.\w+: model stg_reviews \(dbt/models/staging/stg_reviews\.sql\) failed: .*reviews does not exist",
        REVIEWS,
        "drop table raw.reviews",
    ),
    Case(
        "objects table missing",
        r"model stg_items \(dbt/models/staging/stg_items\.sql\) failed: .*items does not exist",
        {"cup_buyers", "fans_of_cups"},
        "drop table raw.items",
    ),
    Case(
        "lists table missing", r"stg_lists\.sql\) failed: .*lists does not exist", {"readers"}, "drop table raw.lists"
    ),
    Case(
        "staging model with a syntax error",
        r"model stg_reviews \(dbt/models/staging/stg_reviews\.sql\) failed: .*(syntax error|Unexpected token)",
        REVIEWS,
        models={"stg_reviews": "select * frm raw.reviews"},
    ),
    Case(
        "staging model that fails when it is read",
        r"facts__event_review\.\w+: Conversion Error: .*many",
        REVIEWS,
        "alter table raw.reviews alter stars type varchar; update raw.reviews set stars = 'many'",
        {"stg_reviews": "select * replace (cast(stars as integer) as stars) from raw.reviews"},
    ),
]


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The shop after its first tick, to be copied."""
    world = shop(tmp_path_factory.mktemp("shop"))
    assert world.tick(AT).errors == []
    world.project.store.close()
    world.close()
    return world


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_source_costs_what_needs_it(case: Case, healthy: World, tmp_path: Path) -> None:
    world = World.copy_of(healthy, tmp_path)
    world.run(ZOE + case.sql)
    for model, text in case.models.items():
        (world.root / f"dbt/models/staging/{model}.sql").write_text(f"{text}\n")
        world.project.models.forget()
    report = world.tick(NEXT)
    held = {f"greet_{name}" for name in case.stale} | ({OWN} if "fans" in case.stale else set())
    check(world, report, case.stale, held, case.says)
    world.close()


def check(world: World, report: TickReport, stale: set[str], held: set[str], says: str) -> None:
    reasons = {one.segment: one.reason or "" for one in report.segments if one.status == "stale"}
    assert set(reasons) == stale
    assert [reason for reason in reasons.values() if not re.search(says, reason)] == []
    assert {one.flow for one in report.flows if one.status == "held"} == held
    assert len(report.errors) == len(stale) + len(held), "red, a line for each"
    this = f"tick_id = '{report.tick_id}'"
    entries = world.rows(f"SELECT segment, contact_id FROM segflow.segment_entries WHERE {this}")
    assert {row["segment"] for row in entries if row["contact_id"] == "030"} == set(SEGMENTS) - stale
    assert world.rows(f"SELECT DISTINCT segment FROM segflow.segment_exits WHERE {this}") == []
    greeted = {
        row["flow"] for row in world.rows(f"SELECT flow FROM segflow.outbox WHERE {this} AND contact_id = '030'")
    }
    assert greeted == {f"greet_{name}" for name in SEGMENTS} - held


def test_rows_that_only_flows_read_hold_those_flows(healthy: World, tmp_path: Path) -> None:
    """Nothing is built of them, so they fail only when a flow asks."""
    world = World.copy_of(healthy, tmp_path)
    for name in REVIEWS:
        world.segment(name, None)
        world.flow(f"greet_{name}", None)
    casting = "select * replace (cast(stars as integer) as stars) from raw.reviews\n"
    (world.root / "dbt/models/staging/stg_reviews.sql").write_text(casting)
    world.run(ZOE + "alter table raw.reviews alter stars type varchar; update raw.reviews set stars = 'many'")
    world.run("update raw.contacts set city = 'London' where contact_id = '008'")
    # Nobody stands at the branch of the other flow yet, so that its rows are not read for those who stand at this one.
    visited = {"if": {"event": "visit", "since": "enrollment"}, "then": [{"id": "stop", "exit": True}]}
    steps = [{"id": "visited", "branch": visited}]
    world.flow("at_once", {"status": "active", "trigger": {"enters": "londoners"}, "steps": steps})
    report = world.tick(NEXT)
    assert [error[:40] for error in report.errors] == []
    world.run("insert into raw.reviews values ('008', '2026-03-02 12:00', 'many', true)")
    report = world.tick(NEXT + timedelta(days=1))
    assert [error for error in report.errors if not re.search("since_enrollment is held: .*'many'", error)] == []
    assert {one.flow for one in report.flows if one.status == "held"} == {OWN}
    # What came before the enrollments is not looked at.
    world.run("update raw.reviews set stars = '1' where done > '2026-03-01'")
    assert world.tick(NEXT + timedelta(days=2)).errors == []
    left = world.rows(f"SELECT contact_id, reason FROM segflow.flow_enrollment_ends WHERE flow = '{OWN}' ORDER BY 1")
    assert left == [{"contact_id": "008", "reason": "exit"}, {"contact_id": "030", "reason": "completed"}]
    world.close()


ASKED: dict[str, dict[str, Any]] = {
    "reviewed": {"event": "review", "where": {"property": "public", "is": True}, "since": "enrollment"},
    "either": {"any": [{"event": "visit", "since": "enrollment"}, {"event": "review", "since": "enrollment"}]},
    "visited": {"event": "visit", "since": "enrollment"},
}


def test_conditions_that_cannot_be_asked_any_more_hold_their_flows_alone(healthy: World, tmp_path: Path) -> None:
    """The build was done when a table went, and nobody stands at the branches. They are asked together."""
    world = World.copy_of(healthy, tmp_path)
    for name, condition in ASKED.items():
        branch = {"if": condition, "then": [{"id": "stop", "exit": True}]}
        steps = [{"id": "pause", "wait": "1 day"}, {"id": "asked", "branch": branch}]
        world.flow(name, {"status": "active", "trigger": {"enters": "londoners"}, "steps": steps})
    world.run(ZOE)
    with stopped_at("cross.committed"):
        world.tick(NEXT)
    world.run("alter table raw.reviews rename to reviews_gone")
    report = world.tick(NEXT)
    reasons = {one.flow: one.reason for one in report.flows if one.status == "held"}
    assert set(reasons) == {OWN, "reviewed", "either"}
    assert [reason for reason in reasons.values() if not re.search("reviews does not exist", reason or "")] == []
    taken = {row["flow"] for row in world.rows("SELECT DISTINCT flow FROM segflow.flow_enrollment_starts")}
    assert {"visited", "greet_londoners"} <= taken
    assert taken.isdisjoint(reasons)
    # Who was not taken in then is so now.
    world.run("alter table raw.reviews_gone rename to reviews")
    assert world.tick(NEXT + timedelta(hours=1)).errors == []
    taken = {row["flow"] for row in world.rows("SELECT DISTINCT flow FROM segflow.flow_enrollment_starts")}
    assert set(reasons) <= taken
    world.close()


STOPS = {
    "contacts emptied": ("delete from raw.contacts", r"3 of 3 .*segflow release --contacts"),
    "contacts cut in half": (
        "delete from raw.contacts where contact_id > '007'",
        r"2 of 3 .*segflow release --contacts",
    ),
    "contacts known by number": (
        "alter table raw.contacts alter contact_id type integer",
        r"3 of 3 .*segflow release --contacts",
    ),
    "contacts twice": (
        "insert into raw.contacts select * from raw.contacts",
        r"model stg_contacts holds contact ids more than once: 007 \(2 times\).*make column contact_id of stg_contacts unique",
    ),
    "contacts table missing": (
        "drop table raw.contacts",
        r"the contacts cannot be built: model stg_contacts \(dbt/models/staging/stg_contacts\.sql\) failed: .*contacts does",
    ),
    "key of contacts renamed": (
        "alter table raw.contacts rename contact_id to id",
        r"the contacts cannot be built: model stg_contacts has no column contact_id "
        r"\(the contacts' key, segment_specs/catalog\.yml:\d+\)",
    ),
    "created_at renamed": (
        "alter table raw.contacts rename created_at to born",
        r"model stg_contacts has no column created_at \(the contacts' created_at, segment_specs/catalog\.yml:\d+\)",
    ),
    "created_at no time": (
        "alter table raw.contacts alter created_at type varchar; update raw.contacts set created_at = 'once'",
        r"column created_at of model stg_contacts .* is to be a timestamp, and none of its values is one, for example once",
    ),
}


@pytest.mark.parametrize(("sql", "message"), STOPS.values(), ids=STOPS)
def test_without_its_contacts_a_tick_stops_and_is_resumed(
    sql: str, message: str, healthy: World, tmp_path: Path
) -> None:
    world = World.copy_of(healthy, tmp_path)
    before = world.ledgers()
    world.run("create table raw.kept as from raw.contacts;" + sql)
    with pytest.raises(RunError, match=message):
        world.tick(NEXT)
    after = world.ledgers()
    assert {name for name in before if before[name] != after[name]} == {"ticks"}
    world.run("create or replace table raw.contacts as from raw.kept;" + ZOE)
    report = world.tick(NEXT)
    assert report.resumed
    check(world, report, set(), set(), "")
    world.close()


def test_a_model_that_the_catalog_names_and_nobody_has_is_told_before_anything_runs(
    healthy: World, tmp_path: Path
) -> None:
    world = World.copy_of(healthy, tmp_path)
    (world.root / "dbt/models/staging/stg_reviews.sql").unlink()
    before = world.ledgers()
    with pytest.raises(SpecError, match=r"segment_specs/catalog\.yml:\d+:\d+: there is no dbt model stg_reviews"):
        world.tick(NEXT)
    assert world.ledgers() == before
    world.close()


def test_keys_that_are_null_are_dropped_and_counted(healthy: World, tmp_path: Path) -> None:
    world = World.copy_of(healthy, tmp_path)
    world.run(ZOE + "insert into raw.contacts (city) values ('London'), ('Rome')")
    report = world.tick(NEXT)
    assert (report.contacts, report.null_contacts) == (4, 2)
    check(world, report, set(), set(), "")
    world.close()


def test_a_project_without_any_contact(tmp_path: Path) -> None:
    world = shop(tmp_path)
    for table in ("contacts", "events", "lists", "tags"):
        world.rows_of(table, [])
    world.run("delete from raw.reviews; delete from raw.orders; delete from raw.items")
    for day in range(2):
        report = world.tick(AT + timedelta(days=day))
        assert (report.errors, report.contacts) == ([], 0)
        assert {one.members for one in report.segments} == {0}
    world.close()


QUERIES = {
    "a value that is no number": (
        "select contact_id from {{ ref('stg_contacts') }} where cast(city as integer) > 1",
        r"segment_specs/asked\.sql: Conversion Error: Could not convert string 'London' to INT32",
    ),
    "a date that is none": (
        "select contact_id from {{ ref('stg_contacts') }} where strptime(city, '%Y') > {{ as_of() }}",
        r"segment_specs/asked\.sql: .*London",
    ),
    "a column that is not there": (
        "select contact_id from {{ ref('stg_contacts') }} where town = 'London'",
        r"segment_specs/asked\.sql: Binder Error: Referenced column \"town\" not found",
    ),
    "a model that failed": (
        "select contact_id from {{ ref('stg_broken') }}",
        r"segment_specs/asked\.sql: model stg_broken \(dbt/models/staging/stg_broken\.sql\) failed: .*nowhere",
    ),
    "ids twice, null and unknown": (
        "select contact_id from {{ ref('stg_contacts') }} where age > 50 union all select '030' "
        "from {{ ref('stg_contacts') }} union all select null from {{ ref('stg_contacts') }} "
        "union all select 'nobody' from {{ ref('stg_contacts') }}",
        None,
    ),
}


@pytest.mark.parametrize(("query", "says"), QUERIES.values(), ids=QUERIES)
def test_a_query_that_fails_costs_its_segment(query: str, says: str | None, healthy: World, tmp_path: Path) -> None:
    world = World.copy_of(healthy, tmp_path)
    (world.root / "dbt/models/staging/stg_broken.sql").write_text("select * from raw.nowhere\n", encoding="utf-8")
    world.project.models.forget()
    world.segment("asked", query)
    world.run(ZOE)
    report = world.tick(NEXT)
    reasons = {one.segment: one.reason or "" for one in report.segments if one.status == "stale"}
    assert set(reasons) == ({"asked"} if says else set())
    assert re.search(says or "", reasons.get("asked", ""))
    assert {one.flow for one in report.flows if one.status == "held"} == ({"greet_asked"} if says else set())
    members = world.rows("SELECT contact_id FROM segflow.segment_members WHERE segment = 'asked' ORDER BY contact_id")
    if says is None:
        assert "030" in [row["contact_id"] for row in members]
    else:
        assert members == []
    world.close()


def test_an_expression_that_fails_on_a_value_costs_its_segment_and_its_flow(healthy: World, tmp_path: Path) -> None:
    world = World.copy_of(healthy, tmp_path)
    world.segment("odd", {"where": {"sql": "cast(city as integer) > 1"}})
    world.segment("odd_fans", {"where": {"all": [{"segment": "odd"}, {"segment": "fans"}]}})
    steps = [{"id": "end", "exit": True}]
    where = {"sql": "cast(city as integer) > 1"}
    world.flow("odd_ones", {"status": "active", "trigger": {"enters": "fans"}, "where": where, "steps": steps})
    world.run(ZOE)
    report = world.tick(NEXT)
    reasons = {one.segment: one.reason or "" for one in report.segments if one.status == "stale"}
    assert set(reasons) == {"odd", "odd_fans"}
    assert re.match(r"segment_specs/odd\.yml: Conversion Error: Could not convert string 'London'", reasons["odd"])
    held = {one.flow: one.reason or "" for one in report.flows if one.status == "held"}
    assert set(held) == {"odd_ones"}
    assert re.match(r"flow_specs/odd_ones\.yml: Conversion Error: Could not convert string", held["odd_ones"])
    entries = world.rows(f"SELECT segment FROM segflow.segment_entries WHERE tick_id = '{report.tick_id}'")
    assert {row["segment"] for row in entries} == set(SEGMENTS)
    world.close()

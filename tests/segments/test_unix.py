# ruff: noqa: E501 (tables: one case per line)
"""Times that the source keeps as numbers: `unix: seconds` and `unix: milliseconds`, wherever the catalog names a time."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from segflow.crossings.definitions import _mapping
from segflow.errors import InputError, RunError
from segflow.segments.compiler import compile_project
from segflow.segments.rule_tests import run_tests
from segflow.specs.catalog import Catalog
from segflow.specs.load import load_specs
from segflow.specs.schema import json_schemas
from segflow.specs.unix_times import remedy, too_early
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from segflow.warehouse.names import own_model
from tests.segments.engine import Engine, make_specs
from tests.specs.helpers import CATALOG, messages, project
from tests.world import CATALOG as WORLD
from tests.world import World

NOW = datetime(2026, 3, 1, tzinfo=UTC)
UNITS = {"seconds": 1, "milliseconds": 1000}
BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


def number(time: datetime, unit: str) -> int:
    return (time - BEGIN) // timedelta(seconds=1) * UNITS[unit]


LATE, EARLY = NOW - timedelta(days=2), NOW - timedelta(days=9)
FUTURE = NOW + timedelta(seconds=1)
FORMS = {
    "whole numbers": "{0}::bigint",
    "texts": "' {0} '",
    "doubles": "{0}::double",
    "decimals": "{0}::decimal(18, 3)",
}
SEEN = {"attribute": "seen", "within_last": "3 days"}
INSIDE = {"attribute": "inside", "within_last": "3 days"}
RULES: dict[str, tuple[Any, set[str]]] = {
    "attribute": (SEEN, {"ana"}),
    "attribute by a path": (INSIDE, {"ana"}),
    "attribute to the second": ({"attribute": "seen", "is": "2026-02-27T00:00:00Z"}, {"ana"}),
    "created_at": ({"everyone": True}, {"ana", "ben"}),
    "event": ({"event": "visit", "within_last": "3 days"}, {"ana"}),
    "event of any time": ({"event": "visit"}, {"ana", "ben"}),
    "event at the window's edge": ({"event": "visit", "within_last": "9 days"}, {"ana"}),
    "event before it": ({"event": "visit", "within_last": "10 days"}, {"ana", "ben"}),
    "property": ({"event": "visit", "where": {"property": "until", "within_last": "3 days"}}, {"ana"}),
    "property in JSON": ({"event": "pay", "where": {"property": "due", "within_last": "3 days"}}, {"ana"}),
    "property in JSON by a path": ({"event": "pay", "where": {"property": "paid", "within_last": "3 days"}}, {"ana"}),
    "property in a struct": ({"event": "call", "where": {"property": "due", "within_last": "3 days"}}, {"ana"}),
    "events of a prefix in two units": ({"event_prefix": "p", "where": {"property": "due", "within_last": "3 days"}}, {"ana", "ben"}),
    "object": ({"object": "order", "first_time": {"within_last": "3 days"}}, {"ana"}),
    "object's window": ({"object": "order", "within_last": "3 days"}, {"ana"}),
    "field": ({"object": "order", "where": {"field": "sent", "within_last": "3 days"}}, {"ana"}),
    "list": ({"list": "news", "added": {"within_last": "3 days"}}, {"ana"}),
    "tag": ({"tag": "vip", "added": {"within_last": "3 days"}}, {"ana"}),
}  # fmt: skip


def catalog(unit: str) -> dict[str, Any]:
    time = {"type": "timestamp", "unix": unit}
    other = {"type": "timestamp", "unix": "milliseconds" if unit == "seconds" else "seconds"}
    inside = {**time, "column": ["j", "at"]}
    return {
        "contacts": {
            "model": "people", "created_at": {"column": "made", "unix": unit},
            "attributes": {"seen": {**time, "column": "t"}, "inside": inside},
        },
        "events": [
            {"model": "rows", "event": "visit", "at": {"column": "t", "unix": unit}, "properties": {"until": {**time, "column": "t"}}},
            {
                "model": "rows", "name": "kind", "at": {"column": "t", "unix": unit}, "payload": {"column": "p", "format": "json"},
                "types": {"pay": {"due": {**time, "column": "at"}, "paid": {**time, "column": ["in", "at"]}}, "poll": {"due": {**other, "column": "ben"}}},
            },
            {"model": "structs", "event": "call", "at": {"column": "t", "unix": unit}, "payload": {"column": "p", "format": "struct"}, "properties": {"due": {**time, "column": "at"}}},
        ],
        "objects": {"order": {"model": "rows", "key": "contact_id", "via": "contact_id", "created_at": {"column": "t", "unix": unit}, "fields": {"sent": {**time, "column": "t"}}}},
        "lists": {"model": "labels", "added_at": {"column": "t", "unix": unit}},
        "tags": {"model": "labels", "added_at": {"column": "t", "unix": unit}},
    }  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("unit", UNITS)
def test_every_time_of_the_catalog(tmp_path: Path, unit: str, form: str) -> None:
    def written(time: datetime) -> str:
        return FORMS[form].format(number(time, unit))

    def document(time: datetime) -> str:
        value = number(time, unit) if form != "texts" else str(number(time, unit))
        return json.dumps({"at": value, "in": {"at": value}})

    people = [("ana", LATE, EARLY), ("ben", EARLY, EARLY), ("zoe", LATE, FUTURE)]
    listed = ", ".join(
        f"('{name}', {written(time)}, {written(made)}, '{document(time)}')" for name, time, made in people
    )
    ben = number(LATE, "milliseconds" if unit == "seconds" else "seconds")
    statements = [
        f"create table raw.people as from (values {listed}) t(contact_id, t, made, j)",
        "create table raw.rows as select contact_id, t, 'pay' as kind, j as p from raw.people",
        f"insert into raw.rows select contact_id, t, 'poll', '{{\"ben\": {ben}}}' from raw.people where contact_id = 'ben'",
        "create table raw.structs as select contact_id, t, {'at': t} as p from raw.people",
        "create table raw.labels as select contact_id, t, unnest(['news', 'vip']) as name from raw.people",
    ]
    rules = {f"r{n}": rule for n, (rule, _) in enumerate(RULES.values())}
    with DuckDBWarehouse(tmp_path / "w.duckdb") as warehouse:
        warehouse.ensure_tables()
        for statement in ("create schema raw", *statements):
            warehouse._connection.execute(statement)
        engine = Engine(warehouse, make_specs(Catalog.model_validate(catalog(unit)), rules), NOW)
        engine.build()
        found = engine.memberships()
    assert {name: found[f"r{n}"] for n, name in enumerate(RULES)} == {name: who for name, (_, who) in RULES.items()}


def explained(tmp_path: Path, kind: str, at: Any, rule: dict[str, Any]) -> str:
    """What DuckDB filters while it reads the rows of one event rule."""
    specs = {"contacts": {"model": "people"}, "events": [{"model": "rows", "event": "visit", "at": at}]}
    with DuckDBWarehouse(tmp_path / "w.duckdb") as warehouse:
        warehouse.ensure_tables()
        warehouse._connection.execute("create schema raw; create table raw.people (contact_id varchar)")
        times = (
            "t" if kind == "TIMESTAMP" else f"epoch_ms(t)::bigint {'' if at['unix'] == 'milliseconds' else '// 1000'}"
        )
        made = f"select 'ana' as contact_id, ({times})::{kind} as t from range(timestamp '2025-01-01', timestamp '2027-01-01', interval 1 day) r(t)"
        warehouse._connection.execute(f"create table raw.rows as {made}")
        engine = Engine(warehouse, make_specs(Catalog.model_validate(specs), {"s": rule}), NOW)
        [model] = engine.compiled.fact_models()
        sql = engine.compiled.words.sql(
            engine.fill(engine.compiled.files[f"facts/{own_model(model)}.sql"].split("\n", 1)[1])
        )
        warehouse._connection.execute("set explain_output = 'optimized_only'")
        [(_, plan)] = warehouse._connection.execute(f"explain (format json) {sql}").fetchall()
        scans = re.findall(r'"Filters": "(.*?)"', plan)
        return " AND ".join(scans)


@pytest.mark.parametrize(
    ("kind", "at", "filtered"),
    [
        pytest.param("TIMESTAMP", "t", "t>='2026-02-26 00:00:00'", id="a time"),
        pytest.param("BIGINT", {"column": "t", "unix": "milliseconds"}, "t>=1772064000000", id="milliseconds"),
        pytest.param("BIGINT", {"column": "t", "unix": "seconds"}, "t>=1772064000", id="seconds"),
        pytest.param("INTEGER", {"column": "t", "unix": "seconds"}, "t>=1772064000", id="short seconds"),
    ],
)
def test_the_lower_bound_reaches_the_scan(tmp_path: Path, kind: str, at: Any, filtered: str) -> None:
    assert filtered in explained(tmp_path, kind, at, {"event": "visit", "within_last": "3 days"})


TIME = {"type": "timestamp"}
PLAIN: dict[str, Any] = {
    "contacts": {"model": "people", "created_at": "made", "attributes": {"seen": TIME}},
    "events": [{"model": "rows", "event": "visit", "at": "t", "properties": {"until": TIME}}],
    "objects": {"order": {"model": "rows", "key": "id", "via": "contact_id", "created_at": "t", "fields": {"sent": TIME}}},
    "lists": {"model": "labels", "added_at": "t"},
    "tags": {"model": "labels", "added_at": "t"},
}  # fmt: skip
PRINTED: dict[str, Any] = {
    "age": {"everyone": True},
    "seen": SEEN,
    "visit": {"event": "visit"},
    "until": {"event": "visit", "where": {"property": "until", "is_set": True}},
    "order": {"object": "order"},
    "sent": {"object": "order", "where": {"field": "sent", "is_set": True}},
    "list": {"list": "news"},
    "tag": {"tag": "vip"},
}
EDITS: dict[str, tuple[tuple[str | int, ...], set[str]]] = {
    "created_at of contacts": (("contacts", "created_at"), set(PRINTED)),
    "attribute": (("contacts", "attributes", "seen"), {"seen"}),
    "at": (("events", 0, "at"), {"visit", "until"}),
    "property": (("events", 0, "properties", "until"), {"until"}),
    "created_at of an object": (("objects", "order", "created_at"), {"order", "sent"}),
    "field": (("objects", "order", "fields", "sent"), {"sent"}),
    "added_at of lists": (("lists", "added_at"), {"list"}),
    "added_at of tags": (("tags", "added_at"), {"tag"}),
}


def edited(path: tuple[str | int, ...], unix: str | None) -> Catalog:
    spec = json.loads(json.dumps(PLAIN))
    holder = spec
    for key in path[:-1]:
        holder = holder[key]
    before = holder[path[-1]] if isinstance(holder[path[-1]], dict) else {"column": holder[path[-1]]}
    holder[path[-1]] = {**before, **({"unix": unix} if unix else {})}
    return Catalog.model_validate(spec)


def prints(catalog: Catalog) -> dict[str, str]:
    compiled = compile_project(make_specs(catalog, PRINTED))
    return {name: segment.fingerprint for name, segment in compiled.segments.items()}


@pytest.mark.parametrize(("path", "other"), EDITS.values(), ids=EDITS)
def test_unix_makes_another_rule(path: tuple[str | int, ...], other: set[str]) -> None:
    plain, longer = prints(Catalog.model_validate(PLAIN)), prints(edited(path, None))
    assert longer == plain
    for unit in UNITS:
        found = prints(edited(path, unit))
        assert {name for name in PRINTED if found[name] != plain[name]} == other
    assert prints(edited(path, "seconds")) != prints(edited(path, "milliseconds"))


def test_the_mapping_that_a_version_keeps() -> None:
    """Of plain times it is what it was before there was another form: a version is no edit."""
    plain = Catalog.model_validate(PLAIN).contacts
    assert _mapping(plain, ["seen"]) == {
        "model": "people",
        "created_at": "made",
        "attributes": {"seen": {"type": "timestamp"}},
    }
    spec = catalog("seconds")["contacts"]
    kept = _mapping(Catalog.model_validate(catalog("seconds")).contacts, ["seen", "inside"])
    assert kept == spec


MISTAKES = {
    "another type": ("    town: text\n", "    town: {type: text, unix: seconds}\n", "13:24: unix goes with type: timestamp, and the type of town is text; change it, or remove unix"),
    "a number": ("    age: number\n", "    age: {type: integer, unix: seconds}\n", "9:26: unix goes with type: timestamp, and the type of age is integer; change it, or remove unix"),
    "an event's": ("gift: boolean", "gift: {type: boolean, unix: seconds}", "25:72: unix goes with type: timestamp, and the type of gift is boolean; change it, or remove unix"),
    "an object's": ("fields: {sku: text}", "fields: {sku: {type: date, unix: seconds}}", "33:103: unix goes with type: timestamp, and the type of sku is date; change it, or remove unix"),
    "of flows": ("points: {type: number, written_by: flows}", "points: {type: timestamp, unix: seconds, written_by: flows}", "17:31: flows write times as texts like 2026-01-31T09:00:00Z; remove unix"),
    "another unit": ("imported_at: at", "imported_at: {column: at, unix: microseconds}", "35:81: unix cannot be the text 'microseconds': expected seconds or milliseconds (did you mean milliseconds?)"),
    "no column": ("imported_at: at", "imported_at: {unix: seconds}", "35:62: column is missing"),
    "another key": ("imported_at: at", "imported_at: {colum: at, unix: seconds}", "35:63: unknown key colum (did you mean column?)"),
    "a number for a column": ("imported_at: at", "imported_at: 5", "35:62: imported_at must be a column, or {column: ..., unix: seconds} (or milliseconds), not the number 5"),
    "an empty column": ("imported_at: at", "imported_at: ''", "35:62: column: the text is empty"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert CATALOG.count(old) == 1
    found = messages(tmp_path, segments__catalog=CATALOG.replace(old, new), segments__tea="where: {everyone: true}\n")
    assert found[:1] == [f"catalog.yml:{told}"]


def test_the_schema_has_both_forms() -> None:
    defined = json_schemas()["catalog"]["$defs"]
    assert defined["TimeColumn"]["anyOf"][0]["type"] == "string"
    assert defined["TimeColumn"]["anyOf"][1]["properties"]["unix"]["enum"] == [*UNITS]
    assert defined["EventSource"]["properties"]["at"]["default"] == "occurred_at"
    assert "unix" in defined["Attribute"]["anyOf"][1]["properties"]


REMEDIES: dict[str, tuple[tuple[Any, ...], str | None]] = {
    "seconds": (("timestamp", None, 1_769_860_800, None), "it seems to count seconds from 1970: write unix: seconds in the catalog"),
    "milliseconds": (("timestamp", None, 1_769_860_800_000, "at: {column: t"), "it seems to count milliseconds from 1970: write at: {column: t, unix: milliseconds} in the catalog"),
    "microseconds": (("timestamp", None, 1_769_860_800_000_000, None), "it seems to count microseconds, or less, from 1970: make it a TIMESTAMP in the model"),
    "small": (("timestamp", None, 5, None), "where it counts from 1970, write unix: seconds (or milliseconds) in the catalog, or mend the model"),
    "a day": (("date", None, 1_769_860_800, None), "it seems to count seconds from 1970: write type: timestamp and unix: seconds in the catalog"),
    "a day of digits": (("timestamp", None, 20_260_131, None), None),
    "no number": (("timestamp", None, None, None), None),
    "no number, unix": (("timestamp", "seconds", None, None), "its values are no numbers: remove unix in the catalog"),
    "too large": (("timestamp", "seconds", 1_769_860_800_000, None), "it seems to count milliseconds from 1970: write unix: milliseconds in the catalog"),
    "another type": (("boolean", None, 1_769_860_800, None), None),
}  # fmt: skip


@pytest.mark.parametrize(("given", "told"), REMEDIES.values(), ids=REMEDIES)
def test_remedies(given: tuple[Any, ...], told: str | None) -> None:
    assert remedy(*given) == told


EARLY_TIMES = {
    "seconds as milliseconds": ("milliseconds", datetime(1970, 1, 21, 11, 37), True),
    "of today": ("milliseconds", datetime(2026, 1, 31), False),
    "seconds": ("seconds", datetime(1970, 1, 21, 11, 37), False),
    "zero": ("milliseconds", datetime(1970, 1, 1), False),
    "none": ("milliseconds", None, False),
}


@pytest.mark.parametrize(("unix", "last", "told"), EARLY_TIMES.values(), ids=EARLY_TIMES)
def test_seconds_that_are_read_as_milliseconds(unix: Any, last: datetime | None, told: bool) -> None:
    assert bool(too_early(unix, last, None)) is told


def world_with(root: Path, at: Any, kind: str, scale: int, ends: str | None = None) -> World:
    """Contacts who were created at a number, and visited at one. `at`: what stands in the catalog for both."""
    world = World(root)
    spec = json.loads(json.dumps(WORLD))
    spec["events"][0]["at"] = at if at else "at"
    spec["events"][0]["types"]["visit"] = {"ends": {"type": "timestamp", **({"unix": ends} if ends else {})}}
    (root / "segment_specs/catalog.yml").write_text(yaml.safe_dump(spec, sort_keys=False))
    world.project.reload()
    world.rows_of("contacts", [{"contact_id": name} for name in ("ana", "ben", "cleo")])
    world.run("drop table raw.events")
    world.run(f'create table raw.events (contact_id varchar, name varchar, "at" {kind}, properties varchar)')
    rows = [("ana", LATE), ("ben", EARLY), ("cleo", FUTURE)]
    for name, time in rows:
        value = number(time, "seconds") * scale
        world.run(f"insert into raw.events values ('{name}', 'visit', {value}, '{{\"ends\": {value}}}')")
    world.segment("recent", {"where": {"event": "visit", "within_last": "3 days"}})
    world.segment("ended", {"where": {"event": "visit", "where": {"property": "ends", "within_last": "3 days"}}})
    return world


def entered(world: World, segment: str) -> set[str]:
    rows = world.rows(f"select contact_id from segflow.memberships where segment = '{segment}'")
    return {row["contact_id"] for row in rows}


def test_ticks_over_milliseconds(tmp_path: Path) -> None:
    """dbt itself runs them: the models call the macros."""
    world = world_with(tmp_path, {"column": "at", "unix": "milliseconds"}, "BIGINT", 1000, "milliseconds")
    world.close()
    world.real = True
    world.__dict__.pop("project", None)
    report = world.tick(NOW)
    assert report.errors == []
    assert (entered(world, "recent"), entered(world, "ended")) == ({"ana"}, {"ana"})
    assert world.tick(NOW + timedelta(days=1, seconds=1)).errors == []
    assert (entered(world, "recent"), entered(world, "ended")) == ({"cleo"}, {"cleo"}), (
        "the window of the one has passed"
    )


def test_explain_tells_when_a_number_passes(tmp_path: Path) -> None:
    world = world_with(tmp_path, {"column": "at", "unix": "milliseconds"}, "BIGINT", 1000, "milliseconds")
    spec = yaml.safe_load((tmp_path / "segment_specs/catalog.yml").read_text())
    spec["contacts"]["created_at"] = {"column": "made", "unix": "seconds"}
    spec["lists"]["added_at"] = {"column": "made", "unix": "seconds"}
    (tmp_path / "segment_specs/catalog.yml").write_text(yaml.safe_dump(spec, sort_keys=False))
    made = f"{number(LATE, 'seconds')} as made"
    world.run(
        f"alter table raw.contacts add column made bigint; update raw.contacts set made = {number(LATE, 'seconds')}"
    )
    world.run(f"create or replace table raw.lists as select contact_id, 'news' as name, {made} from raw.contacts")
    world.segment("read", {"where": {"list": "news", "added": {"within_last": "3 days"}}})
    world.tick(NOW)
    told = {name: world.project.explain(name, "ana", NOW) for name in ("recent", "ended", "read")}
    assert {name: (one.member, one.until) for name, one in told.items()} == dict.fromkeys(
        told, (True, LATE + timedelta(days=3))
    )
    later = world.project.explain("recent", "cleo", NOW)
    assert (later.member, later.until) == (False, FUTURE)
    with pytest.raises(InputError, match=r"contact ana is not there yet at .*: made is later"):
        world.project.explain("recent", "ana", EARLY)
    world.close()


FAULTS: dict[str, tuple[Any, str, int, str]] = {
    "milliseconds without unix": (None, "BIGINT", 1000, r"column at of model stg_events \(the time of event visit, segment_specs/catalog\.yml:\d+\) is to be a timestamp, and none of its values is one, for example \d+: it seems to count milliseconds from 1970: write at: {column: at, unix: milliseconds} in the catalog"),
    "texts of seconds without unix": (None, "VARCHAR", 1, r"seems to count seconds from 1970: write at: {column: at, unix: seconds}"),
    "milliseconds read as seconds": ({"column": "at", "unix": "seconds"}, "BIGINT", 1000, r"is to be a number of unix seconds, and none of its values is one, for example \d+: it seems to count milliseconds from 1970: write at: {column: at, unix: milliseconds}"),
    "seconds read as milliseconds": ({"column": "at", "unix": "milliseconds"}, "BIGINT", 1, r"is to be a number of unix milliseconds, and all of it would lie before May 1970: write at: {column: at, unix: seconds}"),
}  # fmt: skip


@pytest.mark.parametrize(("at", "kind", "scale", "told"), FAULTS.values(), ids=FAULTS)
def test_a_fault_names_the_remedy(tmp_path: Path, at: Any, kind: str, scale: int, told: str) -> None:
    world = world_with(tmp_path, at, kind, scale)
    reasons = {one.segment: one.reason or "" for one in world.tick(NOW).segments if one.status == "stale"}
    assert set(reasons) == {"recent", "ended"}
    assert [reason for reason in reasons.values() if not re.search(told, reason)] == []
    world.close()


LINTED: dict[str, tuple[Any, str | None, int, set[str]]] = {
    "numbers in JSON": (
        {"column": "at", "unix": "milliseconds"}, None, 1000,
        {"property ends of event visit is always missing: it seems to count milliseconds from 1970: write unix: milliseconds in the catalog"},
    ),
    "the time of the event": (
        None, "seconds", 1,
        {"no row of event visit was ever seen: it seems to count seconds from 1970: write at: {column: at, unix: seconds} in the catalog"},
    ),
    "as it should be": ({"column": "at", "unix": "seconds"}, "seconds", 1, set()),
}  # fmt: skip


@pytest.mark.parametrize(("at", "ends", "scale", "told"), LINTED.values(), ids=LINTED)
def test_lint_names_the_remedy(tmp_path: Path, at: Any, ends: str | None, scale: int, told: set[str]) -> None:
    world = world_with(tmp_path, at, "BIGINT", scale, ends)
    world.tick(NOW)
    found = {f"{one.what}: {one.do}" for one in world.project.lint() if one.rule in ("always-missing", "never-seen")}
    assert found == told
    world.close()


def test_a_time_that_is_read_as_a_number_stops_the_contacts(tmp_path: Path) -> None:
    world = World(tmp_path)
    spec = json.loads(json.dumps(WORLD))
    spec["contacts"]["created_at"] = {"column": "created_at", "unix": "seconds"}
    (tmp_path / "segment_specs/catalog.yml").write_text(yaml.safe_dump(spec, sort_keys=False))
    world.project.reload()
    world.rows_of("contacts", [{"contact_id": "ana", "created_at": EARLY}])
    with pytest.raises(
        RunError,
        match=r"created_at of model stg_contacts .* number of unix seconds.*: its values are no numbers: remove unix",
    ):
        world.tick(NOW)
    world.close()


TESTED = """\
where: {all: [{attribute: seen, is: "2026-02-28T12:00:00.000001Z"}, {event: visit, within_last: 1 day, where: {property: until, on: 2026-02-28}}, {object: order, within_last: 1 day}, {list: news, added: {within_last: 1 day}}]}
tests:
  - name: times are times
    as_of: 2026-03-01
    contacts: [{contact_id: a, created_at: 2026-02-01, seen: "2026-02-28T12:00:00.000001Z"}, {contact_id: b, seen: "2026-02-28T12:00:00.000002Z"}]
    events: [{contact_id: a, event: visit, at: "2026-02-28T09:00:00Z", until: 2026-02-28}, {contact_id: b, event: visit, at: "2026-02-28T09:00:00Z", until: 2026-02-28}]
    objects: {order: [{contact_id: a, created_at: "2026-02-28T09:00:00Z"}, {contact_id: b, created_at: "2026-02-28T09:00:00Z"}]}
    lists: [{contact_id: a, name: news, added_at: "2026-02-28T09:00:00Z"}, {contact_id: b, name: news, added_at: "2026-02-28T09:00:00Z"}]
    members: [a]
"""


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("payload", [None, "json", "struct"])
def test_rule_tests_say_times(tmp_path: Path, unit: str, payload: str | None) -> None:
    spec = json.loads(
        json.dumps(PLAIN)
        .replace('"type": "timestamp"', f'"type": "timestamp", "unix": "{unit}"')
        .replace('_at": "t"', f'_at": {{"column": "t", "unix": "{unit}"}}')
        .replace('"at": "t"', f'"at": {{"column": "t", "unix": "{unit}"}}')
    )
    assert json.dumps(spec).count(unit) == 7
    spec["objects"]["order"]["model"] = "orders"
    spec["tags"] = {}
    spec["events"][0] |= {"payload": {"column": "p", "format": payload}} if payload else {}
    root = project(
        tmp_path,
        segments__catalog=yaml.safe_dump(spec),
        segments__tea=TESTED,
        flows__hello="status: draft\n",
    )
    [outcome] = run_tests(load_specs(root))
    assert outcome.passed, str(outcome)

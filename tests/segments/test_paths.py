# ruff: noqa: E501 (tables: one case per line)
"""Values by a path into JSON and structs: payloads, columns of contacts and objects, lists on the way."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from segflow.lint.lint import examine
from segflow.segments.compiler import compile_project
from segflow.segments.rule_tests import run_tests
from segflow.specs.catalog import Catalog
from segflow.specs.load import load_specs
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.segments.engine import Engine, make_specs
from tests.specs.helpers import CATALOG, messages, project
from tests.world import World

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ADDRESS = {
    "city": {"type": "text", "column": ["address", "city"]},
    "floor": {"type": "integer", "column": ["address", "at", "floor"]},
    "moved": {"type": "timestamp", "column": ["address", "at", "moved"]},
    "owner": {"type": "boolean", "column": ["address", "owner"]},
    "born": {"type": "date", "column": ["address", "born"]},
    "pets": {"type": "list_of_text", "column": ["address", "pets", "kind"]},
    "first_pet": {"type": "text", "column": ["address", "pets", "kind"]},
}
SOURCE = {"model": "clicks", "name": "kind", "types": {"buy": ADDRESS}}
SHAPES: dict[str, dict[str, Any]] = {
    "payload": {**SOURCE, "payload": {"column": "p", "format": "json"}},
    "struct": {
        **SOURCE,
        "payload": {"column": "p", "format": "struct"},
        "types": {"buy": {n: a for n, a in ADDRESS.items() if n != "first_pet"}},
    },
    "columns": SOURCE,
}
ANA = {
    "city": "Rome",
    "at": {"floor": 3, "moved": "2026-02-20T10:00:00+02:00"},
    "owner": True,
    "born": "2000-03-01",
    "pets": [{"kind": "cat"}, {"kind": "dog"}],
}
BEN = {
    "city": "Bonn",
    "at": {"floor": 0, "moved": "2025-02-20T10:00:00Z"},
    "owner": False,
    "born": "1990-01-01",
    "pets": [{"kind": "cow"}],
}
TESTS: dict[str, dict[str, Any]] = {
    "text": {"city": {"is": "Rome"}},
    "integer": {"floor": {"gt": 2}},
    "timestamp": {"moved": {"within_last": "30 days"}},
    "the offset counts": {"moved": {"is": "2026-02-20T08:00:00Z"}},
    "boolean": {"owner": {"is": True}},
    "date": {"born": {"anniversary": "today"}},
    "any element": {"pets": {"contains": "dog"}},
    "any of several": {"pets": {"in": ["DOG", "fish"], "ignore_case": True}},
    "no element": {"pets": {"not_contains": "cow"}},
}


def literal(value: Any) -> str:
    """A value as DuckDB writes it: a mapping is a struct."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"'{key}': {literal(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    return repr(value) if not isinstance(value, bool) else str(value).lower()


def members(tmp_path: Path, catalog: dict[str, Any], rules: dict[str, Any], *statements: str) -> dict[str, set[str]]:
    with DuckDBWarehouse(tmp_path / "w.duckdb") as warehouse:
        warehouse.ensure_tables()
        for statement in ("create schema raw", *statements):
            warehouse._connection.execute(statement)
        engine = Engine(warehouse, make_specs(Catalog.model_validate(catalog), rules), NOW)
        engine.build()
        return engine.memberships()


@pytest.mark.parametrize("form", ["json text", "JSON", "struct"])
def test_columns_of_contacts_and_objects(tmp_path: Path, form: str) -> None:
    def written(value: Any) -> str:
        return literal(value) if form == "struct" else f"'{json.dumps(value)}'" + ("::json" if form == "JSON" else "")

    catalog = {
        "contacts": {"model": "people", "attributes": ADDRESS},
        "objects": {"place": {"model": "places", "key": "id", "via": "who", "fields": ADDRESS}},
    }
    rules = {f"{kind}_{n}": ({kind: name, **test} if kind == "attribute" else {"object": "place", "where": {"field": name, **test}})
             for kind in ("attribute", "object") for n, one in enumerate(TESTS.values()) for name, test in one.items()}  # fmt: skip
    rules |= {"list_on_the_way": {"attribute": "first_pet", "is_set": True}}
    rows = f"values ('ana', {written(ANA)}), ('ben', {written(BEN)})"
    found = members(
        tmp_path, catalog, rules, f"create table raw.people as from ({rows}) t(contact_id, address)",
        "create table raw.places as select contact_id as id, contact_id as who, address from raw.people",
    )  # fmt: skip
    assert found == {name: {"ana"} if name != "list_on_the_way" else set() for name in rules}


@pytest.mark.parametrize("shape", SHAPES)
def test_properties_of_events(tmp_path: Path, shape: str) -> None:
    catalog = {"contacts": {"model": "people", "attributes": {}}, "events": [SHAPES[shape]]}
    rules: dict[str, Any] = {
        f"buy_{n}": {"event": "buy", "where": {"property": name, **test}}
        for n, one in enumerate(TESTS.values()) for name, test in one.items()
    }  # fmt: skip
    rules |= {
        "total": {"event": "buy", "sum": {"property": "floor", "is": 3}},
        "last": {"event_prefix": "b", "last": {"property": "city", "is": "Rome"}},
    }

    def written(value: Any) -> str:
        if shape == "columns":
            return literal(value)
        whole = {"address": value}
        return literal(whole) if shape == "struct" else f"'{json.dumps(whole)}'"

    column = "address" if shape == "columns" else "p"
    rows = f"values ('ana', {written(ANA)}), ('ben', {written(BEN)})"
    found = members(
        tmp_path, catalog, rules, "create table raw.people as select unnest(['ana', 'ben']) as contact_id",
        f"create table raw.clicks as select *, 'buy' as kind, timestamp '2026-02-01' as occurred_at from ({rows}) t(contact_id, {column})",
    )  # fmt: skip
    assert found == {name: {"ana"} for name in rules}


@pytest.mark.parametrize("key", ["a.b", 'a"b', "*", "0", "$", "it's", "{{ x }}", "é", "A b", ""])
def test_keys_are_just_keys(tmp_path: Path, key: str) -> None:
    """Through the text of a model, too, which Jinja and the parser read."""
    attributes = {
        "value": {"type": "text", "column": ["j", key]},
        "inner": {"type": "text", "column": ["j", "in", key]},
        "all": {"type": "list_of_text", "column": ["j", "in", key]},
    }
    document = json.dumps({key: "yes", "other": "no", "in": {key: "yes", "other": "no"}}).replace("'", "''")
    rules = {
        "value": {"attribute": "value", "is": "yes"},
        "inner": {"attribute": "inner", "is": "yes"},
        "all": {"attribute": "all", "contains": "yes"},
    }
    catalog = {"contacts": {"model": "people", "attributes": attributes}}
    found = members(
        tmp_path, catalog, rules, f"create table raw.people as select 'ana' as contact_id, '{document}' as j"
    )
    assert found == {name: {"ana"} for name in rules}


def fingerprint(column: Any) -> str:
    catalog = Catalog.model_validate(
        {"contacts": {"model": "people", "attributes": {"city": {"type": "text", "column": column}}}}
    )
    return compile_project(make_specs(catalog, {"s": {"attribute": "city", "is": "x"}})).segments["s"].fingerprint


def test_another_path_is_another_rule() -> None:
    assert fingerprint(None) == fingerprint("city") == fingerprint(["city"])
    prints = [fingerprint(one) for one in ("city", ["a", "city"], ["a", "b", "city"], ["a.city"], ['a", "city'])]
    assert len(set(prints)) == len(prints)


MISTAKES = {
    "nothing": ("[]", "8:32: column needs at least 1 item"),
    "no column": ("['', city]", "8:32: the path begins with the name of a column, which is empty here"),
    "a position": ("[address, 0]", "8:42: an item of column must be a text, not the number 0; put it in quotes"),
    "a mapping": (
        "{address: city}",
        "8:32: column must be the name of a column, or the path to a value inside of one, like [address, city]",
    ),
    "a line break": ('["a\\nb"]', "8:33: 'a\nb' has a line break or another control character"),
    "an empty name": ("''", "8:32: column: the text is empty"),
}


@pytest.mark.parametrize(("column", "told"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(tmp_path: Path, column: str, told: str) -> None:
    catalog = CATALOG.replace("    town: text\n", f"    town: {{type: text, column: {column}}}\n")
    line = CATALOG[: CATALOG.index("    town: text")].count("\n") + 1
    assert messages(tmp_path, segments__catalog=catalog) == [f"catalog.yml:{told}".replace(":8:", f":{line}:")]


SEGMENT = """\
where: {all: [{attribute: city, is: Rome}, {attribute: pets, contains: dog}, {event: buy, where: {property: sku, contains: x}}, {event: ring, where: {property: to, is: b}}]}
tests:
  - name: rows speak of values, wherever they lie
    as_of: 2026-03-01
    contacts: [{contact_id: a, city: Rome, pets: [cat, dog]}, {contact_id: b, city: Bonn, pets: [dog]}]
    events:
      - {contact_id: a, event: buy, at: 2026-02-01, sku: [x, y], total: 3}
      - {contact_id: b, event: buy, at: 2026-02-01, sku: [x]}
      - {contact_id: a, event: ring, at: 2026-02-01, to: b}
    members: [a]
"""
SMALL = """\
contacts:
  model: stg_contacts
  attributes:
    city: {type: text, column: [address, city]}
    pets: {type: list_of_text, column: [address, pets, kind]}
    address: text
events:
  - {model: e, name: n, payload: {column: p, format: json}, types: {buy: {sku: {type: list_of_text, column: [lines, sku]}, total: number}}}
  - {model: s, name: n, payload: {column: p, format: struct}, types: {ring: {to: {type: text, column: [call, to]}, long: {type: number, column: [call, long]}}}}
"""


def test_tests_of_segments_say_values(tmp_path: Path) -> None:
    root = project(tmp_path, segments__catalog=SMALL, segments__tea=SEGMENT)
    (root / "flow_specs/hello.yml").unlink()
    assert [(one.passed, one.error) for one in run_tests(load_specs(root))] == [(True, None)]
    inside = SEGMENT.replace("city: Bonn, pets: [dog]", "address: Bonn, city: Bonn")
    (told,) = [one for one in messages(tmp_path, segments__catalog=SMALL, segments__tea=inside) if "tea.yml" in one]
    assert "city and address lie one inside the other; give one of them" in told


def test_a_path_that_finds_nothing_is_said(tmp_path: Path) -> None:
    """By lint for JSON, where a key may come later; a struct says for good that it has no such field."""
    world = World(tmp_path)
    file = tmp_path / "segment_specs/catalog.yml"
    catalog = yaml.safe_load(file.read_text(encoding="utf-8"))
    catalog["contacts"]["attributes"] |= {
        "town": {"type": "text", "column": ["email", "town"]},
        "street": {"type": "text", "column": ["email", "street"]},
    }
    file.write_text(yaml.safe_dump(catalog), encoding="utf-8")
    world.rows_of("contacts", [{"contact_id": "ana", "email": '{"town": "Rome"}'}])
    world.rows_of("events", [{"contact_id": "ana", "name": "visit", "at": NOW - timedelta(days=1)}])
    world.segment("romans", {"where": {"attribute": "town", "is": "Rome"}})
    world.segment("lost", {"where": {"attribute": "street", "is": "x"}})
    world.tick(NOW)
    found = [
        (one.segment, one.rule, one.what, one.do) for one in examine(world.project).findings if "missing" in one.rule
    ]
    do = "mend its path in the catalog, or the model; with a list on the way its type is list_of_text"
    assert found == [
        ("lost", "always-missing", "attribute street is always missing: nothing lies at [email, street]", do)
    ]
    world.run("alter table raw.contacts alter email type struct(town varchar) using cast(email as json)")
    world.tick(NOW + timedelta(days=1))
    (reason,) = [row["reason"] for row in world.rows("select reason from segflow.segment_state where segment = 'lost'")]
    assert reason.startswith(
        "contacts.street: model stg_contacts has nothing at [email, street] (attribute street, segment_specs/catalog.yml:"
    )
    assert reason.endswith("; it has town")

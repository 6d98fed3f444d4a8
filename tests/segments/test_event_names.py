"""Events by what the data calls them: every way to ask for one finds its rows, whatever the text."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from segflow.errors import SpecError
from segflow.segments.compiler import compile_project
from segflow.segments.rule_tests import run_tests
from segflow.specs.catalog import Catalog
from segflow.specs.load import load_specs
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.segments.engine import Engine, load_table, make_specs
from tests.specs.helpers import project
from tests.world import CATALOG, World

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TEXTS = [
    "Order Completed", "$pageview", "cart.add", "ORDER completed", " blank ", "it's", 'say "hi"', "Größe", "購入",
    "a\\b", "{{ x }}", "{% raw %}", "-- no", "/* no */", "line\nbreak", "tab\t", "%", "404", "select",
]  # fmt: skip


def world_of(texts: list[str], prefixes: dict[str, str]) -> tuple[Catalog, pa.Table]:
    """Contact n did event `e{n}`, which the data calls `texts[n]`, a day ago, and `plain` an hour after it."""
    types: dict[str, Any] = {f"e{n}": {"is": text, "properties": {"n": "integer"}} for n, text in enumerate(texts)}
    catalog = Catalog.model_validate({
        "contacts": {"model": "people", "attributes": {}},
        "events": [{
            "model": "clicks", "name": "what happened", "payload": {"column": "p", "format": "json"},
            "types": {**types, "plain": {"n": "integer"}},
        }],
        "event_prefixes": {name: {"is": text} for name, text in prefixes.items()},
    })  # fmt: skip
    day = NOW.replace(tzinfo=None) - timedelta(days=1)
    rows = [(f"c{n}", day, text, json.dumps({"n": n})) for n, text in enumerate(texts)]
    rows += [(f"c{n}", day + timedelta(hours=1), "plain", json.dumps({"n": n})) for n in range(len(texts))]
    columns = ("contact_id", "occurred_at", "what happened", "p")
    return catalog, pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows])


def test_every_way_to_ask(tmp_path: Path) -> None:
    prefixes = {"orders": "Order", "money": "$"}
    catalog, clicks = world_of(TEXTS, prefixes)
    rules: dict[str, Any] = {f"did_{n}": {"event": f"e{n}"} for n in range(len(TEXTS))}
    rules |= {f"sum_{n}": {"event": f"e{n}", "sum": {"property": "n", "is": n}} for n in range(1, len(TEXTS))}
    rules |= {
        f"then_{n}": {"event": f"e{n}", "followed_by": {"event": "plain", "within": "1 day"}} for n in range(len(TEXTS))
    }
    rules |= {"own_names": {"event_prefix": "e1"}, "orders": {"event_prefix": "orders"}, "any": {"any_event": True}}
    with DuckDBWarehouse(tmp_path / "w.duckdb") as warehouse:
        warehouse.ensure_tables()
        load_table(warehouse, "people", pa.table({"contact_id": [f"c{n}" for n in range(len(TEXTS) + 1)]}))
        load_table(warehouse, "clicks", clicks)
        engine = Engine(warehouse, make_specs(catalog, rules), NOW)
        engine.build()
        found = engine.memberships()
    for n in range(len(TEXTS)):
        assert found[f"did_{n}"] == {f"c{n}"}, TEXTS[n]
        assert found[f"then_{n}"] == {f"c{n}"}, TEXTS[n]
        assert n == 0 or found[f"sum_{n}"] == {f"c{n}"}, TEXTS[n]
    assert found["own_names"] == {f"c{n}" for n in range(len(TEXTS)) if f"e{n}".startswith("e1")}
    assert found["orders"] == {"c0"}
    assert found["any"] == {f"c{n}" for n in range(len(TEXTS))}


def renamed(is_: str | None, **more: Any) -> str:
    """The fingerprint of `{event: visit}` where the data calls a visit `is_`."""
    kind: dict[str, Any] = {"properties": {}, **({"is": is_} if is_ is not None else {})}
    source = {"model": "clicks", "name": "kind", "types": {"visit": kind}}
    catalog = Catalog.model_validate({"contacts": {"model": "people"}, "events": [source], **more})
    return compile_project(make_specs(catalog, {"s": {"event": "visit"}})).segments["s"].fingerprint


def test_a_changed_text_is_an_edit_and_the_same_text_is_none() -> None:
    assert renamed(None) == renamed("visit")
    assert len({renamed(None), renamed("Visit"), renamed("visit ")}) == 3
    assert renamed(None) == renamed(None, event_prefixes={"v": {"is": "v"}})


CALLED = {"order_completed": {"is": "Order Completed", "properties": {"amount": "number"}}, "visit": {}}


def test_a_tick_a_flow_and_an_edit_of_the_text(tmp_path: Path) -> None:
    """The identifier names files and facts, the text finds the rows, and an edit of `is` crosses as a definition."""
    catalog = {**CATALOG, "events": [{**CATALOG["events"][0], "types": CALLED}]}
    world = World(tmp_path)
    (tmp_path / "segment_specs/catalog.yml").write_text(yaml.safe_dump(catalog), encoding="utf-8")
    world.rows_of("contacts", [{"contact_id": one, "city": "Rome", "email": f"{one}@x.org"} for one in ("ana", "ben")])
    at, late = NOW - timedelta(days=1), NOW + timedelta(hours=30)
    amount = json.dumps({"amount": 5})
    world.rows_of("events", [
        {"contact_id": "ana", "name": "Order Completed", "at": at, "properties": amount},
        {"contact_id": "ben", "name": "order_completed", "at": at, "properties": amount},
        {"contact_id": "ana", "name": "Order Completed", "at": late, "properties": amount},
    ])  # fmt: skip
    world.segment("buyers", {"where": {"event": "order_completed", "sum": {"property": "amount", "gte": 5}}})
    again = {"all": [{"event": "order_completed", "since": "enrollment"}]}
    world.flow("thanks", {
        "status": "active", "trigger": {"enters": "romans"}, "exit_when": [again],
        "steps": [{"id": "rest", "wait": "2 days"}, {"id": "a", "add_to_list": "stayed"}],
    })  # fmt: skip
    world.segment("romans", {"where": {"attribute": "city", "is": "Rome"}, "on_create": "trigger"})
    world.tick(NOW)
    members = "select segment || ' ' || contact_id as one from segflow.segment_members order by all"
    assert [row["one"] for row in world.rows(members)] == ["buyers ana", "romans ana", "romans ben"]
    (root,) = [path for path in (tmp_path / "dbt/models/segflow/facts").iterdir() if "order" in path.name]
    assert root.name == "segflow__facts__event_order_completed.sql"
    assert "all facts about event order_completed ('Order Completed')." in root.read_text()
    why = world.project.explain("buyers", "ana")
    assert why.answer.words == "sum of amount at least 5, over order_completed ('Order Completed')"
    world.tick(NOW + timedelta(days=3))
    ends = world.rows("select contact_id, reason from segflow.flow_enrollment_ends order by all")
    assert [(row["contact_id"], row["reason"]) for row in ends] == [("ana", "exit_when"), ("ben", "completed")]
    catalog["events"][0]["types"] = {**CALLED, "order_completed": {"properties": {"amount": "number"}}}
    (tmp_path / "segment_specs/catalog.yml").write_text(yaml.safe_dump(catalog), encoding="utf-8")
    world.project.reload()
    world.tick(NOW + timedelta(days=4))
    sql = "select contact_id, cause from segflow.{} where segment = 'buyers' and cause = 'definition'"
    assert [row["contact_id"] for row in world.rows(sql.format("segment_entries"))] == ["ben"]
    assert [row["contact_id"] for row in world.rows(sql.format("segment_exits"))] == ["ana"]


SEGMENT = """\
where: {event: order_completed, where: {property: amount, gt: 5}}
tests:
  - name: by the name of the catalog
    as_of: 2026-03-01
    contacts: [{contact_id: a}, {contact_id: b}]
    events:
      - {contact_id: a, event: order_completed, at: 2026-02-01, amount: 6}
      - {contact_id: b, event: NAME, at: 2026-02-01}
    members: [a]
"""
SMALL = """\
contacts: {model: stg_contacts}
events:
  - model: stg_events
    name: n
    types: {order_completed: {is: Order Completed, properties: {amount: number}}, other: {}}
"""


def test_tests_of_segments_name_events_as_conditions_do(tmp_path: Path) -> None:
    files = {"segments__catalog": SMALL, "flows__hello": "trigger: {enters: tea}\nsteps: []\n"}
    root = project(tmp_path, segments__tea=SEGMENT.replace("NAME", "other"), **files)
    (root / "flow_specs/hello.yml").unlink()
    assert [one.passed for one in run_tests(load_specs(root))] == [True]
    project(tmp_path, segments__tea=SEGMENT.replace("NAME", "Order Completed"), **files)
    (root / "flow_specs/hello.yml").unlink()
    with pytest.raises(SpecError, match="by the catalog's name for it: write order_completed"):
        load_specs(root)


KEYS = ["a.b", 'a"b', "*", "0", "$", "it's", "{{ x }}", "{% raw %}", "é", ""]


def test_what_dbt_builds(tmp_path: Path) -> None:
    """The texts of events and the keys of paths go through Jinja, too."""
    world = World(tmp_path, real=True)
    world.close()
    properties = {
        f"{kind[0]}{n}": {"type": kind, "column": ["in", key]}
        for kind in ("text", "list_of_text") for n, key in enumerate(KEYS)
    }  # fmt: skip
    types = {f"e{n}": {"is": text, "properties": properties} for n, text in enumerate(TEXTS)}
    catalog = {**CATALOG, "events": [{**CATALOG["events"][0], "types": types}]}
    (tmp_path / "segment_specs/catalog.yml").write_text(yaml.safe_dump(catalog), encoding="utf-8")
    world.rows_of("contacts", [{"contact_id": f"c{n}"} for n in range(len(TEXTS))])
    given = json.dumps({"in": dict.fromkeys(KEYS, "yes")})
    world.rows_of("events", [
        {"contact_id": f"c{n}", "name": text, "at": NOW - timedelta(days=1), "properties": given}
        for n, text in enumerate(TEXTS)
    ])  # fmt: skip
    asked = [{"property": name, "is" if name[0] == "t" else "contains": "yes"} for name in properties]
    for n in range(len(TEXTS)):
        world.segment(f"s{n}", {"where": {"event": f"e{n}", "where": {"all": asked}}})
    world.tick(NOW)
    rows = world.rows("select segment, contact_id from segflow.segment_members")
    assert {(row["segment"], row["contact_id"]) for row in rows} == {(f"s{n}", f"c{n}") for n in range(len(TEXTS))}

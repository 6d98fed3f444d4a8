# ruff: noqa: E501 (tables: one case per line)
"""Names survive every engine: none is longer than 63 bytes, and two that differ stay two when case is folded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from segflow.segments.compiler import compile_project
from segflow.segments.emit import Filling
from segflow.segments.fact_models import row_column
from segflow.segments.facts import column_name
from segflow.segments.files import generated_files
from segflow.segments.membership_models import segment_model
from segflow.segments.nodes import TRUE, Anchor, Compare, Constant, Fact, Followed, Source, Value
from segflow.segments.rule_tests import run_tests
from segflow.specs.catalog import Catalog
from segflow.specs.load import load_specs
from segflow.warehouse.base import relation
from segflow.warehouse.duckdb.words import DuckDBWords
from segflow.warehouse.names import LONGEST, own_model, own_relation, whole
from tests.segments.engine import make_specs
from tests.world import CATALOG, World

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LONG = "a_name_that_is_as_long_as_a_name_of_this_project_may_be_and"  # 59 characters; one more makes an id
A, B = f"{LONG}a", f"{LONG}b"
# Names that are alike up to a cut anywhere, and some that are short.
ALIKE = st.builds(
    lambda size, tail: (LONG * 2)[:size] + tail, st.integers(1, 59), st.from_regex(r"[a-z0-9_]?", fullmatch=True)
)
IDS = st.one_of(ALIKE, st.from_regex(r"[a-z][a-z0-9_]{0,59}", fullmatch=True))
KINDS = ("event", "events", "object", "message")


def tables(one: str) -> list[str]:
    """The names of tables and views that an id can be part of."""
    sources = [Source(kind, one) for kind in KINDS]  # type: ignore[arg-type]
    return [
        segment_model(one),
        *(source.model for source in sources),
        sources[0].sequence_model,
        sources[1].sequence_model,
    ]


def columns(one: str, other: str) -> list[str]:
    """The names of columns of rows that two ids can be part of."""
    return [
        row_column(Value("row", one, "text", other)), row_column(Value("row", one, "text")), Anchor("step", one).column,
        row_column(Followed(Source("event", one), TRUE, 60).next),
    ]  # fmt: skip


@given(st.lists(IDS, min_size=2, max_size=6, unique=True))
def test_distinct_ids_have_distinct_names(ids: list[str]) -> None:
    for made in ([tables(one) for one in ids], [columns(one, ids[0]) for one in ids]):
        names = [name for some in made for name in some]
        assert len({name.casefold() for name in names}) == len(names)
        assert max(len(name.encode()) for name in names) <= LONGEST


@given(st.lists(st.text(min_size=1, max_size=200), min_size=2, max_size=6, unique=True))
def test_facts_about_distinct_texts_have_distinct_names(texts: list[str]) -> None:
    facts = [
        Fact(Source("tag"), Compare(Value("row", "name", "text"), "eq", (Constant(text, "text"),)), "match", None, "boolean")
        for text in texts
    ]  # fmt: skip
    names = [column_name(fact, 24) for fact in facts]
    assert len({name.casefold() for name in names}) == len(names)
    assert max(map(len, names)) <= LONGEST


NAMES = {
    "as long as it may be": ("x" * 63, "x" * 63),
    "one more": ("x" * 64, "x" * 50 + "_7ce100971f64"),
    "bytes count, and no letter is cut in two": ("é" * 32, "é" * 25 + "_2e5152e606af"),
    "no two lines before the hash": ("x" * 49 + "_" * 20, "x" * 49 + "_12a00b68d322"),
}


@pytest.mark.parametrize(("name", "expected"), NAMES.values(), ids=NAMES)
def test_whole(name: str, expected: str) -> None:
    """The short forms are kept in warehouses: they must not change."""
    assert whole(name) == expected


def identifiers(tree: exp.Expr) -> Iterator[str]:
    yield from (found.name for found in tree.find_all(exp.Identifier))
    yield from (found.alias for found in tree.find_all(exp.Alias, exp.TableAlias))


def rules(segments: tuple[str, str]) -> dict[str, Any]:
    """Two segments that differ in the last letter of every name, and more that refer to them."""
    first, second = segments
    return {
        first: {"all": [{"event": A, "sum": {"property": A, "gte": 1}}, {"event": A, "within_last": "7 days"}]},
        second: {"event": B, "where": {"property": B, "gte": 1}, "followed_by": {"event": A, "within": "1 hour"}},
        "both": {"any": [{"segment": first}, {"segment": second}]},
        "objects": {"object": A, "where": {"field": A, "of": B, "is": 1}},
        "prefix": {"event_prefix": LONG, "where": {"property": A, "gte": 1}, "not_followed_by": {"event": B, "within": "1 day"}},
        "moving": {"any": [{"attribute": A, "within_last": "3 days"}, {"attribute": B, "held_for": {"gte": "1 day"}, "is": "x"}]},
        "told": {"message": "opened", "flow": A, "step": B},
    }  # fmt: skip


def test_all_that_is_compiled() -> None:
    properties = {A: "number", B: "number"}
    catalog = Catalog.model_validate({
        "contacts": {"model": "people", "attributes": {A: {"type": "timestamp", "written_by": "both"}, B: "text"}},
        "events": [{"model": "clicks", "name": "n", "types": {A: properties, B: properties}}],
        "objects": {
            A: {"model": "a", "key": "k", "belongs_to": B, "via": "v", "fields": {A: "number"}},
            B: {"model": "b", "key": "k", "via": "v", "fields": {A: "number"}},
        },
    })  # fmt: skip
    query = f"select contact_id from {{{{ ref('segment__{A}') }}}}"
    compiled = compile_project(make_specs(catalog, {**rules((A, B)), "by_query": query}))
    # What dbt calls its models is no name of the engine's.
    names = [own_relation(path.stem) or path.stem for path in generated_files(compiled)]
    filling = Filling(lambda model: relation(own_relation(model) or model), NOW, compiled.zone, "t", compiled.words)
    for text in [
        *compiled.views.values(),
        *(segment.standalone for segment in compiled.segments.values()),
        *compiled.files.values(),
    ]:
        names += identifiers(filling.query(text.partition("}}\n")[2] if text.startswith("{{ config") else text))
    assert [name for name in names if len(name.encode()) > LONGEST] == []
    by_query = compiled.files[f"segments/{own_model('segment__by_query')}.sql"]
    assert f"{{{{ ref('{own_model(segment_model(A))}') }}}}" in by_query
    assert compiled.graph["by_query"] == {A}
    assert len({path.casefold() for path in compiled.files}) == len(compiled.files)


TESTS = """
tests:
  - name: long names
    as_of: 2026-03-01
    contacts: [{contact_id: a}, {contact_id: b}]
    segments: {FIRST: [a], SECOND: [b]}
    members: [a, b]
"""


def test_a_project_of_long_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticks, flows, exports, preview, explain, tests: no statement has a longer name, and the two are never mixed up."""
    printed, too_long = DuckDBWords.sql, set()

    def sql(self: DuckDBWords, tree: exp.Expr, **options: Any) -> str:
        too_long.update(name for name in identifiers(tree) if len(name.encode()) > LONGEST and "{" not in name)
        return printed(self, tree, **options)

    monkeypatch.setattr(DuckDBWords, "sql", sql)
    world = World(tmp_path, settings={"exports": {"segments": [A, B], "columns": ["contact_id"]}})
    catalog = {
        **CATALOG,
        "events": [{**CATALOG["events"][0], "types": {A: {A: "number", B: "number"}, B: {B: "number"}}}],
    }
    (tmp_path / "segment_specs/catalog.yml").write_text(yaml.safe_dump(catalog), encoding="utf-8")
    world.rows_of("contacts", [{"contact_id": one, "city": "Rome"} for one in ("ana", "ben", "cleo")])
    at, late = NOW - timedelta(days=1), NOW + timedelta(hours=30)
    five = json.dumps({A: 5, B: 5})
    world.rows_of("events", [
        {"contact_id": "ana", "name": A, "at": at, "properties": five},
        {"contact_id": "ben", "name": B, "at": at, "properties": five},
        {"contact_id": "ben", "name": A, "at": at + timedelta(minutes=1), "properties": json.dumps({A: -5})},
        {"contact_id": "cleo", "name": B, "at": late, "properties": five},
    ])  # fmt: skip
    wanted = rules((A, B))
    for name in (A, B):
        world.segment(name, {"where": wanted[name]})
    (tmp_path / "segment_specs/both.yml").write_text(
        yaml.safe_dump({"where": wanted["both"]}) + TESTS.replace("FIRST", A).replace("SECOND", B), encoding="utf-8"
    )
    (tmp_path / "segment_specs/by_query.sql").write_text(f"select contact_id from {{{{ ref('segment__{B}') }}}}")
    world.segment("romans", {"where": {"attribute": "city", "is": "Rome"}, "on_create": "trigger"})
    world.flow(A, {
        "status": "active", "trigger": {"enters": "romans"}, "exit_when": [{"event": B, "since": B}, {"enters": A}],
        "steps": [
            {"id": B, "branch": {"if": {"segment": B}, "then": [{"id": A, "add_to_list": "b"}], "else": [{"id": "else", "add_to_list": "other"}]}},
            {"id": "rest", "wait": "3 days"}, {"id": "end", "add_to_list": "stayed"},
        ],
    })  # fmt: skip
    world.tick(NOW)
    shown = {A: ["ana"], B: ["ben"], "both": ["ana", "ben"], "by_query": ["ben"], "romans": ["ana", "ben", "cleo"]}
    for name, members in shown.items():
        listed = f"select contact_id from segflow.segment_members where segment = '{name}' order by 1"
        assert [row["contact_id"] for row in world.rows(listed)] == members, name
        table = f"select contact_id from segflow.{segment_model(name)} order by 1"
        assert [row["contact_id"] for row in world.rows(table)] == members, name
        assert world.project.members(name).column("contact_id").to_pylist() == members
    exported = {path.name for path in (tmp_path / "exports").rglob("*.csv")}
    assert {f"{A}.csv", f"{B}.csv"} <= exported
    assert world.project.look(B).members == 1
    assert world.project.explain(B, "ben").member
    assert [one.passed for one in run_tests(load_specs(tmp_path))] == [True]
    lists = "select name || ' ' || contact_id as one from segflow.contact_updates where kind = 'list' order by 1"
    assert [row["one"] for row in world.rows(lists)] == ["b ben", "other ana", "other cleo"]
    world.tick(NOW + timedelta(days=4))
    ends = "select contact_id || ' ' || reason as one from segflow.flow_enrollment_ends order by 1"
    assert [row["one"] for row in world.rows(ends)] == ["ana completed", "ben completed", "cleo exit_when"]
    assert too_long == set()


def test_words_that_differ_in_case_alone(tmp_path: Path) -> None:
    """Preview and explain have a column for each, in an engine that folds case, too."""
    world = World(tmp_path)
    world.rows_of("contacts", [{"contact_id": "ana"}])
    tea = [("Tea", 1), ("tea", 2), ("tea", 2)]
    world.rows_of("events", [
        {"contact_id": "ana", "name": "purchase", "at": NOW - timedelta(days=1), "properties": json.dumps({"category": kind, "amount": amount})}
        for kind, amount in tea
    ])  # fmt: skip
    bought = [{"event": "purchase", "where": {"property": "category", "is": kind}} for kind in ("Tea", "tea")]
    both = {"not": {"any": [{"not": one} for one in bought]}}
    world.segment("s", {"where": both})
    world.tick(NOW)
    look = world.project.look("s", NOW)
    assert [{key: row[key] for key in look.columns} for row in look.sample] == [
        {"purchase count where category is Tea": 1, "purchase count where category is tea": 2}
    ]
    why = world.project.explain("s", "ana", NOW)
    assert why.member


def test_a_view_of_a_long_name_from_a_build_before_is_replaced(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.rows_of("contacts", [{"contact_id": "ana", "city": "Rome"}])
    world.segment(A, {"where": {"attribute": "city", "is": "Rome"}})
    world.tick(NOW)
    short = segment_model(A)
    (row,) = world.rows("select sql from duckdb_views() where schema_name = 'segflow' and view_name like 'segment%'")
    world.run(row["sql"].replace(short, f"segment__{A}"))
    world.run(f"drop view segflow.{short}")
    world.run("update segflow.segment_views set fingerprint = 'of the build before'")
    world.tick(NOW + timedelta(days=1))
    views = world.rows(
        "select view_name from duckdb_views() where schema_name = 'segflow' and view_name like 'segment%'"
    )
    assert [row["view_name"] for row in views] == [short]

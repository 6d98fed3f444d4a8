"""Simplify, collect and order on their own, and what a compilation of hundreds of segments costs."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segflow.segments.compiler import compile_project
from segflow.segments.facts import by_model, collect, column_name
from segflow.segments.nodes import And, Compare, Const, Constant, Fact, Node, Not, Or, Source, Value
from segflow.segments.order import closure, levels
from segflow.segments.simplify import simplify
from tests.segments.engine import make_specs
from tests.segments.worlds_catalog import CATALOG

NAMES = "abcd"
leaves = st.one_of(
    st.sampled_from([Compare(Value("contact", name, "boolean"), "eq", (Constant(True, "boolean"),)) for name in NAMES]),
    st.builds(Const, st.booleans()),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda items: And(tuple(items)), st.lists(inner, min_size=1, max_size=4)),
        st.builds(lambda items: Or(tuple(items)), st.lists(inner, min_size=1, max_size=4)),
        st.builds(Not, inner),
    ),
    max_leaves=20,
)


def holds(node: Node, values: dict[str, bool]) -> bool:
    match node:
        case And(items):
            return all(holds(item, values) for item in items)
        case Or(items):
            return any(holds(item, values) for item in items)
        case Not(item):
            return not holds(item, values)
        case Const(value):
            return value
        case Compare(Value(name=name)):
            return values[name]
    raise TypeError(node)


@given(trees, st.fixed_dictionaries({name: st.booleans() for name in NAMES}))
def test_simplify_keeps_the_meaning(tree: Node, values: dict[str, bool]) -> None:
    assert holds(simplify(tree), values) == holds(tree, values)


@given(trees)
def test_simplify_leaves_nothing_to_simplify(tree: Node) -> None:
    plain = simplify(tree)
    assert simplify(plain) == plain
    below = list(plain.walk())
    assert not any(isinstance(node, Const) for node in below[1:])
    for node in below:
        if isinstance(node, (And, Or)):
            assert len(set(node.items)) == len(node.items) > 1
            assert not any(isinstance(item, type(node)) for item in node.items)
        if isinstance(node, Not):
            assert not isinstance(node.item, Not)


@given(trees)
def test_the_condition_inside_a_fact_is_simplified_like_any_other(tree: Node) -> None:
    def count(where: Node) -> Compare:
        fact = Fact(Source("event", "purchase"), where, "count", None, "number")
        return Compare(fact, "gte", (Constant(1, "number"),))

    assert simplify(count(tree)) == count(simplify(tree))


def tagged(name: str) -> Compare:
    where = Compare(Value("row", "name", "text"), "eq", (Constant(name, "text"),))
    return Compare(Fact(Source("tag"), where, "match", None, "boolean"), "eq", (Constant(True, "boolean"),))


def test_equal_facts_of_different_conditions_are_one_column() -> None:
    columns = collect([And((tagged("a"), tagged("b"))), Not(tagged("a"))])
    assert len(columns) == 2
    assert list(by_model(columns)) == ["facts__tags"]


def test_facts_whose_names_collide_get_longer_names() -> None:
    """The words of a name end after 44 characters; then six digits of a hash are all that tells two facts apart."""
    seen: dict[str, Node] = {}
    pair: tuple[Node, ...] = ()
    for number in range(60_000):
        node = tagged(f"{'x' * 50}{number}")
        assert isinstance(node.subject, Fact)
        other = seen.setdefault(column_name(node.subject), node)
        if other is not node:
            pair = (other, node)
            break
    assert pair, "no collision found: make the range larger"
    names = [column.column for column in collect([*pair, tagged("plain")]).values()]
    assert len(set(names)) == 3
    assert sorted(len(name.rpartition("_")[2]) for name in names) == [6, 24, 24]


ORDERS: dict[str, tuple[dict[str, set[str]], list[list[str]]]] = {
    "none": ({}, []),
    "one level": ({"b": set(), "a": set()}, [["a", "b"]]),
    "chain": ({"a": {"b"}, "b": {"c"}, "c": set()}, [["c"], ["b"], ["a"]]),
    "diamond": ({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}, [["d"], ["b", "c"], ["a"]]),
    "reference to a query": ({"a": {"from_sql"}, "b": {"a"}}, [["a"], ["b"]]),
}


@pytest.mark.parametrize(("graph", "expected"), ORDERS.values(), ids=ORDERS)
def test_levels(graph: dict[str, set[str]], expected: list[list[str]]) -> None:
    assert levels(graph) == expected


def test_what_a_segment_needs_comes_before_it() -> None:
    graph = {"a": {"b", "c"}, "b": {"d"}, "c": {"b"}, "d": set(), "other": {"a"}}
    assert closure("a", graph) == ["d", "b", "c", "a"]


def generated(number: int) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    for position in range(number):
        purchase = {"event": "purchase", "where": {"property": "category", "is": f"c{position % 9}"}}
        rules[f"s{position:03}"] = {
            "all": [
                {**purchase, "within_last": f"{position % 90 + 1} days", "count": {"gte": position % 4 + 1}},
                {"any": [{"attribute": "city", "is": "Rome"}, {"object": "order", "sum": {"field": "total", "gt": 5}}]},
                {"not": {"tag": f"t{position % 5}"}},
            ]
        }
    return rules


def test_two_hundred_segments_compile_in_a_second_and_a_half() -> None:
    specs = make_specs(CATALOG, generated(200))
    started = time.process_time()
    compiled = compile_project(specs)
    assert time.process_time() - started < 1.5
    assert len(compiled.segments) == 200
    assert len(compiled.fact_models()) == 3

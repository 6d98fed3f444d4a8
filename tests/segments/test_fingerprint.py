"""Which edits make another rule, and which do not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segflow.segments.compiler import compile_project
from segflow.segments.nodes import And, Node, Not, Or
from segflow.segments.normal import normal
from segflow.specs.catalog import Catalog
from tests.segments.engine import make_specs
from tests.segments.test_passes import NAMES, holds, trees
from tests.segments.worlds_catalog import CATALOG

CITY, AGE, VIP = {"attribute": "city", "is": "London"}, {"attribute": "age", "gt": 3}, {"tag": "vip"}
TEA, DEAR = {"property": "category", "is": "tea"}, {"property": "amount", "gt": 5}
BOUGHT = {"event": "purchase", "where": {"all": [TEA, DEAR]}, "within_last": "30 days"}
REF = "{{ ref('contacts') }}"


def prints(rules: dict[str, Any], catalog: Catalog = CATALOG, zone: str = "UTC") -> dict[str, str]:
    compiled = compile_project(make_specs(catalog, rules, zone))
    return {name: segment.fingerprint for name, segment in compiled.segments.items()}


SAME: dict[str, tuple[Any, Any]] = {
    "order of all": ({"all": [CITY, AGE, VIP]}, {"all": [VIP, CITY, AGE]}),
    "order of any, deep": ({"all": [VIP, {"any": [CITY, AGE]}]}, {"all": [{"any": [AGE, CITY]}, VIP]}),
    "a condition twice": ({"any": [CITY, AGE]}, {"any": [CITY, AGE, CITY]}),
    "one in a group": (CITY, {"all": [{"any": [CITY]}]}),
    "nested groups": ({"all": [CITY, AGE, VIP]}, {"all": [CITY, {"all": [AGE, VIP]}]}),
    "not twice": (CITY, {"not": {"not": CITY}}),
    "none": ({"none": [CITY, VIP]}, {"all": [{"not": VIP}, {"not": CITY}]}),
    "not all": ({"not": {"all": [CITY, VIP]}}, {"any": [{"not": CITY}, {"not": VIP}]}),
    "a negative operator": ({"not": CITY}, {"attribute": "city", "is_not": "London"}),
    "order of values": ({"attribute": "city", "in": ["a", "b"]}, {"attribute": "city", "in": ["b", "a", "b"]}),
    "one value": (CITY, {"attribute": "city", "in": ["London"]}),
    "one element": ({"attribute": "hobbies", "contains": "tea"}, {"attribute": "hobbies", "in": ["tea"]}),
    "the default": ({"event": "purchase"}, {"event": "purchase", "count": {"gte": 1}}),
    "units": ({"event": "visit", "within_last": "1 day"}, {"event": "visit", "within_last": "24 hours"}),
    "filters of an event": (BOUGHT, {**BOUGHT, "where": {"all": [DEAR, {"all": [TEA, TEA]}]}}),
    "filters of what follows": (
        {"event": "visit", "followed_by": {"event": "purchase", "where": {"all": [TEA, DEAR]}, "within": "1 day"}},
        {"event": "visit", "followed_by": {"event": "purchase", "where": {"all": [DEAR, TEA]}, "within": "1 day"}},
    ),
    "a window of an attribute": (
        {"all": [{"attribute": "seen", "within_last": "7 days"}, CITY]},
        {"all": [CITY, {"all": [{"attribute": "seen", "within_last": "7 days"}]}]},
    ),
    "comments in an expression": ({"sql": "city = 'a' -- here"}, {"sql": "city='a'"}),
    "a query's looks": (
        f"select contact_id from {REF} where city = 'a'",
        f"SELECT contact_id\n  FROM {REF}  -- them\n Where city='a' /* here */;",
    ),
}

OTHER: dict[str, tuple[Any, Any]] = {
    "all and any": ({"all": [CITY, AGE]}, {"any": [CITY, AGE]}),
    "a value": (CITY, {**CITY, "is": "london"}),
    "a value's case": (CITY, {**CITY, "ignore_case": True}),
    "not": ({"not": {"all": [CITY, VIP]}}, {"none": [CITY, VIP]}),
    "a border": (AGE, {"attribute": "age", "gte": 3}),
    "a window": (BOUGHT, {**BOUGHT, "within_last": "31 days"}),
    "a month is no 30 days": (BOUGHT, {**BOUGHT, "within_last": "1 month"}),
    "a list is no tag": ({"list": "vip"}, VIP),
    "what followed": (
        {"event": "visit", "followed_by": {"event": "purchase", "within": "1 day"}},
        {"event": "visit", "not_followed_by": {"event": "purchase", "within": "1 day"}},
    ),
    "a text with words of the normal form": ({"bucket": "a, 0, 1", "percent": 2}, {"bucket": "a", "percent": 2}),
    "a text in a query": (
        f"select contact_id from {REF} where city = 'a'",
        f"select contact_id from {REF} where city = 'A'",
    ),
    "a quoted name": (
        f"select contact_id from {REF} where city = 'a'",
        f'select contact_id from {REF} where city = "a"',
    ),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_the_same_rule(one: Any, other: Any) -> None:
    assert prints({"s": one}) == prints({"s": other})


@pytest.mark.parametrize(("one", "other"), OTHER.values(), ids=OTHER)
def test_another_rule(one: Any, other: Any) -> None:
    assert prints({"s": one}) != prints({"s": other})


QUERY = "select contact_id from {{ ref('segment__base') }}"


@pytest.mark.parametrize("user", [{"all": [AGE, {"segment": "base"}]}, QUERY], ids=["yaml", "sql"])
def test_the_rule_of_a_segment_that_is_referred_to_counts_and_its_name_does_not(user: Any) -> None:
    chain = {"base": {"any": [{"segment": "root"}, CITY]}, "root": VIP, "user": user}
    before = prints(chain)
    assert prints({**chain, "base": {"any": [CITY, {"segment": "root"}]}}) == before
    assert prints({**chain, "root": {"tag": "other"}})["user"] != before["user"]
    renamed = user.replace("base", "basis") if isinstance(user, str) else {"all": [AGE, {"segment": "basis"}]}
    assert prints({"basis": chain["base"], "root": VIP, "user": renamed})["user"] == before["user"]


def changed(path: tuple[str | int, ...], value: Any) -> Catalog:
    """The catalog with another value at `path`."""
    spec: Any = CATALOG.model_dump(mode="json", by_alias=True, exclude_unset=True)
    holder = spec
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return Catalog.model_validate(spec)


RULES: dict[str, Any] = {
    "city": CITY,
    "seen": {"attribute": "seen", "within_last": "7 days"},
    "birthday": {"attribute": "birthday", "within_last": "7 days"},
    "held": {"attribute": "age", "gt": 1, "held_for": {"gte": "1 day"}},
    "sql": {"sql": "age > 1"},
    "query": f"select contact_id from {REF} where age > 1 and (select count(*) from {REF}) > 1",
    "all_of_it": f"select * from {REF}",
    "purchase": BOUGHT,
    "visit": {"event": "visit"},
    "visits": {"event_prefix": "visit"},
    "followed": {"event": "call", "followed_by": {"event": "purchase", "where": DEAR, "within": "1 day"}},
    "parcel": {"object": "parcel", "where": {"field": "status", "of": "order", "is": "paid"}},
    "plan": {"object": "plan"},
    "list": {"list": "news"},
    "subscribed": {"list": "news", "status": "subscribed"},
    "tag": VIP,
    "sent": {"message": "sent"},
}
CLICKS = {"purchase", "visit", "visits", "followed"}
CATALOGS: dict[str, tuple[tuple[str | int, ...], Any, set[str]]] = {
    "contacts": (("contacts", "model"), "persons", set(RULES)),
    "an attribute's column": (
        ("contacts", "attributes", "city"),
        {"type": "text", "column": "town"},
        {"city", "all_of_it"},
    ),
    "an attribute's writer": (
        ("contacts", "attributes", "age"),
        {"type": "number", "written_by": "both"},
        {"held", "sql", "query", "all_of_it"},
    ),
    "the attribute that leads to an object": (
        ("contacts", "attributes", "company"),
        {"type": "text", "column": "firm"},
        {"plan", "all_of_it"},
    ),
    "words": (("contacts", "attributes", "city"), {"type": "text", "description": "Where they live"}, set()),
    "the name of a column that was meant anyway": (
        ("contacts", "attributes", "city"),
        {"type": "text", "column": "city"},
        set(),
    ),
    "the time of events": (("events", 0, "at"), "seen_at", CLICKS),
    "a property that filters": (("events", 0, "types", "purchase", "amount"), "integer", {"purchase", "followed"}),
    "a property that nobody asks for": (("events", 0, "types", "purchase", "gift"), "text", set()),
    "one more event": (("events", 0, "types", "visit_again"), {}, {"visits"}),
    "a field above": (("objects", "order", "fields", "status"), {"type": "text", "column": "state"}, {"parcel"}),
    "a link": (("objects", "item", "via"), "order_id", {"parcel"}),
    "lists": (("lists", "added_at"), "joined", {"list", "subscribed"}),
    "the status of lists": (("lists", "status"), "state", {"subscribed"}),
    "tags": (("tags", "model"), "labels", {"tag"}),
    "known names": (("tags", "names"), ["vip"], set()),
}


@pytest.mark.parametrize(("path", "value", "expected"), CATALOGS.values(), ids=CATALOGS)
def test_what_the_catalog_says_of_its_sources_is_part_of_a_rule(
    path: tuple[str | int, ...], value: Any, expected: set[str]
) -> None:
    before, after = prints(RULES), prints(RULES, changed(path, value))
    assert {name for name in RULES if before[name] != after[name]} == expected


def test_the_time_zone_is_part_of_rules_about_days() -> None:
    before, after = prints(RULES), prints(RULES, zone="Europe/Berlin")
    assert {name for name in RULES if before[name] != after[name]} == {"birthday"}


@settings(max_examples=200, derandomize=True, deadline=None)
@given(trees, st.fixed_dictionaries({name: st.booleans() for name in NAMES}), st.randoms())
def test_the_normal_form_keeps_the_meaning_and_forgets_the_order(
    tree: Node, values: dict[str, bool], random: Any
) -> None:
    def shuffled(node: Node) -> Node:
        match node:
            case And(items) | Or(items):
                return type(node)(tuple(random.sample([shuffled(item) for item in items], len(items))))
            case Not(item):
                return Not(shuffled(item))
        return node

    found = normal(tree)
    assert holds(found, values) == holds(tree, values)
    assert normal(found) == found
    assert normal(shuffled(tree)) == found

# ruff: noqa: E501 (tables: one case per line)
"""The rules of `segflow lint` that look at nothing but the specs."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segflow.lint.findings import Finding
from segflow.lint.lint import lint
from segflow.lint.logic import moments, verdict
from segflow.segments.resolve import Resolver
from segflow.specs.load import load_specs
from segflow.specs.segment import SegmentSpec
from segflow.workspace import Workspace
from tests.segments.naive import World
from tests.specs.helpers import messages, project

NOW = datetime(2026, 3, 15, 12, 30, tzinfo=UTC)
ALWAYS: dict[str, tuple[bool | None, str]] = {
    # one value
    "two equalities": (False, "all: [{attribute: city, is: London}, {attribute: city, is: Paris}]"),
    "the same twice": (None, "all: [{attribute: city, is: London}, {attribute: city, is: London}]"),
    "no common value": (False, "all: [{attribute: city, in: [a, b]}, {attribute: city, in: [c, d]}]"),
    "a common value": (None, "all: [{attribute: city, in: [a, b]}, {attribute: city, in: [b, c]}]"),
    "all values refused": (False, "all: [{attribute: city, in: [a, b]}, {attribute: city, not_in: [b, a, c]}]"),
    "one value left": (None, "all: [{attribute: city, in: [a, b]}, {attribute: city, is_not: b}]"),
    "equal and missing": (False, "all: [{attribute: city, is: a}, {attribute: city, is_not_set: true}]"),
    "unequal and missing": (None, "all: [{attribute: city, is_not: a}, {attribute: city, is_not_set: true}]"),
    "set or not": (True, "any: [{attribute: city, is_set: true}, {attribute: city, is_set: false}]"),
    "is or is not": (True, "any: [{attribute: city, is: a}, {attribute: city, is_not: a}]"),
    "either is not": (True, "any: [{attribute: city, is_not: a}, {attribute: city, is_not: b}]"),
    "true or false leaves missing": (None, "any: [{attribute: subscribed, is: true}, {attribute: subscribed, is: false}]"),
    "neither true nor false nor missing": (False, "all: [{attribute: subscribed, is_not: true}, {attribute: subscribed, is_not: false}, {attribute: subscribed, is_set: true}]"),
    "a text without its part": (False, "all: [{attribute: city, in: [London, Paris]}, {attribute: city, contains: ss}]"),
    "a text with its part": (None, "all: [{attribute: city, in: [London, Paris]}, {attribute: city, starts_with: L}]"),
    "ends_with": (False, "all: [{attribute: city, is: London}, {attribute: city, ends_with: L}]"),
    "case is not the same": (False, "all: [{attribute: city, is: London}, {attribute: city, is: london}]"),
    "case is ignored": (None, "all: [{attribute: city, is: London, ignore_case: true}, {attribute: city, is: london, ignore_case: true}]"),
    "case is ignored by one": (None, "all: [{attribute: city, is: London}, {attribute: city, is: london, ignore_case: true}]"),
    "a list may hold both": (None, "all: [{attribute: hobbies, contains: a}, {attribute: hobbies, contains: b}]"),
    "a list with and without": (False, "all: [{attribute: hobbies, contains: a}, {attribute: hobbies, not_contains: a}]"),
    "an empty list with": (False, "all: [{attribute: hobbies, contains: a}, {attribute: hobbies, is_not_set: true}]"),
    "two patterns": (None, "all: [{attribute: city, matches: ^a}, {attribute: city, matches: ^b}]"),
    "two attributes": (None, "all: [{attribute: city, is: a}, {attribute: town, is: b}]"),
    "against another": (None, "all: [{attribute: city, is: a}, {attribute: city, is: {attribute: town}}]"),
    # bounds
    "over and under": (False, "all: [{attribute: age, gt: 30}, {attribute: age, lt: 20}]"),
    "under or missing, and over": (False, "all: [{attribute: age, gt: 30}, {not: {attribute: age, gte: 20}}]"),
    "a point": (None, "all: [{attribute: age, gte: 30}, {attribute: age, lte: 30}]"),
    "no point": (False, "all: [{attribute: age, gte: 30}, {attribute: age, lt: 30}]"),
    "an excluded point": (False, "all: [{attribute: age, between: [30, 30]}, {attribute: age, is_not: 30}]"),
    "between numbers": (None, "all: [{attribute: age, gt: 1}, {attribute: age, lt: 2}]"),
    "between whole numbers": (False, "all: [{attribute: children, gt: 1}, {attribute: children, lt: 2}]"),
    "all whole numbers refused": (False, "all: [{attribute: children, between: [1, 3]}, {attribute: children, not_in: [1, 2, 3]}]"),
    "between days": (False, "all: [{attribute: born, after: 2000-01-01}, {attribute: born, before: 2000-01-02}]"),
    "between times": (None, "all: [{attribute: seen, after: '2000-01-01T00:00:00Z'}, {attribute: seen, before: '2000-01-01T00:00:01Z'}]"),
    "last and next": (False, "all: [{attribute: seen, within_last: 3 days}, {attribute: seen, within_next: 3 days}]"),
    "windows apart": (False, "all: [{attribute: seen, within_last: 30 days}, {attribute: seen, not_within_last: 1 month}, {attribute: seen, within_last: 4 weeks}, {attribute: seen, is_set: true}]"),
    "not always apart": (None, "all: [{attribute: seen, within_last: 1 month}, {attribute: seen, not_within_last: 30 days}]"),
    "this week and the last": (False, "all: [{attribute: seen, within: {this: week}}, {attribute: seen, within: {last: week}}]"),
    "this week and the last month": (None, "all: [{attribute: seen, within: {this: week}}, {attribute: seen, within: {last: month}}]"),
    "today and the last 7 days": (False, "all: [{attribute: seen, on: today}, {attribute: seen, within: {last: 7 days}}]"),
    "this month and another quarter": (False, "all: [{attribute: born, within: {this: month}}, {attribute: born, not_within: {this: quarter}}]"),
    "a day or the others": (True, "any: [{attribute: born, before: {ago: 2 days}}, {attribute: born, on: {ago: 2 days}}, {attribute: born, after: {ago: 2 days}}, {attribute: born, is_not_set: true}]"),
    "a date that is over": (False, "all: [{attribute: seen, before: 2025-01-01}, {attribute: seen, within_last: 1 year}]"),
    "a date that is to come": (None, "all: [{attribute: seen, after: 2027-01-01}, {attribute: seen, within_last: 1 year}]"),
    # counts
    "at least none": (True, "{event: purchase, count: {gte: 0}}"),
    "less than none": (False, "{event: purchase, count: {lt: 0}}"),
    "half a purchase": (False, "{event: purchase, count: 1.5}"),
    "two and three": (False, "{event: purchase, count: {gte: 3, lt: 3}}"),
    "between two whole numbers": (False, "{event: purchase, count: {gt: 2, lt: 3}}"),
    "sums may lie between": (None, "{event: purchase, sum: {property: amount, gt: 2, lt: 3}}"),
    "sums may be negative": (None, "{event: purchase, sum: {property: amount, lt: 0}}"),
    "eight of seven days": (False, "{event: purchase, days: {of_last: 7, gte: 8}}"),
    "seven of seven days": (None, "{event: purchase, days: {of_last: 7, gte: 7}}"),
    "bought and did not": (False, "all: [{event: purchase}, {event: purchase, count: 0}]"),
    "bought lately and never": (False, "all: [{event: purchase, within_last: 30 days}, {event: purchase, count: 0}]"),
    "bought tea and nothing": (False, "all: [{event: purchase, where: {property: category, is: tea}}, {event: purchase, where: {property: category, in: [tea, cake]}, count: 0}]"),
    "bought and not lately": (None, "all: [{event: purchase}, {event: purchase, within_last: 30 days, count: 0}]"),
    "bought tea and no cake": (None, "all: [{event: purchase, where: {property: category, is: tea}}, {event: purchase, where: {property: category, is: cake}, count: 0}]"),
    "more lately than ever": (False, "all: [{event: purchase, within_last: 30 days, count: {gte: 5}}, {event: purchase, count: {lt: 5}}]"),
    "two events": (None, "all: [{event: purchase}, {event: review, count: 0}]"),
    "an impossible purchase": (False, "{event: purchase, where: {all: [{property: category, is: tea}, {property: category, is: cake}]}}"),
    "none of an impossible one": (True, "{event: purchase, where: {all: [{property: amount, gt: 5}, {property: amount, lt: 5}]}, count: 0}"),
    "its last value": (False, "{event: purchase, where: {all: [{property: amount, gt: 5}, {property: amount, lt: 5}]}, last: {property: category, is: tea}}"),
    "first time in the future": (False, "{event: purchase, first_time: {within_next: 3 days}}"),
    "a window that is over": (None, "{event: purchase, since: 2020-01-01, until: 2021-01-01}"),
    "a period's window that is over": (False, "all: [{event: purchase, last_time: {before: 2025-01-01}}, {event: purchase, last_time: {within_last: 1 year}}]"),
    # groups
    "a thing and its opposite": (False, "all: [{tag: vip}, {not: {tag: vip}}]"),
    "none of both": (True, "any: [{tag: vip}, {none: [{tag: vip}, {all: [{tag: vip}, {tag: blocked}]}]}]"),
    "deep inside": (False, "all: [{any: [{tag: vip}, {tag: blocked}]}, {not: {tag: vip}}, {not: {tag: blocked}}]"),
    "one way is left": (None, "all: [{any: [{tag: vip}, {tag: blocked}]}, {not: {tag: vip}}]"),
    "a segment and its complement": (False, "all: [{segment: tea}, {none: [{segment: tea}]}]"),
    "an expression and its complement": (False, "all: [{sql: 'age > 5'}, {not: {sql: 'age > 5'}}]"),
    "not everyone": (False, "{not: {everyone: true}}"),
    "everyone or some": (True, "any: [{everyone: true}, {tag: vip}]"),
    # buckets
    "buckets apart": (False, "all: [{bucket: x, percent: 10}, {bucket: x, between: [10, 20]}]"),
    "buckets that overlap": (None, "all: [{bucket: x, percent: 11}, {bucket: x, between: [10, 20]}]"),
    "two draws": (None, "all: [{bucket: x, percent: 10}, {bucket: y, between: [10, 20]}]"),
    "nobody's bucket": (False, "{bucket: x, percent: 0}"),
    "everybody's bucket": (True, "{bucket: x, percent: 100}"),
    "the whole of it": (True, "any: [{bucket: x, percent: 50}, {bucket: x, between: [50, 100]}]"),
    "not the whole of it": (None, "any: [{bucket: x, percent: 50}, {bucket: x, between: [50.01, 100]}]"),
}  # fmt: skip


@pytest.fixture(scope="module")
def resolver(tmp_path_factory: pytest.TempPathFactory) -> Resolver:
    specs = load_specs(project(tmp_path_factory.mktemp("specs")))
    return Resolver(specs.catalog, ZoneInfo("UTC"))


@pytest.mark.parametrize(("value", "text"), ALWAYS.values(), ids=ALWAYS)
def test_what_is_always_the_same(resolver: Resolver, value: bool | None, text: str) -> None:
    spec = SegmentSpec.model_validate({"where": _plain(text)})
    found = verdict(resolver.condition(spec.where), moments(NOW, ZoneInfo("UTC")))
    assert (found.value if found else None) is value


def _plain(text: str) -> Any:
    from segflow.specs.spec_file import parse_spec_file

    source = parse_spec_file(text, "x")
    assert not source.issues
    return source.data


def found(root: Path, *segments: str, **files: str) -> list[str]:
    return [_short(one) for one in lint(Workspace(project(root, **files)), segments)]


def _short(finding: Finding) -> str:
    return (
        f"{finding.file.removeprefix('segment_specs/')}:{finding.line}:{finding.column}: {finding.rule}: {finding.what}"
    )


WHERE = "where:\n  all:\n    - {tag: vip}\n    - any:\n        - {attribute: city, is: a}\n        - {event: purchase, count: {lt: 0}}\n"


def test_the_smallest_condition_is_named(tmp_path: Path) -> None:
    assert found(tmp_path, "x", segments__x=WHERE) == [
        "x.yml:1:1: unused-segment: no flow, segment or export names this segment",
        "x.yml:6:11: never-true: this is never true: 'event purchase: count of all rows under 0' cannot be",
    ]


@pytest.mark.parametrize(
    ("text", "place", "rule", "what"),
    [
        pytest.param("where: {all: [{attribute: city, is: a}, {attribute: city, is: b}]}\n", "1:8", "nobody-can-match", "nobody can match: 'city is a' and 'city is b' exclude each other", id="nobody"),
        pytest.param("where: {event: purchase, count: {gte: 0}}\n", "1:8", "everyone-can-match", "everyone can match: 'event purchase: count of all rows at least 0' always holds", id="everyone"),
        pytest.param("where: {any: [{tag: vip}, {not: {tag: vip}}]}\n", "1:8", "everyone-can-match", "everyone can match: 'not (tag: name is vip)' or 'tag: name is vip' always holds", id="or not"),
        pytest.param("where: {not: {everyone: true}}\n", "1:8", "nobody-can-match", "nobody can match", id="not everyone"),
    ],
)  # fmt: skip
def test_whole_segments(tmp_path: Path, text: str, place: str, rule: str, what: str) -> None:
    assert found(tmp_path, "x", segments__x=text, settings="exports: {segments: [x]}\n") == [
        f"x.yml:{place}: {rule}: {what}"
    ]


def test_everyone_is_meant_when_it_is_written(tmp_path: Path) -> None:
    files = {"segments__x": "where: {everyone: true}\n", "settings": "exports: {segments: [x]}\n"}
    assert found(tmp_path, "x", **files) == []


SAME = "where: {any: [{tag: vip}, {tag: blocked}]}\n"


def test_the_same_rule_twice(tmp_path: Path) -> None:
    other = "where: {not: {none: [{tag: blocked}, {tag: vip}, {tag: vip}]}}\n"
    files = {"segments__a": SAME, "segments__b": other, "settings": "exports: {segments: [a, b]}\n"}
    what = "the rule is the same as that of segment a (segment_specs/a.yml)"
    assert found(tmp_path, **files) == [f"b.yml:1:1: same-rule: {what}"]
    for name in ("segments__a", "segments__b"):
        ignored = {**files, name: "lint: {ignore: [same-rule]}\n" + files[name]}
        assert found(tmp_path, **ignored) == []


def test_the_same_query_twice(tmp_path: Path) -> None:
    files = {
        "sql__a": "/* one */\nselect contact_id from {{ ref('stg_contacts') }}\n",
        "sql__b": "select contact_id\nfrom {{ ref('stg_contacts') }}\n",
        "settings": "exports: {segments: [a, b]}\n",
    }
    what = "the rule is the same as that of segment a (segment_specs/a.sql)"
    assert found(tmp_path, **files) == [f"b.sql:1:1: same-rule: {what}"]


USES: dict[str, dict[str, str]] = {
    "trigger": {"flows__f": "trigger: {exits: x}\nsteps: [{id: a, exit: b}]\n"},
    "one of several triggers": {"flows__f": "trigger: {any: [{enters: tea}, {enters: x}]}\nsteps: [{id: a, exit: b}]\n"},
    "filter": {"flows__f": "trigger: {enters: tea}\nwhere: {segment: x}\nsteps: [{id: a, exit: b}]\n"},
    "exit condition": {"flows__f": "trigger: {enters: tea}\nexit_when: [{exits: x}]\nsteps: [{id: a, exit: b}]\n"},
    "branch": {"flows__f": "trigger: {enters: tea}\nsteps: [{id: a, branch: {if: {not: {segment: x}}, then: [{id: b, exit: c}]}}]\n"},
    "segment": {"segments__y": "lint: {ignore: [unused-segment]}\nwhere: {not: {segment: x}}\n"},
    "query": {"sql__y": "/*\nlint: {ignore: [unused-segment]}\n*/\nselect contact_id from {{ ref('segment__x') }}\n"},
    "export": {"settings": "exports: {segments: [x]}\n"},
    "export of its own": {"segments__x": "where: {tag: vip}\nexport: {only: entered}\n"},
}  # fmt: skip


@pytest.mark.parametrize("files", USES.values(), ids=USES)
def test_used_segments(tmp_path: Path, files: dict[str, str]) -> None:
    assert found(tmp_path, **{"segments__x": "where: {tag: vip}\n", **files}) == []


def test_an_unknown_rule_is_an_error_of_the_file(tmp_path: Path) -> None:
    text = "where: {tag: vip}\nlint: {ignore: [same-rule, unused-segmnt]}\n"
    (message,) = messages(tmp_path, segments__x=text)
    assert message.startswith("x.yml:2:28: an item of ignore cannot be the text 'unused-segmnt': expected never-true, ")
    assert message.endswith("(did you mean unused-segment?)")


CITIES = st.sampled_from(["a", "b"])
AGES = st.integers(0, 3)
LEAVES = st.one_of(
    st.builds(lambda op, city: {"attribute": "city", op: city}, st.sampled_from(["is", "is_not", "gt", "lte", "contains"]), CITIES),
    st.builds(lambda op, some: {"attribute": "city", op: some}, st.sampled_from(["in", "not_in"]), st.lists(CITIES, min_size=1, max_size=2)),
    st.builds(lambda is_set: {"attribute": "city", "is_set": is_set}, st.booleans()),
    st.builds(lambda op, age: {"attribute": "children", op: age}, st.sampled_from(["is", "is_not", "gt", "gte", "lt", "lte"]), AGES),
    st.builds(lambda op, count: {"event": "purchase", "count": {op: count}}, st.sampled_from(["is", "gt", "lt"]), AGES),
    st.builds(lambda city, count: {"event": "purchase", "where": {"property": "category", "is": city}, "count": {"gte": count}}, CITIES, AGES),
    st.builds(lambda low: {"bucket": "x", "between": [low, low + 50]}, st.sampled_from([0, 25, 50])),
)  # fmt: skip
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        *(st.builds(lambda items, key=key: {key: items}, st.lists(inner, min_size=1, max_size=3)) for key in ("all", "any", "none")),
        st.builds(lambda item: {"not": item}, inner),
    ),
    max_leaves=6,
)  # fmt: skip


@pytest.fixture(scope="module")
def everybody(resolver: Resolver) -> World:
    """A contact for every city, number of children, and some numbers of purchases of a and b."""
    columns = ["contact_id", *resolver.catalog.contacts.attributes]
    contacts, events = [], []
    for number, (city, children) in enumerate(product([None, "a", "b"], [None, 0, 1, 2, 3])):
        for some in range(3):
            name = f"{number} {some}"
            contacts.append(dict.fromkeys(columns) | {"contact_id": name, "city": city, "children": children})
            for category in ["a"] * some + ["b"] * ((number + some) % 3):
                row = dict.fromkeys(["amount", "gift", "labels", "url"])
                events.append(
                    row
                    | {
                        "contact_id": name,
                        "event_name": "purchase",
                        "occurred_at": datetime(2026, 1, 1),
                        "category": category,
                    }
                )
    return World(resolver.catalog, ZoneInfo("UTC"), NOW, {"stg_contacts": contacts, "stg_events": events})


@given(CONDITIONS)
@settings(max_examples=250, deadline=None)
def test_a_verdict_holds_for_everybody(resolver: Resolver, everybody: World, where: Any) -> None:
    spec = SegmentSpec.model_validate({"where": where})
    found = verdict(resolver.condition(spec.where), moments(NOW, ZoneInfo("UTC")))
    members = everybody.members(spec.where)
    if found is not None:
        assert len(members) == (len(everybody.tables["stg_contacts"]) if found.value else 0)

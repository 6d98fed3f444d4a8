# ruff: noqa: E501 (tables: one case per line)
"""`tests:` of segments: every kind of row reaches the rule, and a test that fails says where and who."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from segflow.cli.main import main
from segflow.errors import InputError
from segflow.project import Project
from segflow.segments.rule_tests import Outcome, run_tests
from segflow.specs.load import load_specs
from segflow.testing import segment_tests
from tests.specs.helpers import project

ROOT = Path(__file__).parents[2]
CATALOG = """\
contacts:
  model: stg_contacts
  key: id
  created_at: made_at
  attributes:
    city: text
    age: {type: number, column: years}
    children: integer
    born: date
    seen: timestamp
    wants: boolean
    hobbies: list_of_text
    company: text
    level: {type: text, written_by: flows}
    called: {type: timestamp, written_by: flows}
    asked: {type: boolean, written_by: flows}
    points: {type: number, written_by: both}
events:
  - {model: stg_json, name: what, payload: {column: body, format: json}, types: {buy: {amount: number, when: timestamp, kinds: list_of_text}, see: {amount: text}}}
  - {model: stg_struct, name: what, payload: {column: body, format: struct}, types: {call: {length: integer, to: text}, ring: {to: number}}}
  - {model: stg_orders, event: ordered, contact: buyer, at: ordered_at, properties: {total: number}}
objects:
  order: {model: stg_orders, key: order_id, via: buyer, created_at: ordered_at, fields: {status: text, total: number}}
  item: {model: stg_items, key: item_id, belongs_to: order, via: order_ref, fields: {sku: text}}
  company: {model: stg_companies, key: company_id, contacts_by: company, fields: {size: integer}}
lists: {model: stg_lists, added_at: since, status: state}
"""
CONTACTS = [{"contact_id": "a"}, {"contact_id": "b"}]
ATTRIBUTES = {
    "text": ({"attribute": "city", "is": "London"}, {"city": "London"}, {"city": "Paris"}),
    "number in a column of another name": ({"attribute": "age", "gt": 17.5}, {"age": 18}, {"age": 17.5}),
    "integer": ({"attribute": "children", "is": 2}, {"children": 2}, {"children": 3}),
    "date": ({"attribute": "born", "before": "2000-01-02"}, {"born": "2000-01-01"}, {"born": "2000-01-02"}),
    "time": ({"attribute": "seen", "within_last": "1 hour"}, {"seen": "2026-02-28T22:30:00Z"}, {"seen": "2026-02-28"}),
    "day of the project's zone": ({"attribute": "seen", "on": "2026-02-28"}, {"seen": "2026-02-28"}, {"seen": "2026-02-28T23:00:00Z"}),
    "the calendar's last day": ({"attribute": "seen", "on": "9999-12-31"}, {"seen": "9999-12-31"}, {"seen": "9999-12-30"}),
    "boolean": ({"attribute": "wants", "is": True}, {"wants": True}, {"wants": False}),
    "list of texts": ({"attribute": "hobbies", "contains": "go"}, {"hobbies": ["chess", "go"]}, {"hobbies": ["gone"]}),
    "missing": ({"attribute": "city", "is_not": "London"}, {}, {"city": "London"}),
    "written by flows": ({"attribute": "level", "is": "gold"}, {"level": "gold"}, {"level": "tin"}),
    "time written by flows": ({"attribute": "called", "on": "2026-02-01"}, {"called": "2026-02-01"}, {"called": "2026-02-01T23:00:00Z"}),
    "boolean written by flows": ({"attribute": "asked", "is": True}, {"asked": True}, {"asked": False}),
    "written by both": ({"attribute": "points", "gte": 5}, {"points": 5}, {"points": 4}),
    "not there yet": ({"everyone": True}, {"created_at": "2026-03-01"}, {"created_at": "2026-03-02"}),
}  # fmt: skip


def event(contact: str, name: str, **values: Any) -> dict[str, Any]:
    return {"contact_id": contact, "event": name, "at": "2026-02-01", **values}


ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "JSON": ({"event": "buy", "where": {"property": "amount", "gt": 5}}, {"events": [event("a", "buy", amount=5.5), event("b", "buy", amount=5)]}),
    "JSON with a time": ({"event": "buy", "where": {"property": "when", "on": "2026-01-01"}}, {"events": [event("a", "buy", when="2026-01-01"), event("b", "buy", when="2026-01-01T23:00:00Z")]}),
    "JSON with a list": ({"event": "buy", "where": {"property": "kinds", "contains": "tea"}}, {"events": [event("a", "buy", kinds=["tea"]), event("b", "buy", kinds=["teas"])]}),
    "one name, two types": ({"event": "see", "where": {"property": "amount", "is": "5"}}, {"events": [event("a", "see", amount="5"), event("b", "see", amount="5.0")]}),
    "struct": ({"event": "call", "where": {"all": [{"property": "length", "is": 3}, {"property": "to", "is": "x"}]}}, {"events": [event("a", "call", length=3, to="x"), event("b", "call", length=3)]}),
    "struct, two types": ({"event": "ring", "where": {"property": "to", "is": 7}}, {"events": [event("a", "ring", to=7), event("b", "ring", to=7.5)]}),
    "another event": ({"event": "see"}, {"events": [event("a", "see"), event("b", "buy")]}),
    "an event after as_of": ({"event": "see"}, {"events": [event("a", "see"), event("b", "see", at="2026-03-01T00:00:00Z")]}),
    "object": ({"object": "order", "sum": {"field": "total", "gte": 10}}, {"objects": {"order": [{"contact_id": "a", "total": 4}, {"contact_id": "a", "total": 6}, {"contact_id": "b", "total": 9}]}}),
    "object after as_of": ({"object": "order"}, {"objects": {"order": [{"contact_id": "a", "created_at": "2026-03-01"}, {"contact_id": "b", "created_at": "2026-03-02"}]}}),
    "object of an object": ({"object": "item", "where": {"field": "status", "of": "order", "is": "paid"}}, {"objects": {"order": [{"order_id": 1, "contact_id": "a", "status": "paid"}, {"order_id": 2, "contact_id": "b"}], "item": [{"order_ref": 1}, {"order_ref": 2}]}}),
    "object of many contacts": ({"object": "company", "where": {"field": "size", "gte": 10}}, {"contacts": [{"contact_id": "a", "company": "x"}, {"contact_id": "b", "company": "y"}], "objects": {"company": [{"company_id": "x", "size": 10}, {"company_id": "y", "size": 9}]}}),
    "one model twice": ({"object": "order", "count": 2}, {"events": [{**event("a", "ordered"), "total": 1}], "objects": {"order": [{"contact_id": "a"}, {"contact_id": "b"}]}}),
    "list of a model": ({"list": "news", "added": {"before": "2026-01-02"}}, {"lists": [{"contact_id": "a", "name": "news", "added_at": "2026-01-01"}, {"contact_id": "b", "name": "news", "added_at": "2026-01-02"}]}),
    "status on a list": ({"list": "news", "status": ["subscribed", "pending"]}, {"lists": [{"contact_id": "a", "name": "news"}, {"contact_id": "b", "name": "news", "status": "unsubscribed"}]}),
    "tag without a model": ({"tag": "vip"}, {"tags": [{"contact_id": "a", "name": "vip"}, {"contact_id": "b", "name": "vip", "added_at": "2026-03-02"}]}),
    "message sent": ({"message": "sent", "flow": "hello", "step": "hello"}, {"messages": [{"contact_id": "a", "message": "sent", "at": "2026-02-01", "flow": "hello", "step": "hello"}, {"contact_id": "b", "message": "sent", "at": "2026-02-01"}]}),
    "messages opened, each once": ({"message": "opened", "count": 2}, {"messages": [{"contact_id": "a", "message": "opened", "at": "2026-02-01"}, {"contact_id": "a", "message": "opened", "at": "2026-02-01"}, *({"contact_id": "b", "message": "opened", "at": "2026-02-01", "message_id": 1} for _ in range(2))]}),
    "held for": ({"attribute": "city", "is": "x", "held_for": {"gte": "30 days"}}, {"contacts": [{"contact_id": "a", "city": "x"}, {"contact_id": "b", "city": "x"}], "held": [{"contact_id": "a", "attribute": "city", "since": "2026-01-01"}]}),
    "held without a value": ({"attribute": "age", "is_not_set": True, "held_for": {"gte": "30 days"}}, {"held": [{"contact_id": "a", "attribute": "age", "since": "2026-01-01"}]}),
    "segment that is given": ({"segment": "tea"}, {"segments": {"tea": ["a"]}}),
    "segment by its own rule": ({"segment": "tea"}, {"events": [event("a", "buy", amount=1)]}),
    "ids that are numbers": ({"object": "order"}, {"contacts": [{"contact_id": 1}, {"contact_id": 2}], "objects": {"order": [{"contact_id": 1}]}, "members": [1]}),
}  # fmt: skip
TEA = "where: {event: buy}\n"
HELLO = "trigger: {enters: tea}\nsteps: [{id: hello, webhook: {url: 'https://example.com'}}]\n"


def outcomes(root: Path, where: dict[str, Any], *tests: dict[str, Any]) -> list[Outcome]:
    full = [
        {"name": f"{n}", "as_of": "2026-03-01", "contacts": CONTACTS, "members": ["a"], **t}
        for n, t in enumerate(tests)
    ]
    text = yaml.safe_dump({"where": where, "tests": full}, sort_keys=False)
    files = {"segments__catalog": CATALOG, "segments__tea": TEA, "segments__rule": text, "flows__hello": HELLO}
    return list(run_tests(load_specs(project(root, settings="time_zone: Europe/Berlin\n", **files))))


@pytest.mark.parametrize(("where", "inside", "outside"), ATTRIBUTES.values(), ids=ATTRIBUTES)
def test_attributes(tmp_path: Path, where: dict[str, Any], inside: dict[str, Any], outside: dict[str, Any]) -> None:
    contacts = [{"contact_id": "a", **inside}, {"contact_id": "b", **outside}]
    assert [str(one) for one in outcomes(tmp_path, where, {"contacts": contacts}) if not one.passed] == []


@pytest.mark.parametrize(("where", "test"), ROWS.values(), ids=ROWS)
def test_rows(tmp_path: Path, where: dict[str, Any], test: dict[str, Any]) -> None:
    assert [str(one) for one in outcomes(tmp_path, where, test) if not one.passed] == []


def test_one_test_leaves_nothing_for_the_next(tmp_path: Path) -> None:
    rows = {"tags": [{"contact_id": "a", "name": "vip"}], "events": [event("a", "buy")]}
    where = {"any": [{"tag": "vip"}, {"event": "buy"}]}
    assert [one.passed for one in outcomes(tmp_path, where, rows, {"members": []}, rows)] == [True] * 3


def test_a_failure_says_where_and_who(tmp_path: Path) -> None:
    contacts = [{"contact_id": name, "city": "x" if name in "bc" else "y"} for name in "abcd"]
    [failed] = outcomes(tmp_path, {"attribute": "city", "is": "x"}, {"contacts": contacts, "members": ["a", "b", "d"]})
    assert (failed.missing, failed.extra) == (("a", "d"), ("c",))
    assert str(failed) == (
        "segment_specs/rule.yml:5:3: rule, test 0: a, d should be in and are not; c should not be in and is"
    )


SQL = "select buyer as contact_id from {{ ref('stg_raw') }} where at > {{ as_of() }} - interval 3 day and n >= 2.5"
MODELS: dict[str, tuple[str, str, str]] = {
    "types by their looks": (SQL, "[{buyer: a, at: 2026-02-27, n: 3}, {buyer: b, at: 2026-02-26, n: 3}]", ""),
    "whole and broken numbers": (SQL, "[{buyer: a, at: 2026-02-27, n: 2.5}, {buyer: b, at: 2026-02-27, n: 2}]", ""),
    "a column that no row has": (SQL, "[{buyer: a, at: 2026-02-27}]", 'it cannot be evaluated: Binder Error: Referenced column "n" not found in FROM clause!'),
    "no rows": (SQL, "[]", "give the rows under models each column that the query reads"),
}  # fmt: skip


@pytest.mark.parametrize(("sql", "rows", "error"), MODELS.values(), ids=MODELS)
def test_models_of_sql_segments(tmp_path: Path, sql: str, rows: str, error: str) -> None:
    contacts = "[{contact_id: a}, {contact_id: b}]"
    text = f"/*\ntests: [{{name: x, as_of: 2026-03-01, contacts: {contacts}, models: {{stg_raw: {rows}}}, members: [a]}}]\n*/\n{sql}\n"
    [outcome] = run_tests(load_specs(project(tmp_path, sql__rule=text)))
    assert (outcome.line, outcome.column) == (2, 9)
    assert error in str(outcome) if error else outcome.passed, str(outcome)


def test_a_window_beyond_the_calendar_fails_the_test(tmp_path: Path) -> None:
    [outcome] = outcomes(tmp_path, {"event": "buy", "within_last": "900 years"}, {"as_of": "0800-01-01"})
    assert outcome.error == "'as_of - 900 years' leaves the calendar at as_of 0799-12-31T23:06:32+00:00"


def run(root: Path, *words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(root), "test", *words])
    with pytest.raises(SystemExit) as end:
        main()
    assert isinstance(end.value.code, int)
    return end.value.code


TESTED = textwrap.dedent("""\
    where: {tag: vip}
    tests:
      - {name: good, as_of: 2026-03-01, contacts: [{contact_id: a}], tags: [{contact_id: a, name: vip}], members: [a]}
      - {name: bad, as_of: 2026-03-01, contacts: [{contact_id: a}], members: [a]}
    """)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    root = project(tmp_path, segments__vips=TESTED)
    assert run(root, monkeypatch=monkeypatch) == 1
    shown = capsys.readouterr()
    assert shown.err == "segment_specs/vips.yml:4:5: vips, test bad: a should be in and is not\n"
    assert shown.out == "1 of 2 tests failed, 1 segment\n"
    assert run(root, "vips", "--format", "json", monkeypatch=monkeypatch) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["passed"], data["failed"]) == (1, 1)
    assert [(one["test"], one["passed"], one["line"], one["missing"]) for one in data["tests"]] == [
        ("good", True, 3, []),
        ("bad", False, 4, ["a"]),
    ]
    (root / "segment_specs/vips.yml").write_text(
        TESTED.replace("members: [a]}\n  - {name: bad", "members: [a]}\n  - {name: bad").rsplit("  - ", 1)[0]
    )
    assert run(root, monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == "1 test passed, 1 segment\n"
    assert run(root, "vip", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err == "unknown segment vip (did you mean vips?)\n"


def test_a_segment_without_tests(tmp_path: Path) -> None:
    specs = load_specs(project(tmp_path))
    assert Project(tmp_path).test() == []
    with pytest.raises(InputError, match=r"segment tea has no tests: write tests: into segment_specs/tea.yml"):
        list(run_tests(specs, ["tea"]))


def test_tests_are_no_part_of_the_definition(tmp_path: Path) -> None:
    from segflow.segments.compiler import compile_project

    with_tests = compile_project(load_specs(project(tmp_path / "a", segments__vips=TESTED)))
    without = compile_project(load_specs(project(tmp_path / "b", segments__vips=TESTED.splitlines()[0])))
    assert with_tests.segments["vips"] == without.segments["vips"]
    assert with_tests.files == without.files
    spec = with_tests.specs.segments["vips"].spec
    assert spec.tests
    assert "tests" not in spec.model_dump()


def test_cases_for_pytest(tmp_path: Path) -> None:
    good, bad = segment_tests(project(tmp_path, segments__vips=TESTED))
    assert (str(good), str(bad)) == ("vips-good", "vips-bad")
    good.check()
    with pytest.raises(AssertionError, match="vips, test bad: a should be in and is not"):
        bad.check()


# What a project of its own would write, on the projects of this repository.
@pytest.mark.parametrize("case", [*segment_tests(ROOT), *segment_tests(ROOT / "examples/online_retail")], ids=str)
def test_the_specs_of_this_repository(case: Any) -> None:
    case.check()

"""Every pass of the compiler on the same conditions, held to files. SEGFLOW_UPDATE_GOLDEN=1 rewrites them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from pydantic import TypeAdapter
from sqlglot import exp

from segflow.segments.compiler import Compiled, compile_project
from segflow.segments.emit import template
from segflow.segments.facts import collect, hoist
from segflow.segments.membership_models import contact_columns
from segflow.segments.nodes import And, Compare, Fact, Node, Not, Or, describe
from segflow.segments.predicate import predicate
from segflow.segments.resolve import Resolver
from segflow.segments.simplify import simplify
from segflow.specs.catalog import Catalog
from segflow.specs.conditions import Condition
from segflow.specs.spec_file import parse_spec_file
from segflow.warehouse.engines import words
from segflow.warehouse.names import own_relation
from tests.segments.engine import make_specs

HERE = Path(__file__).parent / "golden"
UPDATE = os.environ.get("SEGFLOW_UPDATE_GOLDEN") == "1"


def _read(name: str) -> Any:
    source = parse_spec_file((HERE / name).read_text("utf-8"), name)
    assert not source.issues
    return source.data


CATALOG = Catalog.model_validate(_read("catalog.yml"))
CASES: dict[str, Any] = _read("conditions.yml")
ZONE = ZoneInfo("Europe/London")


def hold(file: Path, text: str) -> None:
    """Compare with the golden file, or write it."""
    if UPDATE:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"{file.name} differs; SEGFLOW_UPDATE_GOLDEN=1 rewrites it"


def tree(node: Node, depth: int = 0) -> Iterator[str]:
    """A tree as indented lines; the condition inside a fact is a tree of its own."""
    pad = "  " * depth
    match node:
        case And(items) | Or(items):
            yield f"{pad}{type(node).__name__.lower()}"
            for item in items:
                yield from tree(item, depth + 1)
        case Not(item):
            yield f"{pad}not"
            yield from tree(item, depth + 1)
        case Compare(Fact() as fact, operator, operands):
            measure = f" of {describe(fact.measure)}" if fact.measure else ""
            yield f"{pad}{fact.aggregate}{measure} over {describe(fact.source)} {operator} {describe(operands)}"
            yield from tree(fact.where, depth + 2)
        case Compare(subject, operator, operands):
            fold = " any case" if node.ignore_case else ""
            yield f"{pad}{describe(subject)} {operator} {describe(operands)}{fold}"
        case _:
            yield f"{pad}{describe(node)}"


def resolved(name: str) -> Node:
    return Resolver(CATALOG, ZONE).condition(TypeAdapter(Condition).validate_python(CASES[name]))


def facts_text(name: str) -> str:
    node = hoist(simplify(resolved(name)))
    columns = [f"  {column.name}" for column in collect([node]).values()]
    return "\n".join([*tree(node), "columns", *(columns or ["  none"])])


def predicate_text(name: str) -> str:
    node = hoist(simplify(resolved(name)))
    columns = contact_columns(collect([node]), member=lambda segment: exp.column(f"in_{segment}"))
    return template(exp.select("contact_id").where(predicate(node, columns)), words())


PASSES: dict[str, Callable[[str], str]] = {
    "1_resolve": lambda name: "\n".join(tree(resolved(name))),
    "2_simplify": lambda name: "\n".join(tree(simplify(resolved(name)))),
    "3_facts": facts_text,
    "5_predicate": predicate_text,
}


@pytest.mark.parametrize("name", PASSES)
def test_pass(name: str) -> None:
    parts = [f"=== {case}\n{PASSES[name](case)}\n" for case in CASES]
    hold(HERE / f"{name}.txt", "\n".join(parts))


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    rules: dict[str, Any] = {"londoners": {"attribute": "city", "is": "London"}}
    rules |= {name.replace(" ", "_").replace(",", ""): condition for name, condition in CASES.items()}
    rules["other_sources"] = {
        "all": [
            {"event": "call", "where": {"property": "order", "is": "x"}, "sum": {"property": "minutes", "gt": 5}},
            {"event": "review", "within_last": "1 month", "avg": {"property": "stars", "lt": 3}},
            {"event": "review", "within_last": "90 days", "count": {"gte": 2}},
            {"attribute": "level", "is": "gold"},
            {"segment": "from_sql"},
        ]
    }
    rules["from_sql"] = "select contact_id\nfrom {{ ref(\"segment__londoners\") }}\nwhere '  kept\n  as it is' <> ''\n;"
    return compile_project(make_specs(CATALOG, rules, "Europe/London"))


def test_levels(compiled: Compiled) -> None:
    text = yaml.safe_dump({name: sorted(found) for name, found in compiled.graph.items() if found})
    hold(HERE / "4_order.txt", text)


MODELS = (
    "contacts",
    "facts__contact",
    "facts__event_call",
    "facts__event_purchase",
    "facts__event_review",
    "facts__events",
    "facts__events_pur",
    "facts__held",
    "facts__lists",
    "facts__message_clicked",
    "facts__message_opened",
    "facts__message_sent",
    "facts__object_item",
    "facts__object_order",
    "facts__object_plan",
    "facts__sequence_call",
    "facts__sequence_purchase",
    "facts__tags",
    "membership_masks",
    "memberships",
    "segment__event_times",
    "segment__event_windows",
    "segment__from_sql",
    "segment__lists_tags_segments",
    "segment__nobody",
    "segment__other_sources",
    "segment__texts_that_must_stay_texts",
)


@pytest.mark.parametrize("model", MODELS)
def test_model(compiled: Compiled, model: str) -> None:
    texts = {own_relation(Path(name).stem): text for name, text in compiled.files.items()}
    hold(HERE / "models" / f"{model}.sql", texts[model])


def test_standalone_text(compiled: Compiled) -> None:
    hold(HERE / "standalone.sql", compiled.segments["lists_tags_segments"].standalone + "\n")


def test_every_generated_model_but_the_other_segments_has_a_golden_file(compiled: Compiled) -> None:
    names = {own_relation(Path(name).stem) for name in compiled.files if not name.startswith("segments/")}
    assert names == {model for model in MODELS if not model.startswith("segment__")}


def test_compiling_twice_gives_the_same_texts(compiled: Compiled) -> None:
    again = compile_project(compiled.specs)
    assert again.files == compiled.files
    assert list(again.files) == list(compiled.files)
    assert {n: s.fingerprint for n, s in again.segments.items()} == {
        n: s.fingerprint for n, s in compiled.segments.items()
    }

# ruff: noqa: E501 (tables: one case per line)
"""Comparisons with very many values: the same meaning, SQL that does not grow in parts, words that stay short."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import TypeAdapter
from sqlglot import exp

from segflow.segments import one_of
from segflow.segments.nodes import Compare, Constant, Value
from segflow.segments.predicate import Columns, predicate
from segflow.segments.sentence import listed, node_words, sentence
from segflow.specs.conditions import Condition
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.segments.engine import Engine, load_table, make_specs
from tests.segments.test_operators import AS_OF, CATALOG, PEOPLE, SCHEMA, but
from tests.segments.test_property import check

READ: TypeAdapter[Any] = TypeAdapter(Condition)
TEXTS = [f"nobody's {number} {{{{ x }}}} \u00e9\u0007\\\"" for number in range(150)]
INTEGERS = [number + 1000 for number in range(150)]
DAYS = [f"1900-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 15)]

CASES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "texts": ({"attribute": "city", "in": ["London", "O'Hare", *TEXTS]}, {"london", "quote"}),
    "texts, the empty one": ({"attribute": "city", "in": ["", *TEXTS]}, {"empty"}),
    "no texts": ({"attribute": "city", "not_in": ["London", "O'Hare", *TEXTS]}, but("london", "quote")),
    "texts in any case": ({"attribute": "city", "in": ["lONDON", "o'hare", *TEXTS], "ignore_case": True}, {"london", "quote"}),
    "no texts in any case": ({"attribute": "city", "not_in": ["lONDON", *TEXTS], "ignore_case": True}, but("london")),
    "not texts": ({"not": {"attribute": "city", "in": ["London", *TEXTS]}}, but("london")),
    "numbers": ({"attribute": "age", "in": [17.5, 18, *INTEGERS]}, {"fraction", "eighteen"}),
    "whole numbers": ({"attribute": "age", "in": [18, *INTEGERS]}, {"eighteen"}),
    "large and small numbers": ({"attribute": "age", "in": [17.5, 1e300, *INTEGERS]}, {"fraction"}),
    "no numbers": ({"attribute": "age", "not_in": [17.5, *INTEGERS]}, but("fraction")),
    "integers": ({"attribute": "children", "in": [0, *INTEGERS]}, {"zero"}),
    "days": ({"attribute": "born", "in": ["2000-02-29", *DAYS]}, {"leapling"}),
    "no days": ({"attribute": "born", "not_in": ["2000-02-29", *DAYS]}, but("leapling")),
    "times": ({"attribute": "seen", "in": ["2024-03-31T12:00:00+02:00", *DAYS]}, {"now"}),
    "lists": ({"attribute": "hobbies", "in": ["go", "Chess", *TEXTS]}, {"chess", "both"}),
    "no lists": ({"attribute": "hobbies", "not_in": ["go", "Chess", *TEXTS]}, but("chess", "both")),
    "lists in any case": ({"attribute": "hobbies", "in": ["CHESS", *TEXTS], "ignore_case": True}, {"chess", "both"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The members of a segment per case, all evaluated in one pass."""
    rules = {f"case_{number}": condition for number, (condition, _) in enumerate(CASES.values())}
    rows = [{name: values.get(name) for name in SCHEMA.names} | {"contact_id": who} for who, values in PEOPLE.items()]
    with DuckDBWarehouse(tmp_path_factory.mktemp("many") / "warehouse.duckdb") as warehouse:
        warehouse.ensure_tables()
        load_table(warehouse, "people", pa.Table.from_pylist(rows, schema=SCHEMA))
        engine = Engine(warehouse, make_specs(CATALOG, rules, "Europe/Berlin"), AS_OF)
        engine.build()
        members = engine.memberships()
        assert {name: engine.view(name) for name in rules} == members
        return members


@pytest.mark.parametrize("name", CASES)
def test_the_same_members(found: dict[str, set[str]], name: str) -> None:
    assert found[f"case_{list(CASES).index(name)}"] == CASES[name][1]


@pytest.mark.parametrize("seed", [1, 2])
def test_any_condition_means_the_same_when_its_values_are_joined(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined = []
    real = one_of.is_in
    monkeypatch.setattr(one_of, "FEW", 0)
    monkeypatch.setattr("segflow.segments.predicate.is_in", lambda *parts: joined.append(1) or real(*parts))
    with DuckDBWarehouse(tmp_path / "warehouse.duckdb") as warehouse:
        warehouse.ensure_tables()
        check(warehouse, seed)
    assert joined


def parts(kind: Any, values: list[Any], fold: bool = False) -> int:
    """How many nodes the SQL of `in` has."""
    node = Compare(Value("contact", "x", kind), "in", tuple(Constant(value, kind) for value in values), fold)
    tree = predicate(node, Columns(lambda value: exp.column(value.name)))
    return sum(1 for _ in tree.walk())


@pytest.mark.parametrize(
    ("kind", "fold"),
    [("text", False), ("text", True), ("integer", False), ("number", False), ("list_of_text", False), ("list_of_text", True)],
)  # fmt: skip
def test_sql_has_as_many_parts_for_30_000_values_as_for_200(kind: str, fold: bool) -> None:
    def values(number: int) -> list[Any]:
        return [n if kind == "integer" else n + Decimal("0.5") if kind == "number" else f"v{n}" for n in range(number)]

    assert parts(kind, values(30_000), fold) == parts(kind, values(200), fold) < 60
    assert parts(kind, values(100), fold) > 100


def test_words_name_the_first_of_very_many() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed([str(n) for n in range(12)]) == ", ".join(str(n) for n in range(12))
    assert listed([str(n) for n in range(30_000)]) == "0, 1, 2 and 29,997 more"
    condition = {"attribute": "city", "in": [f"c{n}" for n in range(30_000)]}
    assert sentence(READ.validate_python(condition)) == ["city is one of c0, c1, c2 and 29,997 more"]
    inside = {"event": "buy", "where": {"property": "sku", "not_in": [f"c{n}" for n in range(20)]}}
    assert sentence(READ.validate_python(inside))[0].endswith("where sku is none of c0, c1, c2 and 17 more")
    node = Compare(Value("contact", "x", "text"), "in", tuple(Constant(f"v{n}", "text") for n in range(13)))
    assert node_words(node) == "x is one of v0 or v1 or v2 or 10 more"

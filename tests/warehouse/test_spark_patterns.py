"""Patterns on Spark (on Sail) find what they find on DuckDB, or are refused where they are written."""

from __future__ import annotations

import pytest
from sqlglot import exp

from segflow.warehouse.engines import pattern_problem
from segflow.warehouse.spark.engine import SparkEngine
from segflow.warehouse.spark.words import SparkWords
from tests.sail import Sail
from tests.warehouse.test_postgres_patterns import SAME as ALIKE
from tests.warehouse.test_postgres_patterns import TEXTS, meant

EDGES = [pattern for pattern in ALIKE if r"\b" in pattern or r"\B" in pattern]
SAME = [pattern for pattern in ALIKE if pattern not in EDGES]
SAME += [r"a{300}|b", r"\v|b", r"[&&a]", r"[a~~b]", r"[[:space:]]", "[\\v]", r"b$", r"^x1\z"]


def test_they_find_the_same(sail: Sail) -> None:
    """All in one query: a statement each would take half a minute."""
    text, words = exp.column("t"), SparkWords()
    found = [
        exp.alias_(words.matches(text.copy(), exp.Literal.string(pattern)), f"p{number}")
        for number, pattern in enumerate(SAME)
    ]
    texts = exp.values([(one,) for one in TEXTS], alias="texts", columns=["t"])
    with SparkEngine(*sail.new_warehouse()).open() as warehouse:
        rows = warehouse.query(exp.select("t", *found).from_(texts)).to_pylist()
    for number, pattern in enumerate(SAME):
        assert pattern_problem("spark", pattern) is None, pattern
        matching = {row["t"] for row in rows if row[f"p{number}"]}
        assert matching == set(meant(pattern)), pattern


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        *((pattern, "has no form in Spark; write what stands there, like (^|\\W)tea(\\W|$)") for pattern in EDGES),
        (r"\pL", r"\p has no form in Spark"),
        (r"\Qa\E", r"\Q has no form"),
        (r"a{1001}", "more than the 1000 times that Spark repeats a part"),
        (r"(?s)a", "(?s has no form in Spark"),
        (r"(a", "a ( without its )"),
    ],
)
def test_what_has_no_form_is_refused(pattern: str, told: str) -> None:
    assert told in str(pattern_problem("spark", pattern))

"""Patterns on Postgres find what they find on DuckDB, or are refused where they are written."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import duckdb
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segflow.warehouse.postgres.ask import pattern_problem
from segflow.warehouse.postgres.patterns import translated
from tests.postgres import Server

TEXTS = [
    "",
    "a",
    "ab",
    "A",
    "a b",
    "a\nb",
    "foo bar",
    "x1",
    "é",
    "É",
    "éa",
    "a.b",
    "a|b",
    "-",
    "_",
    "\t",
    "]",
    "a{2}",
    "日本",
]
SAME = [
    r"^a", r"b$", r"^a.b$", r"a|", r"(?i)É", r"(?i)A", r"\bb", r"\Bb", r"\ba", r"a\b", r"\d", r"\D", r"\w+$", r"^\W$",
    r"\s", r"^\S+$", r"[^a]", r"[\d.]", r"[]a]", r"[^]]", r"[a-c]{2,}", r"^a{1}$", r"(?P<x>a)b", r"(?:ab)?$", r"a+?b",
    r"[[:alpha:]]", r"[[:space:]]$", r"\x61", r"\x{e9}", r"\.", r"\|", r"{", r"a{", r"x*", r"", r"(a|)b", r"\Aa\z",
    r"[-a]", r"[a-]", r"\t", r"[\t]", r"日.", r"^.$", r"***".replace("*", r"\*"), r"[||]", r"(?i)[é]",
]  # fmt: skip
REFUSED = {
    r"\pL": r"\p has no form", r"\Qa\E": r"\Q has no form", r"a{300}": "more than the 255 times", r"(?s)a": "(?s",
    r"a**": "repeats a repetition", r"(a": "a ( without its )", r"a)": "a ) without its (", r"[a": "a [ without its ]",
    r"*a": "nothing before *", r"[b-a]": "goes backwards", "a\\": "ends with a \\", r"[\D]": r"\D in [ ]",
    r"[[:^alpha:]]": "[:^alpha:] has no form", r"a{3,2}": "from more to less", r"\x00": "no character",
    r"^*": "nothing before *", r"[\d-z]": "from one letter to another",
}  # fmt: skip


@pytest.fixture(scope="module")
def connection(postgres: Server) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres.new_database()) as opened:
        yield opened


def found(connection: psycopg.Connection[Any], pattern: str) -> list[str]:
    query = "SELECT t FROM unnest(%s::text[]) AS t WHERE t COLLATE pg_c_utf8 ~ %s"
    return [row[0] for row in connection.execute(query, [TEXTS, translated(pattern)]).fetchall()]


def meant(pattern: str) -> list[str]:
    # Not as a literal: of `a^` DuckDB makes "ends with a", which is not what RE2 reads.
    query = "SELECT t FROM (SELECT unnest(?::varchar[]) AS t, unnest(?::varchar[]) AS p) WHERE regexp_matches(t, p)"
    return [row[0] for row in duckdb.execute(query, [TEXTS, [pattern] * len(TEXTS)]).fetchall()]


@pytest.mark.parametrize("pattern", SAME)
def test_it_finds_the_same(connection: psycopg.Connection[Any], pattern: str) -> None:
    assert pattern_problem(pattern) is None
    assert found(connection, pattern) == meant(pattern)


@pytest.mark.parametrize("pattern", REFUSED)
def test_what_has_no_form_is_refused(pattern: str) -> None:
    assert REFUSED[pattern] in str(pattern_problem(pattern))


PIECES = [
    "a",
    "b",
    "é",
    ".",
    r"\b",
    r"\w",
    r"[^a]",
    "(",
    ")",
    "|",
    "*",
    "+",
    "?",
    "{2}",
    "^",
    "$",
    r"\s",
    "-",
    r"\.",
    "[",
    "]",
]


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=7))
def test_whatever_is_not_refused_finds_the_same(connection: psycopg.Connection[Any], pieces: list[str]) -> None:
    pattern = "".join(pieces)
    if pattern_problem(pattern) is None:
        assert found(connection, pattern) == meant(pattern)


def test_the_tables_have_each_pattern_once() -> None:
    assert len(set(itertools.chain(SAME, REFUSED))) == len(SAME) + len(REFUSED)

"""LIKE finds on another engine whom it finds on the one that it was written for: rules are taken over when a project
moves, and tests of a segment run on the embedded engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
import sqlglot
import yaml

from segflow.errors import InputError
from segflow.segments.compiler import compile_project
from segflow.segments.rule_tests import run_tests
from segflow.segments.sql_segment import in_dialect
from segflow.specs.load import load_specs
from segflow.warehouse.engines import ENGINES, dialect, like_escape, words
from segflow.warehouse.like_patterns import with_escapes
from tests.postgres import Server
from tests.postgres_project import make

TAGS = ["vip_gold", "vipers", "vip!gold", "corp\\ann", "corp%", "corp!\\x"]
_ROWS = ", ".join(f"('{tag}', '{tag[:4]}')" for tag in TAGS)
_TABLE = f"CREATE TEMPORARY TABLE tags AS SELECT * FROM (VALUES {_ROWS}) AS v (tag, start)"

WRITTEN: dict[str, tuple[str, str, list[str]]] = {
    "an escaped sign": ("postgres", r"tag LIKE 'vip\_%'", ["vip_gold"]),
    "in any case": ("postgres", r"tag ILIKE 'VIP\_%'", ["vip_gold"]),
    "not": ("postgres", r"tag NOT LIKE 'vip%'", ["corp\\ann", "corp%", "corp!\\x"]),
    "not, escaped": ("postgres", r"tag NOT LIKE 'vip\_%'", ["vipers", "vip!gold", "corp\\ann", "corp%", "corp!\\x"]),
    "an escaped backslash": ("postgres", r"tag LIKE 'corp\\%'", ["corp\\ann"]),
    "a letter that needs no escape": ("postgres", r"tag LIKE 'cor\p%'", ["corp\\ann", "corp%", "corp!\\x"]),
    "another escape": ("postgres", r"tag LIKE 'corp!%' ESCAPE '!'", ["corp%"]),
    "no escape": ("postgres", r"tag LIKE 'corp\%' ESCAPE ''", ["corp\\ann"]),
    "a computed pattern": ("postgres", r"tag LIKE start || '\%'", ["corp%"]),
    "any of a list": ("postgres", r"tag LIKE ANY (ARRAY['vip\_%', 'corp\%'])", ["vip_gold", "corp%"]),
    "not all of a list": ("postgres", r"tag NOT LIKE ALL (ARRAY['vip%', 'corp\%'])", ["corp\\ann", "corp!\\x"]),
    "an operator": ("postgres", r"tag ~~ 'vip\_%' AND tag !~~ 'x'", ["vip_gold"]),
    "a cast list": ("postgres", r"tag LIKE ANY (ARRAY['vip\_%', 'corp\%']::text[])", ["vip_gold", "corp%"]),
    "inside of another": ("postgres", r"CASE WHEN tag LIKE 'vip\_%' THEN 'yes' ELSE 'no' END LIKE 'y%'", ["vip_gold"]),
    "in brackets": ("postgres", r"tag LIKE ('vip\_%')", ["vip_gold"]),
    "Spark": ("spark", r"tag LIKE 'vip\_%'", ["vip_gold"]),
    "Spark, twice": ("spark", r"tag LIKE 'vip\\_%'", ["vip_gold"]),
    "Spark, any of some": ("spark", r"tag LIKE ANY ('vip\\_%', 'corp\\%')", ["vip_gold", "corp%"]),
    "the default": ("duckdb", r"tag LIKE 'corp\%'", ["corp\\ann"]),
    "the default, in brackets": ("duckdb", r"tag LIKE ('corp\%')", ["corp\\ann"]),
    "the default, computed": ("duckdb", r"tag LIKE start || '\%'", ["corp\\ann"]),
    "the default, computed, with the other sign": ("duckdb", r"tag LIKE (start || '!\%')", ["corp!\\x"]),
    "the default, with the other sign": ("duckdb", r"tag LIKE 'corp!\%'", ["corp!\\x"]),
    "the default, not": ("duckdb", r"tag NOT ILIKE 'CORP\%'", ["vip_gold", "vipers", "vip!gold", "corp%", "corp!\\x"]),
    "the default, without": ("duckdb", "tag LIKE 'vip_%'", ["vip_gold", "vipers", "vip!gold"]),
}


@pytest.fixture(scope="module")
def server(postgres: Server) -> Iterator[str]:
    url = postgres.new_database()
    yield url
    postgres.drop_database(url)


@pytest.mark.parametrize("name", WRITTEN)
def test_patterns_mean_the_same_elsewhere(server: str, name: str) -> None:
    written_for, condition, expected = WRITTEN[name]
    query = f"SELECT tag FROM tags WHERE {condition}"
    with duckdb.connect() as here, psycopg.connect(server) as there:
        engines: dict[str, Any] = {"duckdb": here, "postgres": there}
        for engine, connection in engines.items():
            connection.execute(_TABLE)
            said = with_escapes(sqlglot.parse_one(query, read=written_for), written_for, like_escape(written_for)).sql(
                engine
            )
            for sql in (query, said) if engine == written_for else (said,):
                assert [tag for (tag,) in connection.execute(sql).fetchall()] == expected, sql


@pytest.mark.parametrize("engine", ENGINES)
def test_a_query_that_stays_where_it_is_stays_as_it_is(engine: str) -> None:
    query = r"select contact_id from t where tag like 'vip\_%'"
    assert in_dialect(query, engine, dialect(engine)) == query


def test_similar_to_has_no_form_elsewhere() -> None:
    """On one engine its patterns are regular expressions, on the other they are none."""
    with pytest.raises(InputError, match="tag SIMILAR TO 'vip%' means what it means on postgres alone"):
        in_dialect("select contact_id from {{ ref('t') }} where tag similar to 'vip%'", "postgres", words().dialect)


CITIES = r"""where: {sql: "city like 'x\\_%' or city like any (array['a%', 'b%'])"}"""
QUERIED = r"""select contact_id from {{ ref('stg_customers') }} where city like 'x\_%'"""
OWN = [
    r"city like 'x\_%'",
    "city like any ('{a%,b%}')",
    "city like any (string_to_array('a%,b%', ','))",
    "city like email",
]
"""Conditions that stay as they are on the engine that they were written for."""


def test_conditions_and_queries_are_taken_over_so(server: str, tmp_path: Path) -> None:
    root = make(tmp_path, server)
    (root / "segment_specs/cities.yml").write_text(CITIES, encoding="utf-8")
    (root / "segment_specs/queried.sql").write_text(QUERIED, encoding="utf-8")
    for engine, said in ((words(), r"like 'x\_%' escape '\'"), (words("postgres"), r"like 'x\_%'")):
        compiled = compile_project(load_specs(root), engine)
        for name in ("cities", "queried"):
            text = compiled.segments[name].standalone
            assert text is not None
            assert said in text.lower(), name
            assert ("escape" in text.lower()) == ("escape" in said), name


@pytest.mark.parametrize("condition", OWN)
def test_a_condition_that_stays_where_it_is_stays_as_it_is(server: str, tmp_path: Path, condition: str) -> None:
    root = make(tmp_path, server)
    (root / "segment_specs/cities.yml").write_text(yaml.safe_dump({"where": {"sql": condition}}), encoding="utf-8")
    text = compile_project(load_specs(root)).segments["cities"].standalone
    assert text is not None
    said = sqlglot.parse_one(condition, read="postgres").sql("postgres")
    for name in ("city", "email"):
        said = said.replace(name, f"contacts.{name}")
    assert "".join(said.lower().split()) in "".join(text.lower().split())


def test_any_of_no_list_has_no_form_elsewhere() -> None:
    query = "select contact_id from {{ ref('t') }} where tag like any (string_to_array('a%', ','))"
    with pytest.raises(InputError, match=r"^tag LIKE ANY\(STRING_TO_ARRAY.* means what it means on postgres alone"):
        in_dialect(query, "postgres", words().dialect)


TESTED = """\
where: {sql: "CONDITION"}
tests: [{name: x, as_of: 2026-01-10, contacts: [{contact_id: a, city: x_1}, {contact_id: b, city: xx1}], members: [a]}]
"""


def test_what_has_no_form_fails_its_own_test_alone(server: str, tmp_path: Path) -> None:
    root = make(tmp_path, server)
    for name, condition in {"escaped": r"city like 'x\\_%'", "similar": "city similar to 'x!_%' escape '!'"}.items():
        text = TESTED.replace("CONDITION", condition)
        (root / f"segment_specs/{name}.yml").write_text(text, encoding="utf-8")
    found = {one.segment: str(one) for one in run_tests(load_specs(root), ["escaped", "similar"])}
    assert found["escaped"].endswith(": passed")
    assert found["similar"].startswith("segment_specs/similar.yml:2:9: similar, test x: it cannot be evaluated: ")
    assert found["similar"].endswith(" means what it means on postgres alone")

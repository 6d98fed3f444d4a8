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

from segflow.errors import InputError
from segflow.segments.compiler import compile_project
from segflow.segments.like_patterns import with_escapes
from segflow.segments.sql_segment import in_dialect
from segflow.specs.load import load_specs
from segflow.warehouse.engines import ENGINES, dialect, words
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
    "Spark": ("spark", r"tag LIKE 'vip\_%'", ["vip_gold"]),
    "Spark, twice": ("spark", r"tag LIKE 'vip\\_%'", ["vip_gold"]),
    "Spark, any of some": ("spark", r"tag LIKE ANY ('vip\\_%', 'corp\\%')", ["vip_gold", "corp%"]),
    "the default": ("duckdb", r"tag LIKE 'corp\%'", ["corp\\ann"]),
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
            said = with_escapes(sqlglot.parse_one(query, read=written_for), written_for).sql(engine)
            for sql in (query, said) if engine == written_for else (said,):
                assert [tag for (tag,) in connection.execute(sql).fetchall()] == expected, sql


@pytest.mark.parametrize("engine", ENGINES)
def test_a_query_that_stays_where_it_is_stays_as_it_is(engine: str) -> None:
    query = r"select contact_id from t where tag like 'vip\_%'"
    assert in_dialect(query, engine, dialect(engine)) == query


def test_similar_to_has_no_form_elsewhere() -> None:
    """On one engine its patterns are regular expressions, on the other they are none."""
    with pytest.raises(InputError, match="as Postgres reads it there alone: SIMILAR TO"):
        in_dialect("select contact_id from {{ ref('t') }} where tag similar to 'vip%'", "postgres", words().dialect)


CITIES = r"""where: {sql: "city like 'x\\_%' or city like any (array['a%', 'b%'])"}"""
QUERIED = r"""select contact_id from {{ ref('stg_customers') }} where city like 'x\_%'"""


def test_conditions_and_queries_are_taken_over_so(server: str, tmp_path: Path) -> None:
    root = make(tmp_path, server)
    (root / "segment_specs/cities.yml").write_text(CITIES, encoding="utf-8")
    (root / "segment_specs/queried.sql").write_text(QUERIED, encoding="utf-8")
    compiled = compile_project(load_specs(root), words())
    for name in ("cities", "queried"):
        text = compiled.segments[name].standalone
        assert text is not None
        assert r"like 'x\_%' escape '\'" in text.lower(), name

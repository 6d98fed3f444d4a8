"""Words of a user stay words: through the compiler, the model files, dbt's Jinja and the warehouse."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from segflow.errors import SpecError
from segflow.segments.emit import indent
from segflow.segments.sql import text_literal
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.segments.engine import load_table
from tests.segments.shop import Shop

TEXTS = {
    "quotes": """it's "so" ''quoted'' `x` \\' \\n""",
    "jinja": "{{ as_of() }} {% raw %} {# x #} }} %} {{{ {{{{ '{{' }}",
    "jinja_braces": "{{ '{{' }}",
    "calls": "bound('as_of') tick_id() {{ ref('contacts') }} __ref__contacts __tick_id__()",
    "marks": "\ue000ref_contacts \ue000bound('as_of') \ue000tick_id()",
    "comments": "*/ -- end ; /* select 1; drop table x; -- {#",
    "lines": "one\ntwo\r\nthree\rfour\n    five\n\n",
    "separators": "a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g",
    "spaces": "  \t two  ends \u00a0 ",
    "unicode": "Zoë 茶 🍵 e\u0301 \u202e right",
    "patterns": "100% _ \\d+ [a-z]* $1 $$ ? :name @x #y",
    "empty": "",
    "long": "x" * 5000,
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The small shop with a segment for each text: about a value, a label, a column; the description holds it too."""
    made = Shop(tmp_path_factory.mktemp("texts"))
    folder = made.root / "segment_specs"
    for path in folder.glob("*.*"):
        path.unlink()
    catalog = {
        "contacts": {
            "model": "stg_texts",
            "attributes": {"value": "text", "odd": {"type": "text", "column": '{{ it\'s }} "--*/" {# ü'}},
        },
        "tags": {"model": "stg_texts", "name": "value"},
        "events": [
            {
                "model": "stg_texts",
                "event": "said",
                "payload": {"column": "payload", "format": "json"},
                "properties": {"words": {"type": "text", "column": '{{ "it\'s" }} {#'}},
            }
        ],
    }
    _write(folder / "catalog.yml", catalog)
    rows = []
    for name, text in TEXTS.items():
        rows.append({"contact_id": name, "value": text, "odd": text, "text": text})
        described = {"description": f"About {text[:100]} {{{{ x", "owner": "{{ 'me' }} {% if %}"}
        for kind, where in {
            "value": {"attribute": "value", "is": text},
            "column": {"attribute": "odd", "in": [text, "other"]},
            "folded": {"attribute": "value", "is": text.upper(), "ignore_case": True},
            "within": {"attribute": "value", "contains": text} if text else {"attribute": "value", "is": ""},
            "tag": {"tag": text},
            "event": {"event": "said", "where": {"property": "words", "is": text}},
        }.items():
            if kind != "tag" or text.strip():
                _write(folder / f"{kind}_{name}.yml", {**described, "where": where})
    query = (
        "select contact_id\nfrom {{- ref( \"stg_texts\" ) -}}\nwhere value = 'one\ntwo\r\nthree\rfour\n    five\n\n'\n"
    )
    (folder / "query_lines.sql").write_bytes(query.encode())
    with DuckDBWarehouse(made.warehouse_path) as warehouse:
        load_table(warehouse, "texts", pa.Table.from_pylist(rows))
    made.sql("""
        create or replace table raw.texts as
        select contact_id, value, odd as "{{ it's }} ""--*/"" {# ü",
            json_object('{{ "it''s" }} {#', value) as payload, timestamp '2026-01-01' as occurred_at
        from raw.texts
    """)
    (made.root / "dbt/models/staging/stg_texts.sql").write_text("select * from {{ source('raw', 'texts') }}\n")
    sources = made.root / "dbt/models/staging/sources.yml"
    sources.write_text(sources.read_text() + "      - name: texts\n")
    made.dbt.forget()
    made.compile()
    report = made.build()
    assert (report.stale, report.broken) == ({}, {})
    return made


def _write(path: Path, data: object) -> None:
    path.write_text(yaml.safe_dump(data, allow_unicode=False), encoding="utf-8")


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_of_a_spec_finds_the_same_text_in_the_warehouse(shop: Shop, name: str) -> None:
    found = shop.members()
    kinds = ["value", "column", "folded", "event", *(["tag"] if TEXTS[name].strip() else [])]
    for kind in kinds:
        assert found.get(f"{kind}_{name}") == {name}, kind
        assert shop.own(f"{kind}_{name}") == {name}, kind
    assert name in found[f"within_{name}"]


def test_line_breaks_inside_a_text_of_a_query_are_kept(shop: Shop) -> None:
    with shop.open() as warehouse:
        standalone = shop.compiled.segments["query_lines"].standalone
        assert "    five" in standalone
        assert "        five" not in standalone
        assert warehouse.exists("segment__query_lines")


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_one_line_of_sql(name: str) -> None:
    sql = text_literal(TEXTS[name]).sql("duckdb")
    assert len(sql.splitlines()) == 1


def test_nul_would_end_the_query_and_is_refused_when_specs_load(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    _write(shop.root / "segment_specs" / "nul.yml", {"where": {"attribute": "city", "is": "a\x00b"}})
    with pytest.raises(SpecError, match=r"nul\.yml.*NUL"):
        shop.compile()


INDENTED = {
    "plain": ("select 1\nfrom t", "    select 1\n    from t"),
    "blank line": ("a\n\nb", "    a\n\n    b"),
    "text over lines": ("select 'a\nb'\nfrom t", "    select 'a\nb'\n    from t"),
    "doubled quote": ("select 'it''s\nb'\nfrom t", "    select 'it''s\nb'\n    from t"),
    "quote in a comment": ("select 1 -- it's\nfrom t", "    select 1 -- it's\n    from t"),
    "quote in a name": ('select "it\'s"\nfrom t', '    select "it\'s"\n    from t'),
    "dollar quotes": ("select $$it's\nb$$\nfrom t", "    select $$it's\nb$$\n    from t"),
}


@pytest.mark.parametrize(("sql", "expected"), INDENTED.values(), ids=INDENTED)
def test_indentation_leaves_texts_alone(sql: str, expected: str) -> None:
    assert indent(sql) == expected

"""Texts of files from the templates in `files/`. Their marks are `[[ ]]` and `[% %]`: braces are dbt's and flows'."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import yaml
from sqlglot import exp

from segflow.start.plan import Value
from segflow.warehouse.engines import words

_FILES = Path(__file__).parent / "files"
_SIGNS = re.compile(r"[,\[\]{}#&*!|>'\"%@`]|: |:$|^[-?:] ?")
"""What a text without quotes cannot hold, or begin with, in the one-line form of YAML."""
_NOT_TEXT = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", "is", "~"}


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FILES),
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    environment.filters |= {"yaml": scalar, "flow": flow, "sql": literal, "flow_list": flow}
    return environment


def filled(file: str, **values: Any) -> str:
    """The text of a template of `files/`."""
    text = _environment().get_template(file).render(**values)
    return re.sub(r"\n{3,}", "\n\n", text)


def scalar(value: Any) -> str:
    """One value as it stands in YAML, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    text = str(value)
    if text.strip() == text and not _SIGNS.search(text) and text.lower() not in _NOT_TEXT and _reads_as(text):
        return text
    return json.dumps(text, ensure_ascii=False)


def _reads_as(text: str) -> bool:
    """Is a text without quotes read as just that?"""
    try:
        return bool(yaml.safe_load(f"[{text}]") == [text])
    except yaml.YAMLError:
        return False


def flow(value: Any) -> str:
    """Any value in the one-line form of YAML: `{event: purchase, count: 0}`."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def literal(value: str) -> str:
    """A text as SQL has it."""
    return words().sql(exp.Literal.string(value))


def sql(tree: exp.Expr) -> str:
    """An expression as analysts write it: names without quotes where they need none, functions in lower case."""
    tree = tree.copy()
    for name in tree.find_all(exp.Identifier):
        name.set("quoted", not re.fullmatch(r"[a-z][a-z0-9_]*", name.name) or name.name in _reserved())
    text = words().sql(tree, normalize_functions="lower")
    # What is in quotes stays as it is.
    parts = re.split(r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")", text)
    return "".join(part if number % 2 else _lower(part) for number, part in enumerate(parts))


def name(column: str) -> str:
    """The name of a column as SQL has it."""
    return sql(exp.column(column))


@cache
def _reserved() -> frozenset[str]:
    """Words that are no names without quotes."""
    told = (
        "all analyse analyze and any array as asc asymmetric at both case cast check collate column "
        "constraint create cross current_date current_time current_timestamp default deferrable desc describe "
        "distinct do else end except exists false fetch for foreign from full glob grant group having ilike "
        "in initially inner intersect into is isnull join lambda lateral leading left like limit map natural "
        "not notnull null offset on only or order outer over overlaps pivot positional primary qualify "
        "references returning right select set show similar some struct summarize symmetric table tablesample "
        "then to trailing true union unique unpivot using values variadic verbose when where window with "
        "try_cast anti semi asof timestamp interval date time key type index row rows "
    )
    return frozenset(told.split())


_KEYWORDS = re.compile(
    r"\b(CASE|WHEN|THEN|ELSE|END|AS|NULL|IS|NOT|AND|OR|IN|TRUE|FALSE|BIGINT|DATE|TIMESTAMP|TIMESTAMPTZ|DECIMAL|DOUBLE|"
    r"CAST|TRY_CAST|SELECT|FROM|WHERE|TEXT|READ_CSV|READ_PARQUET)\b"
)


def _lower(text: str) -> str:
    return _KEYWORDS.sub(lambda found: found[0].lower(), text)


def attribute(value: Value) -> str:
    """A line of the catalog: `city: text`, or with what there is to say of it."""
    told: dict[str, Any] = {"type": value.type}
    if value.path:
        told["column"] = [value.column, *value.path]
    elif value.name != value.column:
        told["column"] = value.column
    if value.unix:
        told["unix"] = value.unix
    if value.description:
        told["description"] = value.description
    return f"{value.name}: {value.type}" if value.is_short else f"{value.name}: {flow(told)}"


def time(value: Value) -> str:
    """The column with a time, as the catalog names it."""
    if value.unix:
        return flow({"column": value.column, "unix": value.unix})
    return scalar(value.column)

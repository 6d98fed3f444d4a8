"""Pass 7: queries become the text of dbt models, readable by an analyst, and texts become queries again.

The text is the one form in which compiled SQL is kept (in files and in `segment_versions`): `{{ ref('x') }}`,
`{{ segflow_bound('as_of - 30 days') }}` and `{{ segflow_tick_id() }}` are filled in by dbt, or by `fill` when the
engine runs it. Models of segflow's own are called `segflow__NAME`; all other names are the user's.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlglot
from sqlglot import exp

from segflow.segments.bounds import bound_from_key
from segflow.segments.sql import BOUND, LEDGER, REF, TICK_ID, TOUCHED
from segflow.warehouse.base import relation as engine_table
from segflow.warehouse.names import OWN, own_model
from segflow.warehouse.sqlfile import without_positions
from segflow.warehouse.tables import SCHEMA
from segflow.warehouse.words import MARK, VALUES, Words

_REF_TEXT = re.compile(rf"{REF}(\w+)")
_LEDGER_TEXT = re.compile(rf"{LEDGER}(\w+)")
_BOUND_TEXT = re.compile(rf"\(?{BOUND}\('([^']*)'\)\)?", re.IGNORECASE)
_TICK_TEXT = re.compile(rf"{TICK_ID}\(\)", re.IGNORECASE)
_TOUCHED_MACRO = "segflow_touched"
_VALUE = f"{MARK}value"
_VALUE_TEXT = re.compile(rf"{_VALUE}(\d+)_")
_JINJA = re.compile(r"\{[{%#]")
_JINJA_START = re.compile(r"\{(?=[{%#])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# What a line break may lie inside of: texts, quoted names, comments.
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$", re.DOTALL)

_FILL_REF = re.compile(r"\{\{\s*ref\('(\w+)'\)\s*\}\}")
_FILL_SOURCE = re.compile(r"\{\{\s*source\('segflow', '(\w+)'\)\s*\}\}")
# A build before called them without the prefix, and its texts are in the ledger of versions.
_FILL_BOUND = re.compile(r"\{\{\s*(?:segflow_)?bound\('([^']*)'\)\s*\}\}")
_ANY_BOUND = re.compile(r"\b(?:segflow_)?bound\('([^']*)'\)")
_FILL_AS_OF = re.compile(r"\{\{\s*(?:segflow_)?as_of\(\)\s*\}\}")
_FILL_TICK = re.compile(r"\{\{\s*(?:segflow_)?tick_id\(\)\s*\}\}")
_PIECE = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?:segflow_)?bound\('([^']*)'\)|(,)""")
_FILL_CONTACTS = "{{ ref('contacts') }}"
_FILL_VALUE = re.compile(rf"\{{\{{\s*(segflow_\w+)\(((?:{_PIECE.pattern}|\s*[~,]\s*)+)\)\s*\}}\}}")
_FILL_BRACES = re.compile(r"\{\{ '(\{[{%#])' \}\}")


def is_for_all(text: str) -> bool:
    """Has the code of a model no place for touched contacts, so that it is always computed for all?"""
    return f"{_TOUCHED_MACRO}(" not in text


def reads_members(text: str) -> bool:
    """Does the code of a model look at the engine's table of present members?"""
    return any(table == "segment_members" for table in _FILL_SOURCE.findall(text))


def template(query: exp.Expr, words: Words) -> str:
    """The query as text, with Jinja for what a tick supplies. A brace that a value of the spec holds is escaped."""
    query, calls = _value_calls(query, words)
    text = _JINJA.sub(lambda match: f"{{{{ '{match.group(0)}' }}}}", words.pretty(query))
    if calls:
        text = _VALUE_TEXT.sub(lambda match: calls[int(match.group(1))], text)
    text = _REF_TEXT.sub(lambda match: ref_text(match.group(1)), text)
    # The engine's own tables are no dbt models: dbt knows them as sources.
    text = _LEDGER_TEXT.sub(lambda match: f"{{{{ source('segflow', '{match.group(1)}') }}}}", text)
    text = _BOUND_TEXT.sub(_bound_text, text)
    return _TICK_TEXT.sub("{{ segflow_tick_id() }}", text)


def _value_calls(query: exp.Expr, words: Words) -> tuple[exp.Expr, list[str]]:
    """The query with a name in place of each value that a macro reads, and the calls of the macros, by number."""
    if not any(_macro(node, words) for node in query.find_all(exp.Anonymous)):
        return query, []
    # Copied first: parts of a tree may share nodes.
    query = query.copy()
    found = [(node, macro) for node in query.find_all(exp.Anonymous) if (macro := _macro(node, words))]
    calls: list[str] = []
    for node, macro in found:
        node.replace(exp.Identifier(this=f"{_VALUE}{len(calls)}_", quoted=False))
        arguments = ", ".join(_jinja_text(words.sql(value)) for value in node.expressions)
        calls.append(f"{{{{ {macro}({arguments}) }}}}")
    return query, calls


def _macro(node: exp.Anonymous, words: Words) -> str | None:
    return _TOUCHED_MACRO if node.this == TOUCHED else words.macro(node)


def _jinja_text(sql: str) -> str:
    """A text as Jinja writes it, which is as Python does, with the bounds that it holds between its pieces."""
    pieces: list[str] = []
    text, position = "", 0
    for match in _BOUND_TEXT.finditer(sql):
        opening, key, closing = _bound_parts(match)
        pieces += [repr(f"{text}{sql[position : match.start()]}{opening}"), f"segflow_bound('{key}')"]
        text, position = closing, match.end()
    return " ~ ".join([*pieces, repr(text + sql[position:])])


def value_macros(words: Words) -> str:
    """The dbt macros that read values as the engine does."""
    macros = [f"{{#- {GENERATED_MACROS} -#}}"]
    for name, word in VALUES.items():
        given = list(inspect.signature(word).parameters)
        form = word(*(exp.Identifier(this=f"{_VALUE}{one}", quoted=False) for one in given))
        text = words.sql(form, pretty=True, pad=4, indent=4)
        text = _JINJA.sub(lambda match: f"{{{{ '{match.group(0)}' }}}}", text)
        for one in given:
            text = text.replace(f"{_VALUE}{one}", f"{{{{ {one} }}}}")
        doc = " ".join((word.__doc__ or "").split())
        macros.append(f"{{#- {doc} -#}}\n{{%- macro {name}({', '.join(given)}) -%}}\n{text}\n{{%- endmacro -%}}")
    return "\n\n".join(macros) + "\n"


def not_jinja(words: str) -> str:
    """Words of a user in a place that dbt renders."""
    return words.replace("{", "(").replace("}", ")")


def ref_text(model: str) -> str:
    """A dbt model as a text names it."""
    return f"{{{{ ref('{model}') }}}}"


def as_written_now(text: str) -> str:
    """A standalone text of any build as this one writes it: the contacts that it reads had no name of their own once.
    All that is segflow's and not contacts is a CTE in there."""
    return text if f"ref('{OWN}" in text else text.replace(_FILL_CONTACTS, ref_text(own_model("contacts")))


def _bound_text(match: re.Match[str]) -> str:
    opening, key, closing = _bound_parts(match)
    return f"{opening}{{{{ segflow_bound('{key}') }}}}{closing}"


def _bound_parts(match: re.Match[str]) -> tuple[str, str, str]:
    """What stands before a bound, its key, what stands after it. The literal of `anniversaries` brings its own
    parentheses: `in ({{ ... }})` would make a row of one tuple."""
    key, whole = match.group(1), match.group(0)
    if key.startswith("anniversaries"):
        return "", key, ""
    return "(" if whole.startswith("(") else "", key, ")" if whole.endswith("))") else ""


GENERATED_MACROS = "Generated by `segflow compile`; do not edit. How generated models read values of any type."
TABLE, VIEW = "segflow_table", "segflow_view"
"""The materializations of generated models; their macros are copied beside `segflow_bound`."""


def config_text(materialized: str, relation: str) -> str:
    """The first line of the model that builds `relation`. All that dbt has to know stands there, so that nothing has to
    be said in dbt_project.yml."""
    return f"{{{{ config(materialized='{materialized}', schema='{SCHEMA}', alias='{relation}') }}}}"


def model_text(text: str, *, materialized: str, relation: str, comment: list[str]) -> str:
    """A whole model file: config, the comment as `--` lines, the query."""
    lines = [config_text(materialized, relation), ""]
    lines += [f"-- {_safe(line)}".rstrip() for line in comment]
    return "\n".join([*lines, "", text.strip(), ""])


def _safe(line: str) -> str:
    """Words of a user inside a comment: one line, nothing that Jinja would run or that ends the text."""
    words = _JINJA_START.sub("{ ", " ".join(_CONTROL.sub(" ", line).split()))
    return " " * (len(line) - len(line.lstrip(" "))) + words


def indent(sql: str) -> str:
    """Indent the lines of a query, except those that start inside a text: their blanks are part of its value."""
    inside = {
        match.start() + line.end()
        for match in _QUOTED.finditer(sql)
        if "\n" in match.group()
        for line in re.finditer("\n", match.group())
    }
    lines: list[str] = []
    start = 0
    for line in sql.split("\n"):
        lines.append(line if start in inside or not line.strip() else f"    {line}")
        start += len(line) + 1
    return "\n".join(lines)


def refs(text: str) -> set[str]:
    """The models that a text names."""
    return set(_FILL_REF.findall(text))


def bound_keys(text: str) -> set[str]:
    """The keys of all bounds in a text."""
    keys = set(_ANY_BOUND.findall(text))
    return keys | {"as_of"} if _FILL_AS_OF.search(text) else keys


@dataclass(frozen=True)
class Filling:
    """What stands in place of the Jinja of a compiled text when the engine runs it."""

    relation: Callable[[str], exp.Table]
    """The relation of a dbt model."""
    as_of: datetime
    zone: ZoneInfo
    tick_id: str
    words: Words

    def query(self, text: str) -> exp.Query:
        """The text as a query. Raises ValueError when it is none."""
        text = _FILL_REF.sub(lambda match: self._table(self.relation(match.group(1))), text)
        text = _FILL_SOURCE.sub(lambda match: self._table(engine_table(match.group(1))), text)
        text = _FILL_BOUND.sub(lambda match: self._bound(match.group(1)), text)
        text = _FILL_AS_OF.sub(lambda _: self._bound("as_of"), text)
        text = _FILL_TICK.sub(lambda _: self.words.sql(exp.Literal.string(self.tick_id)), text)
        text = _FILL_VALUE.sub(lambda match: f"{match.group(1)}({self._pieces(match.group(2))})", text)
        text = _FILL_BRACES.sub(lambda match: match.group(1), text)
        try:
            query = sqlglot.parse_one(text, dialect=self.words.dialect)
        except sqlglot.ParseError as error:
            raise ValueError(str(error)) from error
        if not isinstance(query, exp.Query):
            raise ValueError("not a query")
        if "segflow_" in text:
            for call in [node for node in query.find_all(exp.Anonymous) if node.name.lower() in VALUES]:
                call.replace(VALUES[call.name.lower()](*call.expressions))
            for call in [node for node in query.find_all(exp.Anonymous) if node.name.lower() == _TOUCHED_MACRO]:
                call.replace(exp.true())
        return without_positions(query)

    def _pieces(self, pieces: str) -> str:
        return "".join(
            ast.literal_eval(text) if text else self._bound(key) if key else comma
            for text, key, comma in _PIECE.findall(pieces)
        )

    def _table(self, table: exp.Table) -> str:
        return self.words.sql(table, identify=True)

    def _bound(self, key: str) -> str:
        return self.words.sql(bound_from_key(key).literal(self.as_of, self.zone))

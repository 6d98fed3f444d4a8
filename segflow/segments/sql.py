"""Small helpers over sqlglot that every pass of the compiler shares: identifiers, references, types."""

from __future__ import annotations

import re

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

from segflow.specs.types import ValueType

SQL_TYPES: dict[ValueType, str] = {
    "text": "VARCHAR",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}

_SAFE = re.compile(r"^[a-z_][a-z0-9_]*$")
# Reserved in at least one of the engines that dbt runs on; quoting more than needed costs only looks.
_RESERVED = frozenset(
    """all analyse analyze and any array as asc asymmetric at between both by case cast check collate column
    constraint create cross cube current current_date current_time current_timestamp date default deferrable desc
    describe distinct do else end except exists extract false fetch filter first for foreign from full grant group
    grouping having if ilike in initially inner insert intersect interval into is isnull join lambda last lateral
    leading left like limit lists localtime map natural new not notnull null of offset on only or order outer over
    overlaps partition pivot placing position primary qualify range recursive references returning right rollup row
    rows select set show similar some struct summarize symmetric table tablesample tags then time timestamp to
    trailing true trim union unique unnest unpivot update user using values variadic view when where window with
    within""".split()
)

REF = "__ref__"
BOUND = "__bound__"
TICK_ID = "__tick_id__"


def ident(name: str) -> exp.Identifier:
    """An identifier, quoted only where it must be, so that generated models stay readable."""
    return exp.to_identifier(name, quoted=not _SAFE.match(name) or name in _RESERVED)


def col(name: str, table: str | None = None) -> exp.Column:
    return exp.Column(this=ident(name), table=ident(table) if table else None)


def ref(model: str, alias: str | None = None) -> exp.Table:
    """A dbt model; emitted as `{{ ref('model') }}`, or replaced by its relation when the engine runs it itself."""
    table = exp.Table(this=exp.to_identifier(f"{REF}{model}"))
    return exp.alias_(table, ident(alias), table=True) if alias else table


def bound_call(key: str) -> exp.Anonymous:
    """A moving bound; emitted as `{{ bound('key') }}`, or replaced by its literal."""
    return exp.Anonymous(this=BOUND, expressions=[exp.Literal.string(key)])


def tick_id_call() -> exp.Expr:
    """The tick a generated table was built for: its generation."""
    return exp.alias_(exp.Anonymous(this=TICK_ID, expressions=[]), "tick_id")


def typed(expression: exp.Expr, kind: ValueType) -> exp.Expr:
    return exp.cast(expression, SQL_TYPES[kind])


def case_when(condition: exp.Expr, value: exp.Expr) -> exp.Case:
    return exp.Case(ifs=[exp.If(this=condition, true=value)])


def all_of(conditions: list[exp.Expr]) -> exp.Expr:
    return exp.and_(*conditions, copy=False) if conditions else exp.true()


def pretty(query: exp.Expr, dialect: str | Dialect = "duckdb") -> str:
    """Formatted as analysts write it: lower-case functions, four spaces."""
    return query.sql(
        dialect=dialect, pretty=True, pad=4, indent=4, normalize_functions="lower", max_text_width=100
    )

"""Small helpers over sqlglot that every pass of the compiler shares: identifiers, references, types."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import exp

from segflow.specs.columns import Unix
from segflow.specs.types import ValueType
from segflow.warehouse import words
from segflow.warehouse.names import own_model
from segflow.warehouse.words import MARK

SQL_TYPES: dict[ValueType, str] = {
    "text": "VARCHAR",
    "number": "DECIMAL",
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "list_of_text": "ARRAY",
}

NUMBER_DIGITS, NUMBER_PLACES = 38, 12
"""Of a decimal that holds a number: digits in all, and those after the point."""
_DOUBLE = exp.DataType(this=exp.DataType.Type.DOUBLE, nested=False)

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
    within""".split()  # noqa: SIM905
)

# Names that stand for Jinja until the query is text. `text_literal` writes their first character as a number, so that
# no word of a user can look like one of them.
REF = f"{MARK}ref_"
LEDGER = f"{MARK}ledger_"
BOUND = f"{MARK}bound"
TICK_ID = f"{MARK}tick_id"
TOUCHED = f"{MARK}touched"

# Line breaks do not survive Jinja (\r) or the indentation of a query inside another, NUL ends the text for the parser.
_UNSAFE = re.compile("([\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ue000])")


def ident(name: str) -> exp.Identifier:
    """An identifier, quoted only where it must be, so that generated models stay readable."""
    return exp.Identifier(this=name, quoted=not _SAFE.match(name) or name in _RESERVED)


def col(name: str, table: str | None = None) -> exp.Column:
    return exp.Column(this=ident(name), table=ident(table) if table else None)


def ref(model: str, alias: str | None = None) -> exp.Table:
    """A model of the user's; emitted as `{{ ref('model') }}`, or replaced by its relation when the engine runs it
    itself."""
    return _marked(f"{REF}{model}", alias)


def built(relation: str, alias: str | None = None) -> exp.Table:
    """A generated model, by the relation that it builds; emitted as `{{ ref('segflow__RELATION') }}`."""
    return ref(own_model(relation), alias)


def ledger(table: str, alias: str | None = None) -> exp.Table:
    """A table of the engine's own; emitted as `{{ source('segflow', 'table') }}`."""
    return _marked(f"{LEDGER}{table}", alias)


def _marked(name: str, alias: str | None) -> exp.Table:
    table = exp.Table(this=exp.Identifier(this=name, quoted=False))
    if alias:
        table.set("alias", exp.TableAlias(this=ident(alias)))
    return table


def bound_call(key: str) -> exp.Anonymous:
    """A moving bound; emitted as `{{ segflow_bound('key') }}`, or replaced by its literal."""
    return exp.Anonymous(this=BOUND, expressions=[exp.Literal.string(key)])


def tick_id_call() -> exp.Expr:
    """The tick a generated table was built for: its generation."""
    return named(exp.Anonymous(this=TICK_ID, expressions=[]), "tick_id")


def touched_call(contact: exp.Expr) -> exp.Expr:
    """Is it a contact whose facts are computed again? True for all, unless a tick patches the table."""
    return exp.Anonymous(this=TOUCHED, expressions=[contact])


def named(expression: exp.Expr, name: str) -> exp.Alias:
    """`expression AS name`, without the copy and the parse that `exp.alias_` costs."""
    return exp.Alias(this=expression, alias=ident(name))


def cte(query: exp.Select, name: str, body: exp.Query, materialized: bool | None = None) -> exp.Select:
    """Add `WITH name AS (body)` to `query`, in place, after those that it has."""
    found = exp.CTE(this=body, alias=exp.TableAlias(this=ident(name)), materialized=materialized)
    clause = query.args.get("with_")
    if clause is None:
        query.set("with_", exp.With(expressions=[found]))
    else:
        clause.append("expressions", found)
    return query


def left_join(query: exp.Select, table: exp.Expr, on: exp.Expr) -> exp.Select:
    """Add `LEFT JOIN table ON on` to `query`, in place."""
    query.append("joins", exp.Join(this=table, on=on, side="LEFT"))
    return query


def typed(expression: exp.Expr, kind: ValueType, unix: Unix | None = None) -> exp.Expr:
    """A value of the user's as `kind`; `unix`: what a timestamp is a number of, where it is kept as one.

    One that cannot be read as that is missing, as if the source had none: a single wrong cell would fail the model, and
    with it every segment that needs it. Every value has a text.
    """
    if isinstance(expression, exp.Null):
        return exp.Cast(this=expression, to=data_type(kind))
    if kind == "integer":
        # A cast would round a fraction; here it is a wrong value, and missing.
        whole = words.try_cast(expression, data_type(kind))
        exact = exp.EQ(this=words.try_cast(expression.copy(), _DOUBLE.copy()), expression=whole)
        return case_when(exact, whole.copy())
    match kind:
        case "list_of_text":
            return words.list_of_text(expression)
        case "number":
            return words.number(expression)
        case "boolean":
            return words.boolean(expression)
        case "text":
            return words.text(expression)
        case "timestamp":
            return words.utc_time(expression) if unix is None else words.UNIX[unix][0](expression)
        case "date":
            return words.utc_day(expression)
    return words.try_cast(expression, data_type(kind))


def id_text(expression: exp.Expr) -> exp.Expr:
    """The id of a contact or an object as text. As it is: two ways to write an id are two ids."""
    return exp.Cast(this=expression, to=data_type("text"))


def literal(text: str, kind: ValueType) -> exp.Cast:
    """A constant of ours as `kind`."""
    return exp.Cast(this=exp.Literal.string(text), to=data_type(kind))


def data_type(kind: ValueType) -> exp.DataType:
    """The SQL type that holds values of `kind`. Built by hand: asking sqlglot to parse its name is what took longest
    in a compilation of hundreds of segments."""
    if kind == "list_of_text":
        return exp.DataType(this=exp.DataType.Type.ARRAY, expressions=[data_type("text")], nested=True)
    if kind == "number":
        size = [exp.DataTypeParam(this=exp.Literal.number(digits)) for digits in (NUMBER_DIGITS, NUMBER_PLACES)]
        return exp.DataType(this=exp.DataType.Type.DECIMAL, expressions=size, nested=False)
    return exp.DataType(this=exp.DataType.Type[SQL_TYPES[kind]], nested=False)


def text_literal(value: str) -> exp.Expr:
    """A text as SQL. Characters that would not reach the warehouse unchanged are written as `chr(n)`."""
    parts: list[exp.Expr] = [
        exp.Chr(expressions=[exp.Literal.number(ord(part))]) if _UNSAFE.fullmatch(part) else exp.Literal.string(part)
        for part in _UNSAFE.split(value)
        if part
    ]
    if not parts:
        return exp.Literal.string("")
    joined = parts[0]
    for part in parts[1:]:
        joined = exp.DPipe(this=joined, expression=part, safe=True)
    return exp.Paren(this=joined) if len(parts) > 1 else joined


def as_escapes(document: str) -> str:
    """A JSON document with the same characters as JSON escapes."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", document)


def is_null(expression: exp.Expr) -> exp.Expr:
    return exp.Is(this=expression, expression=exp.null())


def is_not_null(expression: exp.Expr) -> exp.Expr:
    return exp.Is(this=expression, expression=exp.Not(this=exp.null()))


def select(projections: Sequence[exp.Expr], table: exp.Expr | None, where: exp.Expr | None = None) -> exp.Select:
    """A query built without the copies that sqlglot's fluent methods make of everything they are given."""
    query = exp.Select(expressions=list(projections))
    if table is not None:
        query.set("from_", exp.From(this=table))
    if where is not None:
        query.set("where", exp.Where(this=where))
    return query


def union_all(queries: Sequence[exp.Select]) -> exp.Query:
    """All rows of all queries."""
    together: exp.Query = queries[0]
    for query in queries[1:]:
        together = exp.Union(this=together, expression=query, distinct=False)
    return together


def case_when(condition: exp.Expr, value: exp.Expr) -> exp.Case:
    return exp.Case(ifs=[exp.If(this=condition, true=value)])


def newest(partition: Sequence[str], order: Sequence[str], table: str | None = None) -> exp.Window:
    """The number of a row among those of equal `partition`, by `order` from the last to the first: 1 is the newest."""
    ordered = [exp.Ordered(this=col(name, table), desc=True, nulls_first=False) for name in order]
    among = [col(name, table) for name in partition]
    return exp.Window(this=exp.RowNumber(), partition_by=among, order=exp.Order(expressions=ordered))


def all_of(conditions: list[exp.Expr]) -> exp.Expr:
    return exp.and_(*conditions, copy=False) if conditions else exp.true()

"""The engine's fixed statements: `.sql` files beside the code, with `:name` parameters. They may call words."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path

import sqlglot
from sqlglot import exp

from segflow.warehouse.engines import WRITTEN_IN
from segflow.warehouse.words import CALLED

Parameter = str | int | bool | datetime | None


@cache
def _parsed(path: Path) -> exp.Query:
    query = sqlglot.parse_one(path.read_text(encoding="utf-8"), dialect=WRITTEN_IN)
    if not isinstance(query, exp.Query):
        raise ValueError(f"{path.name} is not a query")
    for call in [call for call in query.find_all(exp.Anonymous) if call.name.lower() in CALLED]:
        call.replace(CALLED[call.name.lower()](*call.expressions))
    return without_positions(query)


def without_positions(query: exp.Query) -> exp.Query:
    """The same query less the parser's notes on where each word stood: copying them took most of a copy's time."""
    for node in query.walk():
        node._meta = None
    return query


def load_query(path: Path, **parameters: Parameter) -> exp.Query:
    """The query of a file with its parameters as typed literals. Raises KeyError for one that is not given."""

    query = _parsed(path).copy()
    for place in list(query.find_all(exp.Placeholder)):
        place.replace(literal(parameters[place.name]))
    return query


def literal(value: Parameter) -> exp.Expr:
    """A SQL literal; datetimes become UTC timestamps without zone."""
    if value is None:
        return exp.null()
    if isinstance(value, bool):
        return exp.true() if value else exp.false()
    if isinstance(value, int):
        return exp.Literal.number(value)
    if isinstance(value, datetime):
        text = exp.Literal.string(value.replace(tzinfo=None).isoformat(sep=" "))
        return exp.Cast(this=text, to=exp.DataType(this=exp.DType.TIMESTAMP))
    return exp.Literal.string(value)

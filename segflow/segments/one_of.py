"""Very many values in one comparison: as a literal that is joined, not as a list that is searched.

A list of 30,000 literals takes SQL parsers seconds, and DuckDB searches it row by row wherever it is no filter of
its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from sqlglot import exp

from segflow.segments.nodes import Constant, Operand
from segflow.segments.sql import as_escapes, data_type, named, select
from segflow.specs.types import NUMBERS, ValueType
from segflow.warehouse import words

FEW = 100
"""Up to so many values stay a list that people can read."""
_ONE = "one"
_DIGITS = 38
"""What decimals of warehouses can hold."""


def rows_of(operands: Sequence[Operand], kind: ValueType, *, ignore_case: bool = False) -> exp.Query | None:
    """A query with a row for each constant of type `kind` (texts in lower case when asked); None for values that are
    better a list: few, or numbers that no decimal holds."""
    values = [operand for operand in operands if isinstance(operand, Constant)]
    if len(operands) <= FEW or len(values) < len(operands):
        return None
    held = _decimal(values) if kind in NUMBERS else data_type("text" if kind == "list_of_text" else kind)
    if held is None or kind == "boolean":
        return None
    document = json.dumps([_text(value.value) for value in values], ensure_ascii=False)
    found = words.list_items(words.json_list(exp.Literal.string(as_escapes(document)), held))
    if not ignore_case:
        return select([found], None)
    each = exp.Subquery(this=select([named(found, _ONE)], None), alias=exp.TableAlias(this=exp.to_identifier("given")))
    return select([words.lower(exp.column(_ONE))], each)


def any_in(texts: exp.Expr, rows: exp.Query) -> exp.Expr:
    """Is any element of a list one of `rows`? False for a list that is missing."""
    alias = exp.TableAlias(this=exp.to_identifier("had"))
    each = exp.Subquery(this=select([named(words.list_items(texts), _ONE)], None), alias=alias)
    return exp.Exists(this=select([exp.Literal.number(1)], each, is_in(exp.column(_ONE), rows)))


def is_in(value: exp.Expr, rows: exp.Query) -> exp.Expr:
    """Is a value one of `rows`? Null for one that is missing."""
    return exp.In(this=value, query=exp.Subquery(this=rows))


def _text(value: object) -> str:
    if isinstance(value, datetime):
        naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return naive.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else str(value)


def _decimal(values: Sequence[Constant]) -> exp.DataType | None:
    """The type that holds all numbers exactly."""
    numbers = [value.value for value in values]
    if all(type(number) is int for number in numbers) and max(map(abs, numbers)) < 10**18:  # type: ignore[arg-type]
        return data_type("integer")
    before = after = 0
    for value in values:
        number = Decimal(str(value.value)).as_tuple()
        if not isinstance(number.exponent, int):
            return None
        before = max(before, len(number.digits) + number.exponent)
        after = max(after, -number.exponent)
    if max(before, 1) + after > _DIGITS:
        return None
    sizes = [exp.DataTypeParam(this=exp.Literal.number(size)) for size in (max(before, 1) + after, after)]
    return exp.DataType(this=exp.DataType.Type.DECIMAL, expressions=sizes, nested=False)

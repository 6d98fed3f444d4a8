"""How DuckDB reads values of any type: expressions in `.sql` files, in which `:value` is the value that is read."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlglot
from sqlglot import exp

_FOLDER = Path(__file__).parent


def number(value: exp.Expr) -> exp.Expr:
    """`value` as DECIMAL(38, 12)."""
    text = _cast(value, "VARCHAR")
    return _form(
        "number",
        value=value,
        double=_of_double(_try_cast(value, "DOUBLE")),
        short=_of_double(_try_cast(text, "DOUBLE")),
        digits=_form("number_of_digits", value=text),
    )


def boolean(value: exp.Expr) -> exp.Expr:
    """`value` as BOOLEAN."""
    return _form("boolean", value=value)


def text(value: exp.Expr) -> exp.Expr:
    """`value` as VARCHAR."""
    return _form("text", value=value)


def unix_time(value: exp.Expr, microseconds: int) -> exp.Expr:
    """`value`, a number of so many microseconds since 1970, as TIMESTAMP."""
    # A double by its shortest text. With 18 digits, of which those after the point are microseconds, all times of the
    # calendar have room, and DuckDB reads no text as a longer decimal as fast.
    size = [exp.DataTypeParam(this=exp.Literal.number(digits)) for digits in (18, len(str(microseconds)) - 1)]
    decimal = exp.DataType(this=exp.DataType.Type.DECIMAL, expressions=size, nested=False)
    read = exp.TryCast(this=_cast(value, "VARCHAR"), to=decimal)
    return _form("unix_time", value=value, unit=exp.Literal.number(microseconds), number=read)


def unix_reaches(value: exp.Expr, time: exp.Expr, microseconds: exp.Expr) -> exp.Expr:
    """False only where `value`, a number of so many microseconds since 1970, is earlier than `time`."""
    return _form("unix_reaches", value=value, time=time, unit=microseconds)


def numeral(part: exp.Expr, text: exp.Expr) -> exp.Expr:
    """`text` of a part of a JSON document, a number as `text()` writes it."""
    brief = _form("text", value=_try_cast(text, "DOUBLE"))
    return _form("numeral", part=part, text=text, brief=brief)


def plain_id(value: exp.Expr) -> exp.Expr:
    """What is left of an id, a text, without the way in which it is written."""
    return _form("plain_id", value=value)


def texts(array: exp.Expr, each: exp.Expr) -> exp.Expr:
    """The texts of a JSON `array`; `each` makes them one by one."""
    return _form("texts", array=array, each=each)


def average(value: exp.Expr) -> exp.Expr:
    """The average of numbers as DECIMAL(38, 13), of which the last place is a sign."""
    total = exp.Sum(this=value.copy())
    guess = _form("quotient", value=value, sum=total)
    taken = exp.Mul(this=guess, expression=exp.Count(this=value.copy()))
    left = _form("quotient", value=value, sum=exp.Sub(this=total.copy(), expression=taken))
    return _form("average", value=value, close=exp.Add(this=guess.copy(), expression=left))


def _of_double(value: exp.Expr) -> exp.Expr:
    digits = _form("number_of_digits", value=_cast(value, "VARCHAR"))
    return _form("number_of_double", value=value, digits=digits)


def _form(name: str, **parts: exp.Expr) -> exp.Expr:
    tree = _parsed(name).copy()
    for place in list(tree.find_all(exp.Placeholder)):
        part = parts[place.name]
        # A word or a name stands alone; of anything else the precedence is kept.
        place.replace(part.copy() if isinstance(part, _ALONE) else exp.Paren(this=part.copy()))
    return tree


_ALONE = (exp.Column, exp.Func, exp.Paren, exp.Literal, exp.Null, exp.Dot)


@cache
def _parsed(name: str) -> exp.Expr:
    tree = sqlglot.parse_one((_FOLDER / f"{name}.sql").read_text(encoding="utf-8"), dialect="duckdb")
    for node in tree.walk():
        node.comments = None
    return tree


def _cast(value: exp.Expr, kind: str) -> exp.Expr:
    return exp.Cast(this=value.copy(), to=exp.DataType(this=exp.DataType.Type[kind], nested=False))


def _try_cast(value: exp.Expr, kind: str) -> exp.Expr:
    return exp.TryCast(this=value.copy(), to=exp.DataType(this=exp.DataType.Type[kind], nested=False))

"""How Spark reads values of any type: expressions in `.sql` files, in which `:value` is the value that is read.

Lambdas are for lists alone: Spark gives no other value a name in the middle of an expression, but what stands in a
lambda takes Sail long to plan.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlglot
from sqlglot import exp

_FOLDER = Path(__file__).parent
_IT = exp.column("it")
MARK = "s"
"""Which no number begins with."""
_TIME = exp.Literal.string(
    r"^\s*[0-9]{1,6}-[0-9]{1,2}-[0-9]{1,2}([T ][0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}([.][0-9]*)?)?"
    r"(Z| UTC|[+-][0-9]{2}(:?[0-9]{2})?)?)?\s*$"
)
"""What a text that is a day, or a time, looks like."""
_DOUBLE = exp.DataType(this=exp.DataType.Type.DOUBLE, nested=False)


def number(value: exp.Expr) -> exp.Expr:
    """`value` as DECIMAL(38, 12)."""
    text = _trimmed(value)
    return form("number", value=value, text=text, double=exp.TryCast(this=text.copy(), to=_DOUBLE, safe=True))


def whole(value: exp.Expr) -> exp.Expr:
    """`value` as BIGINT; a fraction is cut off."""
    return form("whole", value=value, text=_trimmed(value))


def double(value: exp.Expr) -> exp.Expr:
    """`value` as DOUBLE."""
    return form("double", value=value, text=_trimmed(value))


def boolean(value: exp.Expr) -> exp.Expr:
    """`value` as BOOLEAN."""
    return form("boolean", value=value, text=_trimmed(value))


def text(value: exp.Expr) -> exp.Expr:
    """`value` as STRING."""
    return form("text", value=value, text=(text := cast(value, "TEXT")), brief=_brief(text))


def plain_id(value: exp.Expr) -> exp.Expr:
    """What is left of an id, a text, without the way in which it is written."""
    return form("plain_id", text=value)


def average(value: exp.Expr) -> exp.Expr:
    """The average of numbers as DECIMAL(38, 13), of which the last place is a sign."""
    return form("average", value=value)


def utc_time(value: exp.Expr) -> exp.Expr:
    """`value` as TIMESTAMP_NTZ."""
    return form("utc_time", value=value, form=_TIME)


def time_of_text(value: exp.Expr) -> exp.Expr:
    """The instant that a text names as TIMESTAMP_NTZ."""
    return form("time_of_text", text=value, form=_TIME)


def unix_time(value: exp.Expr, microseconds: int) -> exp.Expr:
    """`value`, a number of so many microseconds since 1970, as TIMESTAMP_NTZ."""
    unit, places = exp.Literal.number(microseconds), exp.Literal.number(len(str(microseconds)) - 1)
    return form("unix_time", value=value, number=number(value), unit=unit, places=places)


def unix_reaches(value: exp.Expr, time: exp.Expr, microseconds: exp.Expr) -> exp.Expr:
    """False only where `value`, a number of so many microseconds since 1970, is earlier than `time`."""
    return form("unix_reaches", value=value, time=time, unit=microseconds)


def json_of(value: exp.Expr) -> exp.Expr:
    """A document as text."""
    # A literal's type is known; it has no other form.
    return value.copy() if isinstance(value, exp.Literal) else form("json_of", value=value)


def marked(document: exp.Expr) -> exp.Expr:
    """`document`, a text, in which every text begins with MARK."""
    return form("marked", document=document)


def json_number(mark: exp.Expr) -> exp.Expr:
    """Is a value a number, by its text in a marked document?"""
    return form("json_number", mark=mark)


def json_part(text: exp.Expr, is_number: exp.Expr) -> exp.Expr:
    """The value whose text is `text` as JSON."""
    return form("json_part", text=text, is_number=is_number)


def numeral(text: exp.Expr, part: exp.Expr) -> exp.Expr:
    """`text` of a part of a JSON document, a number as `text()` writes it."""
    return form("numeral", text=text, part=part, brief=_brief(text))


def elements(value: exp.Expr) -> exp.Expr:
    """The texts of a JSON array."""
    return form("elements", value=value, marked=marked(value), brief=form("brief_in_list", text=_IT))


def opened(values: exp.Expr, *, last: bool) -> exp.Expr:
    """A list of JSON values in which a value that is an array stands for its elements; the last ones are texts."""
    each = exp.column("each")
    return form("opened", list=values, elements=elements(each) if last else form("parts", value=each))


def json_line_part(key: exp.Literal, value: exp.Expr) -> exp.Expr:
    """`"key":value` of a JSON object, of which `key` is the first half as text."""
    pair = exp.Anonymous(this="to_json", expressions=[_struct(key, value)])
    name = exp.Anonymous(this="to_json", expressions=[_struct(key, exp.Literal.number(0))])
    start = exp.Anonymous(this="substr", expressions=[name, exp.Literal.number(2), _length_less(name, 3)])
    return form("json_line_part", value=value, key=start, pair=pair)


def _struct(key: exp.Literal, value: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="named_struct", expressions=[key.copy(), value.copy()])


def _length_less(text: exp.Expr, left: int) -> exp.Expr:
    return exp.Sub(this=exp.Length(this=text.copy()), expression=exp.Literal.number(left))


def value_at(text: exp.Expr, is_number: exp.Expr) -> exp.Expr:
    """`text`, a number as `text()` writes it."""
    return form("value_at", text=text, is_number=is_number, brief=form("brief_in_list", text=text))


def _brief(text: exp.Expr) -> exp.Expr:
    return form("brief", text=text)


def _trimmed(value: exp.Expr) -> exp.Expr:
    return form("trimmed", value=value)


def form(name: str, **parts: exp.Expr) -> exp.Expr:
    """The expression of a file with its places taken by `parts`."""
    tree = _parsed(name).copy()
    for place in list(tree.find_all(exp.Placeholder)):
        part = parts[place.name]
        # A word or a name stands alone; of anything else the precedence is kept.
        new = part.copy() if isinstance(part, _ALONE) else exp.Paren(this=part.copy())
        if place is tree:
            return new
        place.replace(new)
    return tree


_ALONE = (exp.Column, exp.Func, exp.Paren, exp.Literal, exp.Null, exp.Dot)


@cache
def _parsed(name: str) -> exp.Expr:
    tree = sqlglot.parse_one((_FOLDER / f"{name}.sql").read_text(encoding="utf-8"), dialect="spark")
    for node in list(tree.walk()):
        node.comments = None
        if isinstance(node, exp.TryCast) and not node.args.get("safe"):
            # sqlglot's idea of a CAST of Spark's, which was so before there was ANSI mode.
            node.replace(exp.Cast(this=node.this, to=node.args["to"]))
    return tree


def cast(value: exp.Expr, kind: str) -> exp.Expr:
    """`value` as a type that sqlglot knows by this name."""
    return exp.Cast(this=value.copy(), to=exp.DataType(this=exp.DataType.Type[kind], nested=False))

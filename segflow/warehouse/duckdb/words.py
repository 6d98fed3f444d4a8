"""The words as DuckDB says them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import exp

from segflow.warehouse.duckdb import values
from segflow.warehouse.words import Words

_UTC = exp.Literal.string("UTC")
_OFFSET = exp.Literal.string(r":.*([zZ]|[+-]\d\d(:?\d\d){0,2})\s*$")
# A time of day, blanks, and what is not UTC. RE2 knows no look-ahead.
_TOO_MUCH = exp.Literal.string(
    "(?i):[0-9.]+[[:space:]]+([^u[:space:]]|u([^t]|$)|ut([^c]|$)|utc[[:space:]]*[^[:space:]])"
)
_FLAGS = re.compile(r"\A\(\?[a-zA-Z]+\)")
_ANCHOR = re.compile(r"[$^]|\\[Az]")
_ARRAY = exp.Literal.string("ARRAY")
_ISO = exp.Literal.string("%Y-%m-%dT%H:%M:%S.%fZ")


def _loses_anchors(pattern: str) -> bool:
    """Is it plain but for anchors, of which one stands inside? DuckDB 1.5 optimizes such a literal to a comparison of
    beginnings or ends and drops that anchor: 'a^' finds all that ends in a. In a group it stays a pattern."""
    inside = _FLAGS.sub("", pattern).removeprefix("^").removesuffix("$")
    return "|" not in pattern and _ANCHOR.search(inside) is not None


class DuckDBWords(Words):
    """RE2 patterns, ICU time zones, lists and JSON are DuckDB's own."""

    dialect = "duckdb"

    def try_cast(self, value: exp.Expr, kind: exp.DataType) -> exp.Expr:
        return exp.TryCast(this=value, to=kind)

    def number(self, value: exp.Expr) -> exp.Expr:
        return values.number(value)

    def boolean(self, value: exp.Expr) -> exp.Expr:
        return values.boolean(value)

    def text(self, value: exp.Expr) -> exp.Expr:
        return values.text(value)

    def plain_id(self, text: exp.Expr) -> exp.Expr:
        return values.plain_id(text)

    def average(self, numbers: exp.Expr) -> exp.Expr:
        return values.average(numbers)

    def utc_time(self, value: exp.Expr) -> exp.Expr:
        text = exp.cast(exp.Paren(this=value.copy()), "TEXT")
        return self._by_type(value, _at_utc(value), "TIMESTAMP", exp.Case(ifs=[_plain_time(text)]))

    def utc_day(self, value: exp.Expr) -> exp.Expr:
        return self._by_type(value, exp.Cast(this=_at_utc(value), to=_type("DATE")), "DATE")

    def _by_type(self, value: exp.Expr, zoned: exp.Expr, plain: str, text: exp.Expr | None = None) -> exp.Expr:
        # The type of a column is known when the query is bound: the form that it does not need costs nothing, and
        # keeps no filter from the scan. On one line, because each time of a model is written so.
        other = exp.TryCast(this=value.copy(), to=_type(plain))
        if isinstance(value, exp.Null):
            return other
        ifs = [exp.If(this=exp.Literal.string("TIMESTAMP WITH TIME ZONE"), true=zoned)]
        if text is not None:
            ifs.append(exp.If(this=exp.Literal.string("VARCHAR"), true=text))
        case = exp.Case(this=exp.func("typeof", value.copy()), ifs=ifs, default=other)
        return exp.Var(this=case.sql(dialect=self.dialect))

    def unix_seconds(self, value: exp.Expr) -> exp.Expr:
        return values.unix_time(value, 1_000_000)

    def unix_milliseconds(self, value: exp.Expr) -> exp.Expr:
        return values.unix_time(value, 1_000)

    def unix_reaches(self, value: exp.Expr, time: exp.Expr, microseconds: exp.Expr) -> exp.Expr:
        # On one line: it is beside the point of a generated model.
        return exp.Var(this=values.unix_reaches(value, time, microseconds).sql(dialect=self.dialect))

    def time_of_text(self, text: exp.Expr) -> exp.Expr:
        # A cast to a timestamp without zone ignores the offset that a text names, one to a timestamp with zone takes
        # the session's where it names none.
        zoned = exp.RegexpLike(this=text, expression=_OFFSET.copy())
        return exp.Case(ifs=[exp.If(this=zoned, true=_at_utc(text)), _plain_time(text)])

    def later(self, time: exp.Expr, seconds: exp.Expr) -> exp.Expr:
        # On one line, however long: the changes of a zone would fill the pages of a generated model.
        told = exp.Var(this=seconds.sql(dialect=self.dialect))
        return exp.Add(this=time, expression=exp.Anonymous(this="to_seconds", expressions=[told]))

    def engine_clock(self, time: exp.Expr, zone: exp.Expr) -> exp.Expr:
        return exp.AtTimeZone(this=exp.AtTimeZone(this=time, zone=_UTC.copy()), zone=zone)

    def iso_time(self, time: exp.Expr) -> exp.Expr:
        return exp.TimeToStr(this=time, format=_ISO.copy())

    def microseconds_between(self, earlier: exp.Expr, later: exp.Expr) -> exp.Expr:
        return exp.DateDiff(this=later, expression=earlier, unit=exp.Var(this="MICROSECOND"))

    def finite(self, number: exp.Expr) -> exp.Expr:
        return exp.Anonymous(this="isfinite", expressions=[number])

    def lower(self, text: exp.Expr) -> exp.Expr:
        return exp.Lower(this=text)

    def has_part(self, text: exp.Expr, part: exp.Expr) -> exp.Expr:
        return exp.GT(this=exp.StrPosition(this=text, substr=part), expression=exp.Literal.number(0))

    def starts_with(self, text: exp.Expr, start: exp.Expr) -> exp.Expr:
        return exp.StartsWith(this=text, expression=start)

    def ends_with(self, text: exp.Expr, end: exp.Expr) -> exp.Expr:
        return exp.EndsWith(this=text, expression=end)

    def matches(self, text: exp.Expr, pattern: exp.Expr) -> exp.Expr:
        if isinstance(pattern, exp.Literal) and _loses_anchors(str(pattern.this)):
            pattern = exp.Literal.string(f"({pattern.this})")
        return exp.RegexpLike(this=text, expression=pattern)

    def similarity(self, text: exp.Expr, other: exp.Expr) -> exp.Expr:
        return exp.func("jaro_winkler_similarity", text, other)

    def text_hash(self, text: exp.Expr) -> exp.Expr:
        return exp.MD5(this=text)

    def row_hash(self, *texts: exp.Expr) -> exp.Expr:
        # Without these two marks sqlglot makes null of a row that holds one.
        joined = exp.ConcatWs(expressions=[exp.Literal.string("|"), *texts], safe=True, coalesce=True)
        return exp.MD5(this=joined)

    def json_text(self, document: exp.Expr, *keys: exp.Literal) -> exp.Expr:
        # A document that is no JSON counts as missing.
        found: exp.Expr = exp.TryCast(this=document, to=_type("JSON"))
        *steps, last = _paths([str(key.this) for key in keys])
        for step in steps:
            found = exp.Paren(this=exp.JSONExtract(this=found, expression=step, only_json_types=False))
        return exp.JSONExtractScalar(this=found, expression=last, only_json_types=False)

    def json_part(self, document: exp.Expr, *keys: exp.Literal) -> exp.Expr:
        text = self.json_text(document, *keys)
        return exp.JSONExtract(this=text.this, expression=text.args["expression"], only_json_types=False)

    def numeral(self, text: exp.Expr, part: exp.Expr) -> exp.Expr:
        return values.numeral(part, text)

    def json_texts(self, document: exp.Expr, *keys: exp.Literal) -> exp.Expr:
        found: exp.Expr = exp.Array(expressions=[exp.TryCast(this=document, to=_type("JSON"))])
        for key in keys:
            [path] = _paths([str(key.this)])
            step = exp.JSONExtract(this=_ITEM.copy(), expression=path, only_json_types=False)
            found = _each(_elements(found), step)
        text = exp.JSONExtractScalar(this=_ITEM.copy(), expression=exp.Literal.string("$"), only_json_types=False)
        return _present(_each(_elements(found), values.numeral(_ITEM.copy(), exp.Paren(this=text))))

    def json_line(self, *fields: exp.Expr) -> exp.Expr:
        line = exp.Anonymous(this="to_json", expressions=[exp.Struct(expressions=list(fields))])
        return exp.Cast(this=line, to=_type("VARCHAR"))

    def list_of_text(self, value: exp.Expr) -> exp.Expr:
        # A column of lists, or of JSON texts: both become JSON and then a list.
        json = exp.TryCast(this=value, to=_type("JSON"))
        text = exp.JSONExtractScalar(this=_ITEM.copy(), expression=exp.Literal.string("$"), only_json_types=False)
        each = _each(exp.TryCast(this=json, to=_list_of("JSON")), values.numeral(_ITEM.copy(), exp.Paren(this=text)))
        return _present(values.texts(json.copy(), each))

    def list_lower(self, texts: exp.Expr) -> exp.Expr:
        return _each(texts, exp.Lower(this=_ITEM.copy()))

    def list_contains(self, values: exp.Expr, value: exp.Expr) -> exp.Expr:
        return exp.ArrayContains(this=values, expression=value)

    def list_overlaps(self, texts: exp.Expr, *others: exp.Expr) -> exp.Expr:
        return exp.ArrayOverlaps(this=texts, expression=exp.Array(expressions=list(others)))

    def list_rows(self, *values: exp.Expr) -> exp.Expr:
        return exp.Explode(this=exp.Array(expressions=list(values)))

    def list_items(self, values: exp.Expr) -> exp.Expr:
        return exp.Explode(this=values)

    def json_list(self, document: exp.Expr, kind: exp.DataType) -> exp.Expr:
        values = exp.DataType(this=exp.DataType.Type.ARRAY, expressions=[kind], nested=True)
        return exp.Cast(this=exp.Cast(this=document, to=_type("JSON")), to=values)

    def first_by(self, value: exp.Expr, where: exp.Expr, *order: exp.Expr) -> exp.Expr:
        first = exp.First(this=exp.Order(this=value, expressions=list(order)))
        if isinstance(where, exp.Boolean) and where.this:
            return first
        return exp.Filter(this=first, expression=exp.Where(this=where))


_ITEM = exp.Identifier(this="item", quoted=False)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def _paths(keys: Sequence[str]) -> list[exp.Expr]:
    """The paths that lead from one key to the next, taken one after the other; one in all cases but a rare one."""
    if all(_PLAIN.fullmatch(key) for key in keys):
        return [exp.JSONPath(expressions=[exp.JSONPathRoot(), *(exp.JSONPathKey(this=key) for key in keys)])]
    if any(key.isdigit() for key in keys):
        # To a pointer a number is a position in a list, too; to a quoted path it is a key.
        return [
            exp.Literal.string(f'$."{key}"') if key.isdigit() else exp.Literal.string(_pointer([key])) for key in keys
        ]
    # A quoted path would take `*` for all keys, and has no form for the empty one.
    return [exp.Literal.string(_pointer(keys))]


def _pointer(keys: Sequence[str]) -> str:
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


def _elements(values: exp.Expr) -> exp.Expr:
    """A list of JSON values in which a value that is a list stands for its elements."""
    is_list = exp.EQ(this=exp.Anonymous(this="json_type", expressions=[_ITEM.copy()]), expression=_ARRAY.copy())
    opened = exp.TryCast(this=_ITEM.copy(), to=_list_of("JSON"))
    whole = exp.Array(expressions=[_ITEM.copy()])
    return exp.Flatten(this=_each(values, exp.Case(ifs=[exp.If(this=is_list, true=opened)], default=whole)))


def _each(values: exp.Expr, item: exp.Expr) -> exp.Expr:
    return exp.Transform(this=values, expression=exp.Lambda(this=item, expressions=[_ITEM.copy()]))


def _present(values: exp.Expr) -> exp.Expr:
    """A list without its nulls."""
    present = exp.Is(this=_ITEM.copy(), expression=exp.Not(this=exp.null()))
    return exp.ArrayFilter(this=values, expression=exp.Lambda(this=present, expressions=[_ITEM.copy()]))


def _list_of(name: str) -> exp.DataType:
    return exp.DataType(this=exp.DataType.Type.ARRAY, expressions=[_type(name)], nested=True)


def _type(name: str) -> exp.DataType:
    # By hand: asking sqlglot to parse the name of a type is what took longest in a compilation.
    return exp.DataType(this=exp.DataType.Type[name], nested=False)


def _plain_time(text: exp.Expr) -> exp.If:
    # DuckDB 2 takes one word behind a time for the name of a zone and passes it over: '01:30:00 PM' would be 01:30.
    named = exp.RegexpLike(this=text.copy(), expression=_TOO_MUCH.copy())
    return exp.If(this=exp.Not(this=named), true=exp.TryCast(this=text.copy(), to=_type("TIMESTAMP")))


def _at_utc(value: exp.Expr) -> exp.Expr:
    return exp.AtTimeZone(this=exp.TryCast(this=value.copy(), to=_type("TIMESTAMPTZ")), zone=_UTC.copy())

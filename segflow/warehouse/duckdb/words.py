"""The words as DuckDB says them."""

from __future__ import annotations

from sqlglot import exp

from segflow.warehouse.duckdb import values
from segflow.warehouse.words import Words

_UTC = exp.Literal.string("UTC")
_ISO = exp.Literal.string("%Y-%m-%dT%H:%M:%S.%fZ")


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

    def average(self, numbers: exp.Expr) -> exp.Expr:
        return values.average(numbers)

    def utc_time(self, text: exp.Expr) -> exp.Expr:
        # A cast of text to a timestamp without zone ignores the offset that the text names.
        instant = exp.TryCast(this=text, to=_type("TIMESTAMPTZ"))
        return exp.AtTimeZone(this=instant, zone=_UTC.copy())

    def local_time(self, time: exp.Expr, zone: exp.Expr) -> exp.Expr:
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
        return exp.RegexpLike(this=text, expression=pattern)

    def similarity(self, text: exp.Expr, other: exp.Expr) -> exp.Expr:
        return exp.func("jaro_winkler_similarity", text, other)

    def text_hash(self, text: exp.Expr) -> exp.Expr:
        return exp.MD5(this=text)

    def row_hash(self, *texts: exp.Expr) -> exp.Expr:
        # Without these two marks sqlglot makes null of a row that holds one.
        joined = exp.ConcatWs(expressions=[exp.Literal.string("|"), *texts], safe=True, coalesce=True)
        return exp.MD5(this=joined)

    def json_text(self, document: exp.Expr, key: exp.Literal) -> exp.Expr:
        # A document that is no JSON counts as missing.
        payload = exp.TryCast(this=document, to=_type("JSON"))
        path = exp.JSONPath(expressions=[exp.JSONPathRoot(), exp.JSONPathKey(this=key.this)])
        return exp.JSONExtractScalar(this=payload, expression=path, only_json_types=False)

    def json_line(self, *fields: exp.Expr) -> exp.Expr:
        line = exp.Anonymous(this="to_json", expressions=[exp.Struct(expressions=list(fields))])
        return exp.Cast(this=line, to=_type("VARCHAR"))

    def list_of_text(self, value: exp.Expr) -> exp.Expr:
        # A column of lists, or of JSON texts: both become JSON and then a list.
        texts = exp.DataType(this=exp.DataType.Type.ARRAY, expressions=[_type("VARCHAR")], nested=True)
        item = exp.Identifier(this="item", quoted=False)
        present = exp.Is(this=item, expression=exp.Not(this=exp.null()))
        json = exp.TryCast(this=value, to=_type("JSON"))
        return exp.ArrayFilter(
            this=exp.TryCast(this=json, to=texts), expression=exp.Lambda(this=present, expressions=[item.copy()])
        )

    def list_lower(self, texts: exp.Expr) -> exp.Expr:
        item = exp.Identifier(this="item", quoted=False)
        return exp.Transform(this=texts, expression=exp.Lambda(this=exp.Lower(this=item), expressions=[item.copy()]))

    def list_contains(self, values: exp.Expr, value: exp.Expr) -> exp.Expr:
        return exp.ArrayContains(this=values, expression=value)

    def list_overlaps(self, texts: exp.Expr, *others: exp.Expr) -> exp.Expr:
        return exp.ArrayOverlaps(this=texts, expression=exp.Array(expressions=list(others)))

    def list_rows(self, *values: exp.Expr) -> exp.Expr:
        return exp.Explode(this=exp.Array(expressions=list(values)))

    def first_by(self, value: exp.Expr, where: exp.Expr, *order: exp.Expr) -> exp.Expr:
        first = exp.First(this=exp.Order(this=value, expressions=list(order)))
        if isinstance(where, exp.Boolean) and where.this:
            return first
        return exp.Filter(this=first, expression=exp.Where(this=where))


def _type(name: str) -> exp.DataType:
    # By hand: asking sqlglot to parse the name of a type is what took longest in a compilation.
    return exp.DataType(this=exp.DataType.Type[name], nested=False)

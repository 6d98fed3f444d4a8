"""The words as DuckDB says them."""

from __future__ import annotations

from sqlglot import exp

from segflow.warehouse.words import Words

_UTC = exp.Literal.string("UTC")
_OFFSET = exp.Literal.string(r":.*([zZ]|[+-]\d\d(:?\d\d){0,2})\s*$")
_ISO = exp.Literal.string("%Y-%m-%dT%H:%M:%S.%fZ")


class DuckDBWords(Words):
    """RE2 patterns, ICU time zones, lists and JSON are DuckDB's own."""

    dialect = "duckdb"

    def try_cast(self, value: exp.Expr, kind: exp.DataType) -> exp.Expr:
        return exp.TryCast(this=value, to=kind)

    def utc_time(self, value: exp.Expr) -> exp.Expr:
        return self._by_type(value, _at_utc(value), "TIMESTAMP")

    def utc_day(self, value: exp.Expr) -> exp.Expr:
        return self._by_type(value, exp.Cast(this=_at_utc(value), to=_type("DATE")), "DATE")

    def _by_type(self, value: exp.Expr, zoned: exp.Expr, plain: str) -> exp.Expr:
        # The type of a column is known when the query is bound: the form that it does not need costs nothing, and
        # keeps no filter from the scan. On one line, because each time of a model is written so.
        other = exp.TryCast(this=value.copy(), to=_type(plain))
        if isinstance(value, exp.Null):
            return other
        ifs = [exp.If(this=exp.Literal.string("TIMESTAMP WITH TIME ZONE"), true=zoned)]
        case = exp.Case(this=exp.func("typeof", value.copy()), ifs=ifs, default=other)
        return exp.Var(this=case.sql(dialect=self.dialect))

    def time_of_text(self, text: exp.Expr) -> exp.Expr:
        # A cast to a timestamp without zone ignores the offset that a text names, one to a timestamp with zone takes
        # the session's where it names none.
        zoned = exp.RegexpLike(this=text, expression=_OFFSET.copy())
        plain = exp.TryCast(this=text.copy(), to=_type("TIMESTAMP"))
        return exp.Case(ifs=[exp.If(this=zoned, true=_at_utc(text))], default=plain)

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


def _at_utc(value: exp.Expr) -> exp.Expr:
    return exp.AtTimeZone(this=exp.TryCast(this=value.copy(), to=_type("TIMESTAMPTZ")), zone=_UTC.copy())

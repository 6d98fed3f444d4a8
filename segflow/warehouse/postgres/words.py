"""The words as Postgres says them: mostly calls of the functions that `functions.sql` puts into schema `segflow`."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from segflow.warehouse.tables import SCHEMA
from segflow.warehouse.words import Words

_NAMES = {
    exp.DataType.Type.JSON: "JSONB",
    exp.DataType.Type.INT128: "NUMERIC",
    exp.DataType.Type.UINT128: "NUMERIC",
    exp.DataType.Type.UBIGINT: "NUMERIC",
    exp.DataType.Type.UINT: "BIGINT",
}
"""Types by another name than sqlglot's."""


class PostgresWords(Words):
    """Regular expressions are Postgres' own (ARE), lists are arrays, JSON is read as jsonb."""

    dialect = "postgres"

    def sql(self, tree: exp.Expr, **options: Any) -> str:
        return self.rendered(tree).sql(dialect=self.dialect, copy=False, **options)

    def rendered(self, tree: exp.Expr) -> exp.Expr:
        tree = super().rendered(tree)
        for node in list(tree.find_all(exp.TryCast)):
            form = _try_cast(node.this, node.to)
            if node is tree:
                tree = form
            else:
                node.replace(form)
        for struct in list(tree.find_all(exp.Struct)):
            struct.replace(exp.Anonymous(this="jsonb_build_object", expressions=_fields(struct)))
        for kind in list(tree.find_all(exp.DataType)):
            if kind.this in _NAMES:
                kind.replace(exp.DataType(this=exp.DataType.Type.USERDEFINED, kind=_NAMES[kind.this]))
        return tree

    def try_cast(self, value: exp.Expr, kind: exp.DataType) -> exp.Expr:
        return exp.TryCast(this=value, to=kind)

    def number(self, value: exp.Expr) -> exp.Expr:
        return _call("number", value)

    def boolean(self, value: exp.Expr) -> exp.Expr:
        return _call("boolean", value)

    def text(self, value: exp.Expr) -> exp.Expr:
        return _call("text", value)

    def plain_id(self, text: exp.Expr) -> exp.Expr:
        return _call("plain_id", text)

    def average(self, numbers: exp.Expr) -> exp.Expr:
        return _call("average_of", exp.Sum(this=numbers), exp.Count(this=numbers.copy()))

    def utc_time(self, value: exp.Expr) -> exp.Expr:
        return _call("utc_time", value)

    def utc_day(self, value: exp.Expr) -> exp.Expr:
        return _call("utc_day", value)

    def unix_seconds(self, value: exp.Expr) -> exp.Expr:
        return _call("unix_time", value, exp.Literal.number(1_000_000))

    def unix_milliseconds(self, value: exp.Expr) -> exp.Expr:
        return _call("unix_time", value, exp.Literal.number(1_000))

    def unix_reaches(self, value: exp.Expr, time: exp.Expr, microseconds: exp.Expr) -> exp.Expr:
        return _call("unix_reaches", value, time, microseconds)

    def time_of_text(self, text: exp.Expr) -> exp.Expr:
        return _call("time_of_text", text)

    def later(self, time: exp.Expr, seconds: exp.Expr) -> exp.Expr:
        return _call("later", time, seconds)

    def engine_clock(self, time: exp.Expr, zone: exp.Expr) -> exp.Expr:
        return exp.AtTimeZone(this=exp.AtTimeZone(this=time, zone=exp.Literal.string("UTC")), zone=zone)

    def iso_time(self, time: exp.Expr) -> exp.Expr:
        return _call("iso_time", time)

    def microseconds_between(self, earlier: exp.Expr, later: exp.Expr) -> exp.Expr:
        return _call("microseconds_between", earlier, later)

    def finite(self, number: exp.Expr) -> exp.Expr:
        return _call("finite", number)

    def lower(self, text: exp.Expr) -> exp.Expr:
        return _call("lower", text)

    def has_part(self, text: exp.Expr, part: exp.Expr) -> exp.Expr:
        return exp.GT(this=exp.func("strpos", text, part), expression=exp.Literal.number(0))

    def starts_with(self, text: exp.Expr, start: exp.Expr) -> exp.Expr:
        return exp.func("starts_with", text, start)

    def ends_with(self, text: exp.Expr, end: exp.Expr) -> exp.Expr:
        return _call("ends_with", text, end)

    def matches(self, text: exp.Expr, pattern: exp.Expr) -> exp.Expr:
        return exp.RegexpLike(this=text, expression=pattern)

    def similarity(self, text: exp.Expr, other: exp.Expr) -> exp.Expr:
        return _call("similarity", text, other)

    def text_hash(self, text: exp.Expr) -> exp.Expr:
        return exp.MD5(this=text)

    def row_hash(self, *texts: exp.Expr) -> exp.Expr:
        return exp.MD5(this=exp.Anonymous(this="concat_ws", expressions=[exp.Literal.string("|"), *texts]))

    def json_text(self, document: exp.Expr, *keys: exp.Literal) -> exp.Expr:
        return self._at("->>", document, *keys)

    def json_part(self, document: exp.Expr, *keys: exp.Literal) -> exp.Expr:
        return self._at("->", document, *keys)

    def _at(self, last: str, document: exp.Expr, *keys: exp.Literal) -> exp.Expr:
        # Operators and not a path: to a path `0` is also a place in a list.
        found = _call("json_of", document)
        for key in keys[:-1]:
            found = _operator("->", found, key)
        return exp.Paren(this=_operator(last, found, keys[-1]))

    def numeral(self, text: exp.Expr, part: exp.Expr) -> exp.Expr:
        return _call("numeral", text, part)

    def json_texts(self, document: exp.Expr, *keys: exp.Literal) -> exp.Expr:
        return _call("json_texts", _call("json_of", document), _texts(keys))

    def json_line(self, *fields: exp.Expr) -> exp.Expr:
        pairs = [_call("json_pair", field.this, field.expression) for field in fields]
        line = exp.Anonymous(this="concat_ws", expressions=[exp.Literal.string(","), *pairs])
        return exp.Anonymous(this="concat", expressions=[exp.Literal.string("{"), line, exp.Literal.string("}")])

    def list_of_text(self, value: exp.Expr) -> exp.Expr:
        return _call("list_of_text", value)

    def list_lower(self, texts: exp.Expr) -> exp.Expr:
        return _call("list_lower", texts)

    def list_contains(self, values: exp.Expr, value: exp.Expr) -> exp.Expr:
        return _call("list_contains", values, value)

    def list_overlaps(self, texts: exp.Expr, *others: exp.Expr) -> exp.Expr:
        return exp.ArrayOverlaps(this=texts, expression=_texts(others))

    def list_rows(self, *values: exp.Expr) -> exp.Expr:
        return exp.Anonymous(this="unnest", expressions=[exp.Array(expressions=list(values))])

    def list_items(self, values: exp.Expr) -> exp.Expr:
        return exp.Anonymous(this="unnest", expressions=[values])

    def json_list(self, document: exp.Expr, kind: exp.DataType) -> exp.Expr:
        texts = _call("json_texts", _call("json_of", document), _texts(()))
        return exp.Cast(this=texts, to=exp.DataType(this=exp.DataType.Type.ARRAY, expressions=[kind], nested=True))

    def first_by(self, value: exp.Expr, where: exp.Expr, *order: exp.Expr) -> exp.Expr:
        rows: exp.Expr = exp.ArrayAgg(this=exp.Order(this=value, expressions=list(order)))
        if not (isinstance(where, exp.Boolean) and where.this):
            rows = exp.Filter(this=rows, expression=exp.Where(this=where))
        return exp.Bracket(this=exp.Paren(this=rows), expressions=[exp.Literal.number(1)], offset=1)


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Dot(
        this=exp.to_identifier(SCHEMA, quoted=False),
        expression=exp.Anonymous(this=name, expressions=list(arguments)),
    )


def _fields(struct: exp.Expr) -> list[exp.Expr]:
    return [part for field in struct.expressions for part in (exp.Literal.string(field.name), field.expression)]


def _operator(sign: str, left: exp.Expr, right: exp.Expr) -> exp.Expr:
    kind = exp.JSONExtractScalar if sign == "->>" else exp.JSONExtract
    return kind(this=left, expression=right, only_json_types=True)


def _texts(values: Any) -> exp.Expr:
    kind = exp.DataType(this=exp.DataType.Type.TEXT, nested=False)
    many = exp.DataType(this=exp.DataType.Type.ARRAY, expressions=[kind], nested=True)
    return exp.Cast(this=exp.Array(expressions=list(values)), to=many)


_READ = {
    "BIGINT": "try_bigint",
    "INT": "try_bigint",
    "DOUBLE": "try_double",
    "BOOLEAN": "boolean",
    "TIMESTAMP": "utc_time",
    "DATE": "utc_day",
}


def _try_cast(value: exp.Expr, kind: exp.DataType) -> exp.Expr:
    if kind.this in (exp.DataType.Type.VARCHAR, exp.DataType.Type.TEXT):
        return exp.Cast(this=value, to=kind)
    if kind.this is exp.DataType.Type.JSON:
        return _call("json_of", value)
    if kind.this is exp.DataType.Type.DECIMAL:
        return exp.Cast(this=_call("number", value), to=kind)
    return _call(_READ[kind.this.value], value)

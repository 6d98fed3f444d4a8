"""The words as Postgres says them: mostly calls of the functions that `functions.sql` puts into schema `segflow`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from segflow.warehouse.postgres.patterns import translated
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
        for node in list(tree.walk()):
            form = _FORMS[type(node)](node) if type(node) in _FORMS else None
            if form is None:
                continue
            if node is tree:
                tree = form
            else:
                node.replace(form)
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
        if isinstance(pattern, exp.Literal):
            pattern = exp.Literal.string(translated(pattern.name))
        # What (?i) takes for the same letter must not hang on the database's locale.
        return exp.RegexpLike(
            this=exp.Collate(this=text, expression=exp.to_identifier("pg_c_utf8")), expression=pattern
        )

    def similarity(self, text: exp.Expr, other: exp.Expr) -> exp.Expr:
        return _call("similarity", text, other)

    def text_hash(self, text: exp.Expr) -> exp.Expr:
        return exp.MD5(this=text)

    def row_hash(self, *texts: exp.Expr) -> exp.Expr:
        return exp.MD5(this=exp.Anonymous(this="concat_ws", expressions=[exp.Literal.string("|"), *texts]))

    def json_text(self, document: exp.Expr, *keys: exp.Literal) -> exp.Expr:
        return self._at("json_text", document, *keys)

    def json_part(self, document: exp.Expr, *keys: exp.Literal) -> exp.Expr:
        return self._at("json_part", document, *keys)

    def _at(self, last: str, document: exp.Expr, *keys: exp.Literal) -> exp.Expr:
        # One key at a time: to a path `0` is also a place in a list. Calls, because sqlglot reads the operators of its
        # own text as others.
        found = _call("json_of", document)
        for key in keys[:-1]:
            found = _call("json_part", found, key)
        return _call(last, found, keys[-1])

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


def _try_cast(cast: exp.Expr) -> exp.Expr:
    value, kind = cast.this, cast.args["to"]
    if kind.this in (exp.DataType.Type.VARCHAR, exp.DataType.Type.TEXT):
        return exp.Cast(this=value, to=kind)
    if kind.this is exp.DataType.Type.JSON:
        return _call("json_of", value)
    if kind.this is exp.DataType.Type.DECIMAL:
        return exp.Cast(this=_call("number", value), to=kind)
    return _call(_READ[kind.this.value], value)


def _type_name(kind: exp.Expr) -> exp.Expr | None:
    name = _NAMES.get(kind.this)
    return exp.DataType(this=exp.DataType.Type.USERDEFINED, kind=name) if name else None


def _struct(struct: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="jsonb_build_object", expressions=_fields(struct))


def _temporary(table: exp.Expr) -> exp.Expr | None:
    """Tables of a connection are in another schema."""
    if table.args.get("db") is not None and table.args["db"].name == "temp":
        table.args["db"].set("this", "pg_temp")
    if isinstance(table.this, exp.Anonymous) and table.this.name.lower() == "json_each":
        document = exp.Cast(this=table.this.expressions[0], to=_user("JSONB"))
        table.this.replace(exp.Anonymous(this="jsonb_each_text", expressions=[document]))
    return None


def _by_least(least: exp.Expr) -> exp.Expr:
    """Of the row with the least value, of those that have one."""
    order = exp.Ordered(this=least.expression, desc=isinstance(least, exp.ArgMax), nulls_first=False)
    rows = exp.ArrayAgg(this=exp.Order(this=least.this, expressions=[order]))
    present = exp.Is(this=least.expression.copy(), expression=exp.Not(this=exp.null()))
    kept = exp.Filter(this=rows, expression=exp.Where(this=present))
    return exp.Bracket(this=exp.Paren(this=kept), expressions=[exp.Literal.number(1)], offset=1)


def _any(ignoring: exp.Expr) -> exp.Expr | None:
    return ignoring.this if isinstance(ignoring.this, exp.AnyValue) else None


def _user(name: str) -> exp.DataType:
    return exp.DataType(this=exp.DataType.Type.USERDEFINED, kind=name)


_FORMS: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr | None]] = {
    exp.TryCast: _try_cast,
    exp.DataType: _type_name,
    exp.Struct: _struct,
    exp.Table: _temporary,
    exp.ArgMin: _by_least,
    exp.ArgMax: _by_least,
    exp.IgnoreNulls: _any,
}
"""What sqlglot would print as something else, or as what Postgres does not have."""

"""The words as Spark says them: its own functions, and expressions in the files of `values/`.

A value's type is not known when a query is written, and a cast that Spark does not know is an error even in a branch
that is never taken: so values of any type are read by way of their text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from sqlglot import exp

from segflow.warehouse.spark import values
from segflow.warehouse.spark.patterns import translated
from segflow.warehouse.words import Words

_TYPES = {
    exp.DataType.Type.TIMESTAMP: exp.DataType.Type.TIMESTAMPNTZ,
    exp.DataType.Type.VARCHAR: exp.DataType.Type.TEXT,
    exp.DataType.Type.JSON: exp.DataType.Type.TEXT,
}
"""What segflow calls a type (in DuckDB's words), and Spark another way."""
_WIDE = (exp.DataType.Type.INT128, exp.DataType.Type.UINT128, exp.DataType.Type.UBIGINT)
_READ = {exp.DataType.Type.BIGINT: values.whole, exp.DataType.Type.DOUBLE: values.double}
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ITEM = exp.Identifier(this="item", quoted=False)


class SparkWords(Words):
    """Regular expressions are Java's (on Sail: Rust's), lists are arrays, JSON is text. The session's zone is UTC."""

    dialect = "spark"
    text_type = "string"

    def sql(self, tree: exp.Expr, **options: Any) -> str:
        return self._printed(self.rendered(tree), options)

    def pretty(self, tree: exp.Expr) -> str:
        options: dict[str, Any] = {"pretty": True, "pad": 4, "indent": 4, "max_text_width": 100}
        return self._printed(self.rendered(tree), {**options, "normalize_functions": "lower"})

    def _printed(self, tree: exp.Expr, options: dict[str, Any]) -> str:
        # sqlglot would move every WITH to the top: into a place that it may not have there, and among others of the
        # same name. The inner ones come later.
        for inner in reversed([found for found in tree.find_all(exp.With) if found.parent is not tree]):
            query = inner.parent
            assert query is not None
            query.replace(exp.Var(this=query.sql(dialect=self.dialect, copy=False, **options)))
        return tree.sql(dialect=self.dialect, copy=False, **options)

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
        read = _READ.get(kind.this)
        return read(value) if read is not None else exp.TryCast(this=value, to=kind)

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
        return values.utc_time(value)

    def utc_day(self, value: exp.Expr) -> exp.Expr:
        return values.cast(values.utc_time(value), "DATE")

    def unix_seconds(self, value: exp.Expr) -> exp.Expr:
        return values.unix_time(value, 1_000_000)

    def unix_milliseconds(self, value: exp.Expr) -> exp.Expr:
        return values.unix_time(value, 1_000)

    def unix_reaches(self, value: exp.Expr, time: exp.Expr, microseconds: exp.Expr) -> exp.Expr:
        return values.unix_reaches(value, time, microseconds)

    def time_of_text(self, text: exp.Expr) -> exp.Expr:
        return values.time_of_text(text)

    def later(self, time: exp.Expr, seconds: exp.Expr) -> exp.Expr:
        nothing = [exp.Literal.number(0)] * 3
        return exp.Add(this=time, expression=_call("make_dt_interval", *nothing, _cast(seconds, _decimal(18, 6))))

    def engine_clock(self, time: exp.Expr, zone: exp.Expr) -> exp.Expr:
        return _call("convert_timezone", exp.Literal.string("UTC"), zone, time)

    def iso_time(self, time: exp.Expr) -> exp.Expr:
        return _call("date_format", time, exp.Literal.string("yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"))

    def microseconds_between(self, earlier: exp.Expr, later: exp.Expr) -> exp.Expr:
        return exp.Paren(this=exp.Sub(this=_microseconds(later), expression=_microseconds(earlier)))

    def finite(self, number: exp.Expr) -> exp.Expr:
        # NaN is greater than any other number.
        size = exp.Abs(this=values.cast(number, "DOUBLE"))
        return exp.Paren(this=exp.LT(this=size, expression=values.cast(exp.Literal.string("Infinity"), "DOUBLE")))

    def lower(self, text: exp.Expr) -> exp.Expr:
        return exp.Lower(this=text)

    def has_part(self, text: exp.Expr, part: exp.Expr) -> exp.Expr:
        return _call("contains", text, part)

    def starts_with(self, text: exp.Expr, start: exp.Expr) -> exp.Expr:
        return _call("startswith", text, start)

    def ends_with(self, text: exp.Expr, end: exp.Expr) -> exp.Expr:
        return _call("endswith", text, end)

    def matches(self, text: exp.Expr, pattern: exp.Expr) -> exp.Expr:
        if isinstance(pattern, exp.Literal):
            pattern = exp.Literal.string(translated(pattern.name))
        return exp.RegexpLike(this=text, expression=pattern)

    def similarity(self, text: exp.Expr, other: exp.Expr) -> exp.Expr:
        # How many letters need not change, of those of the longer one.
        longer = _call("greatest", exp.Length(this=text.copy()), exp.Length(this=other.copy()), exp.Literal.number(1))
        changed = values.cast(_call("levenshtein", text, other), "DOUBLE")
        return exp.Paren(this=exp.Sub(this=exp.Literal.number(1), expression=exp.Div(this=changed, expression=longer)))

    def text_hash(self, text: exp.Expr) -> exp.Expr:
        return exp.MD5(this=text)

    def row_hash(self, *texts: exp.Expr) -> exp.Expr:
        return exp.MD5(this=_call("concat_ws", exp.Literal.string("|"), *(values.cast(one, "TEXT") for one in texts)))

    def json_text(self, document: exp.Expr, *keys: exp.Literal) -> exp.Expr:
        return _at(values.json_of(document), keys)

    def json_part(self, document: exp.Expr, *keys: exp.Literal) -> exp.Expr:
        *above, last = keys
        text = self.json_text(document, *keys)
        return values.json_part(text, _is_number(_at(values.json_of(document), above), last))

    def numeral(self, text: exp.Expr, part: exp.Expr) -> exp.Expr:
        return values.numeral(text, part)

    def json_texts(self, document: exp.Expr, *keys: exp.Literal) -> exp.Expr:
        found: exp.Expr = exp.Array(expressions=[values.json_of(document), exp.null()])
        item = exp.column("item")
        for key in keys:
            found = _each(values.opened(found, last=False), values.value_at(_at(item, [key]), _is_number(item, key)))
        return exp.Coalesce(this=_present(values.opened(found, last=True)), expressions=[_texts([])])

    def json_line(self, *fields: exp.Expr) -> exp.Expr:
        pairs = [values.json_line_part(field.this, field.expression) for field in fields]
        line = _call("concat_ws", exp.Literal.string(","), *pairs)
        return _call("concat", exp.Literal.string("{"), line, exp.Literal.string("}"))

    def list_of_text(self, value: exp.Expr) -> exp.Expr:
        return _present(values.elements(values.json_of(value)))

    def list_lower(self, texts: exp.Expr) -> exp.Expr:
        # Without a lambda: it would keep a condition from being asked where the rows are read. In JSON nothing but the
        # texts themselves has letters that are written in two ways.
        return _call("from_json", exp.Lower(this=_call("to_json", texts)), exp.Literal.string("array<string>"))

    def list_contains(self, values: exp.Expr, value: exp.Expr) -> exp.Expr:
        return _call("array_contains", values, value)

    def list_overlaps(self, texts: exp.Expr, *others: exp.Expr) -> exp.Expr:
        return _call("arrays_overlap", texts, _texts(others))

    def list_rows(self, *values: exp.Expr) -> exp.Expr:
        return exp.Explode(this=exp.Array(expressions=list(values)))

    def list_items(self, values: exp.Expr) -> exp.Expr:
        return exp.Explode(this=values)

    def json_list(self, document: exp.Expr, kind: exp.DataType) -> exp.Expr:
        texts = _call("from_json", document, exp.Literal.string("array<string>"))
        return _each(texts, exp.Cast(this=_ITEM.copy(), to=kind))

    def first_by(self, value: exp.Expr, where: exp.Expr, *order: exp.Expr) -> exp.Expr:
        # Engines do not agree on where a null stands in an order, so whether there is one comes before each part.
        descending = {bool(one.args.get("desc")) for one in order}
        if len(descending) > 1:
            raise ValueError("parts of an order that run in two directions")
        parts = [part for one in order for part in (_missing(one.this, last=True not in descending), one.this.copy())]
        by = _call("struct", *parts)
        first: exp.Expr = _call("max_by" if True in descending else "min_by", value, by)
        if isinstance(where, exp.Boolean) and where.this:
            return first
        return exp.Filter(this=first, expression=exp.Where(this=where))


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _cast(value: exp.Expr, kind: exp.DataType) -> exp.Expr:
    return exp.Cast(this=value, to=kind)


def _decimal(digits: int, places: int) -> exp.DataType:
    size = [exp.DataTypeParam(this=exp.Literal.number(number)) for number in (digits, places)]
    return exp.DataType(this=exp.DataType.Type.DECIMAL, expressions=size, nested=False)


def _microseconds(time: exp.Expr) -> exp.Expr:
    return _call("unix_micros", values.cast(time, "TIMESTAMPTZ"))


def _missing(value: exp.Expr, *, last: bool) -> exp.Expr:
    """Something that comes last, or first, where `value` is null."""
    missing = exp.Is(this=value.copy(), expression=exp.null())
    ifs = [exp.If(this=missing, true=exp.Literal.number(1 if last else 0))]
    return exp.Case(ifs=ifs, default=exp.Literal.number(0 if last else 1))


def _texts(given: Sequence[exp.Expr]) -> exp.Expr:
    kind = exp.DataType(this=exp.DataType.Type.TEXT, nested=False)
    many = exp.DataType(this=exp.DataType.Type.ARRAY, expressions=[kind], nested=True)
    return exp.Cast(this=exp.Array(expressions=list(given)), to=many)


def _at(document: exp.Expr, keys: Sequence[exp.Expr]) -> exp.Expr:
    """The value that keys lead to in `document`, a text."""
    if keys and all(_PLAIN.fullmatch(key.name) for key in keys):
        path = exp.Literal.string(".".join(("$", *(key.name for key in keys))))
        return _call("get_json_object", document, path)
    # A path has no form for some keys; a map takes any.
    for key in keys:
        found = _call("from_json", document, exp.Literal.string("map<string,string>"))
        document = _call("try_element_at", found, key.copy())
    return document


def _is_number(document: exp.Expr, key: exp.Expr) -> exp.Expr:
    """Is the value of a key of an object, a text, a number?"""
    return values.json_number(_at(values.marked(document), [exp.Literal.string(f"{values.MARK}{key.name}")]))


def _each(values: exp.Expr, item: exp.Expr) -> exp.Expr:
    return exp.Transform(this=values, expression=exp.Lambda(this=item, expressions=[_ITEM.copy()]))


def _present(values: exp.Expr) -> exp.Expr:
    """A list without its nulls."""
    return _call("array_compact", values)


def _type_name(kind: exp.Expr) -> exp.Expr | None:
    if kind.this in _WIDE:
        return _decimal(38, 0)
    if kind.this not in _TYPES:
        return None
    return exp.DataType(this=_TYPES[kind.this], nested=False)


def _alone(drop: exp.Expr) -> None:
    """What reads a table stays when it is dropped."""
    drop.set("cascade", False)


def _in_delta(create: exp.Expr) -> None:
    """A table that is said to be in no other format is in Delta, whatever the server's default is."""
    given = create.args.get("properties") or exp.Properties(expressions=[])
    if create.args.get("kind") == "TABLE" and not given.find(exp.FileFormatProperty):
        # It comes first: Sail wants it before a location.
        delta = exp.FileFormatProperty(this=exp.Var(this="DELTA"))
        create.set("properties", exp.Properties(expressions=[delta, *given.expressions]))


def _may_fail(cast: exp.Expr) -> None:
    """sqlglot prints a TRY_CAST that was not parsed by it as CAST."""
    if "safe" not in cast.args:
        cast.set("safe", True)


def _pairs(table: exp.Expr) -> None:
    """The pairs of a JSON object as rows. A view, because on Sail a plain LATERAL keeps a row that has no pair."""
    if not isinstance(table.this, exp.Anonymous) or table.this.name.lower() != "json_each":
        return
    join, select = table.parent, table.parent_select
    assert isinstance(join, exp.Join)
    assert select is not None
    pairs = _call("from_json", table.this.expressions[0], exp.Literal.string("map<string,string>"))
    alias = exp.TableAlias(
        this=exp.to_identifier(table.alias), columns=[exp.to_identifier(n) for n in ("key", "value")]
    )
    join.pop()
    select.append("laterals", exp.Lateral(this=exp.Explode(this=pairs), view=True, alias=alias))


def _of_texts(node: exp.Expr) -> None:
    """A missing part counts as an empty text, and in ANSI mode a part that is a number would make one of that text."""
    if node.args.get("coalesce"):
        parts = [one if one.is_string else values.cast(one, "TEXT") for one in node.expressions]
        node.set("expressions", parts)


_FORMS: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr | None]] = {
    exp.DataType: _type_name,
    exp.Create: _in_delta,
    exp.Drop: _alone,
    exp.Table: _pairs,
    exp.TryCast: _may_fail,
    exp.Concat: _of_texts,
}
"""What sqlglot would print as something else, or as what Spark does not have."""

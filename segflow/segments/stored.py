"""Where the catalog says that a value is kept, as SQL: a column, or the end of a path inside of one."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from segflow.segments.sql import col, ident, typed
from segflow.specs.columns import Attribute, TimeColumn, Unix
from segflow.specs.event_source import Payload
from segflow.specs.types import ValueType
from segflow.warehouse import words


def moment(time: TimeColumn | None, table: str | None = None) -> exp.Expr:
    """The time of a row in its column of `table`; null where there is none."""
    if time is None:
        return typed(exp.null(), "timestamp")
    return typed(col(time.column, table), "timestamp", time.unix)


def stored(name: str, attribute: Attribute, table: str | None = None) -> exp.Expr:
    """The value of an attribute or field in its column of `table`, as its type."""
    column, *keys = attribute.path(name)
    if keys:
        return _found(col(column, table), keys, attribute.type, attribute.unix)
    return typed(col(column, table), attribute.type, attribute.unix)


def in_payload(name: str, attribute: Attribute, payload: Payload, table: str) -> exp.Expr:
    """The value of a property in the payload column of `table`, as its type."""
    keys = attribute.path(name)
    if payload.format == "struct" and not (attribute.type == "list_of_text" and len(keys) > 1):
        # With the table's name in front: `events.amount` alone would be a column of the table, not a field.
        value: exp.Expr = col(payload.column, table)
        for key in keys:
            value = exp.Dot(this=value, expression=ident(key))
        if attribute.type == "timestamp" and attribute.unix is None:
            # A cast of a text to a timestamp would pass over its offset, and nobody looks at the types of fields.
            return words.time_of_text(typed(value, "text"))
        return typed(value, attribute.type, attribute.unix)
    if len(keys) > 1:
        document = col(payload.column, table if payload.format == "struct" else None)
        return _found(document, keys, attribute.type, attribute.unix)
    return _read(col(payload.column), keys, attribute.type, attribute.unix)


def in_json(document: exp.Expr, key: str, kind: ValueType) -> exp.Expr:
    """The value of a key of a JSON document of ours, as its type."""
    return _found(document, [key], kind, None)


def _found(document: exp.Expr, keys: Sequence[str], kind: ValueType, unix: Unix | None) -> exp.Expr:
    """What lies at the end of a path. Lists of texts are made of all that lists on the way lead to; any other value
    needs a way without one."""
    if kind == "list_of_text":
        return words.json_texts(document, *keys)
    return _read(document, keys, kind, unix)


def _read(document: exp.Expr, keys: Sequence[str], kind: ValueType, unix: Unix | None) -> exp.Expr:
    """A value of a document as its type. JSON promises neither form nor types: a document that is none, and a value of
    the wrong type, count as missing."""
    if kind == "text":
        return words.numeral(words.json_text(document, *keys), words.json_part(document.copy(), *keys))
    text = words.json_text(document, *keys)
    if kind == "timestamp" and unix is None:
        return words.time_of_text(exp.Paren(this=text))
    return typed(exp.Paren(this=text), kind, unix)

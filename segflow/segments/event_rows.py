"""The rows of an event that trigger flows: who, when, which one it is, and all that the catalog says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlglot import exp

from segflow.segments.bounds import timestamp_literal
from segflow.segments.fact_models import row_column, source_rows
from segflow.segments.nodes import TRUE, Node, Source, Value
from segflow.segments.predicate import Columns, predicate
from segflow.segments.sql import col, id_text, named, text_literal
from segflow.specs.catalog import Catalog
from segflow.specs.event_source import EventSource
from segflow.specs.origins import AT, EVENT
from segflow.specs.types import ValueType
from segflow.warehouse import words

SEEN = "seen"
WATCHED = "watched"
_ID = "event id"
_OF_SEEN = Columns(value=lambda value: col(row_column(value), SEEN))


def all_values(event: str, catalog: Catalog) -> exp.Select:
    """All rows of an event with all that the catalog says of them, and its id as `event id` where it has one."""
    return _rows(event, None, catalog)


def triggering_rows(
    event: str, watchers: Mapping[str, Node], since: datetime, watched: exp.Expr, catalog: Catalog
) -> exp.Select:
    """(flow, ordinal, event, contact_id, at, event_id, trigger_data): the rows of `event` later than `since`, for each
    flow whose trigger they satisfy.

    `watchers`: FLOW/ORDINAL -> what its trigger asks of a row. `watched`: the relation with flow, ordinal, event and
    watcher (FLOW/ORDINAL) of each, and `later_than`, the moment after which its rows count.
    """
    source, values = _described(event, catalog)
    rows = _rows(event, timestamp_literal(since), catalog)
    contact, at = id_text(col("contact_id", SEEN)), col("at", SEEN)
    kept = [(value.name, _kept(col(row_column(value), SEEN), value.type)) for value in values]
    told = words.json_line(kept) if kept else exp.Literal.string("{}")
    identity: exp.Expr = words.row_hash(contact.copy(), words.iso_time(at.copy()), told.copy())
    if source.id is not None:
        identity = exp.Coalesce(this=col(_ID, SEEN), expressions=[identity])
    data = words.json_line([(EVENT, text_literal(event)), (AT, words.iso_time(at.copy())), *_copies(kept)])
    asks = exp.Case()
    for watcher, node in watchers.items():
        if node != TRUE:
            asks = asks.when(exp.Literal.string(watcher), predicate(node, _OF_SEEN))
    query = exp.select(
        col("flow", WATCHED),
        col("ordinal", WATCHED),
        col("event", WATCHED),
        named(contact, "contact_id"),
        named(at.copy(), "at"),
        named(identity, "event_id"),
        named(data, "trigger_data"),
    )
    query = query.from_(rows.subquery(SEEN)).join(
        exp.alias_(watched, WATCHED, table=True), on=exp.EQ(this=col("event", WATCHED), expression=text_literal(event))
    )
    query = query.where(exp.GT(this=at.copy(), expression=col("later_than", WATCHED)))
    if asks.args.get("ifs"):
        asks.set("this", col("watcher", WATCHED))
        query = query.where(asks.else_(exp.true()))
    return query


def _described(event: str, catalog: Catalog) -> tuple[EventSource, list[Value]]:
    found = catalog.event(event)
    assert found is not None, event
    source, properties = found
    return source, [Value("row", name, attribute.type) for name, attribute in properties.items()]


def _rows(event: str, lower: exp.Expr | None, catalog: Catalog) -> exp.Select:
    source, values = _described(event, catalog)
    rows = source_rows(Source("event", event), [TRUE], values, lower, catalog)
    return rows if source.id is None else rows.select(named(id_text(col(source.id)), _ID))


def _kept(value: exp.Expr, kind: ValueType) -> exp.Expr:
    """A value as `trigger_data` has it: a text that reads back as the same value, or a list of texts."""
    if kind == "list_of_text":
        return value
    return words.iso_time(value) if kind == "timestamp" else words.text(value)


def _copies(fields: Sequence[tuple[str, exp.Expr]]) -> list[tuple[str, exp.Expr]]:
    return [(name, value.copy()) for name, value in fields]

"""What the user's model tells of messages: the rows that no tick has taken yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlglot import exp

from segflow.segments.bounds import AS_OF
from segflow.segments.sql import all_of, bound_call, col, id_text, named, ref, select, text_literal, typed
from segflow.segments.stored import moment
from segflow.specs.message_source import MessageEventSource
from segflow.ticks.context import TickContext
from segflow.warehouse.sqlfile import literal, load_query

_SQL = Path(__file__).parent / "sql"
_AT_ONCE = 20_000
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Told:
    """One thing that was told of a message that was sent. `at` is naive, in UTC."""

    message_id: str
    channel: str
    kind: str
    at: datetime
    hard: bool
    """Of a bounce: is the address dead?"""
    event_key: str | None
    """What it is told apart by; None: by its message, kind and time."""
    url: str | None
    """Of a click: where the link leads."""


def told_since(context: TickContext, source: MessageEventSource, since: datetime | None) -> Iterator[list[Told]]:
    """What is new as of this tick, some at a time; `since`: nothing before that time is looked at (naive UTC)."""
    w = context.warehouse
    w.stage("told_rows", context.fill(_rows(source, since)))
    for batch in w.batches(load_query(_SQL / "told_events.sql"), _AT_ONCE):
        yield [Told(**row) for row in batch.to_pylist()]


def unknown_kinds(context: TickContext, source: MessageEventSource, since: datetime | None) -> list[str]:
    """What the model's rows have for a kind, when it is of no kind in any of them: a few. Empty in all other cases."""
    w = context.warehouse
    if w.scalar(exp.select(exp.Literal.number(1)).from_("temp.told_rows").limit(1)) is not None:
        return []
    kind = id_text(col(source.kind))
    there = [*_when(source, since), exp.Not(this=exp.Is(this=kind, expression=exp.null()))]
    seen = select([named(kind.copy(), "kind")], ref(source.model, "told"), all_of(there)).distinct()
    return sorted(str(row["kind"]) for row in w.rows(context.fill(seen.limit(_SHOWN))))


def _when(source: MessageEventSource, since: datetime | None) -> list[exp.Expr]:
    at = moment(source.at)
    conditions: list[exp.Expr] = [exp.LTE(this=at, expression=bound_call(AS_OF.key))]
    if since is not None:
        conditions.append(exp.GT(this=at.copy(), expression=literal(since)))
    return conditions


def _rows(source: MessageEventSource, since: datetime | None) -> exp.Select:
    """message_id, provider_id, kind, at, id, url, hard."""
    words = source.words()
    said = id_text(col(source.kind))
    kind = exp.Case(
        ifs=[exp.If(this=exp.EQ(this=said.copy(), expression=text_literal(text)), true=exp.Literal.string(known))
             for text, known in words.items()]
    )  # fmt: skip
    hard = exp.true() if source.hard is None else exp.Coalesce(
        this=typed(col(source.hard), "boolean"), expressions=[exp.false()]
    )  # fmt: skip
    values = [(kind, "kind"), (moment(source.at), "at"), (hard, "hard")]
    values += [
        (typed(exp.null(), "text") if column is None else id_text(col(column)), name)
        for name, column in (
            ("message_id", source.message_id),
            ("provider_id", source.provider_id),
            ("id", source.id),
            ("url", source.url),
        )
    ]
    known_kind = exp.In(this=said, expressions=[text_literal(text) for text in words])
    return select(
        [named(value, name) for value, name in values],
        ref(source.model, "told"),
        all_of([*_when(source, since), known_kind]),
    )

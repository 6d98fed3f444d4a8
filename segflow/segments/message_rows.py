"""The rows of messages: what the ledgers say was sent, delivered, opened, ... up to `as_of`."""

from __future__ import annotations

from collections.abc import Collection

from sqlglot import exp

from segflow.segments.bounds import AS_OF
from segflow.segments.sql import all_of, bound_call, col, ledger, named, select

_OF_OUTBOX = ("enrollment_id", "visit")


def message_rows(kind: str, needed: Collection[str], lower: exp.Expr | None) -> exp.Select:
    """contact_id, at and the `needed` ones of message_id, flow, step, channel, enrollment_id, visit.

    `sent` is an outcome of the engine's own; all others come from providers. What a tick sends is seen from the next
    one on: its deliveries are written after its facts.
    """
    table, column = ("deliveries", "outcome") if kind == "sent" else ("message_events", "kind")
    rows = "messages"
    projections = [named(col(name, rows), name) for name in ("contact_id", "at")]
    projections += [named(col(name, "planned" if name in _OF_OUTBOX else rows), name) for name in sorted(needed)]
    at = col("at", rows)
    conditions: list[exp.Expr] = [exp.EQ(this=col(column, rows), expression=exp.Literal.string(kind))]
    conditions.append(exp.LTE(this=at, expression=bound_call(AS_OF.key)))
    if lower is not None:
        conditions.append(exp.GTE(this=at.copy(), expression=lower))
    query = select(projections, ledger(table, rows), all_of(conditions))
    if any(name in _OF_OUTBOX for name in needed):
        same = exp.EQ(this=col("message_id", "planned"), expression=col("message_id", rows))
        query.append("joins", exp.Join(this=ledger("outbox", "planned"), on=same, kind="INNER"))
    return query

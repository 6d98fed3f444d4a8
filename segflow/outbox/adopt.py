"""The way back from a lost delivery store: what the warehouse knows of messages is taken over, the rest is in doubt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, literal, select, update
from sqlglot import exp

from segflow.outbox.deliveries import COPIED_ROWS, COPIED_TO
from segflow.outbox.lease import Lease
from segflow.outbox.migrate import fill_sent
from segflow.outbox.pauses import KINDS
from segflow.outbox.schema import attempts, consent_changes, marks, messages, suppressions
from segflow.outbox.schema_people import decisions
from segflow.outbox.send import INSERTED_TO
from segflow.outbox.store import DeliveryStore, planned_values
from segflow.warehouse.base import Warehouse, relation

REASON = "the delivery store was lost"
FINAL = ("sent", "skipped", "failed", "dropped")
"""Outcomes after which nothing more happens to a message."""
REOPENED = ("retried", "released")
"""Outcomes that a person gave, after which a message goes on."""
_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Adopted:
    """What a delivery store took over."""

    messages: int
    """All that it holds now."""
    unknown: int
    """Those of them that wait for a person."""
    attempts: int
    suppressions: int


def adopt(warehouse: Warehouse, store: DeliveryStore, lease: Lease) -> Adopted:
    """Take over `outbox`, `deliveries`, `suppressions` and the pauses of flows of the warehouse, in one transaction.

    A message with a final outcome keeps it. Every other one may have been sent since the warehouse heard of it last, so
    it becomes `unknown` and waits for a person; retries that were held are among them. The store may be new, or an
    older copy that was put back: final outcomes that only it knows stay. Repeating it changes nothing.
    """
    with store.writing("adopt_warehouse", lease) as connection:
        ignoring = store.insert_or_ignore
        for rows in _batches(warehouse, "outbox"):
            connection.execute(ignoring(messages), planned_values(rows))
        for rows in _batches(warehouse, "deliveries"):
            names = [column.name for column in attempts.columns]
            connection.execute(ignoring(attempts), [{name: _aware(row[name]) for name in names} for row in rows])
        for rows in _batches(warehouse, "suppressions"):
            store.adopt_suppressions(connection, [{k: _aware(v) for k, v in row.items()} for row in rows])
        for rows in _batches(warehouse, "consent_changes"):
            connection.execute(ignoring(consent_changes), [{k: _aware(v) for k, v in row.items()} for row in rows])
        for rows in _batches(warehouse, "coupon_claims"):
            store.adopt_coupons(connection, [{k: _aware(v) for k, v in row.items()} for row in rows])
        for rows in _batches(warehouse, "decisions"):
            switched = [{name: _aware(value) for name, value in row.items()} for row in rows if row["kind"] in KINDS]
            if switched:
                connection.execute(ignoring(decisions), switched)
        _settle(connection, store)
        fill_sent(connection)
        # The next tick takes over and copies everything anew: what it knows already stays as it is.
        connection.execute(marks.delete().where(marks.c.name.in_([INSERTED_TO, COPIED_TO, COPIED_ROWS])))
        return Adopted(
            messages=_count(connection, select(messages)),
            unknown=_count(connection, select(messages).where(messages.c.status == "unknown")),
            attempts=_count(connection, select(attempts)),
            suppressions=_count(connection, select(suppressions)),
        )


def _settle(connection: Connection, store: DeliveryStore) -> None:
    """Give every message the outcome that is known, or none."""
    mine = attempts.c.message_id == messages.c.message_id
    open_ = messages.c.status.not_in(FINAL)
    # What a person planned again since is open.
    again = attempts.alias()
    reopened = select(again.c.attempt).where(
        again.c.message_id == attempts.c.message_id,
        again.c.outcome.in_(REOPENED),
        again.c.attempt >= attempts.c.attempt,
    )
    final = select(attempts.c.outcome).where(
        mine, attempts.c.outcome.in_(FINAL), ~reopened.correlate(attempts).exists()
    )
    # Dropped after it had failed: what a person said last counts.
    known = final.order_by(attempts.c.attempt.desc(), attempts.c.recorded_at.desc()).limit(1).scalar_subquery()
    last = func.coalesce(select(func.max(attempts.c.attempt)).where(mine).scalar_subquery(), 0)
    idle = {"due_at": None, "claim_token": None, "claimed_at": None, "handed_at": None}
    now = datetime.now(UTC)
    connection.execute(
        update(messages).where(open_, known.is_not(None)).values(status=known, attempts=last, recorded_at=now, **idle)
    )
    # Counted as the last attempt known, so that a release leaves the message all the attempts that it had left.
    doubt = select(
        messages.c.message_id,
        last,
        literal("unknown"),
        literal(REASON),
        messages.c.sender,
        literal(now, attempts.c.at.type),
        literal(now, attempts.c.recorded_at.type),
    ).where(messages.c.status.not_in((*FINAL, "unknown")))
    columns = ["message_id", "attempt", "outcome", "reason", "sender", "at", "recorded_at"]
    connection.execute(store.insert_or_ignore(attempts).from_select(columns, doubt))
    connection.execute(
        update(messages)
        .where(messages.c.status.not_in((*FINAL, "unknown")))
        .values(status="unknown", attempts=last, recorded_at=now, released_at=None, **idle)
    )


def _batches(warehouse: Warehouse, table: str) -> Iterator[list[dict[str, Any]]]:
    for batch in warehouse.batches(exp.select("*").from_(relation(table)), _ROWS_AT_ONCE):
        if batch.num_rows:
            yield batch.to_pylist()


def _count(connection: Connection, rows: Select[Any]) -> int:
    return connection.scalar(select(func.count()).select_from(rows.subquery())) or 0


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value

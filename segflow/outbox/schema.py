"""The tables of the delivery store. What is kept here must never be lost or doubled."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect

SCHEMA_VERSION = 1


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as naive UTC: SQLite has no zones, and text of one form compares as time does."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


metadata = MetaData()

messages = Table(
    "messages",
    metadata,
    Column("message_id", Text, primary_key=True),
    Column("enrollment_id", Text),
    Column("flow", Text),
    Column("flow_version", BigInteger),
    Column("step", Text),
    Column("visit", BigInteger),
    Column("contact_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("content", Text),
    Column("trigger_segment", Text),
    Column("enrolled_at", Instant),
    Column("planned_at", Instant, nullable=False),
    Column("tick_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    # Null for whatever must not be claimed (claimed, settled, unknown), so that the index below holds just the work
    # still to do, in its order, and a claim never walks over what is done.
    Column("due_at", Instant),
    Column("released_at", Instant),
    Column("claim_token", BigInteger),
    Column("claimed_at", Instant),
    # Set durably before the message is handed over. A claim without it was certainly not handed over.
    Column("handed_at", Instant),
    # Was it claimed for an idempotent sender? The settings may have changed when a crash is cleaned up.
    Column("repeatable", Boolean),
    Column("recorded_at", Instant, nullable=False),
    Column("settled_tick", Text),
    Index("messages_status", "status"),
)

_to_do = messages.c.due_at.is_not(None)
Index(
    "messages_due",
    messages.c.sender,
    messages.c.due_at,
    messages.c.message_id,
    sqlite_where=_to_do,
    postgresql_where=_to_do,
)

attempts = Table(
    "attempts",
    metadata,
    Column("message_id", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("sender", Text),
    Column("address", Text),
    Column("provider_id", Text),
    Column("at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    # Null for what a person decided between two ticks; the next tick takes it over.
    Column("tick_id", Text),
    PrimaryKeyConstraint("message_id", "attempt", "outcome"),
    Index("attempts_tick", "tick_id"),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    PrimaryKeyConstraint("channel", "address"),
)

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    # Null when nobody holds it. The row stays, because the token must never go back.
    Column("holder", Text),
    Column("token", BigInteger, nullable=False),
    Column("acquired_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("host", Text),
    Column("pid", BigInteger),
    Column("process", Text),
)

marks = Table(
    "marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

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
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect

SCHEMA_VERSION = 10
"""2: `decisions`. 3: `message_events`. 4: `retriggers`. 5: `imports`. 6: `enrolls`, `coupon_codes`, `removals`, the
index `messages_waiting`. 7: `provider_events`, the index `attempts_provider`. 8: `restores`, `suppression_salts`,
suppressions by hash, Argentine numbers in one form. 9: `send_tests`, `api_keys`, `api_calls`. 10: `address_turns`,
`consent_changes`, what messages say of category, holds and when they were sent. A store of an earlier version gets what
it has not when it is opened."""


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


class Words(TypeDecorator[str]):
    """A text that both databases can keep: Postgres knows no NUL, and neither knows half of a surrogate pair. What
    providers answer may hold either, and an outcome must not be lost over it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or (value.isascii() and "\0" not in value):
            return value
        return value.replace("\0", "\ufffd").encode(errors="replace").decode()


metadata = MetaData()

messages = Table(
    "messages",
    metadata,
    Column("message_id", Words, primary_key=True),
    Column("enrollment_id", Words),
    Column("flow", Words),
    Column("flow_version", BigInteger),
    Column("step", Words),
    Column("visit", BigInteger),
    Column("contact_id", Words, nullable=False),
    Column("channel", Words, nullable=False),
    Column("sender", Words, nullable=False),
    Column("content", Words),
    Column("trigger_segment", Words),
    Column("enrolled_at", Instant),
    Column("planned_at", Instant, nullable=False),
    Column("tick_id", Words, nullable=False),
    Column("status", Words, nullable=False),
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
    Column("settled_tick", Words),
    # marketing or transactional; null is marketing.
    Column("category", Words),
    # How often it waited because of limits: no attempt was made then. And until when it did so last.
    Column("holds", Integer),
    Column("held_until", Instant),
    # By the clock that conditions read; set, too, where the outcome is unknown. Null: the contact has not got it.
    Column("sent_at", Instant),
    # Was it a live sender?
    Column("sent_live", Boolean),
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

messages_waiting = Index(
    "messages_waiting",
    messages.c.flow,
    messages.c.enrollment_id,
    sqlite_where=_to_do,
    postgresql_where=_to_do,
)
"""Finds what waits of who has left a flow."""

_sent = messages.c.sent_at.is_not(None)
messages_sent = Index(
    "messages_sent",
    messages.c.contact_id,
    messages.c.sent_at,
    sqlite_where=_sent,
    postgresql_where=_sent,
)
"""Finds what a contact got lately."""
_live = messages.c.sent_live.is_(True)
messages_live = Index("messages_live", messages.c.sent_at, sqlite_where=_live, postgresql_where=_live)
"""Counts what live senders sent lately."""

attempts = Table(
    "attempts",
    metadata,
    Column("message_id", Words, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("outcome", Words, nullable=False),
    Column("reason", Words),
    Column("sender", Words),
    Column("address", Words),
    Column("provider_id", Words),
    Column("at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    # Null for what a person decided between two ticks; the next tick takes it over.
    Column("tick_id", Words),
    PrimaryKeyConstraint("message_id", "attempt", "outcome"),
    Index("attempts_tick", "tick_id"),
)

_named = attempts.c.provider_id.is_not(None)
attempts_provider = Index("attempts_provider", attempts.c.provider_id, sqlite_where=_named, postgresql_where=_named)
"""Finds the message that a provider speaks of by its own id."""
LATER_INDEXES = (messages_waiting, messages_sent, messages_live, attempts_provider)
"""Those that a store of an earlier version lacks: a new index of a table that is there does not come by itself."""

address_turns = Table(
    "address_turns",
    metadata,
    Column("flow", Words, nullable=False),
    # The tick that planned the messages.
    Column("tick_id", Words, nullable=False),
    Column("channel", Words, nullable=False),
    # As suppressions compare it, hashed: it need not be readable here.
    Column("address", Words, nullable=False),
    # Of the contacts that share the address, the one that gets them.
    Column("contact_id", Words, nullable=False),
    PrimaryKeyConstraint("flow", "tick_id", "channel", "address"),
)

consent_changes = Table(
    "consent_changes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("contact_id", Words, nullable=False),
    # Null: about all of them.
    Column("channel", Words),
    Column("topic", Words),
    Column("category", Words),
    Column("state", Words, nullable=False),
    Column("source", Words, nullable=False),
    Column("at", Instant, nullable=False),
    # Null until a tick takes it over.
    Column("tick_id", Words),
    Index("consent_changes_contact", "contact_id"),
    Index("consent_changes_tick", "tick_id"),
)

doubts = Table(
    "doubts",
    metadata,
    Column("message_id", Words, primary_key=True),
    Column("since", Instant, nullable=False),
)
"""Messages that were handed to a provider that knows a message again for some time only, and since when."""

suppressions = Table(
    "suppressions",
    metadata,
    Column("channel", Words, nullable=False),
    Column("address", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    PrimaryKeyConstraint("channel", "address"),
)

suppression_salts = Table(
    "suppression_salts",
    metadata,
    # Of the hashes among `suppressions.address`: an address is looked for under each.
    Column("salt", Words, primary_key=True),
)

own_salt = Table(
    "own_salt",
    metadata,
    # One row: the salt of the hashes that this store makes.
    Column("salt", Words, primary_key=True),
)

lease = Table(
    "lease",
    metadata,
    Column("name", Words, primary_key=True),
    # Null when nobody holds it. The row stays, because the token must never go back.
    Column("holder", Words),
    Column("token", BigInteger, nullable=False),
    Column("acquired_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("host", Words),
    Column("pid", BigInteger),
    Column("process", Words),
)

send_tests = Table(
    "send_tests",
    metadata,
    Column("id", Words, primary_key=True),
    Column("flow", Words, nullable=False),
    Column("step", Words, nullable=False),
    # Whose values it was written with; it went to `address`.
    Column("contact_id", Words, nullable=False),
    Column("channel", Words, nullable=False),
    Column("sender", Words, nullable=False),
    Column("address", Words, nullable=False),
    Column("outcome", Words, nullable=False),
    Column("reason", Words),
    Column("provider_id", Words),
    Column("sent_by", Words, nullable=False),
    Column("at", Instant, nullable=False),
)

marks = Table(
    "marks",
    metadata,
    Column("name", Words, primary_key=True),
    Column("value", Words, nullable=False),
)

message_events = Table(
    "message_events",
    metadata,
    Column("message_id", Words, nullable=False),
    Column("kind", Words, nullable=False),
    # The provider's own id of the event, or its time: a callback that comes twice is one event.
    Column("event_key", Words, nullable=False),
    Column("at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    # Null until a tick takes it over.
    Column("tick_id", Words),
    PrimaryKeyConstraint("message_id", "kind", "event_key"),
    Index("message_events_tick", "tick_id"),
)

provider_events = Table(
    "provider_events",
    metadata,
    # The sender that was told, or `link`.
    Column("source", Words, nullable=False),
    # Its own id of what it told.
    Column("event_id", Words, nullable=False),
    # One row per address that it acts on; 0 when there is none.
    Column("ordinal", Integer, nullable=False),
    Column("kind", Words, nullable=False),
    Column("at", Instant, nullable=False),
    Column("channel", Words, nullable=False),
    Column("message_id", Words),
    Column("provider_id", Words),
    # A digest of the address in the form in which suppressions are compared; only of what suppresses or lifts.
    Column("address", Words),
    Column("recorded_at", Instant, nullable=False),
    PrimaryKeyConstraint("source", "event_id", "ordinal"),
)

_acting = provider_events.c.address.is_not(None)
Index(
    "provider_events_address",
    provider_events.c.channel,
    provider_events.c.address,
    sqlite_where=_acting,
    postgresql_where=_acting,
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("reason", Text),
    Column("decided_by", Text, nullable=False),
    Column("decided_at", Instant, nullable=False),
    # Null until a tick uses it.
    Column("tick_id", Text),
    Index("decisions_tick", "tick_id"),
)


def _orders(name: str, contacts: str, key: str) -> tuple[Table, Table]:
    """What people ask of flows for some contacts, and which contacts they name."""
    orders = Table(
        name,
        metadata,
        Column("id", Text, primary_key=True),
        Column("flow", Text, nullable=False),
        Column("segment", Text),
        # How many; null: the present members.
        Column("contacts", BigInteger),
        Column("ignore_reentry", Boolean, nullable=False),
        Column("reason", Words),
        Column("decided_by", Words, nullable=False),
        Column("decided_at", Instant, nullable=False),
        # Null until a tick uses it.
        Column("tick_id", Text),
        Index(f"{name}_tick", "tick_id"),
    )
    named = Table(
        contacts,
        metadata,
        Column(key, Text, nullable=False),
        Column("contact_id", Words, nullable=False),
        PrimaryKeyConstraint(key, "contact_id"),
    )
    return orders, named


retriggers, retrigger_contacts = _orders("retriggers", "retrigger_contacts", "retrigger_id")
enrolls, enroll_contacts = _orders("enrolls", "enroll_contacts", "enroll_id")

coupon_codes = Table(
    "coupon_codes",
    metadata,
    Column("pool", Words, nullable=False),
    Column("code", Words, nullable=False),
    # The order in which they are given away.
    Column("ordinal", BigInteger, nullable=False),
    Column("added_at", Instant, nullable=False),
    # Null while it is free.
    Column("claim_id", Text),
    Column("contact_id", Words),
    Column("claimed_at", Instant),
    Column("tick_id", Text),
    PrimaryKeyConstraint("pool", "code"),
    Index("coupon_codes_claim", "claim_id", unique=True),
    Index("coupon_codes_tick", "tick_id"),
)

_free = coupon_codes.c.claim_id.is_(None)
Index(
    "coupon_codes_free",
    coupon_codes.c.pool,
    coupon_codes.c.ordinal,
    coupon_codes.c.code,
    sqlite_where=_free,
    postgresql_where=_free,
)

removals = Table(
    "removals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("flow", Text, nullable=False),
    Column("contact_id", Words, nullable=False),
    Column("reason", Words),
    Column("decided_by", Words, nullable=False),
    Column("decided_at", Instant, nullable=False),
    # Null until a tick uses it.
    Column("tick_id", Text),
    Index("removals_tick", "tick_id"),
)

restores = Table(
    "restores",
    metadata,
    Column("id", Text, primary_key=True),
    Column("contact_id", Words, nullable=False),
    Column("reason", Words),
    Column("decided_by", Words, nullable=False),
    Column("decided_at", Instant, nullable=False),
    # Null until a tick uses it.
    Column("tick_id", Text),
    Index("restores_tick", "tick_id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("name", Words, primary_key=True),
    # Of the key itself, which nobody keeps.
    Column("digest", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("personal_data", Boolean, nullable=False),
    Column("made_by", Words, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("revoked_by", Words),
    Column("revoked_at", Instant),
    Index("api_keys_digest", "digest", unique=True),
)

api_calls = Table(
    "api_calls",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    # Null for a call without a key that is known.
    Column("key", Words),
    Column("role", Text),
    Column("client", Words),
    Column("method", Words, nullable=False),
    Column("path", Words, nullable=False),
    Column("status", Integer, nullable=False),
    Index("api_calls_at", "at"),
)

imports = Table(
    "imports",
    metadata,
    Column("import_id", Text, primary_key=True),
    Column("file", Words, nullable=False),
    Column("list", Words),
    Column("trigger_flows", Boolean, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    # Null once the tick that took it in is over: the ledgers have its rows.
    Column("content", LargeBinary),
    Column("decided_by", Text, nullable=False),
    Column("decided_at", Instant, nullable=False),
    # Null until a tick takes it in.
    Column("tick_id", Text),
    Index("imports_tick", "tick_id"),
)

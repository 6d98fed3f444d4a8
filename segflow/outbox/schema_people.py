"""The tables of the delivery store for what people decide, bring and ask: until a tick takes it, and after."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from segflow.outbox.schema_types import Instant, Words, metadata

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

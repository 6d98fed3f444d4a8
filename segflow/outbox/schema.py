"""The tables of the delivery store: messages, what became of them, and what must not be sent. What is kept here must
never be lost or doubled. What people decide is in `schema_people`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, PrimaryKeyConstraint, Table, Text

from segflow.outbox.schema_types import Instant, Words, metadata

SCHEMA_VERSION = 11
"""2: `decisions`. 3: `message_events`. 4: `retriggers`. 5: `imports`. 6: `enrolls`, `coupon_codes`, `removals`, the
index `messages_waiting`. 7: `provider_events`, the index `attempts_provider`. 8: `restores`, `suppression_salts`,
suppressions by hash, Argentine numbers in one form. 9: `send_tests`, `api_keys`, `api_calls`. 10: `address_turns`,
`consent_changes`, what messages say of category, holds and when they were sent. 11:
`unmatched_events`. A store of an earlier version gets what it has not when it is opened."""

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

unmatched_events = Table(
    "unmatched_events",
    metadata,
    # What `provider_events` holds of messages that are not known here yet, or never will be.
    Column("source", Words, nullable=False),
    Column("event_id", Words, nullable=False),
    Column("kind", Words, nullable=False),
    Column("at", Instant, nullable=False),
    Column("channel", Words, nullable=False),
    Column("message_id", Words),
    Column("provider_id", Words),
    Column("suppress", Boolean, nullable=False),
    Column("once", Boolean, nullable=False),
    # How many rows `provider_events` has of it.
    Column("rows", Integer, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    PrimaryKeyConstraint("source", "event_id"),
    Index("unmatched_recorded", "recorded_at"),
    Index("unmatched_ours", "message_id"),
    Index("unmatched_theirs", "provider_id"),
)

"""What was told of messages that are not known here, or not yet: a provider may call back before the outcome is kept,
and may tell of what another system sent over the same account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, select, tuple_

from segflow.outbox.schema import attempts, messages, provider_events, unmatched_events

_PLACE = tuple_(unmatched_events.c.source, unmatched_events.c.event_id)


def is_empty(connection: Connection) -> bool:
    """Is there nothing to look for?"""
    return connection.execute(select(unmatched_events.c.source).limit(1)).first() is None


def known_now(connection: Connection, since: str | None) -> Sequence[Row[Any]]:
    """The rows of which there may be a message by now; `since`: the tick whose outcomes were not looked at yet."""
    ours = select(unmatched_events).join(messages, messages.c.message_id == unmatched_events.c.message_id)
    theirs = select(unmatched_events).join(attempts, attempts.c.provider_id == unmatched_events.c.provider_id)
    if since is not None:
        theirs = theirs.where(attempts.c.tick_id >= since)
    return connection.execute(ours.union(theirs)).all()


def forget(connection: Connection, rows: Sequence[Row[Any]]) -> None:
    """They have their message."""
    for row in rows:
        one = (unmatched_events.c.source == row.source) & (unmatched_events.c.event_id == row.event_id)
        connection.execute(delete(unmatched_events).where(one))


def give_up(connection: Connection, before: datetime) -> int:
    """Remove what was told before that time; what it says of an address stays. Returns how many."""
    old = unmatched_events.c.recorded_at < before
    mine = tuple_(provider_events.c.source, provider_events.c.event_id)
    theirs = select(unmatched_events.c.source, unmatched_events.c.event_id).where(old)
    connection.execute(delete(provider_events).where(mine.in_(theirs), provider_events.c.address.is_(None)))
    return connection.execute(delete(unmatched_events).where(old)).rowcount

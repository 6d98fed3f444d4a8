"""Since when it is not known whether a provider took a message, where it knows a message again for some time only.

A row is written before such a message is handed over, and goes when the provider said what became of it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, or_, select

from segflow.outbox.database import Database
from segflow.outbox.schema import doubts, messages

_OF_THESE = doubts.c.message_id.in_(bindparam("ids", expanding=True))
_STILL = or_(messages.c.released_at.is_(None), messages.c.released_at < doubts.c.since)
_SINCE = (
    select(doubts.c.message_id, doubts.c.since)
    .join(messages, messages.c.message_id == doubts.c.message_id)
    .where(_OF_THESE, _STILL)
)
_FORGET = delete(doubts).where(_OF_THESE)


class Doubts:
    """Those of a delivery store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def since(self, message_ids: Collection[str]) -> dict[str, datetime]:
        """message_id -> since when, of those that are in doubt. What a person released or retried after that is not."""
        with self._database.read() as connection:
            found = connection.execute(_SINCE, {"ids": list(message_ids)})
            return {row.message_id: row.since for row in found}

    def enter(self, connection: Connection, message_ids: Collection[str], at: datetime) -> None:
        """They are handed over at `at`, and were in no doubt till then."""
        if message_ids:
            rows = [{"message_id": one, "since": at} for one in message_ids]
            connection.execute(self._database.insert_or_update(doubts, "since"), rows)

    def leave(self, connection: Connection, message_ids: Collection[str]) -> None:
        """It is known what became of them."""
        if message_ids:
            connection.execute(_FORGET, {"ids": list(message_ids)})

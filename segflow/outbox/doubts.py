"""Since when it is not known whether a provider took a message, where it knows a message again for some time only.

A row is written before such a message is handed over, and goes when the provider said what became of it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, or_, select

from segflow.errors import PermanentError, TransientError
from segflow.messages import Receipt
from segflow.outbox.database import Database
from segflow.outbox.schema import doubts, messages

FORGETFUL = timedelta(minutes=10)
"""A provider is not relied on at the very end of the time for which it knows a message again."""
_OF_THESE = doubts.c.message_id.in_(bindparam("ids", expanding=True))
_STILL = or_(messages.c.released_at.is_(None), messages.c.released_at < doubts.c.since)
_SINCE = (
    select(doubts.c.message_id, doubts.c.since)
    .join(messages, messages.c.message_id == doubts.c.message_id)
    .where(_OF_THESE, _STILL)
)
_FORGET = delete(doubts).where(_OF_THESE)


@dataclass(frozen=True)
class DoubtChange:
    """The messages that come to be in doubt, and those that no longer are."""

    new: Collection[str]
    certain: Collection[str]


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


class Memory:
    """What one sender's provider still knows again, while its queue is drained."""

    def __init__(self, doubts: Doubts, lasting: float) -> None:
        """`lasting`: seconds for which the provider knows a message again."""
        self._doubts, self._lasting = doubts, timedelta(seconds=lasting) - FORGETFUL
        self._since: dict[str, datetime] = {}
        self._certain: list[str] = []

    def look_up(self, message_ids: Collection[str]) -> None:
        """Find out which of the messages that were just claimed are in doubt."""
        for one in message_ids:
            self._since.pop(one, None)
        self._since |= self._doubts.since(message_ids)

    def forgot(self, message_id: str) -> str | None:
        """Why a message must not be handed over again; None when it may be."""
        since = self._since.get(message_id)
        if since is None or datetime.now(UTC) - since <= self._lasting:
            return None
        return f"in doubt since {since:%Y-%m-%d %H:%M} UTC, and the provider does not know it again by now"

    def change(self, handed_over: Collection[str]) -> DoubtChange:
        """What to write with the outcomes since the last time, before these are handed over."""
        certain, self._certain = self._certain, []
        return DoubtChange([one for one in handed_over if one not in self._since], certain)

    def learn(self, message_id: str, told: object) -> None:
        """What the sender said became of a message."""
        # A no for now says nothing of an earlier attempt.
        no_for_now = isinstance(told, TransientError) and message_id not in self._since
        if no_for_now or isinstance(told, Receipt | PermanentError):
            self._certain.append(message_id)

    def interrupted(self, message_id: str) -> None:
        """It was being handed over when somebody stopped it."""
        self._since.setdefault(message_id, datetime.now(UTC))

    def not_handed_over(self, connection: Connection, message_ids: Collection[str]) -> None:
        """These were announced, or not even that."""
        self._doubts.leave(connection, [one for one in message_ids if one not in self._since])

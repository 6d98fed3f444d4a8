"""What the delivery store knows of messages that were sent, for the limits: who got what, and when."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from segflow.outbox.database import Database
from segflow.outbox.records import Outcome, SentMessage
from segflow.outbox.schema import messages

NOT_SENT = {"sent_at": None, "sent_live": None}
"""Of a message that the contact has not got after all."""
_AT_ONCE = 5_000
"""Values of one query: SQLite takes 32,766, Postgres 65,535."""


class SentMessages:
    """The questions about messages that were sent."""

    _database: Database

    def sent_to(self, contacts: Collection[str], since: datetime, *, live_only: bool) -> list[SentMessage]:
        """What these contacts got after `since`, or may have got (its outcome is unknown)."""
        names = ("message_id", "contact_id", "channel", "category", "sent_at")
        columns = [messages.c[name] for name in names]
        found: list[SentMessage] = []
        with self._database.read() as connection:
            for some in _parts(contacts):
                asked = select(*columns).where(messages.c.contact_id.in_(some), messages.c.sent_at > since)
                if live_only:
                    asked = asked.where(messages.c.sent_live.is_(True))
                found += [
                    SentMessage(row[0], row[1], row[2], row[3] or "marketing", row[4])
                    for row in connection.execute(asked)
                ]
        return found

    def claimed_of(self, message_ids: Collection[str]) -> list[str]:
        """Those of which the outcome is not recorded yet, in their order."""
        found: set[str] = set()
        with self._database.read() as connection:
            for some in _parts(message_ids):
                asked = select(messages.c.message_id)
                claimed = asked.where(messages.c.message_id.in_(some), messages.c.status == "claimed")
                found |= set(connection.scalars(claimed))
        return [one for one in message_ids if one in found]

    def sent_live_after(self, since: datetime) -> int:
        """How many messages live senders sent after `since`, or may have sent, or are at work on."""
        sent = select(func.count()).where(messages.c.sent_live.is_(True), messages.c.sent_at > since)
        claimed = select(func.count()).where(messages.c.status == "claimed")
        with self._database.read() as connection:
            return (connection.scalar(sent) or 0) + (connection.scalar(claimed) or 0)

    def sent_live_by(self, sender: str, since: datetime, most: int) -> list[datetime]:
        """When a live sender sent its last messages after `since`, or may have sent them: at most so many, the earliest
        first."""
        asked = select(messages.c.sent_at).where(messages.c.sent_live.is_(True), messages.c.sent_at > since)
        last = asked.where(messages.c.sender == sender).order_by(messages.c.sent_at.desc()).limit(most)
        with self._database.read() as connection:
            return [*connection.scalars(last)][::-1]

    def sent_live_at(self, number: int) -> datetime | None:
        """When the last but `number` - 1 message of live senders was sent; None when there are not so many."""
        asked = select(messages.c.sent_at).where(messages.c.sent_live.is_(True)).order_by(messages.c.sent_at.desc())
        with self._database.read() as connection:
            return connection.scalar(asked.offset(number - 1).limit(1))


def sent_values(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """`sent` and `live` of messages with one outcome, settled together: a contact may have got what is in doubt. They
    were sent within seconds; the last one's time is taken for all."""
    if outcomes[0].outcome not in ("sent", "unknown"):
        return {"sent": None, "live": None}
    return {"sent": max(one.at for one in outcomes), "live": outcomes[0].live}


def in_doubt(at: datetime) -> dict[str, Any]:
    """Of a message whose outcome a crash swallowed: a live sender's."""
    return {"due_at": None, "sent_at": at, "sent_live": True}


def note_holds(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    """Keep of messages that a limit holds that nothing was tried, and until when they wait."""
    held = [{"id": one.message_id, "until": one.due_at} for one in outcomes if one.hold]
    if held:
        connection.execute(
            update(messages)
            .where(messages.c.message_id == bindparam("id"))
            .values(holds=func.coalesce(messages.c.holds, 0) + 1, held_until=bindparam("until")),
            held,
        )


def _parts(values: Collection[str]) -> Iterator[list[str]]:
    listed = list(dict.fromkeys(values))
    for start in range(0, len(listed), _AT_ONCE):
        yield listed[start : start + _AT_ONCE]

"""What providers told about messages: delivered, opened, clicked, ... Kept here until a tick copies it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, select, update

from segflow.outbox.database import Database
from segflow.outbox.lease import Lease, LeaseTable
from segflow.outbox.schema import message_events, messages

Kind = Literal["delivered", "opened", "clicked", "bounced", "replied", "complained", "unsubscribed", "failed",
               "subscribed"]  # fmt: skip
"""Conditions ask for all but the last two."""

_BATCH = 1000


@dataclass(frozen=True, kw_only=True)
class MessageEvent:
    """One thing that a provider told. `at` is aware; `provider_event` is the provider's id of it, if there is one."""

    message_id: str
    kind: Kind
    at: datetime
    provider_event: str | None = None


class MessageEvents:
    """The message events of a delivery store. Recording needs no lease: callbacks come at any time."""

    def __init__(self, database: Database, leases: LeaseTable) -> None:
        self._database, self._leases = database, leases

    def record(self, events: Sequence[MessageEvent]) -> int:
        """Keep events of messages that this store knows. One that is there already (by message, kind and the provider's
        id, or else the time) is left alone. Returns how many were new."""
        return sum(self._record(events[start : start + _BATCH]) for start in range(0, len(events), _BATCH))

    def _record(self, events: Sequence[MessageEvent]) -> int:
        now = datetime.now(UTC)
        with self._database.write("message_events") as connection:
            ids = {event.message_id for event in events}
            asked = select(messages.c.message_id).where(messages.c.message_id.in_(ids))
            known = {row.message_id for row in connection.execute(asked)}
            rows = [
                {
                    "message_id": event.message_id,
                    "kind": event.kind,
                    "event_key": event.provider_event or event.at.astimezone(UTC).isoformat(),
                    "at": event.at,
                    "recorded_at": now,
                    "tick_id": None,
                }
                for event in events
                if event.message_id in known
            ]
            if not rows:
                return 0
            return connection.execute(self._database.insert_or_ignore(message_events), rows).rowcount

    def adopt(self, lease: Lease, tick_id: str) -> list[dict[str, Any]]:
        """Book what no tick has taken yet under this one, and return all that it has: the rows of ledger
        `message_events` without `tick_id`; times aware, in UTC. Repeating it adds what came meanwhile."""
        with self._database.write("adopt_message_events") as connection:
            self._leases.check_in(connection, lease)
            new = update(message_events).where(message_events.c.tick_id.is_(None))
            connection.execute(new.values(tick_id=tick_id))
            return _rows(connection, message_events.c.tick_id == tick_id)

    def waiting(self) -> list[dict[str, Any]]:
        """The rows that the next tick would adopt."""
        with self._database.read() as connection:
            return _rows(connection, message_events.c.tick_id.is_(None))


def _rows(connection: Connection, which: ColumnElement[bool]) -> list[dict[str, Any]]:
    columns = (
        messages.c.message_id, messages.c.flow, messages.c.step, messages.c.contact_id, messages.c.channel,
        message_events.c.kind, message_events.c.at, message_events.c.event_key,
    )  # fmt: skip
    joined = message_events.join(messages, messages.c.message_id == message_events.c.message_id)
    found = select(*columns).select_from(joined).where(which)
    ordered = found.order_by(message_events.c.at, messages.c.message_id, message_events.c.kind)
    return [dict(row._mapping) for row in connection.execute(ordered)]

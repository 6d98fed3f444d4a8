"""Which of the contacts that share an address gets a flow's messages: decided once, and kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields

from sqlalchemy import Connection, select, tuple_

from segflow.outbox.database import Database
from segflow.outbox.records import ClaimedMessage, PlannedMessage
from segflow.outbox.schema import address_turns, messages

Turn = tuple[str, str, str, str]
"""flow, the tick that planned the messages, channel, address (hashed)."""
_AT_ONCE = 5_000
_PLANNED = tuple(field.name for field in fields(PlannedMessage))


class AddressTurns:
    """What the delivery store keeps of them."""

    _database: Database

    def turns(self, asked: Collection[Turn]) -> dict[Turn, str]:
        """Turn -> contact, of those that are decided."""
        with self._database.read() as connection:
            return self._known(connection, list(asked))

    def take_turns(self, wanted: Mapping[Turn, str]) -> dict[Turn, str]:
        """Decide turns; one that is decided already stays. Returns what holds for all of them."""
        columns = ("flow", "tick_id", "channel", "address", "contact_id")
        rows = [dict(zip(columns, (*turn, contact), strict=True)) for turn, contact in wanted.items()]
        with self._database.write("turns") as connection:
            connection.execute(self._database.insert_or_ignore(address_turns), rows)
            return self._known(connection, list(wanted))

    def beside(self, message_ids: Collection[str]) -> list[tuple[ClaimedMessage, str]]:
        """These messages, whether claimed or not, each with its status."""
        ids, found = list(message_ids), []
        with self._database.read() as connection:
            for start in range(0, len(ids), _AT_ONCE):
                asked = select(messages).where(messages.c.message_id.in_(ids[start : start + _AT_ONCE]))
                for row in connection.execute(asked):
                    told = {name: getattr(row, name) for name in _PLANNED}
                    due = row.due_at or row.planned_at
                    one = ClaimedMessage(**told, attempt=max(row.attempts, 1), due_at=due, holds=row.holds or 0)
                    found.append((one, str(row.status)))
        return found

    def _known(self, connection: Connection, asked: list[Turn]) -> dict[Turn, str]:
        columns = address_turns.c
        key = tuple_(columns.flow, columns.tick_id, columns.channel, columns.address)
        found: dict[Turn, str] = {}
        for start in range(0, len(asked), _AT_ONCE):
            query = select(address_turns).where(key.in_(asked[start : start + _AT_ONCE]))
            for row in connection.execute(query):
                found[row.flow, row.tick_id, row.channel, row.address] = row.contact_id
        return found

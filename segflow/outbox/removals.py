"""Contacts that people take out of a flow by hand: kept here until a tick does it, once."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import insert, or_, select, update

from segflow.outbox.database import Database
from segflow.outbox.decisions import who
from segflow.outbox.lease import Lease, LeaseTable
from segflow.outbox.schema_people import removals

COLUMNS = ("id", "flow", "contact_id", "reason", "decided_by", "decided_at")


class Removals:
    """The removals of a delivery store. Recording one needs no lease: a tick may run meanwhile, and the stage that
    looks next takes it."""

    def __init__(self, database: Database, leases: LeaseTable) -> None:
        self._database, self._leases = database, leases

    def record(self, flow: str, contacts: Collection[str], reason: str | None = None) -> list[dict[str, Any]]:
        """Let the next tick end the enrollments of `contacts` in `flow`: all of them, or none is kept.

        Returns a row for each: id, flow, contact_id, reason, decided_by, decided_at, tick_id.
        """
        with self._database.write("decide") as connection:
            at, by = self._database.now(connection), who()
            rows = [
                {
                    "id": uuid.uuid4().hex,
                    "flow": flow,
                    "contact_id": contact,
                    "reason": reason,
                    "decided_by": by,
                    "decided_at": at,
                    "tick_id": None,
                }
                for contact in dict.fromkeys(contacts)
            ]
            if rows:
                connection.execute(insert(removals), rows)
        return rows

    def waiting(self, tick_id: str) -> list[dict[str, Any]]:
        """What `tick_id` may use: what no other tick has used. What a dead attempt of it had booked is among it."""
        mine = or_(removals.c.tick_id.is_(None), removals.c.tick_id == tick_id)
        asked = select(*(removals.c[name] for name in COLUMNS)).where(mine)
        with self._database.read() as connection:
            ordered = asked.order_by(removals.c.decided_at, removals.c.id)
            return [dict(row._mapping) for row in connection.execute(ordered)]

    def book(self, lease: Lease, tick_id: str, used: Sequence[str]) -> None:
        """Mark those with these ids as used by this tick. Call it just before the commit that uses them."""
        with self._database.write("book") as connection:
            self._leases.check_in(connection, lease)
            for one in used:
                connection.execute(update(removals).where(removals.c.id == one).values(tick_id=tick_id))

"""Deleted contacts that people let come back: kept here until a tick does it, once."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any

from sqlalchemy import insert, or_, select, update

from segflow.outbox.database import Database
from segflow.outbox.decisions import who
from segflow.outbox.lease import Lease, LeaseTable
from segflow.outbox.schema_people import restores

COLUMNS = ("id", "contact_id", "reason", "decided_by", "decided_at")


class Restores:
    """The restores of a delivery store. Recording one needs no lease: the next tick takes it."""

    def __init__(self, database: Database, leases: LeaseTable) -> None:
        self._database, self._leases = database, leases

    def record(self, contacts: Collection[str], reason: str | None = None) -> list[dict[str, Any]]:
        """Let the next tick see `contacts` again: all of them, or none is kept.

        Returns a row for each: id, contact_id, reason, decided_by, decided_at.
        """
        with self._database.write("decide") as connection:
            at, by = self._database.now(connection), who()
            rows = [
                {"id": uuid.uuid4().hex, "contact_id": contact, "reason": reason, "decided_by": by, "decided_at": at}
                for contact in dict.fromkeys(contacts)
            ]
            if rows:
                connection.execute(insert(restores), rows)
        return rows

    def waiting(self, tick_id: str | None = None) -> list[dict[str, Any]]:
        """What no tick has used; with `tick_id` also what a dead attempt of that tick had booked."""
        mine = or_(restores.c.tick_id.is_(None), restores.c.tick_id == tick_id)
        asked = select(*(restores.c[name] for name in COLUMNS)).where(mine)
        with self._database.read() as connection:
            ordered = asked.order_by(restores.c.decided_at, restores.c.id)
            return [dict(row._mapping) for row in connection.execute(ordered)]

    def book(self, lease: Lease, tick_id: str, used: Collection[str]) -> None:
        """Mark those with these ids as used by this tick. Call it just before the commit that uses them."""
        with self._database.write("book") as connection:
            self._leases.check_in(connection, lease)
            for one in used:
                connection.execute(update(restores).where(restores.c.id == one).values(tick_id=tick_id))

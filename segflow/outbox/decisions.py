"""What people decided about things that a guard holds: kept here until a tick uses it, once."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import uuid
from collections.abc import Collection, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Select, insert, or_, select, update

from segflow.outbox.database import Database
from segflow.outbox.lease import Lease, LeaseTable
from segflow.outbox.schema_people import decisions

Kind = Literal["segment", "flow", "contacts"]

EVERYBODY = "contacts"
"""The name that decisions of kind contacts have: they are about all of them."""


class Decisions:
    """The decisions of a delivery store. Recording one needs no lease: a tick may run meanwhile, and the stage that
    looks next takes it."""

    def __init__(self, database: Database, leases: LeaseTable) -> None:
        self._database, self._leases = database, leases

    def record(self, kind: Kind, names: Collection[str], reason: str | None = None) -> list[dict[str, Any]]:
        """Release things of `kind`. Returns the row of each: id, kind, name, reason, decided_by, decided_at, tick_id.

        What is released already, and not used by a tick, keeps its row.
        """
        if not names:
            return []
        with self._database.write("decide") as connection:
            waiting = {row["name"]: row for row in self._rows(connection, _open(kind))}
            new = [
                {
                    "id": uuid.uuid4().hex,
                    "kind": kind,
                    "name": name,
                    "reason": reason,
                    "decided_by": who(),
                    "decided_at": datetime.now(UTC),
                    "tick_id": None,
                }
                for name in dict.fromkeys(names)
                if name not in waiting
            ]
            if new:
                connection.execute(insert(decisions), new)
        waiting |= {str(row["name"]): row for row in new}
        return [waiting[name] for name in dict.fromkeys(names)]

    def released(self, kind: Kind, tick_id: str) -> set[str]:
        """The names that `tick_id` may let pass: released and not used by another tick.

        What a dead attempt of this tick had booked is among them, so that a resume decides as it did.
        """
        with self._database.read() as connection:
            return {row["name"] for row in self._rows(connection, _of_tick(kind, tick_id))}

    def book(self, lease: Lease, kind: Kind, tick_id: str, used: Collection[str]) -> None:
        """Mark the decisions about `used` as used by this tick; others that it had booked wait again.

        Call it just before the commit that lets them pass: booked later, a crash between the two would let one
        decision pass twice.
        """
        with self._database.write("book") as connection:
            self._leases.check_in(connection, lease)
            rows = self._rows(connection, _of_tick(kind, tick_id))
            for booked in (None, tick_id):
                ids = [row["id"] for row in rows if (row["name"] in used) == (booked is not None)]
                if ids:
                    connection.execute(update(decisions).where(decisions.c.id.in_(ids)).values(tick_id=booked))

    def used(self, tick_id: str) -> list[dict[str, Any]]:
        """The decisions that this tick used, of all kinds; times aware, in UTC."""
        with self._database.read() as connection:
            return self._rows(connection, select(decisions).where(decisions.c.tick_id == tick_id))

    def _rows(self, connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
        ordered = query.order_by(decisions.c.decided_at, decisions.c.id)
        return [dict(row._mapping) for row in connection.execute(ordered)]


def _open(kind: Kind) -> Select[Any]:
    return select(decisions).where(decisions.c.kind == kind, decisions.c.tick_id.is_(None))


def _of_tick(kind: Kind, tick_id: str) -> Select[Any]:
    mine = or_(decisions.c.tick_id.is_(None), decisions.c.tick_id == tick_id)
    return select(decisions).where(decisions.c.kind == kind, mine)


_acting: ContextVar[str | None] = ContextVar("acting", default=None)


@contextlib.contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Inside the block, what is decided is decided by `name`."""
    token = _acting.set(name)
    try:
        yield
    finally:
        _acting.reset(token)


def who() -> str:
    """Who decides: whom `acting_as` names, or the person at this machine, as far as it knows."""
    named = _acting.get()
    if named is not None:
        return named
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user often has no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"

"""Flows that people pause and resume at once, without a commit: what was said last about a flow counts.

Both are rows of `decisions`, of kind `pause` and `resume`. Unlike a release they are not used up: a tick books those
that are new, so that they reach the ledger, and looks at all of them.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update

from segflow.outbox.database import Database
from segflow.outbox.decisions import who
from segflow.outbox.lease import Lease, LeaseTable
from segflow.outbox.schema_people import decisions

Switch = Literal["pause", "resume"]
KINDS: tuple[Switch, ...] = ("pause", "resume")


@dataclass(frozen=True, kw_only=True)
class Pause:
    """A flow that is paused: who said so, when and why."""

    id: str
    flow: str
    reason: str | None
    decided_by: str
    decided_at: datetime

    def __str__(self) -> str:
        why = f": {self.reason}" if self.reason else ""
        return f"paused by {self.decided_by} since {self.decided_at:%Y-%m-%d %H:%M} UTC{why}"


class Pauses:
    """The pauses of a delivery store. Recording one needs no lease: a tick under way looks before it plans or sends."""

    def __init__(self, database: Database, leases: LeaseTable) -> None:
        self._database, self._leases = database, leases

    def record(self, kind: Switch, flow: str, reason: str | None = None) -> dict[str, Any]:
        """Keep what a person says. Returns the row: id, kind, name, reason, decided_by, decided_at, tick_id."""
        with self._database.write("decide") as connection:
            row = {
                "id": uuid.uuid4().hex,
                "kind": kind,
                "name": flow,
                "reason": reason,
                "decided_by": who(),
                # The store's clock: what was said last counts, on whatever machine.
                "decided_at": self._database.now(connection),
                "tick_id": None,
            }
            connection.execute(insert(decisions), [row])
        return row

    def now(self) -> dict[str, Pause]:
        """The flows that are paused, by name."""
        with self._database.read() as connection:
            return _paused(connection)

    def unbooked(self) -> list[str]:
        """The ids of what no tick has taken into the ledger yet."""
        mine = decisions.c.kind.in_(KINDS), decisions.c.tick_id.is_(None)
        with self._database.read() as connection:
            return list(connection.scalars(select(decisions.c.id).where(*mine)))

    def book(self, lease: Lease, tick_id: str, ids: Collection[str]) -> None:
        """Let this tick take these into the ledger."""
        if not ids:
            return
        with self._database.write("book") as connection:
            self._leases.check_in(connection, lease)
            for one in ids:
                connection.execute(update(decisions).where(decisions.c.id == one).values(tick_id=tick_id))


def _paused(connection: Connection) -> dict[str, Pause]:
    rows = select(decisions).where(decisions.c.kind.in_(KINDS)).order_by(decisions.c.decided_at, decisions.c.id)
    found: dict[str, Pause] = {}
    for row in connection.execute(rows):
        found.pop(row.name, None)
        if row.kind == "pause":
            found[row.name] = Pause(
                id=row.id, flow=row.name, reason=row.reason, decided_by=row.decided_by, decided_at=row.decided_at
            )
    return found

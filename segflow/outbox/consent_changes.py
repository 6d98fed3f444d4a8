"""What contacts said about messages since: opted in or out of a channel or a topic. Kept here, newer than what their
attributes say, and copied by the next tick."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import or_, select, update

from segflow.outbox.database import Database
from segflow.outbox.lease import Lease, LeaseTable
from segflow.outbox.schema import consent_changes

State = Literal["opted_in", "opted_out"]
_AT_ONCE = 5_000


@dataclass(frozen=True, kw_only=True)
class ConsentChange:
    """One thing that a contact said. `at` is aware. With a `topic` it is about that; without, about the channel (None:
    about every one) and the category (None: about both)."""

    contact_id: str
    state: State
    at: datetime
    source: str
    """Where it was said, like unsubscribe_page."""
    channel: str | None = None
    topic: str | None = None
    category: str | None = None


_TOLD = tuple(field.name for field in fields(ConsentChange))


def _id_of(change: ConsentChange) -> str:
    told = [
        value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value for value in vars(change).values()
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


class ConsentChanges:
    """The consent changes of a delivery store. Recording needs no lease: they come at any time."""

    def __init__(self, database: Database, leases: LeaseTable) -> None:
        self._database, self._leases = database, leases

    def record(self, changes: Sequence[ConsentChange]) -> None:
        """Keep changes; they hold for whatever is sent from now on. The same thing told again is one change."""
        rows = [{"id": _id_of(one), **asdict(one), "tick_id": None} for one in changes]
        if rows:
            with self._database.write("consent") as connection:
                connection.execute(self._database.insert_or_ignore(consent_changes), rows)

    def of(self, contacts: Collection[str]) -> Mapping[str, Sequence[ConsentChange]]:
        """Contact -> what it said, the latest first; of two things at one time no comes before yes."""
        found: dict[str, list[ConsentChange]] = {}
        listed = list(contacts)
        with self._database.read() as connection:
            for start in range(0, len(listed), _AT_ONCE):
                asked = select(*(consent_changes.c[name] for name in _TOLD))
                some = asked.where(consent_changes.c.contact_id.in_(listed[start : start + _AT_ONCE]))
                for row in connection.execute(some):
                    found.setdefault(row.contact_id, []).append(ConsentChange(**row._mapping))
        for changes in found.values():
            changes.sort(key=lambda one: (one.at, one.state == "opted_out"), reverse=True)
        return found

    def adopt(self, lease: Lease, tick_id: str) -> list[dict[str, Any]]:
        """Book what no tick has taken yet under this one, and return all that it has: the rows of ledger
        `consent_changes` without `tick_id`; times aware, in UTC."""
        if not self.waiting(tick_id):
            return []
        with self._database.write("adopt_consent") as connection:
            self._leases.check_in(connection, lease)
            new = update(consent_changes).where(consent_changes.c.tick_id.is_(None))
            connection.execute(new.values(tick_id=tick_id))
        return self.waiting(tick_id)

    def waiting(self, tick_id: str | None = None) -> list[dict[str, Any]]:
        """The rows that the next tick would adopt, or that `tick_id` has or would."""
        mine = or_(consent_changes.c.tick_id.is_(None), consent_changes.c.tick_id == tick_id)
        asked = select(*(consent_changes.c[name] for name in ("id", *_TOLD))).where(mine)
        with self._database.read() as connection:
            ordered = asked.order_by(consent_changes.c.at, consent_changes.c.id)
            return [dict(row._mapping) for row in connection.execute(ordered)]

"""Contacts that people offer to a flow again: kept here until a tick uses it, once."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, insert, or_, select, update

from segflow.outbox.database import Database
from segflow.outbox.decisions import who
from segflow.outbox.lease import Lease, LeaseTable
from segflow.outbox.schema import retrigger_contacts, retriggers


@dataclass(frozen=True, kw_only=True)
class Retrigger:
    """One order of a person. `segment` None: all that trigger the flow; `contacts` None: their present members."""

    id: str
    flow: str
    segment: str | None
    contacts: tuple[str, ...] | None
    ignore_reentry: bool
    reason: str | None
    decided_by: str
    decided_at: datetime


class Retriggers:
    """The retriggers of a delivery store. Recording one needs no lease: a tick may run meanwhile, and the stage that
    looks next takes it."""

    def __init__(self, database: Database, leases: LeaseTable) -> None:
        self._database, self._leases = database, leases

    def record(
        self,
        flow: str,
        segment: str | None = None,
        contacts: Collection[str] | None = None,
        ignore_reentry: bool = False,
        reason: str | None = None,
    ) -> Retrigger:
        """Keep an order for the next tick: all of it, or nothing."""
        one = Retrigger(
            id=uuid.uuid4().hex,
            flow=flow,
            segment=segment,
            contacts=None if contacts is None else tuple(dict.fromkeys(contacts)),
            ignore_reentry=ignore_reentry,
            reason=reason,
            decided_by=who(),
            decided_at=datetime.now(UTC),
        )
        values = {name: getattr(one, name) for name in _COLUMNS}
        values |= {"contacts": None if one.contacts is None else len(one.contacts), "tick_id": None}
        with self._database.write("decide") as connection:
            connection.execute(insert(retriggers), [values])
            if one.contacts:
                rows = [{"retrigger_id": one.id, "contact_id": contact} for contact in one.contacts]
                connection.execute(insert(retrigger_contacts), rows)
        return one

    def waiting(self, tick_id: str) -> list[Retrigger]:
        """The orders that `tick_id` may use: those that no other tick has used. What a dead attempt of this tick had
        booked is among them, so that a resume offers the same contacts."""
        mine = or_(retriggers.c.tick_id.is_(None), retriggers.c.tick_id == tick_id)
        columns = [retriggers.c[name] for name in _COLUMNS]
        asked = select(*columns, retriggers.c.contacts).where(mine).order_by(retriggers.c.decided_at, retriggers.c.id)
        found = []
        with self._database.read() as connection:
            for row in connection.execute(asked):
                values = dict(row._mapping)
                if values["contacts"] is not None:
                    own = select(retrigger_contacts.c.contact_id).where(retrigger_contacts.c.retrigger_id == row.id)
                    values["contacts"] = tuple(connection.scalars(own.order_by(retrigger_contacts.c.contact_id)))
                found.append(Retrigger(**values))
        return found

    def book(self, lease: Lease, tick_id: str, used: Sequence[str]) -> None:
        """Mark the orders with these ids as used by this tick; others that it had booked wait again.

        Call it just before the commit that uses them: booked later, a crash between the two would use one twice. The
        contacts of orders that earlier ticks used are dropped: they are in the warehouse's journal now.
        """
        with self._database.write("book") as connection:
            self._leases.check_in(connection, lease)
            table = retriggers.c
            connection.execute(update(retriggers).where(table.tick_id == tick_id).values(tick_id=None))
            for one in used:
                connection.execute(update(retriggers).where(table.id == one).values(tick_id=tick_id))
            past = select(table.id).where(table.tick_id.is_not(None), table.tick_id != tick_id)
            connection.execute(delete(retrigger_contacts).where(retrigger_contacts.c.retrigger_id.in_(past)))


_COLUMNS = ("id", "flow", "segment", "ignore_reentry", "reason", "decided_by", "decided_at")

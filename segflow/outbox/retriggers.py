"""Contacts that people offer to a flow again, or enroll by hand: kept here until a tick uses it, once."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from sqlalchemy import Table, delete, insert, or_, select, update

from segflow.outbox.database import Database
from segflow.outbox.decisions import who
from segflow.outbox.lease import Lease, LeaseTable


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


@dataclass(frozen=True, kw_only=True)
class Enroll(Retrigger):
    """One order to let contacts in who need not meet the trigger; `segment` (any one) or `contacts` is given."""


R = TypeVar("R", bound=Retrigger)


class Orders(Generic[R]):
    """The orders of one kind that a delivery store keeps, with the contacts that they name. Recording one needs no
    lease: a tick may run meanwhile, and the stage that looks next takes it."""

    def __init__(self, database: Database, leases: LeaseTable, kind: type[R], orders: Table, contacts: Table) -> None:
        self._database, self._leases, self._kind = database, leases, kind
        self._orders, self._contacts = orders, contacts
        self._key = next(iter(contacts.columns))

    def record(
        self,
        flow: str,
        segment: str | None = None,
        contacts: Collection[str] | None = None,
        ignore_reentry: bool = False,
        reason: str | None = None,
    ) -> R:
        """Keep an order for the next tick: all of it, or nothing."""
        one = self._kind(
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
            connection.execute(insert(self._orders), [values])
            if one.contacts:
                rows = [{self._key.name: one.id, "contact_id": contact} for contact in one.contacts]
                connection.execute(insert(self._contacts), rows)
        return one

    def waiting(self, tick_id: str) -> list[R]:
        """The orders that `tick_id` may use: those that no other tick has used. What a dead attempt of this tick had
        booked is among them, so that a resume offers the same contacts."""
        table = self._orders.c
        mine = or_(table.tick_id.is_(None), table.tick_id == tick_id)
        columns = [table[name] for name in _COLUMNS]
        asked = select(*columns, table.contacts).where(mine).order_by(table.decided_at, table.id)
        found = []
        with self._database.read() as connection:
            for row in connection.execute(asked):
                values = dict(row._mapping)
                if values["contacts"] is not None:
                    own = select(self._contacts.c.contact_id).where(self._key == row.id)
                    values["contacts"] = tuple(connection.scalars(own.order_by(self._contacts.c.contact_id)))
                found.append(self._kind(**values))
        return found

    def book(self, lease: Lease, tick_id: str, used: Sequence[str]) -> None:
        """Mark the orders with these ids as used by this tick; others that it had booked wait again.

        Call it just before the commit that uses them: booked later, a crash between the two would use one twice. The
        contacts of orders that earlier ticks used are dropped: they are in the warehouse's journal now.
        """
        with self._database.write("book") as connection:
            self._leases.check_in(connection, lease)
            orders, table = self._orders, self._orders.c
            connection.execute(update(orders).where(table.tick_id == tick_id).values(tick_id=None))
            for one in used:
                connection.execute(update(orders).where(table.id == one).values(tick_id=tick_id))
            past = select(table.id).where(table.tick_id.is_not(None), table.tick_id != tick_id)
            connection.execute(delete(self._contacts).where(self._key.in_(past)))


_COLUMNS = ("id", "flow", "segment", "ignore_reentry", "reason", "decided_by", "decided_at")

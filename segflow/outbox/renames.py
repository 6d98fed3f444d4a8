"""Flows that got another name: the delivery store calls them as the warehouse does."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import insert, select, update

from segflow.outbox.lease import Lease
from segflow.outbox.pauses import KINDS
from segflow.outbox.schema import marks, messages
from segflow.outbox.schema_people import decisions, enrolls, removals, retriggers
from segflow.outbox.store import DeliveryStore

DONE = "renamed"
"""The mark that holds the renames that were done last, and their tick."""


def rename_flows(store: DeliveryStore, lease: Lease, tick_id: str, renames: Sequence[tuple[str, str]]) -> None:
    """Give what earlier ticks have planned, and what people said of flows, new names: (earlier, present) in order.

    Repeating it for the same tick, as a resumed one does, changes nothing. Raises LeaseLostError.
    """
    told = json.dumps([tick_id, *renames])
    with store.writing("rename", lease) as connection:
        if connection.scalar(select(marks.c.value).where(marks.c.name == DONE)) == told:
            return
        for old, new in renames:
            planned = messages.c.flow == old, messages.c.tick_id < tick_id
            connection.execute(update(messages).where(*planned).values(flow=new))
            said = decisions.c.name == old, decisions.c.kind.in_(("flow", *KINDS))
            connection.execute(update(decisions).where(*said).values(name=new))
            for table in (retriggers, enrolls, removals):
                connection.execute(update(table).where(table.c.flow == old).values(flow=new))
        connection.execute(marks.delete().where(marks.c.name == DONE))
        connection.execute(insert(marks), [{"name": DONE, "value": told}])

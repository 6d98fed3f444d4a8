"""Imports that people made: kept here with their rows until a tick takes them in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, or_, select, update

from segflow.outbox.database import Database
from segflow.outbox.decisions import who
from segflow.outbox.lease import Lease, LeaseTable
from segflow.outbox.schema_people import imports

_TOLD = [column for column in imports.columns if column.name != "content"]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The good rows of one import. `content` is a Parquet file with `contact_id` and a text column per attribute."""

    import_id: str
    """A hash of what it says, so that saying it twice is one import."""
    file: str
    list: str | None
    trigger_flows: bool
    rows: int
    refused: int
    content: bytes


class Imports:
    """The imports of a delivery store. Recording one needs no lease: the next tick takes it in.

    The rows are kept in the store, not in a file beside it: one transaction makes row and content durable together, a
    backup has both, and machines that share a store need no folder that they share, too.
    """

    def __init__(self, database: Database, leases: LeaseTable) -> None:
        self._database, self._leases = database, leases

    def record(self, batch: Batch) -> tuple[dict[str, Any], bool]:
        """Keep an import. Returns its row without the content, and whether it is new: one with its id stays as it
        is."""
        row = {**vars(batch), "decided_by": who(), "decided_at": datetime.now(UTC), "tick_id": None}
        with self._database.write("import") as connection:
            new = connection.execute(self._database.insert_or_ignore(imports), [row]).rowcount > 0
            mine = select(*_TOLD).where(imports.c.import_id == batch.import_id)
            return dict(connection.execute(mine).one()._mapping), new

    def adopt(self, lease: Lease, tick_id: str) -> list[dict[str, Any]]:
        """Book what no tick has taken in yet under this one, and return all that it has, content included, in the order
        in which they were made. Repeating it adds what came meanwhile.

        The content of earlier ticks' imports goes: their ticks are over, and their rows are in the ledgers.
        """
        over = (imports.c.tick_id != tick_id) & imports.c.content.is_not(None)
        mine = or_(imports.c.tick_id.is_(None), imports.c.tick_id == tick_id)
        with self._database.read() as connection:
            if not connection.scalar(select(func.count()).where(or_(mine, over))):
                return []
        with self._database.write("adopt_imports") as connection:
            self._leases.check_in(connection, lease)
            connection.execute(update(imports).where(over).values(content=None))
            connection.execute(update(imports).where(imports.c.tick_id.is_(None)).values(tick_id=tick_id))
            wanted = select(imports).where(imports.c.tick_id == tick_id)
            ordered = wanted.order_by(imports.c.decided_at, imports.c.import_id)
            return [dict(row._mapping) for row in connection.execute(ordered)]

    def waiting(self) -> list[dict[str, Any]]:
        """What the next tick will take in, content included, in the order in which they were made; books nothing."""
        wanted = select(imports).where(imports.c.tick_id.is_(None))
        with self._database.read() as connection:
            ordered = wanted.order_by(imports.c.decided_at, imports.c.import_id)
            return [dict(row._mapping) for row in connection.execute(ordered)]

    def listing(self) -> list[Mapping[str, Any]]:
        """All imports without their content, the last first. `tick_id` is null while one waits."""
        ordered = select(*_TOLD).order_by(imports.c.decided_at.desc(), imports.c.import_id)
        with self._database.read() as connection:
            return [dict(row._mapping) for row in connection.execute(ordered)]

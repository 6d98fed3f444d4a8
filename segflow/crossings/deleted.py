"""The contacts that flows have deleted: the tombstones that stand now, whatever the time of a tick."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlglot import exp

from segflow.warehouse.base import Warehouse
from segflow.warehouse.sqlfile import load_query


@dataclass(frozen=True)
class Tombstone:
    """A contact that is deleted, and by what."""

    contact_id: str
    deleted_at: datetime
    """UTC, naive."""
    flow: str
    step: str

    def __str__(self) -> str:
        """What happened, in words."""
        by, at = f"flow {self.flow}, step {self.step}", f"{self.deleted_at:%Y-%m-%d %H:%M} UTC"
        return f"{self.contact_id} was deleted by {by}, on {at}"


def deleted_now() -> exp.Query:
    """(contact_id, deleted_at, flow, step) of those that are deleted."""
    return load_query(Path(__file__).parent / "sql/deleted_now.sql")


def tombstones(warehouse: Warehouse, contacts: Collection[str] | None = None) -> list[Tombstone]:
    """Those of `contacts`, None: all, by contact."""
    query = exp.select("*").from_(deleted_now().subquery("deleted")).order_by("contact_id")
    if contacts is not None:
        query = query.where(exp.column("contact_id").isin(*sorted(contacts))) if contacts else query.where(exp.false())
    return [Tombstone(**row) for row in warehouse.rows(query)]

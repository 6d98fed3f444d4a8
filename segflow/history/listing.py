"""`segflow segments`: each segment with its size, what the last tick did, and whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlglot import exp

from segflow.history.authors import authors
from segflow.segments.turns import next_turn
from segflow.specs.project import Specs
from segflow.ticks.ledger import as_of_of
from segflow.warehouse.base import Warehouse, relation


@dataclass(frozen=True)
class Listed:
    """A segment after the last tick."""

    segment: str
    members: int
    change: int
    entered: int
    exited: int
    owner: str | None
    created_by: str | None
    created_at: datetime | None
    changed_by: str | None
    changed_at: datetime | None
    """Of the file, as git has it; None for what is in no commit."""
    last_tick: str | None
    """The last tick that compared it."""
    every: str | None
    """How often it is compared, where that is not at every tick."""
    due: datetime | None
    """The first tick from then on (UTC) compares it; None: the next one does."""
    status: str
    reason: str | None


def listing(specs: Specs, warehouse: Warehouse, tick_id: str) -> list[Listed]:
    """The segments that tick `tick_id` knew, by name. One that was just removed has no owner any more."""
    files = authors(specs.root, specs.segment_dir.name)
    evaluated = (
        exp.select("segment_key", exp.Max(this=exp.column("tick_id")).as_("last_tick"))
        .from_(relation("segment_sizes"))
        .where(exp.column("status").eq(exp.Literal.string("ok")))
        .group_by("segment_key")
    )
    last = {row["segment_key"]: row["last_tick"] for row in warehouse.rows(evaluated)}
    rows = warehouse.rows(
        exp.select("segment_key", "segment", "members", "entered", "exited", "status", "reason")
        .from_(relation("segment_sizes"))
        .where(exp.column("tick_id").eq(exp.Literal.string(tick_id)))
        .order_by("segment")
    )
    found = []
    for row in rows:
        named = specs.segments.get(row["segment"])
        git = files.get(named.file) if named is not None else None
        found.append(
            Listed(
                segment=row["segment"],
                members=row["members"],
                change=row["entered"] - row["exited"],
                entered=row["entered"],
                exited=row["exited"],
                owner=named.spec.owner if named is not None else None,
                created_by=git.created_by if git else None,
                created_at=git.created_at if git else None,
                changed_by=git.changed_by if git else None,
                changed_at=git.changed_at if git else None,
                last_tick=last.get(row["segment_key"]),
                every=str(named.spec.every) if named is not None and named.spec.every is not None else None,
                due=_due(specs, row, last.get(row["segment_key"])),
                status=row["status"],
                reason=row["reason"],
            )
        )
    return found


def _due(specs: Specs, row: Mapping[str, Any], last: str | None) -> datetime | None:
    named = specs.segments.get(row["segment"])
    if named is None or named.spec.every is None or last is None or row["status"] not in ("ok", "resting"):
        return None
    return next_turn(named.spec.every, as_of_of(last), specs.settings)

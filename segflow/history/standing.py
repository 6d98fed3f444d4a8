"""How segments and flows stand after a tick, held against what was before: one query for all of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlglot import exp

from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"
TICKS = 30
"""So many ticks before are a segment's history."""
LEAST = 5
"""With fewer, nothing can be said about what is usual."""
LATELY = timedelta(days=7)
MESSAGES = 5

_ADDRESS = re.compile(r"[^\s<>\"']+@[^\s<>\"']+")
_NUMBER = re.compile(r"\+\d(?:[ ()/-]{0,2}\d){6,}|\b\d{9,}\b")


@dataclass(frozen=True, kw_only=True)
class Size:
    """A segment's members in a tick, and in up to `TICKS` ticks before it that compared it."""

    members: int
    status: str
    ticks: int
    smallest: int
    largest: int
    last: int | None

    @property
    def emptied(self) -> bool:
        """Had it members at the tick before, and has it none now?"""
        return self.status == "ok" and self.members == 0 and bool(self.last)

    @property
    def usual(self) -> tuple[int, int] | None:
        """The sizes that its history lets expect: those it had, and beyond them as much again as they differ, or a
        tenth, or 10. None: there is too little history."""
        if self.ticks < LEAST:
            return None
        room = max(self.largest - self.smallest, self.largest // 10, 10)
        return max(0, self.smallest - room), self.largest + room


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One attempt to deliver a message of a flow; `reason` names nobody."""

    step: str
    channel: str
    sender: str
    outcome: str
    reason: str | None
    at: datetime


@dataclass(kw_only=True)
class FlowMessages:
    """Attempts of a flow within `LATELY`: how many, how many failed, and the last ones."""

    attempts: int
    failed: int
    last: list[Sent] = field(default_factory=list)


def sizes(warehouse: Warehouse, tick_id: str) -> dict[str, Size]:
    """segment -> its size in a tick beside its history."""
    rows = warehouse.rows(load_query(_SQL / "sizes_before.sql", tick_id=tick_id, most=TICKS))
    return {
        row["segment"]: Size(
            members=row["members"],
            status=row["status"],
            ticks=row["ticks"],
            smallest=row["smallest"] or 0,
            largest=row["largest"] or 0,
            last=row["last_members"],
        )
        for row in rows
    }


def flow_messages(warehouse: Warehouse, tick_id: str, as_of: datetime) -> dict[str, FlowMessages]:
    """flow -> its attempts of the last days, as far as a tick has taken them in; flows without any are left out."""
    query = load_query(_SQL / "flow_messages.sql", tick_id=tick_id, since=as_of - LATELY, most=MESSAGES)
    found: dict[str, FlowMessages] = {}
    for row in warehouse.rows(query):
        one = found.setdefault(row["flow"], FlowMessages(attempts=int(row["attempts"]), failed=int(row["failed"])))
        reason = None if row["reason"] is None else nameless(row["reason"])
        one.last.append(
            Sent(
                step=row["step"],
                channel=row["channel"],
                sender=row["sender"],
                outcome=row["outcome"],
                reason=reason,
                at=row["at"],
            )
        )
    return found


def nameless(text: str) -> str:
    """A reason without the addresses and numbers that providers like to repeat in theirs."""
    return _NUMBER.sub("(number)", _ADDRESS.sub("(address)", text))


def zones_in_use(warehouse: Warehouse) -> list[str]:
    """The time zones that contacts have, as the last tick found them."""
    return sorted(row["zone"] for row in warehouse.rows(exp.select("zone").distinct().from_(relation("time_zones"))))

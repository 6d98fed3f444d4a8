"""One contact's timeline: every crossing, enrollment, step and message, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlglot import exp

from segflow.errors import InputError
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"
FINAL = ("sent", "skipped", "failed", "dropped")
"""Outcomes after which a message waits no longer."""


@dataclass(frozen=True, kw_only=True)
class TraceRow:
    """One thing that happened to a contact. What does not belong to its kind is None."""

    at: datetime
    """UTC, naive."""
    tick_id: str
    kind: str
    """contact, import, segment, decision, flow, step or message."""
    action: str
    """came, gone, returned, deleted, restored; entered, exited; enrolled, ended, dropped, waiting; what a step did;
    planned, sent, skipped, opened, ..."""
    segment: str | None
    flow: str | None
    step: str | None
    reason: str | None
    entry_number: int | None
    triggers: bool | None
    enrollment_id: str | None
    visit: int | None
    message_id: str | None
    channel: str | None
    sender: str | None

    @property
    def what(self) -> str:
        """The subject: `segment tea`, `flow hi`, `hi.hello`, ..."""
        if self.kind == "contact":
            return self.kind
        if self.kind in ("step", "message"):
            return f"{self.flow}.{self.step}" if self.flow else f"message {self.message_id}"
        return (
            f"{self.kind} {self.segment}" if self.kind == "segment" else f"flow {self.flow}" if self.flow else self.kind
        )

    @property
    def words(self) -> str:
        """What happened, and why, in a few words."""
        match self.kind:
            case "segment":
                told = f"{self.action}, entry {self.entry_number}: {self.reason}"
                return told if self.triggers else f"{told}; triggers nothing"
            case "import":
                answer = "flows may react" if self.triggers else "no flow reacts"
                return f"changed by an import ({self.reason}; {answer})"
            case "decision":
                return f"taken out by {self.reason}"
            case "contact" if self.action == "deleted":
                return f"deleted by flow {self.flow}, step {self.step}"
            case "contact" if self.action == "restored":
                return f"restored by {self.reason}"
            case "message":
                told = f"{self.channel} {self.action}" + (f" by {self.sender}" if self.sender else "")
            case "flow" if self.action == "enrolled":
                return "enrolled: " + " ".join(word for word in (self.reason, self.segment) if word)
            case _:
                told = self.action
        return f"{told}: {self.reason}" if self.reason else told


@dataclass(frozen=True, kw_only=True)
class Trace:
    """All that the ledgers say of a contact, oldest first, and where it is now."""

    contact_id: str
    rows: list[TraceRow]
    segments: list[str]
    """The segments that it is a member of."""
    flows: dict[str, str]
    """Flow that it is in -> the step where it stands."""
    waiting: list[str]
    """The ids of its messages that have no final outcome yet."""


_ORDER = ("at", "turn", "hop", "tick_id", "kind", "segment", "flow", "step", "message_id")


def trace(warehouse: Warehouse, contact_id: str) -> Trace:
    """The timeline of a contact, also of one that is gone. Raises InputError for one that no tick has seen."""
    told = warehouse.rows(load_query(_SQL / "trace.sql", contact_id=contact_id))
    # Here, where texts are in one order on every engine, and nulls last.
    told.sort(key=lambda row: [(row[name] is None, row[name]) for name in _ORDER])
    rows = [TraceRow(**{name: row[name] for name in row if name not in ("turn", "hop")}) for row in told]
    if not rows:
        raise InputError(f"unknown contact {contact_id}: no tick has seen one of this id")

    def mine(table: str, *columns: str) -> list[dict[str, str]]:
        asked = exp.select(*columns).from_(relation(table))
        return warehouse.rows(asked.where(exp.column("contact_id").eq(exp.Literal.string(contact_id))))

    done = {row.message_id for row in rows if row.kind == "message" and row.action in FINAL}
    return Trace(
        contact_id=contact_id,
        rows=rows,
        segments=sorted(row["segment"] for row in mine("segment_members", "segment")),
        flows=dict(sorted((row["flow"], row["step"]) for row in mine("flow_positions", "flow", "step"))),
        waiting=[
            row.message_id
            for row in rows
            if row.action == "planned" and row.message_id is not None and row.message_id not in done
        ],
    )

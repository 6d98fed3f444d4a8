"""The ledger of ticks: which ones ran, how far, and which one comes next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.errors import InputError
from segflow.warehouse.base import Warehouse, relation

_SCHEMA = pa.schema(
    [
        ("as_of", pa.timestamp("us")),
        ("stage", pa.string()),
        ("status", pa.string()),
        ("started_at", pa.timestamp("us")),
        ("finished_at", pa.timestamp("us")),
        ("contacts", pa.int64()),
        ("null_contacts", pa.int64()),
        ("bounds", pa.string()),
        ("compiled", pa.string()),
    ]
)


@dataclass(frozen=True)
class TickRow:
    """One row of `segflow.ticks`. `stage` is the last stage that is done; `status` is running or done."""

    tick_id: str
    as_of: datetime
    """UTC, with zone."""
    stage: str | None
    status: str
    started_at: datetime
    finished_at: datetime | None = None
    contacts: int | None = None
    null_contacts: int | None = None
    bounds: str | None = None
    compiled: str | None = None
    """Which models the build of this tick ran: a hash of their text."""

    def with_(self, **changes: Any) -> TickRow:
        return replace(self, **changes)


def tick_id_of(as_of: datetime) -> str:
    """A tick's id: its as_of in UTC, so that ids sort as the ticks do."""
    return as_of.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def save(warehouse: Warehouse, row: TickRow) -> None:
    """Write the row of a tick; writing it again replaces it."""
    values = {
        "as_of": _naive(row.as_of),
        "stage": row.stage,
        "status": row.status,
        "started_at": _naive(row.started_at),
        "finished_at": _naive(row.finished_at),
        "contacts": row.contacts,
        "null_contacts": row.null_contacts,
        "bounds": row.bounds,
        "compiled": row.compiled,
    }
    warehouse.append("ticks", row.tick_id, pa.Table.from_pylist([values], schema=_SCHEMA))


def load(warehouse: Warehouse, tick_id: str) -> TickRow | None:
    """The row of a tick, or None."""
    rows = warehouse.rows(_select().where(exp.column("tick_id").eq(exp.Literal.string(tick_id))))
    return _row(rows[0]) if rows else None


def last(warehouse: Warehouse) -> TickRow | None:
    """The latest tick, or None before the first."""
    rows = warehouse.rows(_select().order_by("tick_id DESC").limit(1))
    return _row(rows[0]) if rows else None


def previous(warehouse: Warehouse, tick_id: str) -> TickRow | None:
    """The tick before `tick_id`, or None."""
    before = exp.column("tick_id") < exp.Literal.string(tick_id)
    rows = warehouse.rows(_select().where(before).order_by("tick_id DESC").limit(1))
    return _row(rows[0]) if rows else None


def check_order(as_of: datetime, latest: TickRow | None) -> None:
    """Raise InputError when a tick at `as_of` would not come after the latest one."""
    if latest is not None and as_of < latest.as_of:
        raise InputError(
            f"a tick at {as_of.isoformat()} would lie before the last one, {latest.as_of.isoformat()}: ticks only go "
            "forward, because crossings were already recorded. Give a later --as-of."
        )


def _select() -> exp.Select:
    return exp.select("tick_id", *_SCHEMA.names).from_(relation("ticks"))


def _row(values: dict[str, Any]) -> TickRow:
    times = {name: _aware(values[name]) for name in ("as_of", "started_at", "finished_at")}
    return TickRow(**{**values, **times})


def _naive(instant: datetime | None) -> datetime | None:
    return instant.astimezone(UTC).replace(tzinfo=None) if instant else None


def _aware(instant: datetime | None) -> datetime | None:
    return instant.replace(tzinfo=UTC) if instant else None

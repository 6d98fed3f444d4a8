"""Taking back messages that still wait when their contact has left the flow: at once, not when they fall due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlglot import exp

from segflow.outbox.lease import Lease
from segflow.outbox.schema import attempts, messages
from segflow.outbox.store import DeliveryStore
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.sqlfile import load_query
from segflow.warehouse.tick import Tick

_LEFT = Path(__file__).parent / "sql/left.sql"
_ROWS_AT_ONCE = 10_000
_IDS_AT_ONCE = 500


@dataclass(frozen=True)
class _Left:
    """Enrollments of one flow that left for one reason; None: the whole flow. `before_visit` None: all visits."""

    flow: str
    reason: str
    before_visit: int | None
    enrollments: Sequence[str] | None


def withdraw(
    warehouse: Warehouse, store: DeliveryStore, tick: Tick, lease: Lease, since: str | None
) -> Mapping[str, int]:
    """Skip the waiting messages (planned, or held for later) of who has left since tick `since`, None: ever.

    What an enrollment planned that came to its own end (`completed`, `exit`) still goes out. A message of unknown
    outcome waits for a person. Repeating it changes nothing. Returns how many there were by sender.
    """
    found: Counter[str] = Counter()
    names = _names(warehouse)
    left = load_query(_LEFT, since=since or "", tick_id=tick.tick_id)
    for batch in warehouse.batches(left, _ROWS_AT_ONCE):
        for one in _grouped(batch.to_pylist()):
            found.update(_skip(store, one, names.get(one.flow, {one.flow}), tick, lease))
    return found


def _names(warehouse: Warehouse) -> dict[str, set[str]]:
    """Flow that was renamed -> its names: the store keeps a message under the name that its flow had."""
    names: dict[str, set[str]] = {}
    renames = exp.select("flow", "renamed_from").from_(relation("flow_renames")).order_by("tick_id", "ordinal")
    for row in warehouse.rows(renames):
        names[row["flow"]] = {row["flow"], *names.pop(row["renamed_from"], {row["renamed_from"]})}
    return names


def _grouped(rows: list[dict[str, Any]]) -> Iterator[_Left]:
    def key(row: dict[str, Any]) -> tuple[str, str, int]:
        return row["flow"], row["reason"], row["before_visit"] or 0

    for (flow, reason, visit), group in groupby(sorted(rows, key=key), key=key):
        ids = [row["enrollment_id"] for row in group]
        if None in ids:
            yield _Left(flow, reason, None, None)
            continue
        for start in range(0, len(ids), _IDS_AT_ONCE):
            yield _Left(flow, reason, visit or None, ids[start : start + _IDS_AT_ONCE])


def _skip(store: DeliveryStore, left: _Left, names: Collection[str], tick: Tick, lease: Lease) -> Counter[str]:
    wanted = select(messages.c.message_id, messages.c.attempts, messages.c.sender)
    wanted = wanted.where(messages.c.due_at.is_not(None), messages.c.flow.in_(names))
    if left.enrollments is not None:
        wanted = wanted.where(messages.c.enrollment_id.in_(left.enrollments))
    if left.before_visit is not None:
        wanted = wanted.where(messages.c.visit < left.before_visit)
    wall = datetime.now(UTC)
    with store.writing("withdraw", lease) as connection:
        rows = connection.execute(wanted).all()
        if not rows:
            return Counter()
        connection.execute(
            update(messages)
            .where(messages.c.message_id == bindparam("id"))
            .values(
                status="skipped",
                attempts=messages.c.attempts + 1,
                due_at=None,
                recorded_at=wall,
                settled_tick=tick.tick_id,
            ),
            [{"id": row.message_id} for row in rows],
        )
        connection.execute(
            insert(attempts),
            [
                {
                    "message_id": row.message_id,
                    "attempt": row.attempts + 1,
                    "outcome": "skipped",
                    "reason": f"withdrawn: {left.reason}",
                    "sender": row.sender,
                    "at": tick.as_of,
                    "recorded_at": wall,
                    "tick_id": tick.tick_id,
                }
                for row in rows
            ],
        )
    return Counter(row.sender for row in rows)

"""What flows asked people to do."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from segflow.warehouse.base import Warehouse, relation


def tasks(warehouse: Warehouse, assignee: str | None, flow: str | None, limit: int) -> list[dict[str, Any]]:
    """The rows of ledger `tasks`, the latest first."""
    query = exp.select("*").from_(relation("tasks"))
    for column, value in (("assignee", assignee), ("flow", flow)):
        if value is not None:
            query = query.where(exp.column(column).eq(exp.Literal.string(value)))
    latest = exp.Ordered(this=exp.column("created_at"), desc=True)
    return warehouse.rows(query.order_by(latest, "task_id").limit(limit))

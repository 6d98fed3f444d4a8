"""How far two tables of the same columns are apart."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from segflow.segments.sql import union_all
from segflow.warehouse.base import Warehouse


def rows_apart(warehouse: Warehouse, one: exp.Table, other: exp.Table, columns: Sequence[str]) -> int:
    """How many rows of either table the other does not have, by contact and `columns`; rows are counted."""
    shown = [exp.column("contact_id"), *(exp.column(column, quoted=True) for column in columns)]
    these, those = (exp.select(*(part.copy() for part in shown)).from_(rows) for rows in (one, other))
    lost = exp.except_(these, those, distinct=False).subquery("lost")
    gained = exp.except_(those.copy(), these.copy(), distinct=False).subquery("gained")
    apart = union_all([exp.select("*").from_(lost), exp.select("*").from_(gained)])
    return int(warehouse.scalar(exp.select(exp.Count(this=exp.Star())).from_(apart.subquery("apart"))) or 0)

"""The physical form of membership, hidden here: everything else sees (segment, contact_id) rows.

Today both sides are long: `memberships` and one table per `.sql` segment on one side, `segment_members` on the other.
A dense base would want contact-major bit masks; that change stays in this module and its pass of the compiler.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlglot import exp

from segflow.errors import StaleGenerationError
from segflow.segments.compiler import MEMBERSHIPS, Compiled
from segflow.segments.membership_models import segment_model
from segflow.warehouse.base import Warehouse, relation


def current_members(compiled: Compiled, evaluated: Collection[str]) -> exp.Query:
    """(segment, contact_id) of every contact that matches an evaluated segment in the present build."""
    sql = [name for name in compiled.sql_segments() if name in evaluated]
    query: exp.Query = exp.select("segment", "contact_id").from_(relation(MEMBERSHIPS))
    for name in sql:
        rows = exp.select(exp.Literal.string(name).as_("segment"), "contact_id").from_(relation(segment_model(name)))
        query = exp.union(query, rows, distinct=False)
    return query


def check_generation(warehouse: Warehouse, models: Iterable[str], tick_id: str) -> None:
    """Raise StaleGenerationError when a relation holds rows that were built for another tick, or is not there."""
    for model in models:
        if not warehouse.exists(model):
            raise StaleGenerationError(f"segflow.{model} was never built; run the build stage of tick {tick_id}")
        other = warehouse.rows(
            exp.select("tick_id")
            .from_(relation(model))
            .where(exp.column("tick_id").neq(exp.Literal.string(tick_id)))
            .limit(1)
        )
        if other:
            raise StaleGenerationError(
                f"segflow.{model} was built for tick {other[0]['tick_id']}, not for {tick_id}; "
                "run the build stage of this tick again"
            )


def models_read(compiled: Compiled, evaluated: Collection[str]) -> list[str]:
    """The relations that `current_members` reads."""
    return [MEMBERSHIPS, *(segment_model(name) for name in compiled.sql_segments() if name in evaluated)]

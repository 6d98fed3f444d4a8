"""Generations: every fact, `.sql` segment, `contacts` and `memberships` says which tick it was built for.

A build that was killed leaves tables of mixed age. Read together they would say things that were never true.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from segflow.errors import StaleGenerationError
from segflow.warehouse.base import Warehouse, relation


def check_generation(warehouse: Warehouse, models: Iterable[str], tick_id: str, *, or_newer: bool = False) -> None:
    """Raise StaleGenerationError when a relation holds rows that were built for another tick, or is not there.

    `or_newer`: a later tick's are as good. For who shows attributes as they are now, beside members of `tick_id`.
    """
    for model in models:
        if not warehouse.exists(model):
            raise StaleGenerationError(
                f"segflow.{model} was never built; run `segflow tick`, which builds for tick {tick_id}"
            )
        built, wanted = exp.column("tick_id"), exp.Literal.string(tick_id)
        wrong = built < wanted if or_newer else built.neq(wanted)
        other = warehouse.rows(exp.select("tick_id").from_(relation(model)).where(wrong).limit(1))
        if other:
            raise StaleGenerationError(
                f"segflow.{model} was built for tick {other[0]['tick_id']}, not for {tick_id}; "
                "run `segflow tick`, which builds it anew"
            )

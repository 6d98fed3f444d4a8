"""Generations: every fact, `.sql` segment, `contacts` and `memberships` says which tick it was built for.

A build that was killed leaves tables of mixed age. Read together they would say things that were never true.

Most tables are made anew for each tick, and all of their rows say which. A fact model that was patched holds rows of
several ticks: those that nothing has changed since. That it is whole for a tick says its row of `fact_builds`, which
whoever builds the table takes away before and writes afterwards, in one transaction with the table's rows.
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
    patched = whole_for(warehouse)
    for model in models:
        if not warehouse.exists(model):
            raise StaleGenerationError(
                f"segflow.{model} was never built; run `segflow tick`, which builds for tick {tick_id}"
            )
        generation = patched.get(model)
        if generation is not None and (generation == tick_id or (or_newer and generation > tick_id)):
            continue
        built, wanted = exp.column("tick_id"), exp.Literal.string(tick_id)
        wrong = built < wanted if or_newer else built.neq(wanted)
        other = warehouse.rows(exp.select("tick_id").from_(relation(model)).where(wrong).limit(1))
        if other:
            raise StaleGenerationError(
                f"segflow.{model} was built for tick {other[0]['tick_id']}, not for {tick_id}; "
                "run `segflow tick`, which builds it anew"
            )


def whole_for(warehouse: Warehouse) -> dict[str, str]:
    """Fact model -> the tick that it is known to be whole for, of those whose builds are noted."""
    if not warehouse.exists("fact_builds"):
        return {}
    noted = exp.select("model", "tick_id").from_(relation("fact_builds"))
    return {row["model"]: row["tick_id"] for row in warehouse.rows(noted)}

"""Generations: every fact, `.sql` segment, `contacts` and `memberships` says which tick it was built for.

A build that was killed leaves tables of mixed age. Read together they would say things that were never true.

Most tables are made anew for each tick, and all of their rows say which. A fact model that was patched holds rows of
several ticks: those that nothing has changed since. That it is whole for a tick says its row of `model_builds`, which
whoever builds the table takes away before and writes afterwards, in one transaction with the table's rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlglot import exp

from segflow.errors import StaleGenerationError
from segflow.warehouse.base import Warehouse, relation

_AT_ONCE = 40
"""Models that one statement is about."""


def check_generation(warehouse: Warehouse, models: Iterable[str], tick_id: str, *, or_newer: bool = False) -> None:
    """Raise StaleGenerationError when a relation holds rows that were built for another tick, or is not there.

    `or_newer`: a later tick's are as good. For who shows attributes as they are now, beside members of `tick_id`.
    """
    built, wanted = exp.column("tick_id"), exp.Literal.string(tick_id)
    wrong = built < wanted if or_newer else built.neq(wanted)
    patched: dict[str, str] | None = None
    # Most of the price of a question is to ask it, and all of them are asked in every tick.
    for some in _chunks(list(models)):
        if missing := warehouse.missing(some):
            raise StaleGenerationError(
                f"segflow.{missing[0]} was never built; run `segflow tick`, which builds for tick {tick_id}"
            )
        each = [_others(model, wrong).subquery(f"m{number}") for number, model in enumerate(some)]
        rows = [exp.select("*").from_(one) for one in each]
        found = warehouse.rows(exp.union(*rows, distinct=False) if len(rows) > 1 else rows[0])
        if found and patched is None:
            patched = whole_for(warehouse)
        found = [row for row in found if not _is_whole((patched or {}).get(row["model"]), tick_id, or_newer)]
        if found:
            first = min(found, key=lambda row: some.index(row["model"]))
            raise StaleGenerationError(
                f"segflow.{first['model']} was built for tick {first['tick_id']}, not for {tick_id}; "
                "run `segflow tick`, which builds it anew"
            )


def whole_for(warehouse: Warehouse) -> dict[str, str]:
    """Fact model -> the tick that it is known to be whole for, of those whose builds are noted."""
    if not warehouse.exists("model_builds"):
        return {}
    noted = exp.select("model", "tick_id").from_(relation("model_builds"))
    return {row["model"]: row["tick_id"] for row in warehouse.rows(noted)}


def _is_whole(generation: str | None, tick_id: str, or_newer: bool) -> bool:
    return generation is not None and (generation == tick_id or (or_newer and generation > tick_id))


def _others(model: str, wrong: exp.Expr) -> exp.Select:
    """One row of a model that is not as it is wanted, if there is any."""
    return exp.select(exp.Literal.string(model).as_("model"), "tick_id").from_(relation(model)).where(wrong).limit(1)


def _chunks(models: list[str]) -> Iterator[list[str]]:
    return (models[start : start + _AT_ONCE] for start in range(0, len(models), _AT_ONCE))

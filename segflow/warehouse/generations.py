"""Generations: every fact, `.sql` segment, `contacts` and `memberships` says which tick it was built for.

A build that was killed leaves tables of mixed age. Read together they would say things that were never true.

All rows of a table that is made anew say which. One that is patched holds rows of several ticks: those that nothing has
changed since. That it is whole for a tick says its row of `model_builds`, which whoever builds the table takes away
before and writes afterwards, in one transaction with the table's rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlglot import exp

from segflow.errors import StaleGenerationError
from segflow.warehouse.base import Warehouse, relation

_BUILDS = "model_builds"
_AT_ONCE = 40
"""Models that one statement is about."""


def check_generation(warehouse: Warehouse, models: Iterable[str], tick_id: str, *, or_newer: bool = False) -> None:
    """Raise StaleGenerationError when a relation holds rows that were built for another tick, or is not there.

    `or_newer`: a later tick's are as good. For who shows attributes as they are now, beside members of `tick_id`.
    """
    built, wanted = exp.column("tick_id"), exp.Literal.string(tick_id)
    wrong, whole = (built < wanted, built >= wanted) if or_newer else (built.neq(wanted), built.eq(wanted))
    # Most of the price of a question is to ask it, and all of them are asked in every tick.
    for some in _chunks(list(models)):
        missing = warehouse.missing([*some, _BUILDS])
        if gone := [model for model in missing if model != _BUILDS]:
            raise StaleGenerationError(
                f"segflow.{gone[0]} was never built; run `segflow tick`, which builds for tick {tick_id}"
            )
        noted = whole if warehouse.row_deletes and _BUILDS not in missing else None
        each = [_others(model, wrong, noted).subquery(f"m{number}") for number, model in enumerate(some)]
        rows = [exp.select("*").from_(one) for one in each]
        found = warehouse.rows(exp.union(*rows, distinct=False) if len(rows) > 1 else rows[0])
        if found:
            first = min(found, key=lambda row: some.index(row["model"]))
            raise StaleGenerationError(
                f"segflow.{first['model']} was built for tick {first['tick_id']}, not for {tick_id}; "
                "run `segflow tick`, which builds it anew"
            )


def whole_for(warehouse: Warehouse) -> dict[str, str]:
    """Model -> the tick that its table is known to be whole for, of those whose builds are noted."""
    if not warehouse.exists(_BUILDS):
        return {}
    noted = exp.select("model", "tick_id").from_(relation(_BUILDS))
    return {row["model"]: row["tick_id"] for row in warehouse.rows(noted)}


def _others(model: str, wrong: exp.Expr, noted: exp.Expr | None) -> exp.Select:
    """One row of a model that is not as it is wanted, if there is any. `noted`: as of which notes that does not matter;
    None where nothing is noted."""
    name = exp.Literal.string(model)
    found = exp.select(name.as_("model"), "tick_id").from_(relation(model)).where(wrong)
    if noted is not None:
        mine = exp.column("model").eq(name.copy())
        whole = exp.select(exp.Literal.number(1)).from_(relation(_BUILDS)).where(mine, noted)
        found = found.where(exp.Not(this=exp.Exists(this=whole)))
    return found.limit(1)


def _chunks(models: list[str]) -> Iterator[list[str]]:
    return (models[start : start + _AT_ONCE] for start in range(0, len(models), _AT_ONCE))

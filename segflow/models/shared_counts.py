"""Rows of a model of the user's that several fact models are made of are counted once in a build, by the first of them.

What is noted of the rows that had arrived must have been counted before any of them was looked at: a row that comes in
between is new to the next tick then. So what another model of the same build has counted is good for all that come
after it. Found to be those of before, for one, they are so for each that was made of the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from segflow.models.build_notes import ARRIVALS, BUILDS, digest, judged, utc
from segflow.segments.fact_patches import Arrivals, arrived_query
from segflow.ticks.context import TickContext
from segflow.warehouse.base import relation

_NOTED = ("until", "row_count", "nulls")


@dataclass(frozen=True)
class Counting:
    """What one fact model has to know of the rows that it is made of. `known`: `Arrivals.key` -> the row of
    `fact_arrivals` of before, if any; `patched`: is it patched if these are as they were?"""

    model: str
    loaded: Sequence[Arrivals]
    known: Mapping[str, Mapping[str, Any] | None]
    patched: bool

    def before(self, key: str) -> tuple[Any, Any] | None:
        """What is known of a source; None where that is not asked, because all is computed."""
        row = self.known[key] if self.patched else None
        return (row["until"], row["row_count"]) if row is not None else None


def counts(context: TickContext, mine: Iterable[Counting], builds: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Fact model -> what the macros are told: `arrived`, the counts, and `checks`, what is asked of them. `builds`: the
    rows of `model_builds`."""
    every = list(mine)
    # A build of this tick that died has counted them too long ago.
    mine_alone = {one.model for one in every}
    begins = all(row["tick_id"] != context.tick_id for row in builds if row["model"] in mine_alone)
    found: dict[str, Any] = {}
    for one in every:
        arrived: list[dict[str, str]] = []
        checks: list[str] = []
        for number, source in enumerate(one.loaded):
            before = one.before(source.key)
            others = [
                other.model
                for other in every
                if other.model != one.model
                and any(source.key == theirs.key for theirs in other.loaded)
                and before in (None, other.before(source.key))
            ]
            counted = exp.to_identifier(f"segflow_counted_{number}_{digest(one.model)}")
            arrived.append(_arrived(context, one.model, source, before, counted, others if begins else []))
            if before is not None:
                checks.append(
                    context.warehouse.words.sql(exp.select(judged(before[1]).as_("why")).from_(_named(counted)))
                )
        found[one.model] = {"arrived": arrived, "checks": checks}
    return found


def _arrived(
    context: TickContext,
    model: str,
    source: Arrivals,
    before: tuple[Any, Any] | None,
    counted: exp.Identifier,
    others: Sequence[str],
) -> dict[str, str]:
    """`count`, what counts the rows of a source and notes it; `ask`, whether one of `others` has done so in this build,
    and `take`, what takes it from there."""
    words = context.warehouse.words

    def noted(query: exp.Select) -> str:
        if before is None:
            return _note(context, model, source, query)
        # All rows are read once, for the note and for the check. The one row goes with the connection.
        table = words.sql(_named(counted))
        made = f"drop table if exists {table}; create temporary table {table} as {words.sql(context.fill(query))}"
        return f"{made}; {_note(context, model, source, exp.select('*').from_(_named(counted)))}"

    told = {"count": noted(arrived_query(source, utc(before[0]) if before is not None else None))}
    if not others:
        return told
    mine: exp.Expr = exp.column("tick_id").eq(exp.Literal.string(context.tick_id))
    mine = exp.and_(mine, exp.column("model").isin(*map(exp.Literal.string, sorted(others))), copy=False)
    if before is not None:
        # It was patched: the rows were those of before.
        mine = exp.and_(mine, exp.column("reason").is_(exp.null()), copy=False)
    first = exp.select(exp.Min(this=exp.column("model"))).from_(relation(BUILDS)).where(mine)
    known = exp.cast(exp.Literal.number(before[1]) if before is not None else exp.null(), "BIGINT").as_("known")
    theirs = exp.select(*_NOTED, known).from_(relation(ARRIVALS))
    theirs = theirs.where(exp.column("source").eq(exp.Literal.string(source.key)))
    theirs = theirs.where(exp.column("model").eq(exp.Subquery(this=first)))
    return told | {
        "ask": words.sql(exp.select(exp.Count(this=exp.Star())).from_(relation(BUILDS)).where(mine.copy())),
        "take": noted(theirs),
    }


def _note(context: TickContext, model: str, source: Arrivals, counted: exp.Select) -> str:
    given = [exp.Literal.string(model).as_("model"), exp.Literal.string(source.key).as_("source")]
    rows = exp.select(*given, *_NOTED).from_(context.fill(counted).subquery("counted"))
    return context.warehouse.words.sql(exp.insert(rows, relation(ARRIVALS), columns=("model", "source", *_NOTED)))


def _named(table: exp.Identifier) -> exp.Table:
    return exp.Table(this=table.copy())

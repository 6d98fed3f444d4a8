"""Are patched facts what they are in full? Asked beside ticks, of the rows that the last patch has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from segflow.errors import RunError, WarehouseError
from segflow.models.apart import rows_apart
from segflow.models.build_notes import (
    ARRIVALS,
    BUILDS,
    EDITED,
    TOUCHED,
    check_of,
    fingerprint,
    forget,
    patches_facts,
    utc,
)
from segflow.segments.bounds import timestamp_literal
from segflow.segments.compiler import MEMBERSHIPS
from segflow.segments.fact_models import fact_query
from segflow.segments.fact_patches import arrivals, arrived_query, why_whole
from segflow.segments.facts import FactColumn, by_model
from segflow.segments.membership_masks import MASKS, mask, words_of
from segflow.segments.sql import select
from segflow.segments.stored import moment
from segflow.ticks.context import TickContext
from segflow.warehouse.base import Warehouse, all_rows, relation
from segflow.warehouse.tick import Tick


@dataclass(frozen=True)
class FactVerdict:
    """What became of the comparison of one fact model."""

    model: str
    differing: int = 0
    """Rows that are not what they are in full, and rows of either that the other one does not have."""
    why_not: str | None = None
    """Why it could not be compared."""


def verdicts(context: TickContext) -> list[FactVerdict]:
    """Compute every fact model that ticks may patch in full, of the rows that it was last built of and as of that tick,
    and compare. Writes nothing but temporary tables."""
    compiled, warehouse = context.compiled, context.warehouse
    noted = {row["model"]: row for row in warehouse.rows(all_rows(BUILDS))}
    arrived = {(row["model"], row["source"]): row for row in warehouse.rows(all_rows(ARRIVALS))}
    found: list[FactVerdict] = []
    patched = by_model(compiled.columns) if patches_facts(context) else {}
    for model, columns in sorted(patched.items()):
        if model in noted and why_whole(columns, compiled.specs.catalog) is None:
            known = {source: row for (of, source), row in arrived.items() if of == model}
            found.append(_verdict(context, model, columns, noted[model], known))
    if MASKS in noted and context.warehouse.row_deletes:
        found.append(_of_memberships(context, noted[MASKS]))
    return found


def _of_memberships(context: TickContext, noted: Mapping[str, Any]) -> FactVerdict:
    """Are the memberships those of the contacts, facts and `.sql` segments that are there?"""
    compiled, warehouse = context.compiled, context.warehouse
    text = compiled.file_of(MASKS)
    touched = warehouse.scalar(exp.select(exp.Count(this=exp.Star())).from_(relation(TOUCHED)))
    if touched or fingerprint(context, text, []) != noted["fingerprint"]:
        # A build has died before it came to them, or the rules are others by now.
        return FactVerdict(MEMBERSHIPS, why_not=EDITED if not touched else "the last build did not come to an end")
    try:
        full = context.fill(text.split("\n", 1)[1])
        names = [mask(word) for word in range(words_of(compiled.places))]
        whole = warehouse.stage("whole memberships", full)
        return FactVerdict(MEMBERSHIPS, rows_apart(warehouse, relation(MASKS), whole, names))
    except (RunError, WarehouseError) as error:
        return FactVerdict(MEMBERSHIPS, why_not=" ".join(str(error).split()))


def taken_for_new(warehouse: Warehouse, model: str) -> None:
    """Let the next tick compute a fact model, or the memberships, in full."""
    for table in (BUILDS, ARRIVALS):
        warehouse.execute(forget(table, MASKS if model == MEMBERSHIPS else model))


def _verdict(
    context: TickContext,
    model: str,
    columns: Sequence[FactColumn],
    noted: Mapping[str, Any],
    known: Mapping[str, Mapping[str, Any]],
) -> FactVerdict:
    compiled, warehouse = context.compiled, context.warehouse
    context = TickContext(compiled, warehouse, context.models, Tick(noted["tick_id"], utc(noted["as_of"])))
    loaded = arrivals(columns, compiled.specs.catalog)
    if any(one.key not in known or known[one.key]["until"] is None for one in loaded):
        return FactVerdict(model, why_not=EDITED)
    try:
        if fingerprint(context, compiled.file_of(model), loaded) != noted["fingerprint"]:
            return FactVerdict(model, why_not=EDITED)
        later: dict[str, list[exp.Expr]] = {}
        for one in loaded:
            until = utc(known[one.key]["until"])
            why = warehouse.scalar(context.fill(check_of(one, until, known[one.key]["row_count"])))
            if why is not None:
                return FactVerdict(model, why_not=str(why))
            now = context.fill(arrived_query(one)).subquery("now")
            if warehouse.scalar(select([exp.column("until")], now)) != until.replace(tzinfo=None):
                before = exp.LTE(this=moment(one.at), expression=timestamp_literal(until))
                later.setdefault(one.model, []).append(before)
        seen = {name: _seen(context, name, conditions) for name, conditions in later.items()}
        full = context.fill(
            fact_query(columns, compiled.specs.catalog), lambda name: seen.get(name) or context.relation(name)
        )
        whole = warehouse.stage("whole facts", full)
        names = [one.column for one in columns]
        return FactVerdict(model, rows_apart(warehouse, relation(model), whole, names))
    except (RunError, WarehouseError) as error:
        # Of this model alone: the others are compared.
        return FactVerdict(model, why_not=" ".join(str(error).split()))


def _seen(context: TickContext, model: str, conditions: Sequence[exp.Expr]) -> exp.Table:
    """The rows of a model of the user's that satisfy the conditions."""
    rows = exp.select("*").from_(context.relation(model)).where(*conditions)
    return context.warehouse.stage(f"seen of {model}", context.fill(rows))

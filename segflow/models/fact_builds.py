"""What a tick tells dbt about each fact model: all of it is computed, and why, or what something has touched.

Decided here is what can be known before dbt runs: whether the model is another one than that whose table is there. The
rest (rows that are gone, rows that came out of order) is asked when the model is built, after the user's models were:
the macros of `segflow_facts.sql` do it, with the queries of this module. What they did is read from `fact_builds`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlglot import exp

from segflow.errors import RunError
from segflow.segments.bounds import timestamp_literal
from segflow.segments.emit import value_macros
from segflow.segments.fact_patches import (
    Arrivals,
    Moved,
    arrivals,
    arrived_query,
    touched_query,
    why_whole,
)
from segflow.segments.facts import FactColumn, by_model
from segflow.segments.sql import id_text
from segflow.ticks.context import TickContext
from segflow.warehouse.base import all_rows, relation
from segflow.warehouse.models import PatchingModels
from segflow.warehouse.names import own_model
from segflow.warehouse.words import Words
from segflow.zones import version as tzdata

BUILDS, ARRIVALS = "fact_builds", "fact_arrivals"
_FORM = 1
"""Of what is noted and of how touched contacts are found. Tables of another form are not patched."""
FIRST, EDITED, BROKEN, BACK = "first build", "edited", "a part of it cannot be evaluated", "as_of went back"
NO_RELATION = "their rows are in no relation"
NO_DELETES = "the engine patches none"
NULLS, GONE, DISORDER = "rows without arrived_at", "rows are gone or changed", "rows came out of order"


def fact_plans(context: TickContext, mended: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """dbt model -> what the macros are told, of all fact models; empty where `context.models` cannot patch.

    `mended`: the models that are built with other code than the compiled one, because a part cannot be evaluated.
    """
    compiled, warehouse = context.compiled, context.warehouse
    # A warehouse of a build before has no notes before its next tick.
    if not isinstance(context.models, PatchingModels) or not warehouse.exists(ARRIVALS):
        return {}
    builds, arrivals_noted = warehouse.answers(all_rows(BUILDS), all_rows(ARRIVALS))
    noted = {row["model"]: row for row in builds}
    arrived = {(row["model"], row["source"]): row for row in arrivals_noted}
    plans: dict[str, dict[str, Any]] = {}
    for model, columns in by_model(compiled.columns).items():
        name = own_model(model)
        gone = [warehouse.words.sql(forget(table, model)) for table in (BUILDS, ARRIVALS)]
        plan: dict[str, Any] = {"forget": gone, "why": None}
        plans[name] = plan
        plan["why"] = BROKEN if name in mended else why_whole(columns, compiled.specs.catalog)
        if plan["why"] is None and not warehouse.row_deletes:
            plan["why"] = NO_DELETES
        if plan["why"] is not None:
            continue
        loaded = arrivals(columns, compiled.specs.catalog)
        try:
            mark = fingerprint(context, compiled.files[f"facts/{name}.sql"], loaded)
        except RunError:
            # dbt says what is wrong with them, if anything is.
            plan["why"] = NO_RELATION
            continue
        plan["arrived"] = [_note_arrivals(context, model, one, arrived_query(one)) for one in loaded]
        note = [exp.Literal.string(text) for text in (model, context.tick_id)]
        values = [*note, timestamp_literal(context.as_of), exp.Literal.string(mark)]
        plan["note"] = ", ".join(warehouse.words.sql(value) for value in values)
        before = noted.get(model)
        known = {one.key: arrived.get((model, one.key)) for one in loaded}
        plan["why"] = _why(context, before, known, mark)
        if plan["why"] is None:
            assert before is not None
            plan |= _patch(context, model, columns, before, loaded, known)
    return plans


def _why(context: TickContext, before: Mapping[str, Any] | None, known: Mapping[str, Any], mark: str) -> str | None:
    """Why the table that is there, if any, cannot be patched."""
    if before is None or any(row is None or row["until"] is None for row in known.values()):
        return FIRST
    if before["fingerprint"] != mark:
        return EDITED
    if _utc(before["as_of"]) > context.as_of:
        return BACK
    return NULLS if any(row["nulls"] for row in known.values()) else None


def _patch(
    context: TickContext,
    model: str,
    columns: Sequence[FactColumn],
    before: Mapping[str, Any],
    loaded: Sequence[Arrivals],
    known: Mapping[str, Any],
) -> dict[str, Any]:
    words, compiled = context.warehouse.words, context.compiled
    until = {key: _utc(row["until"]) for key, row in known.items()}
    moved = Moved(_utc(before["as_of"]), context.as_of, compiled.zone)
    digest = hashlib.sha256(model.encode()).hexdigest()[:12]
    touched = exp.to_identifier(f"segflow_touched_{digest}")
    ids = exp.select(id_text(exp.column("contact_id"))).from_(exp.Table(this=touched))
    since_full = before["since_full"] + 1
    shown = [exp.column("contact_id"), *(exp.column(column.column, quoted=True) for column in columns)]
    query = touched_query(columns, compiled.specs.catalog, moved, until)
    counted = {one.key: exp.to_identifier(f"segflow_counted_{number}_{digest}") for number, one in enumerate(loaded)}
    return {
        # All rows are read once, for the note and for the check. The one row of each count goes with the connection.
        "arrived": [_count(context, model, one, until[one.key], counted[one.key]) for one in loaded],
        "checks": [
            words.sql(_judged(exp.Table(this=counted[one.key].copy()), known[one.key]["row_count"])) for one in loaded
        ],
        "touched": words.sql(context.fill(query)),
        "touched_table": touched.name,
        "touched_ids": words.sql(ids),
        "whole_table": f"segflow_whole_{digest}",
        "columns": ", ".join(words.sql(column) for column in shown),
        "since_full": since_full,
        "verify": since_full >= compiled.specs.settings.facts.verify_every,
    }


def check_of(one: Arrivals, until: datetime, count: int) -> exp.Select:
    """Why the rows that the table was made of are no longer all there, as they were; null when they are."""
    return _judged(arrived_query(one, until).subquery("now"), count)


def _judged(now: exp.Expr, count: int) -> exp.Select:
    """`check_of`, of one row of `arrived_query` in `now`."""
    known, wanted = exp.column("known"), exp.Literal.number(count)
    case = exp.Case()
    case = case.when(exp.column("nulls") > 0, exp.Literal.string(NULLS))
    case = case.when(known.copy() < wanted, exp.Literal.string(GONE))
    case = case.when(known.copy() > wanted, exp.Literal.string(DISORDER))
    return exp.select(case.as_("why")).from_(now)


def forget(table: str, model: str) -> exp.Delete:
    """Take the notes about a model away."""
    return exp.delete(relation(table), where=exp.column("model").eq(exp.Literal.string(model)))


def _count(context: TickContext, model: str, one: Arrivals, until: datetime, counted: exp.Identifier) -> str:
    """Count the rows of a source into the temporary table `counted`, and note it."""
    words = context.warehouse.words
    table, query = words.sql(exp.Table(this=counted.copy())), words.sql(context.fill(arrived_query(one, until)))
    made = f"drop table if exists {table}; create temporary table {table} as {query}"
    return f"{made}; {_note_arrivals(context, model, one, exp.select('*').from_(exp.Table(this=counted.copy())))}"


def _note_arrivals(context: TickContext, model: str, one: Arrivals, counted: exp.Select) -> str:
    given = [exp.Literal.string(model).as_("model"), exp.Literal.string(one.key).as_("source")]
    rows = exp.select(*given, "until", "row_count", "nulls").from_(context.fill(counted).subquery("counted"))
    names = ("model", "source", "until", "row_count", "nulls")
    return context.warehouse.words.sql(exp.insert(rows, relation(ARRIVALS), columns=names))


def fingerprint(context: TickContext, text: str, loaded: Sequence[Arrivals]) -> str:
    """A hash of all that the facts of a model (`text`: its code) are computed by, other than the rows and the time.
    Raises RunError when dbt cannot read the models."""
    words, models = context.warehouse.words, context.models
    shared = models.shared_code() if isinstance(models, PatchingModels) else ""
    sources = [[one.key, one.at.unix, models.code(one.model), words.sql(context.relation(one.model))] for one in loaded]
    said = [_FORM, text, sources, shared, _macros(words), str(context.compiled.zone), tzdata()]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


@lru_cache(maxsize=4)
def _macros(words: Words) -> str:
    return hashlib.sha256(value_macros(words).encode()).hexdigest()


def fact_outcomes(context: TickContext, plans: Mapping[str, dict[str, Any]]) -> tuple[dict[str, str], dict[str, int]]:
    """What became of the fact models of this tick: model -> why it was computed in full, empty for a patched one; and
    model -> how many of its rows were not what they are in full, of those that were compared and differed."""
    if not plans:
        return {}, {}
    why = {model.removeprefix("segflow__"): plan["why"] for model, plan in plans.items() if plan["why"] is not None}
    mine = exp.column("tick_id").eq(exp.Literal.string(context.tick_id))
    rows = context.warehouse.rows(all_rows(BUILDS).where(mine))
    why |= {row["model"]: row["reason"] or "" for row in rows}
    return why, {row["model"]: row["differing"] for row in rows if row["differing"]}


def told(why: Mapping[str, str]) -> str | None:
    """The outcomes in a line: "17 of 40 fact models in full: no arrived_at (12), edited (5)"; None when nothing was
    patched and nothing could have been, because the catalog says nowhere when rows arrived."""
    whole = {model: reason for model, reason in why.items() if reason}
    if not why or (len(whole) == len(why) and not set(whole.values()) & _OF_DATA):
        return None
    if not whole:
        return f"{len(why)} fact models patched"
    counted = Counter(whole.values()).most_common()
    reasons = ", ".join(f"{reason} ({number})" for reason, number in sorted(counted, key=lambda one: (-one[1], one[0])))
    return f"{len(whole)} of {len(why)} fact models in full: {reasons}"


_OF_DATA = {FIRST, EDITED, BACK, NULLS, GONE, DISORDER, "the table was gone"}
"""Reasons of models that can be patched."""


def _utc(naive: datetime) -> datetime:
    return naive.replace(tzinfo=UTC) if naive.tzinfo is None else naive

"""What is noted of the tables that later ticks may patch, and whether what is noted still holds.

`model_builds` says for which tick and moment a table is whole, and by what code; `fact_arrivals` which rows of the
user's models it has seen. A table without a note is computed in full.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlglot import exp

from segflow.segments.emit import value_macros
from segflow.segments.fact_patches import Arrivals, Moved, arrived_query, touched_query
from segflow.segments.facts import FactColumn
from segflow.ticks.context import TickContext
from segflow.warehouse.base import relation
from segflow.warehouse.models import PatchingModels
from segflow.warehouse.words import Words
from segflow.zones import version as tzdata

BUILDS, ARRIVALS, TOUCHED = "model_builds", "fact_arrivals", "touched_contacts"
_FORM = 2
"""Of what is noted and of how touched contacts are found. Tables of another form are not patched."""
FIRST, EDITED, BACK, GONE_TABLE = "first build", "edited", "as_of went back", "the table was gone"
NO_RELATION = "their rows are in no relation"
NULLS, GONE, DISORDER = "rows without arrived_at", "rows are gone or changed", "rows came out of order"


def patches_facts(context: TickContext) -> bool:
    """Do later ticks patch facts?"""
    asked = context.compiled.specs.settings.facts.patch
    return context.warehouse.patches_facts if asked is None else asked


def why_not_patched(
    context: TickContext, before: Mapping[str, Any] | None, known: Mapping[str, Any], mark: str
) -> str | None:
    """Why a table of facts that is there, if any, cannot be patched. `before`: its row of `model_builds`; `known`:
    `Arrivals.key` -> its row of `fact_arrivals`; `mark`: its fingerprint of now."""
    if before is None or any(row is None or row["until"] is None for row in known.values()):
        return FIRST
    if before["fingerprint"] != mark:
        return EDITED
    if utc(before["as_of"]) > context.as_of:
        return BACK
    return NULLS if any(row["nulls"] for row in known.values()) else None


def touched_since(
    context: TickContext, columns: Sequence[FactColumn], before: Mapping[str, Any], until: Mapping[str, datetime]
) -> exp.Select:
    """Whose facts may be others than `before` (a row of `model_builds`) says. `until`: `Arrivals.key` -> the last
    arrival that they have seen."""
    moved = Moved(utc(before["as_of"]), context.as_of, context.compiled.zone)
    return touched_query(columns, context.compiled.specs.catalog, moved, until, at_once=context.warehouse.row_store)


def check_of(one: Arrivals, until: datetime, count: int) -> exp.Select:
    """Why the rows that the table was made of are no longer all there, as they were; null when they are."""
    return exp.select(judged(count).as_("why")).from_(arrived_query(one, until).subquery("now"))


def judged(count: int) -> exp.Case:
    """`check_of`, of one row of `arrived_query`."""
    known, wanted = exp.column("known"), exp.Literal.number(count)
    case = exp.Case()
    case = case.when(exp.column("nulls") > 0, exp.Literal.string(NULLS))
    case = case.when(known.copy() < wanted, exp.Literal.string(GONE))
    return case.when(known.copy() > wanted, exp.Literal.string(DISORDER))


def forget(table: str, model: str) -> exp.Delete:
    """Take the notes about a model away."""
    return exp.delete(relation(table), where=exp.column("model").eq(exp.Literal.string(model)))


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


def digest(model: str) -> str:
    """Stands for a model in names of tables."""
    return hashlib.sha256(model.encode()).hexdigest()[:12]


def utc(naive: datetime) -> datetime:
    """A time of a note, which is UTC."""
    return naive.replace(tzinfo=UTC) if naive.tzinfo is None else naive

"""What a tick tells dbt about each generated table: all of it is computed, and why, or what something has touched.

Decided here is what can be known before dbt runs: whether the model is another one than that whose table is there. The
rest (rows that are gone, rows that came out of order) is asked when the model is built, after the user's models were:
the macros of `segflow_builds.sql` do it, with the queries of this module. What they did is read from `model_builds`.

Facts are patched by the rows that arrived and the bounds that moved. Contacts, `.sql` segments and the facts of which
this is not known are computed in full and compared with what is there. Either way it is known whose rows are others
than before, and the memberships, which look at nothing else, are made anew for these contacts alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from segflow.errors import RunError
from segflow.models.build_notes import (
    ARRIVALS,
    BACK,
    BUILDS,
    DISORDER,
    EDITED,
    FIRST,
    GONE,
    GONE_TABLE,
    NO_RELATION,
    NULLS,
    TOUCHED,
    digest,
    fingerprint,
    forget,
    patches_facts,
    touched_since,
    utc,
    why_not_patched,
)
from segflow.models.fact_copies import copied_facts
from segflow.models.shared_counts import Counting, counts
from segflow.segments.bounds import timestamp_literal
from segflow.segments.compiler import CONTACTS, Compiled
from segflow.segments.emit import bound_keys, is_for_all, reads_members
from segflow.segments.fact_patches import Arrivals, arrivals, why_whole
from segflow.segments.facts import FactColumn, by_model
from segflow.segments.membership_masks import MASKS, mask, words_of
from segflow.segments.membership_models import segment_model
from segflow.segments.sql import id_text
from segflow.ticks.context import TickContext
from segflow.warehouse.base import all_rows, relation
from segflow.warehouse.models import PatchingModels
from segflow.warehouse.names import own_model, own_relation
from segflow.warehouse.words import Words

BROKEN = "a part of it cannot be evaluated"
NO_DELETES, SWITCHED_OFF = "the engine patches none", "facts.patch is off"
ALWAYS = "always computed in full"
NO_SEGMENTS, OF_THE_CLOCK = "no segment", "they move with time"
RESTING, NOT_NOTED = "members of segments that rest are read", "a part of it is not noted"
ALL_OF_A_PART, MOST = "all of a part of it may have changed", "most contacts changed"
FEW = 1_000
"""So many contacts, and half of all: for more than that a table is written in full, which is cheaper then."""
_COMPARED_COLUMNS = 20
"""A wider table that is computed in full is written in full: to count all of its rows would take the memory of two."""


def build_plans(context: TickContext, mended: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """dbt model -> what the macros are told, of contacts, fact models, `.sql` segments that others refer to, and
    memberships; empty where `context.models` cannot patch.

    `mended`: the models that are built with other code than the compiled one, because a part cannot be evaluated.
    """
    compiled, warehouse = context.compiled, context.warehouse
    # A warehouse of a build before has no notes before its next tick.
    if not isinstance(context.models, PatchingModels) or not warehouse.exists(TOUCHED):
        return {}
    builds, arrivals_noted = warehouse.answers(all_rows(BUILDS), all_rows(ARRIVALS))
    noted = {row["model"]: row for row in builds}
    arrived = {(row["model"], row["source"]): row for row in arrivals_noted}
    plans: dict[str, dict[str, Any]] = {}
    counting: list[Counting] = []
    patches = patches_facts(context)
    for model, columns in by_model(compiled.columns).items():
        why = BROKEN if own_model(model) in mended else why_whole(columns, compiled.specs.catalog)
        if why is None and not patches:
            why = SWITCHED_OFF
        if why is None:
            loaded = arrivals(columns, compiled.specs.catalog)
            known = {one.key: arrived.get((model, one.key)) for one in loaded}
            patched = _patched_facts if warehouse.row_deletes else copied_facts
            plan = patched(context, model, columns, noted.get(model), loaded, known)
            if "note" in plan:
                counting.append(Counting(model, loaded, known, plan["why"] is None))
        else:
            plan = _in_full(context, model, [column.column for column in columns], noted.get(model), why)
        plans[own_model(model)] = plan
    for model, told_of in counts(context, counting, builds).items():
        plans[own_model(model)] |= told_of
    parts = {CONTACTS: list(compiled.specs.catalog.contacts.attributes)}
    parts |= {segment_model(name): [] for name in _referred(compiled)}
    for model, names in parts.items():
        why = BROKEN if own_model(model) in mended else ALWAYS
        plans[own_model(model)] = _in_full(context, model, names, noted.get(model), why)
    read = [*by_model(compiled.columns), *parts]
    plans[own_model(MASKS)] = _masks(context, noted.get(MASKS), read, broken=own_model(MASKS) in mended)
    return plans


def _referred(compiled: Compiled) -> list[str]:
    """The `.sql` segments whose tables the memberships are made of."""
    return [name for name in compiled.sql_segments() if any(name in compiled.graph[one] for one in compiled.places)]


def _patched_facts(
    context: TickContext,
    model: str,
    columns: Sequence[FactColumn],
    before: Mapping[str, Any] | None,
    loaded: Sequence[Arrivals],
    known: Mapping[str, Any],
) -> dict[str, Any]:
    """What the macros are told about facts that later ticks may patch."""
    plan = _plan(context, model)
    try:
        mark = fingerprint(context, context.compiled.file_of(model), loaded)
    except RunError:
        # dbt says what is wrong with them, if anything is.
        return {**plan, "why": NO_RELATION}
    plan |= _noting(context, model, mark) | _writing(context, model, [column.column for column in columns])
    plan["why"] = why_not_patched(context, before, known, mark)
    plan["compared"] = _is_compared(before, mark, columns)
    if plan["why"] is None:
        assert before is not None
        query = touched_since(context, columns, before, {key: utc(row["until"]) for key, row in known.items()})
        plan |= _touched(context, model, before, query, id_text(exp.column("contact_id")))
    return plan


def _in_full(
    context: TickContext, model: str, columns: Sequence[str], before: Mapping[str, Any] | None, why: str
) -> dict[str, Any]:
    """What the macros are told about a table that is computed in full at every tick: whether it is compared with the
    one that is there."""
    plan = {**_plan(context, model), "why": why}
    if not context.warehouse.row_deletes:
        return plan
    plan |= _writing(context, model, columns)
    if why != BROKEN:
        mark = fingerprint(context, context.compiled.file_of(model), [])
        plan |= _noting(context, model, mark)
        plan["compared"] = _is_compared(before, mark, columns)
    return plan


def _is_compared(before: Mapping[str, Any] | None, mark: str, columns: Sequence[object]) -> bool:
    return before is not None and before["fingerprint"] == mark and len(columns) <= _COMPARED_COLUMNS


def _masks(
    context: TickContext, before: Mapping[str, Any] | None, parts: Sequence[str], *, broken: bool
) -> dict[str, Any]:
    """What the macros are told about the memberships. `parts`: the relations that they are made of."""
    compiled, words = context.compiled, context.warehouse.words
    text = compiled.file_of(MASKS)
    # Whatever becomes of them: who was touched until now is in them afterwards.
    plan: dict[str, Any] = {**_plan(context, MASKS), "done": [words.sql(exp.delete(relation(TOUCHED)))]}
    mark = fingerprint(context, text, [])
    if broken or not context.warehouse.row_deletes:
        return {**plan, "why": BROKEN if broken else NO_DELETES}
    plan |= _noting(context, MASKS, mark)
    if is_for_all(text):
        plan["why"] = NO_SEGMENTS
    elif bound_keys(text):
        # No condition is compiled in this way; one that was would be wrong for whom nothing has touched.
        plan["why"] = OF_THE_CLOCK
    elif compiled.resting and reads_members(text):
        plan["why"] = RESTING
    elif before is None or before["fingerprint"] != mark:
        plan["why"] = FIRST if before is None else EDITED
    if plan["why"] is not None:
        return plan
    assert before is not None
    names = [mask(word) for word in range(words_of(compiled.places))]
    touched = exp.select("contact_id").distinct().from_(relation(TOUCHED))
    plan |= _writing(context, MASKS, names) | _touched(context, MASKS, before, touched, exp.column("contact_id"))
    plan |= {"checks": [words.sql(_patchable(context, parts))], "touch": "", "touch_all": ""}
    return plan


def _patchable(context: TickContext, parts: Sequence[str]) -> exp.Select:
    """Why the memberships cannot be patched, now that all that they are made of is built; null when they can."""

    def counted(query: exp.Select) -> exp.Expr:
        return exp.Subquery(this=query)

    number, found = exp.Count(this=exp.Star()), exp.Count(this=exp.Distinct(expressions=[exp.column("contact_id")]))
    mine = exp.column("model").isin(*map(exp.Literal.string, sorted(parts)))
    now = exp.column("tick_id").eq(exp.Literal.string(context.tick_id))
    built_now = counted(exp.select(number).from_(relation(BUILDS)).where(mine, now))
    for_all = exp.select(number.copy()).from_(relation(TOUCHED)).where(exp.column("contact_id").is_(exp.null()))
    all_of_them = counted(exp.select(number.copy()).from_(relation(CONTACTS)))
    case = exp.Case()
    case = case.when(built_now < len(parts), exp.Literal.string(NOT_NOTED))
    case = case.when(counted(for_all) > 0, exp.Literal.string(ALL_OF_A_PART))
    touched = counted(exp.select(found).from_(relation(TOUCHED)))
    return exp.select(case.when(touched * 2 > all_of_them + 2 * FEW, exp.Literal.string(MOST)).as_("why"))


def _plan(context: TickContext, model: str) -> dict[str, Any]:
    gone = [context.warehouse.words.sql(forget(table, model)) for table in (BUILDS, ARRIVALS)]
    return {"forget": gone, "why": None}


def _noting(context: TickContext, model: str, mark: str) -> dict[str, Any]:
    note = [exp.Literal.string(text) for text in (model, context.tick_id)]
    values = [*note, timestamp_literal(context.as_of), exp.Literal.string(mark)]
    return {"note": ", ".join(context.warehouse.words.sql(value) for value in values), "since_full": 0}


def _writing(context: TickContext, model: str, columns: Sequence[str]) -> dict[str, Any]:
    """How what was computed is compared and written, and who is said to have been touched. `columns`: those of the
    table, less the contact's and the tick's."""
    words, short = context.warehouse.words, digest(model)
    changed = exp.to_identifier(f"segflow_changed_{short}")
    given = exp.Literal.string(model).as_("model")
    everybody = exp.select(given, exp.cast(exp.null(), "VARCHAR").as_("contact_id"))
    shown = [exp.column("contact_id"), *(exp.column(name, quoted=True) for name in columns)]
    return {
        "columns": ", ".join(words.sql(column) for column in shown),
        "fresh_table": f"segflow_fresh_{short}",
        "changed_table": changed.name,
        "few": FEW,
        "touch_changed": _touch(words, model, changed, exp.column("contact_id")),
        "touch_all": words.sql(exp.insert(everybody, relation(TOUCHED), columns=("model", "contact_id"))),
    }


def _touch(words: Words, model: str, table: exp.Identifier, contact: exp.Expr) -> str:
    """The statement that says that whoever is in a table, by `contact`, was touched."""
    given = exp.Literal.string(model).as_("model")
    who = exp.select(given, contact.copy().as_("contact_id")).from_(exp.Table(this=table.copy()))
    return words.sql(exp.insert(who, relation(TOUCHED), columns=("model", "contact_id")))


def _touched(
    context: TickContext, model: str, before: Mapping[str, Any], query: exp.Query, contact: exp.Expr
) -> dict[str, Any]:
    """Whom a patch is about: `query` has their ids, and `contact` says one as tables have it. Nearly all whom something
    has touched have other facts then, so their rows are not compared."""
    words, short = context.warehouse.words, digest(model)
    touched = exp.to_identifier(f"segflow_touched_{short}")
    since_full = before["since_full"] + 1
    return {
        "touched": words.sql(context.fill(query)),
        "touched_table": touched.name,
        "touched_ids": words.sql(exp.select(contact.copy()).from_(exp.Table(this=touched))),
        "touch": _touch(words, model, touched, contact),
        "whole_table": f"segflow_whole_{short}",
        "since_full": since_full,
        "verify": since_full >= context.compiled.specs.settings.facts.verify_every,
    }


@dataclass(frozen=True)
class BuildOutcomes:
    """What became of the tables of a tick that could be patched, as `model_builds` says it."""

    facts: dict[str, str] = field(default_factory=dict)
    """Fact model -> why it was computed in full; empty for a patched one."""
    memberships: str | None = None
    """Why the memberships were made of all contacts; empty when they were patched; None when nobody noted it."""
    differing: dict[str, int] = field(default_factory=dict)
    """Model -> how many of its rows were not what they are in full, of those that were compared and differed."""


def build_outcomes(context: TickContext, plans: Mapping[str, dict[str, Any]]) -> BuildOutcomes:
    """What became of the tables that `plans` are about, in this tick."""
    if not plans:
        return BuildOutcomes()
    why = {own_relation(model): plan["why"] for model, plan in plans.items() if plan["why"] is not None}
    mine = exp.column("tick_id").eq(exp.Literal.string(context.tick_id))
    rows = context.warehouse.rows(all_rows(BUILDS).where(mine))
    why |= {row["model"]: row["reason"] or "" for row in rows}
    facts = {model: reason for model, reason in why.items() if model in by_model(context.compiled.columns)}
    differing = {row["model"]: row["differing"] for row in rows if row["differing"]}
    return BuildOutcomes(facts, why.get(MASKS), differing)


def told(why: Mapping[str, str], memberships: str | None = None) -> str | None:
    """The outcomes in a line: "17 of 40 fact models in full: no arrived_at (12), edited (5)", and whether
    `memberships` were (None: not known); None when no fact model was patched and none could have been, because the
    catalog says nowhere when rows arrived."""
    whole = {model: reason for model, reason in why.items() if reason}
    if not why or (len(whole) == len(why) and not set(whole.values()) & _OF_DATA):
        return None
    also = {None: "", "": "; memberships patched"}.get(memberships, f"; memberships in full: {memberships}")
    if not whole:
        return f"{len(why)} fact model{'' if len(why) == 1 else 's'} patched{also}"
    counted = Counter(whole.values()).most_common()
    reasons = ", ".join(f"{reason} ({number})" for reason, number in sorted(counted, key=lambda one: (-one[1], one[0])))
    return f"{len(whole)} of {len(why)} fact models in full: {reasons}{also}"


_OF_DATA = {FIRST, EDITED, BACK, NULLS, GONE, DISORDER, GONE_TABLE}
"""Reasons of models that can be patched."""

"""Facts that are patched where rows cannot be deleted: the table is made anew, of its own rows less those of touched
contacts, and the new rows of those.

dbt's statements are in no transaction there, so the notes are the tick's: it takes all away before dbt runs, and writes
those of what was built when it has run. A build that dies in between leaves tables without a note, which the next one
computes in full. What the tick has to know (which rows had arrived before any of them was looked at, and whom the patch
is about) each model leaves in tables beside its own, which go with the tick's connection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.errors import RunError
from segflow.models.apart import rows_apart
from segflow.models.build_notes import (
    ARRIVALS,
    BUILDS,
    GONE_TABLE,
    NO_RELATION,
    digest,
    fingerprint,
    judged,
    touched_since,
    utc,
    why_not_patched,
)
from segflow.segments.fact_patches import Arrivals, arrived_query
from segflow.segments.facts import FactColumn, by_model
from segflow.segments.sql import id_text
from segflow.ticks.context import TickContext
from segflow.warehouse.base import Warehouse, all_rows, relation
from segflow.warehouse.models import ModelResult
from segflow.warehouse.names import own_relation
from segflow.warehouse.tables import arrow_schema

_COUNTED, _TOUCHED, _PATCHED = "counted", "touched", "patched"
"""What a model leaves beside its table: which rows had arrived; whom it was patched for; what it was made of then, or
would have been, where all of it was computed to look whether patches are right."""


def copied_facts(
    context: TickContext,
    model: str,
    columns: Sequence[FactColumn],
    before: Mapping[str, Any] | None,
    loaded: Sequence[Arrivals],
    known: Mapping[str, Any],
) -> dict[str, Any]:
    """What the macros are told about facts that later ticks may patch. `before`: their row of `model_builds`; `known`:
    `Arrivals.key` -> its row of `fact_arrivals`."""
    warehouse, words = context.warehouse, context.warehouse.words
    try:
        mark = fingerprint(context, context.compiled.file_of(model), loaded)
    except RunError:
        # dbt says what is wrong with them, if anything is.
        return {"why": NO_RELATION}
    why = why_not_patched(context, before, known, mark)

    def beside(what: str) -> str:
        return words.sql(warehouse.lend(_name(what, model)))

    rows = [_counted(context, one, known[one.key] if why is None else None) for one in loaded]
    counts = exp.union(*rows, distinct=False) if len(rows) > 1 else rows[0]
    plan = {"why": why, "mark": mark, "since_full": 0, "counted_table": beside(_COUNTED), "counts": words.sql(counts)}
    if why is not None:
        return plan
    assert before is not None
    until = {key: utc(row["until"]) for key, row in known.items()}
    since_full = before["since_full"] + 1
    touched = warehouse.lend(_name(_TOUCHED, model))
    contact, named = exp.column("contact_id"), [exp.column(column.column, quoted=True) for column in columns]
    whom = exp.select(id_text(contact).as_("contact_id")).distinct().from_(touched)
    return plan | {
        "touched_table": words.sql(touched),
        "touched": words.sql(context.fill(touched_since(context, columns, before, until))),
        "touched_ids": words.sql(whom.where(exp.not_(contact.copy().is_(exp.null())))),
        "columns": [words.sql(column) for column in (contact.copy(), *named)],
        "since_full": since_full,
        "verify": since_full >= context.compiled.specs.settings.facts.verify_every,
        "patched_table": beside(_PATCHED),
    }


def _name(what: str, model: str) -> str:
    return f"{what}_{digest(model)}"


def _counted(context: TickContext, one: Arrivals, known: Mapping[str, Any] | None) -> exp.Select:
    """One row about a source: what `fact_arrivals` says of it, and why its rows are not those of before."""
    until = utc(known["until"]) if known is not None else None
    why = judged(known["row_count"]) if known is not None else exp.null()
    told = [exp.Literal.string(one.key).as_("source"), *map(exp.column, ("until", "row_count", "nulls"))]
    rows = exp.select(*told, exp.cast(why, "VARCHAR").as_("why"))
    return rows.from_(context.fill(arrived_query(one, until)).subquery("now"))


@dataclass(frozen=True)
class FactCopies:
    """The notes of one run of dbt."""

    context: TickContext
    plans: Mapping[str, Mapping[str, Any]]
    builds: list[dict[str, Any]]
    arrived: list[dict[str, Any]]
    """The notes of before."""

    @classmethod
    def begin(cls, context: TickContext, plans: Mapping[str, Mapping[str, Any]]) -> FactCopies:
        """Take all notes away: whatever the run does, no table is taken for one that it is not."""
        warehouse = context.warehouse
        if warehouse.row_deletes or not plans:
            return cls(context, {}, [], [])
        mine = {name: plan for model, plan in plans.items() if "mark" in plan for name in [own_relation(model)] if name}
        builds, arrived = warehouse.answers(all_rows(BUILDS), all_rows(ARRIVALS))
        if builds:
            _write(warehouse, BUILDS, [])
        return cls(context, mine, builds, arrived)

    def end(self, results: Mapping[str, ModelResult]) -> None:
        """Note what was built."""
        begun = {own_relation(name) for name, result in results.items() if result.status != "skipped"}
        built = {own_relation(name) for name, result in results.items() if result.status == "success"}
        mine = [name for name in self.plans if name in built]
        builds = [row for row in self.builds if row["model"] not in begun]
        if not builds and not mine:
            return
        found = self._left(mine)
        arrived = [row for row in self.arrived if row["model"] not in mine]
        for model in mine:
            counted = [row for row in found if row["model"] == model and row["source"] is not None]
            touched = next((row["row_count"] for row in found if row["model"] == model and row["source"] is None), None)
            builds.append(self._note(model, next((row["why"] for row in counted if row["why"]), None), touched))
            kept = arrow_schema(ARRIVALS).names
            arrived += [{name: row[name] for name in kept} for row in counted]
        warehouse = self.context.warehouse
        with warehouse.transaction():
            _write(warehouse, ARRIVALS, arrived)
            _write(warehouse, BUILDS, builds)

    def _left(self, models: Sequence[str]) -> list[dict[str, Any]]:
        """What models left beside their tables: the rows of all that was counted, and how many were touched in one
        without a source."""
        lent, each = self.context.warehouse.lent(), []
        for model in models:
            named = exp.Literal.string(model).as_("model")
            told = [exp.column(name) for name in ("source", "until", "row_count", "nulls", "why")]
            each.append(exp.select(named, *told).from_(lent[_name(_COUNTED, model)]))
            if touched := lent.get(_name(_TOUCHED, model)):
                nothing = {"source": "VARCHAR", "until": "TIMESTAMP", "nulls": "BIGINT", "why": "VARCHAR"}
                none = {name: exp.cast(exp.null(), kind).as_(name) for name, kind in nothing.items()}
                number = exp.Count(this=exp.Star()).as_("row_count")
                row = [named.copy(), none["source"], none["until"], number, none["nulls"], none["why"]]
                each.append(exp.select(*row).from_(touched))
        if not each:
            return []
        return self.context.warehouse.rows(exp.union(*each, distinct=False) if len(each) > 1 else each[0])

    def _note(self, model: str, why: str | None, touched: int | None) -> dict[str, Any]:
        """The row of `model_builds`. `why`: what the model found out about its rows; `touched`: None where it was not
        patched."""
        plan, warehouse = self.plans[model], self.context.warehouse
        patched, since_full, differing = touched is not None, plan["since_full"], None
        if patched and plan["verify"]:
            columns = [column.column for column in by_model(self.context.compiled.columns)[model]]
            differing = rows_apart(warehouse, relation(model), warehouse.lent()[_name(_PATCHED, model)], columns)
        return {
            "model": model,
            "tick_id": self.context.tick_id,
            "as_of": self.context.as_of.replace(tzinfo=None),
            "fingerprint": plan["mark"],
            "since_full": since_full if patched and differing is None else 0,
            "touched": touched,
            "differing": differing,
            # Nothing else keeps a model from being patched.
            "reason": None if patched else plan["why"] or why or GONE_TABLE,
        }


def _write(warehouse: Warehouse, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    warehouse.replace(table, pa.Table.from_pylist(list(rows), schema=arrow_schema(table)))

"""Imports that say no to flows mark the contacts that they changed: their crossings have cause `import`."""

from __future__ import annotations

from pathlib import Path

from sqlglot import exp

from segflow.segments.bounds import AS_OF
from segflow.segments.membership_models import model_contacts
from segflow.segments.sql import all_of, bound_call, col, id_text, named, ref, select, typed
from segflow.segments.stored import moment
from segflow.ticks.context import TickContext
from segflow.warehouse.base import relation
from segflow.warehouse.sqlfile import literal, load_query

_SQL = Path(__file__).parent / "sql"


def mark(context: TickContext) -> None:
    """Record whom imports of this tick changed that said no to flows: those that were taken in, and the batches of the
    catalog's `imports`. Before the first tick there is nothing to compare, and no mark."""
    warehouse, tick_id = context.warehouse, context.tick_id
    query = load_query(_SQL / "import_marks.sql", tick_id=tick_id)
    source = context.compiled.specs.catalog.imports
    if source is None or source.trigger_flows is True:
        before = None
    else:
        before = warehouse.scalar(load_query(_SQL / "tick_before.sql", tick_id=tick_id))
    if source is not None and before is not None:
        at = moment(source.imported_at)
        said_yes = typed(col(str(source.trigger_flows)), "boolean") if source.trigger_flows else exp.false()
        conditions: list[exp.Expr] = [
            exp.GT(this=at, expression=literal(before)),
            exp.LTE(this=at.copy(), expression=bound_call(AS_OF.key)),
            exp.Is(this=id_text(col(source.contact)), expression=exp.Not(this=exp.null())),
            # Unknown is no: what must not be sent cannot be called back.
            exp.Not(this=exp.Coalesce(this=said_yes, expressions=[exp.false()])),
        ]
        batch = typed(col(source.batch) if source.batch else exp.null(), "text")
        projections = [named(id_text(col(source.contact)), "contact_id"), named(batch, "import_id")]
        loaded = select(projections, ref(source.model, "batches"), all_of(conditions)).distinct()
        query = exp.union(query, context.fill(loaded), distinct=False)
    warehouse.append("import_marks", tick_id, query)


def take_over(context: TickContext) -> None:
    """Record the imported contacts that the user's model has for the first time."""
    warehouse, tick_id = context.warehouse, context.tick_id
    brought = exp.select("contact_id").from_(relation("contact_imports")).limit(1)
    if warehouse.scalar(brought.where(col("kind").eq(exp.Literal.string("contact")))) is None:
        return  # most projects import nobody, and the model is as large as the contacts
    model = context.fill(model_contacts(context.compiled.specs.catalog))
    query = load_query(_SQL / "takeovers.sql", tick_id=tick_id, as_of=context.as_of).with_("model", as_=model)
    warehouse.append("contact_takeovers", tick_id, query)

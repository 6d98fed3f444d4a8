"""The contacts that a condition selects, for a file that shows only a part of a segment."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from segflow.errors import RunError
from segflow.exports.rows import check_contacts
from segflow.history.lookup import segment_keys
from segflow.history.members import Wanted, members_query, stage_wanted
from segflow.segments.compiler import CONTACTS
from segflow.segments.emit import Filling, indent, ref_text, template
from segflow.segments.fact_models import fact_query
from segflow.segments.facts import by_model, collect, hoist
from segflow.segments.membership_models import contact_columns, join_facts, segment_model
from segflow.segments.nodes import Node
from segflow.segments.order import references
from segflow.segments.predicate import predicate
from segflow.segments.resolve import Resolver
from segflow.segments.simplify import simplify
from segflow.segments.sql import built, col, is_not_null, left_join, select
from segflow.specs.conditions import Condition
from segflow.specs.project import Specs
from segflow.specs.sql_file import OWN_CONTACTS
from segflow.ticks import ledger as ticks
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.names import own_model
from segflow.warehouse.words import Words

_MEMBERS = "matching_members"


def stage_matching(
    specs: Specs,
    warehouse: Warehouse,
    condition: Condition,
    tick: ticks.TickRow,
    *,
    past: bool,
    resolve: Callable[[str], exp.Table],
) -> exp.Table:
    """(contact_id) of the contacts that `condition` holds for, at the time of `tick`, as a temporary table.

    Facts are computed from the user's models as they are now; `resolve` gives their relations. Other segments are read
    as they were after `tick`, attributes as they are now. Raises RunError when it cannot be evaluated.
    """
    check_contacts(warehouse)
    zone = specs.settings.zone
    node = hoist(simplify(Resolver.of(specs).condition(condition)))
    keys = segment_keys(warehouse, specs.segments)
    stage_wanted(warehouse, [Wanted(name, keys.get(name, name)) for name in sorted(references(node))])
    warehouse.stage(_MEMBERS, members_query(tick.tick_id, past=past))
    filling = Filling(
        lambda model: relation(CONTACTS) if model == OWN_CONTACTS else resolve(model),
        tick.as_of,
        zone,
        tick.tick_id,
        warehouse.words,
    )
    query = filling.query(_text(node, specs, warehouse.words))
    if fault := warehouse.bind(query):
        raise RunError(f"the condition cannot be evaluated with what the last tick built: {fault}")
    return warehouse.stage("matching", query)


def _text(node: Node, specs: Specs, words: Words) -> str:
    """One text with the facts as CTEs that bear the names of their models."""
    columns = collect([node])
    query = join_facts(select([col("contact_id", CONTACTS)], built(CONTACTS, CONTACTS)), [node], columns)
    for segment in sorted(references(node)):
        alias = segment_model(segment)
        mine = col("segment").eq(exp.Literal.string(segment))
        members = exp.select(col("contact_id")).from_(exp.table_(_MEMBERS, db="temp")).where(mine)
        same = exp.EQ(this=col("contact_id", alias), expression=col("contact_id", CONTACTS))
        left_join(query, members.subquery(alias), same)
    member = contact_columns(columns, member=lambda segment: is_not_null(col("contact_id", segment_model(segment))))
    body = template(query.where(predicate(node, member)), words)
    ctes = {
        model: template(fact_query(group, specs.catalog), words) for model, group in sorted(by_model(columns).items())
    }
    for model in ctes:
        body = body.replace(ref_text(own_model(model)), model)
    facts = ",\n".join(f"{model} as (\n{indent(text)}\n)" for model, text in ctes.items())
    return f"with {facts}\n{body}" if facts else body

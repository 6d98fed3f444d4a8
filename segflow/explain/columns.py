"""What a condition looks at, as columns with names that people read."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from segflow.segments.facts import FactColumn
from segflow.segments.membership_models import CONTACTS, segment_model
from segflow.segments.nodes import Compare, Fact, Member, Node, Sql, Value, facts_of
from segflow.segments.predicate import ZERO_WHEN_EMPTY
from segflow.segments.sentence import fact_title
from segflow.segments.sql import col, is_not_null


def columns_of(node: Node, columns: Mapping[Fact, FactColumn]) -> dict[str, exp.Expr]:
    """Name -> column of a query that has the contacts, the facts of `node` and the segments that it refers to: the
    attributes that `node` reads, its facts, and whether the contact is in those segments. In the order of `node`."""
    found: dict[str, exp.Expr] = {}
    for below in node.walk():
        match below:
            case Sql(_, names):
                found |= {name: col(name, CONTACTS) for name in names}
            case Member(segment):
                found[f"in {segment}"] = is_not_null(col("contact_id", segment_model(segment)))
            case Compare(Value()):
                found |= _attributes(below)
            case Compare(Fact() as fact) if fact.source.kind == "contact":
                for inner in fact.where.walk():
                    found |= _attributes(inner)
            case Compare(Fact() as fact):
                found[fact_title(fact)] = fact_column(fact, columns)
    return found


def fact_column(fact: Fact, columns: Mapping[Fact, FactColumn]) -> exp.Expr:
    """The value of a fact, where its model is left joined: of no rows there are 0."""
    column = col(columns[fact].column, columns[fact].model)
    if fact.aggregate in ZERO_WHEN_EMPTY:
        return exp.Coalesce(this=column, expressions=[exp.Literal.number(0)])
    return exp.Coalesce(this=column, expressions=[exp.false()]) if fact.aggregate == "match" else column


def models_of(node: Node, columns: Mapping[Fact, FactColumn]) -> set[str]:
    """The models beside the contacts that `columns_of` needs joined."""
    members = {segment_model(below.segment) for below in node.walk() if isinstance(below, Member)}
    return members | {columns[fact].model for fact in facts_of(node)}


def _attributes(node: Node) -> dict[str, exp.Expr]:
    if not isinstance(node, Compare):
        return {}
    values = [value for value in (node.subject, *node.operands) if isinstance(value, Value) and value.of == "contact"]
    return {value.name: col(value.name, CONTACTS) for value in values}

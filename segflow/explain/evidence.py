"""What a leaf looked at: the values that it found for one contact."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlglot import exp

from segflow.segments.facts import FactColumn, column_name
from segflow.segments.nodes import ROW_AT, And, Bucket, Compare, Fact, Node, Sql, Value, facts_of
from segflow.segments.predicate import HASH_DIGITS, ZERO_WHEN_EMPTY, Columns
from segflow.segments.sentence import fact_title
from segflow.segments.simplify import simplify
from segflow.specs.catalog import Catalog

Asked = dict[str, Value | Fact]
"""Name -> what to look up."""


def asked_by(node: Node, catalog: Catalog) -> Asked:
    """What a leaf reads, by short names: attributes, facts, and when the last of its rows was, whatever the window."""
    found: Asked = {}
    facts = [fact for fact in dict.fromkeys(facts_of(node)) if fact.source.kind not in ("contact", "list", "tag")]
    for below in node.walk():
        match below:
            case Sql(_, names):
                found |= {
                    name: Value("contact", name, catalog.contacts.attributes[name].type)
                    for name in names
                    if name in catalog.contacts.attributes
                }
            case Compare(Value()):
                found |= _attributes(below)
            case Compare(Fact() as fact) if fact.source.kind == "contact":
                for inner in fact.where.walk():
                    found |= _attributes(inner)
            case Compare(Fact() as fact):
                if fact.aggregate != "match":
                    found[_short(fact) if len(facts) == 1 else fact_title(fact)] = fact
                if fact.measure != ROW_AT:
                    name = "since" if fact.aggregate == "match" else "last"
                    found[name] = Fact(fact.source, _timeless(fact.where), "max", ROW_AT, "timestamp")
    return found


def facts_asked(asked: Asked) -> list[FactColumn]:
    """The facts to compute for it."""
    facts = [what for what in asked.values() if isinstance(what, Fact)]
    return [FactColumn(fact, fact.model, column_name(fact, 24)) for fact in facts]


def lookup(asked: Asked, columns: Columns) -> dict[str, exp.Expr]:
    """The columns that hold it."""
    return {name: _column(what, columns) for name, what in asked.items()}


def bucket_of(node: Node, contact: str) -> dict[str, Any]:
    """In which percent of all contacts the contact is, for a bucket."""
    if not isinstance(node, Bucket):
        return {}
    digest = hashlib.md5(f"{node.salt}:{contact}".encode(), usedforsecurity=False).hexdigest()
    return {"percent": int(int(digest[:HASH_DIGITS], 16) / 16**HASH_DIGITS * 10_000) / 100}


def _column(what: Value | Fact, columns: Columns) -> exp.Expr:
    if isinstance(what, Value):
        return columns.value(what)
    if what.aggregate in ZERO_WHEN_EMPTY:
        return exp.Coalesce(this=columns.fact(what), expressions=[exp.Literal.number(0)])
    return columns.fact(what)


def _short(fact: Fact) -> str:
    if fact.measure == ROW_AT:
        return {"min": "first", "max": "last"}[fact.aggregate]
    if fact.measure is None or fact.source.kind == "message":
        return "count"
    return f"{fact.aggregate.replace('_', ' ')} of {fact.measure.name}"


def _timeless(where: Node) -> Node:
    """The rows without the window."""
    items = where.items if isinstance(where, And) else (where,)
    return simplify(And(tuple(item for item in items if not (isinstance(item, Compare) and item.subject == ROW_AT))))


def _attributes(node: Node) -> Mapping[str, Value | Fact]:
    if not isinstance(node, Compare):
        return {}
    values = [value for value in (node.subject, *node.operands) if isinstance(value, Value) and value.of == "contact"]
    return {value.name: Value("contact", value.name, value.type) for value in values}

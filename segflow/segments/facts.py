"""Pass 3: which facts the conditions of the whole project need, each once, with a column name of its own.

Facts are kept in normal form: two files that name the filters of a fact in another order need one fact.

A comparison of a contact's attribute with a moving bound becomes a fact too: the facts hold the windows, so that a
segment's view stays right from tick to tick without being rebuilt.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from segflow.segments.bounds import Bound
from segflow.segments.nodes import (
    ROW_AT,
    And,
    Compare,
    Constant,
    Fact,
    Followed,
    Node,
    Not,
    Or,
    Source,
    Value,
    describe,
    facts_of,
)
from segflow.segments.normal import normal
from segflow.warehouse.names import LONGEST

_LABEL = {"gt": "over", "gte": "from", "lt": "under", "lte": "to", "eq": "is", "in": "in"}


@dataclass(frozen=True)
class FactColumn:
    """A fact and where it is kept."""

    fact: Fact
    model: str
    column: str

    @property
    def name(self) -> str:
        return f"{self.model}.{self.column}"


def hoist(node: Node) -> Node:
    """Turn comparisons of a contact's attribute with a moving bound into facts about the contact, and all facts into
    their normal form."""
    match node:
        case And(items):
            moving = [item for item in items if _is_moving(item)]
            if len(moving) == len(items) and len({item.subject for item in moving if isinstance(item, Compare)}) == 1:
                return _contact_fact(node)
            return And(tuple(hoist(item) for item in items))
        case Or(items):
            return Or(tuple(hoist(item) for item in items))
        case Not(item):
            return Not(hoist(item))
        case Compare() if _is_moving(node):
            return _contact_fact(node)
        case Compare(Fact() as fact):
            return replace(node, subject=replace(fact, where=normal(fact.where)))
    return node


def collect(nodes: Iterable[Node]) -> dict[Fact, FactColumn]:
    """All facts of `nodes` that have one value per contact, each once, in order of model and column."""
    facts = list(dict.fromkeys(fact for node in nodes for fact in facts_of(node) if not fact.per_enrollment))
    columns = [FactColumn(fact, fact.model, column_name(fact)) for fact in facts]
    times = Counter(column.name for column in columns)
    columns = [FactColumn(c.fact, c.model, column_name(c.fact, 24)) if times[c.name] > 1 else c for c in columns]
    return {column.fact: column for column in sorted(columns, key=lambda column: (column.model, column.column))}


def by_model(columns: Mapping[Fact, FactColumn]) -> dict[str, list[FactColumn]]:
    """The columns of each fact model, in order."""
    grouped: dict[str, list[FactColumn]] = {}
    for column in columns.values():
        grouped.setdefault(column.model, []).append(column)
    return grouped


def own_parts(node: Node) -> set[str]:
    """The facts (`model.column`) that a condition has per enrollment. No model holds them; the name says what of."""
    return {f"{fact.model}.{column_name(fact)}" for fact in facts_of(node) if fact.per_enrollment}


def column_name(fact: Fact, digits: int = 6) -> str:
    """A readable name: what is computed, then a hash of the exact meaning, because the words do not say it all."""
    words: list[str] = [fact.aggregate if fact.aggregate != "match" else ""]
    if fact.measure is not None:
        words.append(fact.measure.name)
    words += _words(fact.where)
    slug = re.sub(r"[^a-z0-9]+", "_", " ".join(word for word in words if word).lower()).strip("_")
    slug = slug[: min(44, LONGEST - 1 - digits)].strip("_")
    digest = hashlib.sha256(describe(fact).encode()).hexdigest()[:digits]
    return f"{slug}_{digest}" if slug else digest


def _words(node: Node) -> list[str]:
    match node:
        case And(items) | Or(items):
            return [word for item in items for word in _words(item)]
        case Not(item):
            return ["not", *_words(item)]
        case Followed(source, where):
            return ["then", source.name, *_words(where)]
        case Compare(Value() as value, operator, operands):
            if value == ROW_AT and operands and isinstance(operands[0], Bound) and operands[0].moves:
                return ["in" if operator in ("gt", "gte") else "before", operands[0].span]
            if value.owner:
                value = Value("row", f"{value.owner} {value.name}", value.type)
            texts = [
                o.key if isinstance(o, Bound) else str(o.value) for o in operands if isinstance(o, (Bound, Constant))
            ]
            return [value.name.removeprefix("@"), _LABEL.get(operator, operator), *texts]
    return []


def _is_moving(node: Node) -> bool:
    return (
        isinstance(node, Compare)
        and isinstance(node.subject, Value)
        and node.subject.of == "contact"
        and any(isinstance(operand, Bound) for operand in node.operands)
    )


def _contact_fact(node: Node) -> Node:
    return Compare(Fact(Source("contact"), normal(node), "match", None, "boolean"), "eq", (Constant(True, "boolean"),))

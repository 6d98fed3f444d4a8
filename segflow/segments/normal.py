"""The normal form of a condition: one tree for all ways to write the same thing.

Negations stand right around leaves, operands of `And` and `Or` are flat, sorted and there once. Facts are kept in this
form, so that two conditions share a fact even if their files name its filters in another order. Segments keep the order
in which they were written, so that their SQL reads like the file; only their fingerprint looks at the normal form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from segflow.segments.nodes import ROW_AT, And, Compare, Const, Fact, Followed, Member, Node, Not, Or, describe


def normal(node: Node, named: Callable[[str], str] = str) -> Node:
    """The normal form; segments that are referred to get the names that `named` gives them."""
    return _normal(node, False, named)


def _compare(node: Compare) -> Compare:
    """A comparison whose fact is in normal form, and whose list of values is a list only if it holds several."""
    if isinstance(node.subject, Fact):
        node = replace(node, subject=replace(node.subject, where=normal(node.subject.where)))
    if node.operator == "in" and len(node.operands) == 1:
        return replace(node, operator="contains" if node.subject.type == "list_of_text" else "eq")
    return node


def _normal(node: Node, negated: bool, named: Callable[[str], str]) -> Node:
    match node:
        case Not(item):
            return _normal(item, not negated, named)
        case And(items) | Or(items):
            # Conditions are two-valued, so De Morgan's laws hold for missing values too.
            parts = [_normal(item, negated, named) for item in items]
            return _joined(And if isinstance(node, And) is not negated else Or, parts)
        case Const(value):
            return Const(value is not negated)
    leaf = _leaf(node, named)
    return Not(leaf) if negated else leaf


def _joined(kind: type[And] | type[Or], parts: list[Node]) -> Node:
    neutral = kind is And
    flat: set[Node] = set()
    for part in parts:
        flat |= set(part.items) if isinstance(part, (And, Or)) and isinstance(part, kind) else {part}
    if Const(not neutral) in flat:
        return Const(not neutral)
    items = sorted(flat - {Const(neutral)}, key=_place)
    if not items:
        return Const(neutral)
    return items[0] if len(items) == 1 else kind(tuple(items))


def _place(node: Node) -> tuple[bool, str]:
    # Windows come last, as in words: purchases of tea in the last 30 days.
    return isinstance(node, Compare) and node.subject == ROW_AT, describe(node)


def _leaf(node: Node, named: Callable[[str], str]) -> Node:
    match node:
        case Compare():
            return _compare(node)
        case Followed():
            return replace(node, where=normal(node.where))
        case Member(segment):
            return Member(named(segment))
    return node

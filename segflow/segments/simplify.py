"""Pass 2: the same condition with less structure, so that equal conditions look equal.

Flattens nested `And` / `Or`, folds constants, drops double negation and repeats. Every rewrite keeps the two-valued
meaning; a property test holds the simplified tree to the original.
"""

from __future__ import annotations

from segflow.segments.nodes import And, Compare, Const, Fact, Followed, Node, Not, Or


def simplify(node: Node) -> Node:
    """Return an equivalent tree; the conditions inside facts are simplified too."""
    match node:
        case And(items):
            return _join(And, items, neutral=True)
        case Or(items):
            return _join(Or, items, neutral=False)
        case Not(item):
            inner = simplify(item)
            if isinstance(inner, Not):
                return inner.item
            return Const(not inner.value) if isinstance(inner, Const) else Not(inner)
        case Compare(Fact() as fact, operator, operands, fold):
            plain = Fact(fact.source, simplify(fact.where), fact.aggregate, fact.measure, fact.type)
            return Compare(plain, operator, operands, fold)
        case Followed(source, where, within):
            return Followed(source, simplify(where), within)
    return node


def _join(kind: type[And] | type[Or], items: tuple[Node, ...], *, neutral: bool) -> Node:
    flat: list[Node] = []
    for item in items:
        plain = simplify(item)
        for part in plain.items if isinstance(plain, (And, Or)) and isinstance(plain, kind) else (plain,):
            if isinstance(part, Const):
                if part.value is neutral:
                    continue
                return Const(not neutral)
            if part not in flat:
                flat.append(part)
    if not flat:
        return Const(neutral)
    return flat[0] if len(flat) == 1 else kind(tuple(flat))

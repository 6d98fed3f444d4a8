"""What flows and imports wrote about contacts: the rows of two ledgers as one, in the order in which they count."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from segflow.segments.bounds import AS_OF
from segflow.segments.sql import all_of, bound_call, col, named, ref, select, union_all

IMPORTS = "contact_imports"
TAKEOVERS = "contact_takeovers"
"""Since when the user's model has had a contact that an import brought."""
_RANKS = {IMPORTS: 1, "contact_updates": 2}
"""Within one tick flows act after the imports were taken in."""
_HOPS = {IMPORTS: "ordinal", "contact_updates": "hop"}


def overlay_rows(kind: str, values: Sequence[exp.Expr]) -> exp.Query:
    """`values` and at, rank, hop of all rows of a kind (attribute, list, tag) up to `as_of`. The last counts."""
    return union_all([_rows(ledger, kind, values) for ledger in _RANKS if (ledger, kind) != (IMPORTS, "tag")])


def _rows(ledger: str, kind: str, values: Sequence[exp.Expr]) -> exp.Select:
    projections = [value.copy() for value in values]
    projections += [
        col("at"),
        named(exp.Literal.number(_RANKS[ledger]), "rank"),
        named(col(_HOPS[ledger]), "hop"),
    ]
    mine = col("kind").eq(exp.Literal.string(kind))
    seen = exp.LTE(this=col("at"), expression=bound_call(AS_OF.key))
    return select(projections, ref(ledger, "imports" if ledger == IMPORTS else "updates"), all_of([mine, seen]))

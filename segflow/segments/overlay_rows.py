"""What flows and imports wrote about contacts: the rows of two ledgers as one, in the order in which they count."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from segflow.segments.bounds import AS_OF
from segflow.segments.deletions import remembered
from segflow.segments.sql import all_of, bound_call, col, named, ref, select, union_all

IMPORTS = "contact_imports"
TAKEOVERS = "contact_takeovers"
"""Since when the user's model has had a contact that an import brought."""
_RANKS = {IMPORTS: 1, "contact_updates": 2}
"""Within one tick flows act after the imports were taken in."""
_HOPS = {IMPORTS: "ordinal", "contact_updates": "hop"}


def overlay_rows(kind: str, values: Sequence[exp.Expr], *, deletions: bool) -> exp.Query:
    """`values` and at, rank, hop of all rows of a kind (attribute, list, tag) up to `as_of`. The last counts. With
    `deletions`, what was written before its contact was deleted is forgotten."""
    found = [_rows(ledger, kind, values, deletions) for ledger in _RANKS if (ledger, kind) != (IMPORTS, "tag")]
    return union_all(found)


def _rows(ledger: str, kind: str, values: Sequence[exp.Expr], deletions: bool) -> exp.Select:
    projections = [value.copy() for value in values]
    projections += [
        col("at"),
        named(exp.Literal.number(_RANKS[ledger]), "rank"),
        named(col(_HOPS[ledger]), "hop"),
    ]
    mine = col("kind").eq(exp.Literal.string(kind))
    seen = exp.LTE(this=col("at"), expression=bound_call(AS_OF.key))
    name = "imports" if ledger == IMPORTS else "updates"
    rows = remembered(ledger, name) if deletions else ref(ledger, name)
    return select(projections, rows, all_of([mine, seen]))

"""What flows and imports wrote about contacts: the rows of two ledgers as one, in the order in which they count."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from segflow.segments.bounds import AS_OF
from segflow.segments.sql import all_of, bound_call, col, ledger, named, select, union_all

IMPORTS = "contact_imports"
TAKEOVERS = "contact_takeovers"
"""Since when the user's model has had a contact that an import brought."""
_RANKS = {IMPORTS: 1, "contact_updates": 2}
"""Within one tick flows act after the imports were taken in."""
_HOPS = {IMPORTS: "ordinal", "contact_updates": "hop"}


def overlay_rows(kind: str, values: Sequence[exp.Expr]) -> exp.Query:
    """`values` and at, rank, hop of all rows of a kind (attribute, list, tag) up to `as_of`. The last counts."""
    return union_all([_rows(table, kind, values) for table in _RANKS if (table, kind) != (IMPORTS, "tag")])


def _rows(table: str, kind: str, values: Sequence[exp.Expr]) -> exp.Select:
    projections = [value.copy() for value in values]
    projections += [
        col("at"),
        named(exp.Literal.number(_RANKS[table]), "rank"),
        named(col(_HOPS[table]), "hop"),
    ]
    mine = col("kind").eq(exp.Literal.string(kind))
    seen = exp.LTE(this=col("at"), expression=bound_call(AS_OF.key))
    return select(projections, ledger(table, "imports" if table == IMPORTS else "updates"), all_of([mine, seen]))

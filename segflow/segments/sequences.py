"""Sequences: for each row, when the next row of another kind came to the same contact.

One sort for all kinds together, then one running minimum from the latest row to the earliest: a join of the kinds
would compare every row of a contact with every other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from segflow.segments.sql import case_when, col, id_text, named, select, union_all

_KIND = "row kind"
"""0 for the rows themselves, 1, 2, ... for those that may follow. No property has a blank in its name."""


def with_next(rows: exp.Select, columns: Sequence[str], following: Mapping[str, exp.Select]) -> exp.Select:
    """`rows` (contact_id, at and `columns`) with a column for each of `following` (column -> its contact_id and at):
    the time of the first of these rows after the row's own time, null when there is none."""
    parts = [_part(rows, [col(name) for name in columns], columns, 0)]
    nothing: list[exp.Expr] = [exp.null() for _ in columns]
    parts += [_part(query, nothing, columns, number) for number, query in enumerate(following.values(), 1)]
    # Of rows at one time those of kind 0 come first: what happens at the same time does not follow.
    latest_first = [exp.Ordered(this=col("at"), desc=True, nulls_first=False), exp.Ordered(this=col(_KIND))]
    times = [
        named(
            exp.Window(
                this=exp.Min(this=case_when(_is(number), col("at"))),
                partition_by=[col("contact_id")],
                order=exp.Order(expressions=[part.copy() for part in latest_first]),
                spec=exp.WindowSpec(
                    kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW", end_side=None
                ),
            ),
            column,
        )
        for number, column in enumerate(following, 1)
    ]
    kept = [col(name) for name in ("contact_id", "at", *columns)]
    told = select([*kept, col(_KIND), *times], union_all(parts).subquery("all_rows", copy=False))
    picked = [col(name) for name in ("contact_id", "at", *columns, *following)]
    return select(picked, told.subquery("told", copy=False), _is(0))


def _part(query: exp.Select, values: Sequence[exp.Expr], columns: Sequence[str], kind: int) -> exp.Select:
    contact = named(id_text(col("contact_id")), "contact_id")
    own = [named(value, name) for value, name in zip(values, columns, strict=True)]
    number = named(exp.Literal.number(kind), _KIND)
    return select([contact, col("at"), *own, number], query.subquery(f"rows_{kind}", copy=False))


def _is(kind: int) -> exp.Expr:
    return exp.EQ(this=col(_KIND), expression=exp.Literal.number(kind))

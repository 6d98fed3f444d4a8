"""Contacts that flows have deleted: who is so at `as_of`, and what is forgotten of them.

A deletion counts from the next tick on: the tick that it happens in goes on with the contacts that it has built. The
tombstone wins over the user's model and over imports until a person restores the contact.
"""

from __future__ import annotations

from sqlglot import exp

from segflow.segments.bounds import AS_OF
from segflow.segments.sql import bound_call, col, ident, is_null, ledger, left_join, named, select

DELETIONS, RESTORES = "contact_deletions", "contact_restores"


def last_deletions() -> exp.Select:
    """contact_id, and when it was deleted last before `as_of`."""
    return _last(DELETIONS, exp.LT(this=col("at"), expression=bound_call(AS_OF.key)))


def deleted_contacts() -> exp.Select:
    """contact_id of those that are deleted at `as_of`; reads `last_deletions` as `deletions`."""
    restored = _last(RESTORES, exp.LTE(this=col("at"), expression=bound_call(AS_OF.key)))
    query = select([col("contact_id", "deletions")], exp.Table(this=ident("deletions")))
    later = exp.GT(this=col("at", "restores"), expression=col("at", "deletions"))
    left_join(query, restored.subquery("restores", copy=False), exp.and_(_same("restores", "deletions"), later))
    query.set("where", exp.Where(this=is_null(col("contact_id", "restores"))))
    return query


def remembered(rows: exp.Query, deletions: exp.Expr | None = None) -> exp.Select:
    """`rows` (contact_id, at, ...), less those of before their contact was deleted. `deletions`: where
    `last_deletions` is already."""
    last = deletions or last_deletions().subquery("deletions", copy=False)
    query = select([exp.Column(this=exp.Star(), table=ident("noted"))], rows.subquery("noted", copy=False))
    left_join(query, last, noted_before("noted"))
    query.set("where", exp.Where(this=is_null(col("contact_id", "deletions"))))
    return query


def noted_before(table: str) -> exp.Expr:
    """Is a row of `table` of before a deletion of its contact in `deletions`?"""
    earlier = exp.GTE(this=col("at", "deletions"), expression=col("at", table))
    return exp.and_(_same("deletions", table), earlier)


def _last(table: str, where: exp.Expr) -> exp.Select:
    query = select([col("contact_id"), named(exp.Max(this=col("at")), "at")], ledger(table), where)
    query.set("group", exp.Group(expressions=[col("contact_id")]))
    return query


def _same(left: str, right: str) -> exp.Expr:
    return exp.EQ(this=col("contact_id", left), expression=col("contact_id", right))

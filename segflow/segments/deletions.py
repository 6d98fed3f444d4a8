"""Contacts that flows have deleted: who is so at `as_of`, and what is forgotten of them.

A deletion counts from the next tick on: the tick that it happens in goes on with the contacts that it has built. The
tombstone wins over the user's model and over imports until a person restores the contact.
"""

from __future__ import annotations

from sqlglot import exp

from segflow.segments.bounds import AS_OF
from segflow.segments.sql import bound_call, col, ident, is_null, left_join, named, ref, select

DELETIONS, RESTORES = "contact_deletions", "contact_restores"


def deleted_contacts() -> exp.Select:
    """contact_id of those that are deleted at `as_of`, as a part of a model."""
    restored = exp.LTE(this=col("at"), expression=bound_call(AS_OF.key))
    query = select([col("contact_id", "deletions")], _last_deletions().subquery("deletions", copy=False))
    later = exp.GT(this=col("at", "restores"), expression=col("at", "deletions"))
    on = exp.and_(_same("restores", "deletions"), later)
    left_join(query, _last(RESTORES, restored).subquery("restores", copy=False), on)
    query.set("where", exp.Where(this=is_null(col("contact_id", "restores"))))
    return query


def remembered(ledger: str, alias: str) -> exp.Subquery:
    """The rows of a ledger, less those that were written before their contact was deleted."""
    rows = select([exp.Column(this=exp.Star(), table=ident(alias))], ref(ledger, alias))
    later = exp.GTE(this=col("at", "deletions"), expression=col("at", alias))
    on = exp.and_(_same("deletions", alias), later)
    left_join(rows, _last_deletions().subquery("deletions", copy=False), on)
    rows.set("where", exp.Where(this=is_null(col("contact_id", "deletions"))))
    return rows.subquery(ident(alias), copy=False)


def _last_deletions() -> exp.Select:
    return _last(DELETIONS, exp.LT(this=col("at"), expression=bound_call(AS_OF.key)))


def _last(ledger: str, where: exp.Expr) -> exp.Select:
    query = select([col("contact_id"), named(exp.Max(this=col("at")), "at")], ref(ledger), where)
    query.set("group", exp.Group(expressions=[col("contact_id")]))
    return query


def _same(left: str, right: str) -> exp.Expr:
    return exp.EQ(this=col("contact_id", left), expression=col("contact_id", right))

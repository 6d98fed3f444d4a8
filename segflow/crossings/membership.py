"""The physical form of membership, hidden here: everything else sees (segment, contact_id) rows.

Today both sides are long: `memberships` and one table per `.sql` segment on one side, `segment_members` on the other.
A dense base would want contact-major bit masks; that change stays in this module and its pass of the compiler.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlglot import exp

from segflow.segments.compiler import CONTACTS, MEMBERSHIPS, Compiled
from segflow.segments.membership_models import segment_model
from segflow.warehouse.base import relation


def current_members(compiled: Compiled, evaluated: Collection[str]) -> exp.Query:
    """(segment, contact_id) of every contact that matches an evaluated segment in the present build."""
    sql = [name for name in compiled.sql_segments() if name in evaluated]
    query: exp.Query = exp.select("segment", "contact_id").from_(relation(MEMBERSHIPS))
    for name in sql:
        rows = exp.select(exp.Literal.string(name).as_("segment"), "contact_id").from_(relation(segment_model(name)))
        query = exp.union(query, rows, distinct=False)
    return query


def models_read(compiled: Compiled, evaluated: Collection[str]) -> list[str]:
    """The relations that crossings are made of: `contacts` says who is gone, the others who is a member."""
    return [CONTACTS, MEMBERSHIPS, *(segment_model(name) for name in compiled.sql_segments() if name in evaluated)]

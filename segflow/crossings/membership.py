"""The physical form of membership, hidden here: everything else sees (segment, contact_id) rows.

Today both sides are long: `memberships` and one table per `.sql` segment on one side, `segment_members` on the other.
A dense base would want contact-major bit masks; that change stays in this module and its pass of the compiler.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from sqlglot import exp

from segflow.segments.compiler import CONTACTS, MEMBERSHIPS, Compiled
from segflow.segments.membership_models import segment_model
from segflow.warehouse.base import relation
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"


def current_members(compiled: Compiled, evaluated: Collection[str]) -> exp.Query:
    """(segment, contact_id) of every contact that matches an evaluated segment in the present build."""
    sql = [name for name in compiled.sql_segments() if name in evaluated]
    query: exp.Query = exp.select("segment", "contact_id").from_(relation(MEMBERSHIPS))
    for name in sql:
        rows = exp.select(exp.Literal.string(name).as_("segment"), "contact_id").from_(relation(segment_model(name)))
        query = exp.union(query, rows, distinct=False)
    return query


def moved_members(compiled: Compiled, evaluated: Collection[str]) -> exp.Query:
    """(segment_key, contact_id, matches) of whoever is on the other side of a segment's border than its members say.

    Reads `temp.judged` and `temp.gone`. The present members go straight into the join: keeping them first cost as
    much as the join.
    """
    query = load_query(_SQL / "moved.sql")
    assert isinstance(query, exp.Select)
    return query.with_("current_members", as_=current_members(compiled, evaluated))


def models_read(compiled: Compiled, evaluated: Collection[str]) -> list[str]:
    """The relations that crossings are made of: `contacts` says who is gone, the others who is a member."""
    return [CONTACTS, MEMBERSHIPS, *(segment_model(name) for name in compiled.sql_segments() if name in evaluated)]

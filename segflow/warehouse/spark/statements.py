"""What a statement is, as far as Spark makes a difference."""

from __future__ import annotations

import re

from sqlglot import exp

from segflow.warehouse.record_sql import ROWS
from segflow.warehouse.spark.stages import STAGES
from segflow.warehouse.tables import SCHEMA

_QUERY = re.compile(r"[\s(]*(?:SELECT|WITH)\b", re.IGNORECASE)
_OWN = (SCHEMA, ROWS, STAGES)
_TYPED = (exp.Is, exp.Cast)


def is_query(text: str) -> bool:
    """Does a statement only read?"""
    return _QUERY.match(text) is not None


def table_read_whole(rows: exp.Query) -> exp.Table | None:
    """The table that a query reads all of, and nothing else: `SELECT * FROM it`."""
    given = {name for name, arg in rows.args.items() if arg}
    if not isinstance(rows, exp.Select) or given != {"expressions", "from_"} or not rows.is_star:
        return None
    read = rows.args["from_"].this
    return read if len(rows.expressions) == 1 and isinstance(read, exp.Table) and not read.args.get("joins") else None


def is_of_none(rows: exp.Query) -> bool:
    """Is a query written so that it has no rows?"""
    where = rows.args.get("where")
    return (
        isinstance(rows, exp.Select)
        and where is not None
        and isinstance(where.this, exp.Boolean)
        and not where.this.this
        # With an aggregate it may have one.
        and not rows.args.get("group")
        and rows.find(exp.AggFunc) is None
    )


def may_be_untyped(rows: exp.Expr) -> bool:
    """Can a column of a query be of no type? One that is nothing but NULL is, here or in what somebody else made. To
    ask for the types takes as long as to plan the query."""
    if any(table.db and table.db not in _OWN for table in rows.find_all(exp.Table)):
        return True
    return any(not isinstance(null.parent, _TYPED) for null in rows.find_all(exp.Null))

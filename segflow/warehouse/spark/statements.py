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


def may_be_untyped(rows: exp.Expr) -> bool:
    """Can a column of a query be of no type? One that is nothing but NULL is, here or in what somebody else made. To
    ask for the types takes as long as to plan the query."""
    if any(table.db and table.db not in _OWN for table in rows.find_all(exp.Table)):
        return True
    return any(not isinstance(null.parent, _TYPED) for null in rows.find_all(exp.Null))

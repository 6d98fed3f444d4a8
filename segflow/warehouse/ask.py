"""Questions about what people write that need no engine: specs are checked where there may be none."""

from __future__ import annotations

from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types


def condition_problem(query: exp.Query, dialect: str) -> str | None:
    """Why the only column of a query over no table is no boolean, as far as its parts tell; None when it may be one."""
    given = {one.alias.lower(): one.this for below in query.find_all(exp.Subquery) for one in below.this.selects}

    def fill(part: exp.Expr) -> exp.Expr:
        found = given.get(part.name.lower()) if isinstance(part, exp.Column) else None
        return found.copy() if found is not None else part

    typed = annotate_types(query.selects[0].copy().transform(fill), dialect=dialect)
    kind = typed.type
    if kind is None or kind.this in (exp.DataType.Type.UNKNOWN, exp.DataType.Type.NULL, exp.DataType.Type.BOOLEAN):
        return None
    return f"a sql condition is true or false; this is of type {kind.sql(dialect)}"

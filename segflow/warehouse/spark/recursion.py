"""Recursive queries, round by round: Spark has them since 4.1, with a limit, and Sail has none."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

Keep = Callable[[str, exp.Query], tuple[exp.Table, int]]
"""Keeps the rows of a query for a while under a name; returns the table and how many there are."""


def is_recursive(query: exp.Expr) -> bool:
    """Does a query begin with a WITH RECURSIVE?"""
    ahead = query.args.get("with_")
    return ahead is not None and bool(ahead.args.get("recursive"))


def unrolled(query: exp.Query, keep: Keep) -> exp.Query:
    """The same query without recursion. Each round of a part that reads itself is kept, until one has no rows."""
    query = query.copy()
    ahead = query.args["with_"]
    ahead.set("recursive", False)
    before: list[exp.CTE] = []
    for part in list(ahead.expressions):
        if isinstance(part.this, exp.Union) and _reads(part.this.expression, part.alias):
            rounds = _rounds(part.alias, part.this, before, keep)
            each = [exp.select("*").from_(one) for one in rounds]
            part.set("this", exp.union(*each, distinct=False) if len(each) > 1 else each[0])
        before.append(part)
    return query


def _rounds(name: str, told: exp.Union, before: list[exp.CTE], keep: Keep) -> list[exp.Table]:
    kept, count = keep(f"{name} 0", _with(told.this, before))
    found = [kept]
    names = told.this.named_selects
    while count:
        step = told.expression.copy()
        # The columns are called as in the first round.
        columns = [exp.alias_(one.unalias(), name, quoted=True) for one, name in zip(step.selects, names, strict=True)]
        step.set("expressions", columns)
        for table in _reads(step, name):
            now = found[-1].copy()
            now.set("alias", table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name)))
            for join in table.args.get("joins") or ():
                now.append("joins", join)
            table.replace(now)
        kept, count = keep(f"{name} {len(found)}", _with(step, before))
        found.append(kept)
    return found


def _with(query: exp.Expr, before: list[exp.CTE]) -> exp.Query:
    query = query.copy()
    assert isinstance(query, exp.Query)
    if before:
        query.set("with_", exp.With(expressions=[part.copy() for part in before]))
    return query


def _reads(query: exp.Expr, name: str) -> list[exp.Table]:
    return [table for table in query.find_all(exp.Table) if not table.db and table.name == name]

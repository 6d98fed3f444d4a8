"""Reading the tree of a `.sql` segment: CTEs, branches, and what columns are called behind an alias."""

from __future__ import annotations

from sqlglot import exp

from segflow.explain.sql_words import aggregates, words_of
from segflow.segments.sql import select
from segflow.specs.sql_allowlist import REF_PREFIX
from segflow.specs.sql_file import SEGMENT_MODEL

ROWS = "the rows"
"""Of a query inside another one. No name of a user has a blank in it."""


def quoted(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


def ctes_of(query: exp.Expr) -> list[exp.CTE]:
    clause = query.args.get("with_")
    return list(clause.expressions) if clause is not None else []


def table_of(cte: exp.CTE) -> exp.Table:
    return exp.Table(this=cte.args["alias"].this.copy())


def as_query(node: exp.Expr) -> exp.Query:
    if isinstance(node, exp.Subquery):
        return select([exp.Star()], exp.Subquery(this=node.copy(), alias=exp.TableAlias(this=quoted(ROWS))))
    assert isinstance(node, exp.Query)
    return node


def below_alias(alias: exp.Expr | None, query: exp.Expr, column: exp.Identifier) -> exp.Identifier | None:
    """What a query calls the column that its alias, as in `x(a, b)`, calls `column`."""
    given = list(alias.args.get("columns") or []) if alias is not None else []
    if not given:
        return column
    for place, one in enumerate(given):
        if one.name.lower() == column.name.lower():
            return _output(query, place)
    return column


def _output(query: exp.Expr, place: int) -> exp.Identifier | None:
    while isinstance(query, (exp.SetOperation, exp.Subquery)):
        query = query.this
    if not isinstance(query, exp.Select) or query.is_star or place >= len(query.selects):
        return None
    return exp.to_identifier(query.selects[place].alias_or_name)


def other_name(query: exp.SetOperation, wanted: exp.Identifier) -> exp.Identifier:
    """What the second branch calls the column that the first calls `wanted`."""
    first: exp.Expr = query.this
    while isinstance(first, (exp.SetOperation, exp.Subquery)):
        first = first.this
    if query.args.get("by_name") or not isinstance(first, exp.Select) or first.is_star:
        return wanted
    names = [one.alias_or_name.lower() for one in first.selects]
    if wanted.name.lower() not in names:
        return wanted
    return _output(query.expression, names.index(wanted.name.lower())) or wanted


def branches(query: exp.SetOperation, wanted: exp.Identifier) -> list[tuple[exp.Expr, exp.Identifier]]:
    """The branches of a chain of the same kind, with what each calls the id."""
    first = query.this
    is_chain = type(first) is type(query) and not ctes_of(first) and first.args.get("limit") is None
    before = branches(first, wanted) if is_chain else [(first, wanted)]
    return [*before, (query.expression, other_name(query, wanted))]


def is_one_row(query: exp.Select) -> bool:
    """Does it make one row of all, by aggregates alone?"""
    return query.args.get("group") is None and bool(query.selects) and all(aggregates(one) for one in query.selects)


def segment_of(node: exp.Expr) -> str | None:
    model = model_of(node)
    return model.removeprefix(SEGMENT_MODEL) if model is not None and model.startswith(SEGMENT_MODEL) else None


def model_of(node: exp.Expr) -> str | None:
    """The model that a source is."""
    is_ref = isinstance(node, exp.Table) and node.name.startswith(REF_PREFIX)
    return node.name.removeprefix(REF_PREFIX) if is_ref else None


def join_words(join: exp.Join, dialect: str) -> str:
    words = words_of(join, dialect)
    return f"FROM {words.removeprefix(',').strip()}" if words.startswith(",") else words

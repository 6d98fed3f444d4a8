"""`{sql: "..."}`: a boolean expression over the columns of `contacts`, held to the allowlist of `.sql` segments."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import sqlglot
from sqlglot import exp

from segflow.errors import Issue, did_you_mean
from segflow.specs.sql_allowlist import Check
from segflow.specs.types import ValueType
from segflow.warehouse.engines import DEFAULT, WRITTEN_IN, condition_problem, dialect

CONTACTS = "contacts"
_BEFORE = "select contact_id from {{ ref('contacts') }} where ("
_TYPES: dict[ValueType, str] = {
    "text": "VARCHAR", "number": "DOUBLE", "integer": "BIGINT", "boolean": "BOOLEAN", "date": "DATE",
    "timestamp": "TIMESTAMP", "list_of_text": "VARCHAR[]",
}  # fmt: skip


def parse_expression(sql: str, dialect: str) -> exp.Expr:
    """The tree of an expression in `dialect` that `check_expression` found nothing wrong with."""
    return sqlglot.parse_one(sql, read=dialect)


def column_names(tree: exp.Expr) -> list[str]:
    """The columns of `contacts` that an expression reads, in lower case."""
    return sorted({column.name.lower() for column in tree.find_all(exp.Column)})


def check_expression(sql: str, columns: Mapping[str, ValueType], engine: str = DEFAULT) -> list[Issue]:
    """Every problem of an expression on an engine; lines and columns are those inside of it. `columns` are those of
    `contacts`."""
    if any(mark in sql for mark in ("{{", "{%", "{#")):
        message = "a sql condition is no template: it sees the columns of contacts only, and no {{ ref() }} or time"
        return [Issue("", 1, 1, message)]
    # As the condition of a query, the expression starts on its second line and its columns stay what they are.
    written_in = dialect(engine)
    check = Check(f"{_BEFORE}\n{sql}\n)", "", 0, engine)
    parsed = check.run(None)
    if parsed is None or check.issues:
        return sorted({_inside(issue, sql) for issue in check.issues})
    where = parsed.query.args.get("where")
    plain = {"expressions", "from_", "where"} >= {name for name, value in parsed.query.args.items() if value}
    if not plain or where is None or not isinstance(where.this, exp.Paren):
        return [Issue("", 1, 1, "a sql condition is one expression, like lower(city) like 'lon%'")]
    for node in where.this.this.walk():
        _check_node(check, node, columns)
    if check.issues:
        return sorted(set(check.issues))
    problem = _bind(where.this.this.sql(written_in, comments=False), tuple(columns.items()), engine)
    return [Issue("", 1, 1, problem)] if problem else []


def _inside(issue: Issue, sql: str) -> Issue:
    """An issue at the bracket that closes around the expression is one at its end."""
    lines = sql.split("\n")
    if issue.line <= len(lines):
        return issue
    return Issue("", len(lines), max(1, len(lines[-1])), "this is not valid SQL: something is missing at its end")


def _check_node(check: Check, node: exp.Expr, columns: Mapping[str, ValueType]) -> None:
    if isinstance(node, (exp.Query, exp.Exists)):
        check.report(node, "a sql condition cannot hold a query; use a .sql segment for that")
    elif isinstance(node, (exp.AggFunc, exp.Window)):
        check.report(node, "a sql condition is about one contact, without aggregates and windows")
    elif isinstance(node, exp.Column):
        if node.table and node.table.lower() != CONTACTS:
            check.report(node, f"{node.table}.{node.name}: a sql condition sees the columns of {CONTACTS} only")
        elif node.name.lower() not in columns:
            near = did_you_mean(node.name, list(columns)) or f"; there are {', '.join(columns)}"
            check.report(node, f"there is no attribute {node.name}{near}")


@cache
def _bind(sql: str, columns: tuple[tuple[str, ValueType], ...], engine: str) -> str | None:
    """What the engine that will run the expression says about it, None when it is a boolean there."""
    values = [exp.cast(exp.null(), _TYPES[kind], dialect=WRITTEN_IN).as_(name, quoted=True) for name, kind in columns]
    tree = exp.paren(parse_expression(sql, dialect(engine)))
    query = exp.select(tree).from_(exp.select(*values).subquery(CONTACTS)).where(tree).limit(0)
    return condition_problem(engine, query)

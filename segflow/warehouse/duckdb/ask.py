"""Questions about what people write that need no warehouse. In memory, and asked while specs are checked."""

from __future__ import annotations

import duckdb
from sqlglot import exp


def pattern_problem(pattern: str) -> str | None:
    """What is wrong with a regular expression: RE2 has no look-ahead and no back-references, so Python's own parser
    would let through what fails at the first tick."""
    with duckdb.connect(":memory:") as connection:
        try:
            connection.execute("select regexp_matches('', ?)", [pattern]).fetchall()
        except duckdb.Error as error:
            return str(error).partition(":")[2].strip().splitlines()[0] or "it cannot be read"
    return None


def condition_problem(query: exp.Query) -> str | None:
    """Why the only column of a query over no table is no boolean; None when it is one."""
    with duckdb.connect(":memory:") as connection:
        try:
            described = connection.execute(query.sql("duckdb")).description
        except duckdb.Error as error:
            return f"this cannot be evaluated: {str(error).partition(':')[2].strip().splitlines()[0]}"
    kind = str(described[0][1])
    return None if kind == "BOOLEAN" else f"a sql condition is true or false; this is of type {kind}"

"""Parts of a `.sql` segment in words: as they are written, on one line, and not too long."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime
from typing import Any

from sqlglot import exp

from segflow.specs.sql_allowlist import AS_OF, REF_PREFIX

LONGEST_WORDS = 160
"""Characters of a part's SQL that are shown."""
LONGEST_VALUE = 60
"""Characters of a value that are shown."""
MOST_COLUMNS = 8
"""Columns of a row that are shown."""
_AGGREGATES = frozenset({"mean", "product"})
"""Aggregates that sqlglot has no class for."""


def words_of(node: exp.Expr, dialect: str) -> str:
    """The SQL of a part in the dialect that it was written in, with `ref`s by their models' names."""
    if isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier):
        return f"{node.table}.{node.name}" if node.table else node.name
    named = node.transform(_plain)
    text = " ".join(named.sql(dialect=dialect, normalize_functions="lower", comments=False).split())
    return shortened(text.replace(f"{AS_OF}()", "{{ as_of() }}"), LONGEST_WORDS)


def _plain(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Identifier) and node.name.startswith(REF_PREFIX):
        return exp.Identifier(this=node.name.removeprefix(REF_PREFIX), quoted=False)
    return node


def shortened(text: str, most: int) -> str:
    """`text`, cut to `most` characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def shown_row(row: dict[str, Any], hidden: Collection[str] = ()) -> dict[str, Any]:
    """A row without `hidden` columns, with few and short values: times in UTC, all that JSON does not know as text."""
    items = [(name, value) for name, value in row.items() if name not in hidden]
    return {name: shown_value(value) for name, value in items[:MOST_COLUMNS]}


def shown_value(value: Any) -> Any:
    """One value, as short as it has to be."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if value is None or isinstance(value, (bool, int, float, date)):
        return value
    return shortened(str(value), LONGEST_VALUE)


def conjuncts(condition: exp.Expr) -> list[exp.Expr]:
    """The conditions that must all hold."""
    while isinstance(condition, exp.Paren):
        condition = condition.this
    if isinstance(condition, exp.And):
        return [*conjuncts(condition.this), *conjuncts(condition.expression)]
    return [condition]


def own_nodes(node: exp.Expr) -> Iterator[exp.Expr]:
    """The nodes of an expression, without those of the queries in it."""
    yield from node.walk(prune=lambda one: isinstance(one, exp.Query))


def aggregates(node: exp.Expr) -> list[exp.Expr]:
    """The outermost aggregates of an expression; windows are none."""
    found: list[exp.Expr] = []

    def is_end(one: exp.Expr) -> bool:
        if isinstance(one, (exp.AggFunc, exp.Filter, exp.WithinGroup)) or _is_anonymous_aggregate(one):
            found.append(one)
            return True
        return isinstance(one, (exp.Query, exp.Window))

    for _ in node.walk(prune=is_end):
        pass
    return found


def windows(node: exp.Expr) -> list[exp.Expr]:
    """The windows of an expression."""
    return [one for one in own_nodes(node) if isinstance(one, exp.Window)]


def columns(node: exp.Expr) -> list[exp.Expr]:
    """The columns that an expression reads itself: neither in aggregates, windows nor queries."""
    inside = {id(one) for outer in (*aggregates(node), *windows(node)) for one in outer.walk()}
    return [one for one in own_nodes(node) if isinstance(one, exp.Column) and id(one) not in inside]


def _is_anonymous_aggregate(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() in _AGGREGATES

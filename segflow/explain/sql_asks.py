"""Questions about parts of a `.sql` segment: each runs on its own, under the time limit that the segment has."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.durations import Duration
from segflow.errors import TimeLimitError, WarehouseError
from segflow.explain.sql_words import MOST_COLUMNS, shortened
from segflow.segments.sql import id_text, named, select
from segflow.specs.sql_allowlist import AS_OF, REF_PREFIX
from segflow.warehouse.base import Warehouse, python_rows, too_long

MOST_ROWS = 3
"""Rows of the contact that are shown."""
_IT = "the part"
"""No name of a user has a blank in it."""


class Unsaid(Exception):
    """A part says nothing about a contact; why, in words."""


@dataclass(frozen=True)
class Scope:
    """The WITH clauses that a query sees, the outermost first."""

    levels: tuple[tuple[exp.CTE, ...], ...]

    def inside(self, ctes: Sequence[exp.CTE]) -> Scope:
        """The scope of what stands behind such a clause."""
        return Scope((*self.levels, tuple(ctes)))

    def find(self, name: str) -> exp.CTE | None:
        """The CTE that a name means."""
        for level in reversed(self.levels):
            for cte in reversed(level):
                if cte.alias.lower() == name.lower():
                    return cte
        return None

    def around(self, query: exp.Select) -> exp.Select:
        """The query, with all that it sees. A level for each clause: an inner name may hide an outer one."""
        for level in reversed(self.levels):
            query = select([exp.Star()], query.subquery(_IT, copy=False))
            query.set("with_", exp.With(expressions=[cte.copy() for cte in level]))
        return query


class Asker:
    """Asks about one contact. `place`: where a model is that a query names; `as_of`: the moment as a literal."""

    def __init__(
        self, warehouse: Warehouse, place: Callable[[str], exp.Table], as_of: exp.Expr, limit: Duration, contact: str
    ) -> None:
        self._warehouse, self._place, self._as_of, self._limit = warehouse, place, as_of, limit
        self._contact = exp.Literal.string(contact)
        self._end = time.monotonic() + limit.seconds

    @property
    def dialect(self) -> str:
        """What the query is written in."""
        return self._warehouse.words.dialect

    def rows(self, query: exp.Select, scope: Scope) -> list[dict[str, Any]]:
        """The rows of a query. Raises Unsaid."""
        return python_rows(self._table(query, scope))

    def count(self, query: exp.Query, column: exp.Expr, scope: Scope) -> int:
        """How many rows of a query are the contact's. Raises Unsaid."""
        [row] = self.rows(self._of_contact([exp.Count(this=exp.Star()).as_("n")], query, column), scope)
        return int(row["n"])

    def sample(self, query: exp.Query, column: exp.Expr, scope: Scope) -> list[dict[str, Any]]:
        """Some rows of the contact in a query. Raises Unsaid."""
        found = self._of_contact([exp.Star()], query, column)
        names = self._table(found.limit(0), scope).column_names
        if len({name.lower() for name in names}) == len(names):
            order = [id_text(exp.column(name, _IT, quoted=True)) for name in names[:MOST_COLUMNS]]
            found = found.order_by(*order)
        return self.rows(found.limit(MOST_ROWS), scope)

    def has_column(self, source: exp.Expr, column: exp.Identifier, scope: Scope) -> bool:
        """Has what stands behind FROM a column of that name?"""
        query = select([exp.Column(this=column.copy())], source.copy())
        return self._warehouse.bind(self._filled(scope.around(query))) is None

    def is_contact(self, column: exp.Expr) -> exp.Expr:
        """Does a column hold the id of the contact?"""
        return exp.EQ(this=id_text(column), expression=self._contact.copy())

    def name_of(self, source: exp.Expr) -> str:
        """How columns of what stands behind FROM are qualified."""
        name = source.alias_or_name
        if isinstance(source, exp.Table) and not source.alias and name.startswith(REF_PREFIX):
            return self._place(name.removeprefix(REF_PREFIX)).alias_or_name
        return name

    def _of_contact(self, projections: list[exp.Expr], query: exp.Query, column: exp.Expr) -> exp.Select:
        name = exp.Column(this=column.copy(), table=exp.to_identifier(_IT, quoted=True))
        inner = query.copy().subquery(exp.to_identifier(_IT, quoted=True), copy=False)
        return select(projections, inner, self.is_contact(name))

    def _table(self, query: exp.Select, scope: Scope) -> pa.Table:
        left = math.ceil(self._end - time.monotonic())
        if left <= 0:
            raise Unsaid(f"not looked at: the parts before it {too_long(self._limit)}")
        try:
            with self._warehouse.time_limit(Duration(0, left, str(self._limit))):
                return self._warehouse.query(self._filled(scope.around(query)))
        except TimeLimitError:
            raise Unsaid(f"not looked at: it and the parts before it {too_long(self._limit)}") from None
        except WarehouseError as error:
            raise Unsaid(f"it does not run alone: {shortened(str(error), 200)}") from error

    def _filled(self, query: exp.Select) -> exp.Select:
        def fill(node: exp.Expr) -> exp.Expr:
            if isinstance(node, exp.Table) and node.name.startswith(REF_PREFIX):
                table = self._place(node.name.removeprefix(REF_PREFIX)).copy()
                for key in ("alias", "joins", "laterals"):
                    if node.args.get(key):
                        table.set(key, node.args[key])
                return table
            if isinstance(node, exp.Anonymous) and node.name.lower() == AS_OF:
                return self._as_of.copy()
            return node

        filled = query.transform(fill)
        assert isinstance(filled, exp.Select)
        return filled


def numbered(expressions: Sequence[exp.Expr], kind: str) -> list[exp.Expr]:
    """Each under a number: what people write is too long for a name."""
    return [named(one.copy(), f"{kind} {number}") for number, one in enumerate(expressions)]

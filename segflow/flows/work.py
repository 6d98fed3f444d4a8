"""What the parts of `advance` share: the tick, the staged tables, how conditions are asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from sqlglot import exp

from segflow.crossings.names import current_names
from segflow.flows.conditions import Conditions
from segflow.outbox.origins import origins_query
from segflow.ticks import ledger as ticks
from segflow.ticks.context import TickContext
from segflow.warehouse.sqlfile import Parameter, load_query

SQL = Path(__file__).parent / "sql"
ANSWERS = pa.schema([("subject_id", pa.string()), ("condition", pa.string())])


class Work:
    """One tick's work on all flows. `temp.positions` is where everybody stands so far, `temp.ended` who has ended."""

    def __init__(self, context: TickContext) -> None:
        self.context = context
        self.compiled, self.warehouse = compiled, warehouse = context.compiled, context.warehouse
        self.tick_id, self.as_of = context.tick_id, context.as_of
        before = ticks.previous(warehouse, self.tick_id)
        self.before = before.tick_id if before else ""
        self.changed, self.ended, self.offering = False, 0, False
        nodes = {f"{flow}/{place}": n for flow, found in compiled.conditions.items() for place, n in found.items()}
        self.keys = current_names(warehouse, self.tick_id)
        self.conditions = Conditions(nodes, compiled.columns, compiled.specs.catalog, context.fill, self.keys)

    def _query(self, name: str, **parameters: Parameter) -> exp.Query:
        return load_query(SQL / f"{name}.sql", as_of=self.as_of, tick_id=self.tick_id, **parameters)

    def _keep_only_active(self) -> None:
        ended = self._count("temp.ended")
        if ended > self.ended:
            self.ended = ended
            self._stand(self._query("positions_without_ended"))

    def _stand(self, positions: exp.Query) -> None:
        """Where everybody stands from here on. Most ticks of most flows change nothing, and positions are many."""
        self.warehouse.stage("positions", positions)
        self.changed = True

    def _count(self, table: exp.Table | str) -> int:
        return int(self.warehouse.scalar(exp.select(exp.Count(this=exp.Star())).from_(table)))

    def _satisfied(self, subjects: exp.Query, keys: list[str], came_by: str = "enrolled_by") -> None:
        """Answer conditions: `temp.answers` gets the (subject_id, condition) of `subjects` that hold. `came_by`: the
        query that knows what triggered them."""
        if keys:
            self.warehouse.stage("subjects", subjects)
        # The facts of all conditions are joined: not worth it for nobody.
        someone = keys and self._count("temp.subjects")
        if someone and self.conditions.asks_origins(keys):
            self.warehouse.stage("came_by", self._query(came_by))
            self.warehouse.stage("origins", origins_query())
        answers = self.conditions.satisfied(keys) if someone else pa.Table.from_pylist([], schema=ANSWERS)
        self.warehouse.stage("answers", answers)


def all_of(staged: str, more: exp.Query) -> exp.Query:
    """The rows of `temp.STAGED`, and more."""
    return union_all(exp.select("*").from_(f"temp.{staged}"), more)


def union_all(rows: exp.Query, more: exp.Query) -> exp.Query:
    """The rows of both."""
    # A query with CTEs of its own cannot follow UNION ALL bare.
    return exp.union(rows, exp.select("*").from_(more.subquery("more")), distinct=False)


def together(queries: Sequence[exp.Query]) -> exp.Query:
    """The rows of all of them; there is one at least."""
    found: exp.Query = exp.select("*").from_(queries[0].subquery("part_0"))
    for query in queries[1:]:
        found = union_all(found, query)
    return found

"""What the parts of `advance` share: the tick, the staged tables, how conditions are asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.crossings.names import current_names
from segflow.flows.conditions import Conditions
from segflow.outbox.origins import origins_query
from segflow.ticks import ledger as ticks
from segflow.ticks.context import TickContext
from segflow.warehouse.base import relation
from segflow.warehouse.sqlfile import Parameter, load_query
from segflow.warehouse.tables import TABLES

SQL = Path(__file__).parent / "sql"
_POSITION = tuple(TABLES["flow_positions"].columns)
_STARTED = exp.to_table("temp.started")
ANSWERS = pa.schema([("subject_id", pa.string()), ("condition", pa.string())])


class Work:
    """One tick's work on all flows. `temp.positions` is where everybody stands so far, `temp.ended` who has ended."""

    def __init__(self, context: TickContext) -> None:
        self.context = context
        self.compiled, self.warehouse = compiled, warehouse = context.compiled, context.warehouse
        self.tick_id, self.as_of = context.tick_id, context.as_of
        before = ticks.previous(warehouse, self.tick_id)
        self.before = before.tick_id if before else ""
        self.offering = False
        nodes = {f"{flow}/{place}": n for flow, found in compiled.conditions.items() for place, n in found.items()}
        self.keys = current_names(warehouse, self.tick_id)
        self.conditions = Conditions(nodes, compiled.columns, compiled.specs.catalog, context.fill, self.keys)

    def _query(self, name: str, **parameters: Parameter) -> exp.Query:
        return load_query(SQL / f"{name}.sql", as_of=self.as_of, tick_id=self.tick_id, **parameters)

    def _stand_as_before(self) -> None:
        """Everybody stands where the tick before left them, and nobody has ended or was started."""
        w = self.warehouse
        # A warehouse of an earlier version has the later columns elsewhere, and rows are put below each other.
        before = exp.select(*_POSITION).from_(relation("flow_positions"))
        self.number = self._count(relation("flow_positions")) if w.brings_few else None
        """About how many stand somewhere, where it is worth to know."""
        w.stage("started", before.copy().where(exp.false()))
        w.stage("ended", self._query("nothing_ended"))
        self.changed, self.ended = False, 0
        self._before: exp.Query = before
        self.placed_before = [_STARTED]
        self.took_in = False
        self._tell_positions()

    def _keep_only_active(self) -> None:
        ended = self._count("temp.ended")
        if ended > self.ended:
            self.ended, self.changed = ended, True
            self._tell_positions()

    def _stand(self, positions: exp.Query) -> None:
        """Where everybody stands from here on, before anybody is started."""
        stood = self.warehouse.stage("stood", positions, about=self.number)
        self._before, self.changed = exp.select("*").from_(stood), True
        self.placed_before = [_STARTED, stood]
        self._tell_positions()

    def _take_in(self, enrolled: exp.Table, number: int) -> None:
        """Those in `enrolled` stand before their first step."""
        self.number = self.number + number if self.number is not None else None
        self.warehouse.stage("started", all_of("started", exp.select("*").from_(enrolled)), about=self.number)
        self.changed = self.took_in = True
        self._tell_positions()

    def _tell_positions(self) -> None:
        """`temp.positions` is no table: positions are many, and most ticks change few of them."""
        w = self.warehouse
        w.view("standing", union_all(self._before, exp.select("*").from_("temp.started")), about=self.number)
        w.view("positions", self._query("positions"), about=self.number)

    def _count(self, table: exp.Table | str) -> int:
        return int(self.warehouse.scalar(exp.select(exp.Count(this=exp.Star())).from_(table)))

    def _satisfied(
        self, subjects: exp.Query, keys: list[str], came_by: str = "enrolled_by", about: int | None = None
    ) -> None:
        """Answer conditions: `temp.answers` gets the (subject_id, condition) of `subjects` that hold. `came_by`: the
        query that knows what triggered them; `about`: see `Warehouse.stage`."""
        w = self.warehouse
        firsts: dict[str, dict[str, Any]] = {}
        if keys:
            w.stage("subjects", subjects, about=about)
            firsts = {row["condition"]: row for row in w.rows(self.conditions.asked(keys))}
            # What a condition reads is joined, so those that nobody is asked are left out.
            keys = [key for key in keys if key in firsts]
        if keys and self.conditions.asks_origins(keys):
            w.stage("came_by", self._query(came_by))
            w.stage("origins", origins_query())
        number = sum(row["subjects"] for row in firsts.values())
        w.stage("answers", self.conditions.satisfied(keys, firsts) if keys else ANSWERS.empty_table(), about=number)


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

"""The advance stage: all flows move together, as far as they can at this `as_of`. One transaction, held by the caller.

Order: end what must end, enroll, end again among the new, then hop until nothing is due. Each hop is the same handful
of statements over positions x steps x answers, whatever the number of flows or contacts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from sqlglot import exp

from segflow.crossings.membership import check_generation
from segflow.errors import RunError
from segflow.flows import prepare
from segflow.flows.conditions import Conditions
from segflow.segments.compiler import CONTACTS, Compiled
from segflow.segments.emit import fill, template
from segflow.specs.flow import BranchStep
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.dbt import DbtProject
from segflow.warehouse.sqlfile import Parameter, load_query

_SQL = Path(__file__).parent / "sql"
_SUBJECT = pa.schema(
    [
        ("subject_id", pa.string()),
        ("contact_id", pa.string()),
        ("enrolled_at", pa.timestamp("us")),
        ("condition", pa.string()),
    ]
)


@dataclass(frozen=True)
class FlowResult:
    """What one tick did to one flow."""

    flow: str
    status: str
    reason: str | None
    enrolled: int
    active: int
    ended: int
    planned: int


def advance(
    compiled: Compiled,
    warehouse: Warehouse,
    dbt: DbtProject,
    tick_id: str,
    as_of: datetime,
    before: str,
    stale: dict[str, str],
    broken: dict[str, str],
) -> None:
    """Advance every flow to `as_of` and record journal, messages, updates, starts and ends of this tick.

    `before` is the id of the tick before ("" at the first). Raises StaleGenerationError when facts were built for
    another tick.
    """
    _Advance(compiled, warehouse, dbt, tick_id, as_of, before).run(stale, broken)


def results(warehouse: Warehouse, tick_id: str) -> list[FlowResult]:
    """The flows of a tick, by name."""
    return [FlowResult(**row) for row in warehouse.rows(load_query(_SQL / "flow_results.sql", tick_id=tick_id))]


def enrollments_view() -> exp.Query:
    """The query of public view `flow_enrollments`."""
    return load_query(_SQL / "enrollments.sql")


class _Advance:
    def __init__(
        self, compiled: Compiled, warehouse: Warehouse, dbt: DbtProject, tick_id: str, as_of: datetime, before: str
    ) -> None:
        self.compiled, self.warehouse, self.dbt = compiled, warehouse, dbt
        self.tick_id, self.as_of, self.before = tick_id, as_of, before
        nodes = {f"{flow}/{place}": n for flow, found in compiled.conditions.items() for place, n in found.items()}
        self.conditions = Conditions(nodes, compiled.columns, compiled.specs.catalog, self._resolve)

    def run(self, stale: dict[str, str], broken: dict[str, str]) -> None:
        w = self.warehouse
        flows = prepare.flows_now(self.compiled, w, stale, broken, self.before, self.as_of)
        standing = w.scalar(exp.select(exp.Count(this=exp.Star())).from_(relation("flow_positions")))
        if not flows and not standing:
            return
        check_generation(w, self._models_read(broken), self.tick_id)
        w.append("flow_versions", self.tick_id, prepare.new_versions(self.compiled, w, flows))
        w.stage("flows_now", pa.Table.from_pylist(flows, schema=prepare.FLOWS_NOW))
        w.stage("steps", prepare.step_table(self.compiled, self.as_of))
        w.stage("edges", prepare.edge_table(self.compiled))
        w.stage("updates", prepare.update_table(self.compiled))
        w.stage("positions", exp.select("*").from_(relation("flow_positions")))
        active = [row["flow"] for row in flows if row["status"] == "active"]

        w.stage("started", self._query("nothing_started"))
        w.stage("ended", self._query("pushed_out"))
        self._keep_only_active()
        self._survive_edits()
        self._end_by_condition(active)
        self._enroll(flows, active)
        self._move(active)
        self._record(flows)

    def _query(self, name: str, **parameters: Parameter) -> exp.Query:
        return load_query(_SQL / f"{name}.sql", as_of=self.as_of, tick_id=self.tick_id, **parameters)

    def _resolve(self, query: exp.Query) -> exp.Query:
        return fill(
            template(query),
            relation=lambda model: relation(model) if self._is_generated(model) else self.dbt.relation(model),
            as_of=self.as_of,
            zone=self.compiled.zone,
            tick_id=self.tick_id,
            dialect=self.warehouse.dialect,
        )

    def _is_generated(self, model: str) -> bool:
        return model == CONTACTS or model in self.compiled.fact_models()

    def _models_read(self, broken: dict[str, str]) -> list[str]:
        usable = {column.model for column in self.compiled.columns.values() if column.name not in broken}
        return [CONTACTS, *sorted(usable)]

    def _keep_only_active(self) -> None:
        self.warehouse.stage("positions", self._query("positions_without_ended"))

    def _survive_edits(self) -> None:
        """Contacts keep their place by step id; those whose step is gone go on at the next one, or end."""
        w = self.warehouse
        moved = prepare.moves(self.compiled, w)
        if not moved.num_rows:
            return
        w.stage("moves", moved)
        w.stage("ended", _all("ended", self._query("step_removed")))
        w.stage("positions", self._query("positions_after_edit"))

    def _satisfied(self, subjects: exp.Query, keys: list[str]) -> None:
        """Answer conditions: `temp.answers` gets the (subject_id, condition) of `subjects` that hold."""
        self.warehouse.stage("subjects", subjects if keys else pa.Table.from_pylist([], schema=_SUBJECT))
        empty = pa.schema([("subject_id", pa.string()), ("condition", pa.string())])
        answers = self.conditions.satisfied(keys) if keys else pa.Table.from_pylist([], schema=empty)
        self.warehouse.stage("answers", answers)

    def _end_by_condition(self, active: list[str], only_new: bool = False) -> None:
        keys = [
            f"{flow}/{place}"
            for flow in active
            for place in self.compiled.conditions[flow]
            if place.startswith("exit_when[")
        ]
        if not keys:
            return
        rows = [{"flow": key.split("/", 1)[0], "condition": key} for key in keys]
        schema = pa.schema([("flow", pa.string()), ("condition", pa.string())])
        self.warehouse.stage("exit_conditions", pa.Table.from_pylist(rows, schema=schema))
        self._satisfied(self._query("exit_subjects", only_new=only_new), keys)
        self.warehouse.stage("ended", _all("ended", self._query("ended_by_condition")))
        self._keep_only_active()

    def _enroll(self, flows: list[dict[str, object]], active: list[str]) -> None:
        w = self.warehouse
        w.stage("dropped", self._query("nothing_dropped"))
        keys = [f"{flow}/where" for flow in active if "where" in self.compiled.conditions[flow]]
        for number, (crossing_tick, crossed_at) in enumerate(self._pending_ticks(flows)):
            w.stage(
                "candidates",
                self._query("candidates", crossing_tick=crossing_tick, crossed_at=crossed_at, with_waiting=number == 0),
            )
            self._satisfied(self._query("where_subjects"), keys)
            w.stage("decisions", self._query("decisions"))
            w.stage("enrolled", self._query("enrolled"))
            w.stage("started", _all("started", exp.select("*").from_("temp.enrolled")))
            w.stage("positions", _all("positions", exp.select("*").from_("temp.enrolled")))
            w.stage("dropped", _all("dropped", self._query("dropped")))
            if self._waits():
                w.replace("flow_waiting", self._query("waiting", with_waiting=number == 0))
        self._end_by_condition(active, only_new=True)

    def _waits(self) -> bool:
        """Is anybody waiting for a re-entry rule, before or after this round?"""
        waiting = exp.select(exp.Count(this=exp.Star())).from_(relation("flow_waiting"))
        told = exp.select(exp.Count(this=exp.Star())).from_("temp.decisions").where("decision = 'wait'")
        return bool(self.warehouse.scalar(waiting) or self.warehouse.scalar(told))

    def _pending_ticks(self, flows: list[dict[str, object]]) -> list[tuple[str, datetime]]:
        """The ticks whose crossings some flow has not consumed yet, in order; the present one is the last."""
        oldest = min((str(row["consumed_to"]) for row in flows if row["status"] in ("active", "paused")), default=None)
        if oldest is None:
            return []
        ticks = (
            exp.select("tick_id", "as_of")
            .from_(relation("ticks"))
            .where(exp.column("tick_id") > exp.Literal.string(oldest))
            .where(exp.column("tick_id") <= exp.Literal.string(self.tick_id))
            .order_by("tick_id")
        )
        return [(row["tick_id"], row["as_of"].replace(tzinfo=UTC)) for row in self.warehouse.rows(ticks)]

    def _move(self, active: list[str]) -> None:
        w = self.warehouse
        longest = max((sum(1 for _ in named.spec.walk()) for named in self.compiled.specs.flows.values()), default=0)
        w.stage("taken", self._query("nothing_taken"))
        branches = [
            f"{flow}/{step.id}"
            for flow in active
            for step in self.compiled.specs.flows[flow].spec.walk()
            if isinstance(step, BranchStep)
        ]
        for hop in range(longest + 1):
            self._satisfied(self._query("branch_subjects"), branches)
            w.stage("due", self._query("due", hop=hop))
            if not w.scalar(exp.select(exp.Count(this=exp.Star())).from_("temp.due")):
                return
            w.stage("taken", _all("taken", exp.select("*").from_("temp.due")))
            w.stage("positions", self._query("moved"))
        raise RunError("a flow moved further than it has steps; this is a bug of segflow")

    def _record(self, flows: list[dict[str, object]]) -> None:
        w = self.warehouse
        starts = exp.select(
            "enrollment_id", "flow", "flow_version", "contact_id", "enrolled_at", "trigger_segment", "trigger_kind",
            "crossing_tick",
        ).from_("temp.started")  # fmt: skip
        w.append("flow_enrollment_starts", self.tick_id, starts)
        w.append("flow_enrollment_ends", self.tick_id, _all("ended", self._query("finished")))
        w.append("flow_journal", self.tick_id, _all("dropped", self._query("journal")))
        w.append("outbox", self.tick_id, self._query("outbox"))
        w.append("contact_updates", self.tick_id, self._query("updates"))
        w.replace("flow_positions", exp.select("*").from_("temp.positions"))
        cursors = [
            {
                "flow": row["flow"],
                "status": row["status"],
                "reason": row["reason"],
                "consumed_to": row["consumed_to"] if row["status"] == "held" else self.tick_id,
            }
            for row in flows
            if row["status"] != "draft"
        ]
        schema = pa.schema([(name, pa.string()) for name in ("flow", "status", "reason", "consumed_to")])
        w.replace("flow_cursors", pa.Table.from_pylist(cursors, schema=schema))


def _all(staged: str, more: exp.Query) -> exp.Query:
    return exp.union(exp.select("*").from_(f"temp.{staged}"), more, distinct=False)

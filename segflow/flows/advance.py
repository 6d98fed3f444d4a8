"""The advance stage: all flows move together, as far as they can at this `as_of`. One transaction, held by the caller.

Order: end what must end, enroll, end again among the new, then hop until nothing is due. Each hop is the same handful
of statements over positions x steps x answers, whatever the number of flows or contacts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.crossings.names import current_names
from segflow.errors import RunError
from segflow.flows import prepare, triggers
from segflow.flows.by_hand import ByHand
from segflow.flows.conditions import Conditions
from segflow.flows.effects import Claimer, Effects
from segflow.flows.message_guard import held_flows
from segflow.flows.offers import stage_offers
from segflow.flows.steps_now import stage_steps, stage_times
from segflow.outbox.origins import origins_query
from segflow.segments.compiler import CONTACTS
from segflow.segments.fact_models import row_query
from segflow.segments.membership_models import contact_columns
from segflow.segments.nodes import Sql, facts_of
from segflow.segments.predicate import predicate
from segflow.segments.sql import col, ref
from segflow.specs.steps.base import place_of
from segflow.ticks import ledger as ticks
from segflow.ticks.context import Faults, TickContext
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.generations import check_generation
from segflow.warehouse.sqlfile import Parameter, load_query
from segflow.warehouse.tables import TABLES
from segflow.zones import local_date

_SQL = Path(__file__).parent / "sql"
_REMOVED = pa.schema([("flow", pa.string()), ("contact_id", pa.string())])
TAKEN = (
    *TABLES["flow_positions"].columns, "action", "detail", "channel", "sender", "content", "next_step", "end_reason",
    "hop",
)  # fmt: skip
"""What is kept of each step taken."""
_ANSWERS = pa.schema([("subject_id", pa.string()), ("condition", pa.string())])


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
    context: TickContext,
    faults: Faults,
    by_hand: ByHand | None = None,
    unreadable: Mapping[str, str] | None = None,
    claim: Claimer | None = None,
) -> set[str]:
    """Advance every flow to `as_of` and record journal, messages, updates, starts and ends of this tick.

    `faults.segments` has words for each segment that is stale or held (see `crossings.cross.not_compared`).
    A flow that plans too many messages is held, unless it is released, and so is one of `unreadable` (flow ->
    reason). `claim` gives codes away. Returns the flows that are held. Raises StaleGenerationError when facts were
    built for another tick.
    """
    return _Advance(context, claim).run(faults, by_hand or ByHand(), unreadable or {})


def unreadable(context: TickContext) -> dict[str, str]:
    """The flows whose conditions look at rows that cannot be read, with the reason. Reads all of those rows."""
    return _Advance(context).unreadable()


def results(warehouse: Warehouse, tick_id: str) -> list[FlowResult]:
    """The flows of a tick, by name."""
    return [FlowResult(**row) for row in warehouse.rows(load_query(_SQL / "flow_results.sql", tick_id=tick_id))]


def enrollments_view() -> exp.Query:
    """The query of public view `flow_enrollments`."""
    return load_query(_SQL / "enrollments.sql")


class _Advance:
    def __init__(self, context: TickContext, claim: Claimer | None = None) -> None:
        self.context = context
        self.effects = Effects(context, claim)
        self.compiled, self.warehouse = compiled, warehouse = context.compiled, context.warehouse
        self.tick_id, self.as_of = context.tick_id, context.as_of
        before = ticks.previous(warehouse, self.tick_id)
        self.before = before.tick_id if before else ""
        self.changed, self.ended, self.offering, self.removing = False, 0, False, False
        nodes = {f"{flow}/{place}": n for flow, found in compiled.conditions.items() for place, n in found.items()}
        last_tick = before.as_of if before else None
        self.keys = current_names(warehouse, self.tick_id)
        catalog = compiled.specs.catalog
        self.conditions = Conditions(nodes, compiled.columns, catalog, context.fill, self.keys, last_tick)

    def run(self, faults: Faults, by_hand: ByHand, unreadable: Mapping[str, str]) -> set[str]:
        w = self.warehouse
        flows = prepare.flows_now(self.context, faults, self.before, by_hand.paused)
        # What flows that are gone have left behind must go too.
        left = ("flow_positions", "flow_waiting")
        if not flows and not any(self._count(relation(table)) for table in left):
            return set()
        check_generation(w, self._models_read(faults.parts), self.tick_id)
        w.append("flow_versions", self.tick_id, prepare.new_versions(self.compiled, w, flows))
        active = [row["flow"] for row in flows if row["status"] == "active"]
        prepare.hold(flows, {**triggers.faults(self.context, active), **self._unanswerable(flows), **unreadable})
        stage_steps(self.compiled, w)
        self.effects.stage()
        self.triggers = triggers.Triggers(triggers.Work(self.context, flows, self.keys))
        w.stage("segment_names", self._query("segment_names"))
        self.removing = bool(by_hand.removed)
        removed = [{name: one[name] for name in _REMOVED.names} for one in by_hand.removed]
        w.stage("removed", pa.Table.from_pylist(removed, schema=_REMOVED))
        self.offering = stage_offers(self.context, flows, self.keys, by_hand.retriggers)
        self._decide(flows)
        over = held_flows(self.compiled, w, flows, by_hand.released)
        if over:
            # Flows do not meddle with each other within a tick: the others come out as they did.
            prepare.hold(flows, over)
            self._decide(flows)
        self._record(flows)
        return {row["flow"] for row in flows if row["status"] == "held"}

    def _decide(self, flows: list[dict[str, Any]]) -> None:
        """What this tick does to the flows, in temporary tables only."""
        w = self.warehouse
        self.changed, self.ended = False, 0
        w.stage("flows_now", pa.Table.from_pylist(flows, schema=prepare.FLOWS_NOW))
        # A warehouse of an earlier version has the later columns elsewhere, and rows are put below each other.
        for staged in ("positions", "waiting"):
            columns = TABLES[f"flow_{staged}"].columns
            w.stage(staged, exp.select(*columns).from_(relation(f"flow_{staged}")))
        active = [row["flow"] for row in flows if row["status"] == "active"]

        w.stage("started", self._query("nothing_started"))
        w.stage("answers", pa.Table.from_pylist([], schema=_ANSWERS))
        w.stage("ended", self._query("pushed_out", from_tick=self.tick_id))
        if self.removing:
            w.stage("ended", _all("ended", self._query("removed_by_hand")))
        self._keep_only_active()
        self._survive_edits()
        self._end_by_condition(active)
        self._enroll(flows, active)
        self._move(flows)

    def _query(self, name: str, **parameters: Parameter) -> exp.Query:
        return load_query(_SQL / f"{name}.sql", as_of=self.as_of, tick_id=self.tick_id, **parameters)

    def _models_read(self, broken: Mapping[str, str]) -> list[str]:
        usable = {column.model for column in self.compiled.columns.values() if column.name not in broken}
        return [CONTACTS, *sorted(usable)]

    def _keep_only_active(self) -> None:
        ended = self._count("temp.ended")
        if ended > self.ended:
            self.ended = ended
            self._stand(self._query("positions_without_ended"))

    def _stand(self, positions: exp.Query) -> None:
        """Where everybody stands from here on. Most ticks of most flows change nothing, and positions are many."""
        self.warehouse.stage("positions", positions)
        self.changed = True

    def _survive_edits(self) -> None:
        """Contacts keep their place by step id; those whose step is gone go on at the next one, or end."""
        w = self.warehouse
        moved = prepare.moves(self.compiled, w)
        if not moved.num_rows:
            return
        w.stage("moves", moved)
        w.stage("ended", _all("ended", self._query("step_removed")))
        self._stand(self._query("positions_after_edit"))

    def _count(self, table: exp.Table | str) -> int:
        return int(self.warehouse.scalar(exp.select(exp.Count(this=exp.Star())).from_(table)))

    def _unanswerable(self, flows: list[dict[str, Any]]) -> dict[str, str]:
        """The active flows whose conditions cannot be asked, with the reason: they look at rows of the user's models
        themselves, and the build did not try these."""
        w = self.warehouse
        w.stage("subjects", self._query("no_subjects"))
        w.stage("origins", self._query("no_origins"))
        found = {}
        for flow in (row["flow"] for row in flows if row["status"] == "active"):
            keys = [f"{flow}/{place}" for place in self.compiled.conditions[flow]]
            if not any(fact.per_enrollment for key in keys for fact in facts_of(self.conditions.nodes[key])):
                continue
            try:
                fault = w.bind(self.conditions.satisfied(keys))
            except RunError as error:
                fault = str(error)
            if fault:
                found[flow] = fault
        return found

    def unreadable(self) -> dict[str, str]:
        """flow -> why its conditions fail on the values that are there."""
        found = triggers.faults(self.context, self.compiled.specs.flows, read=True)
        catalog = self.compiled.specs.catalog
        for flow, named in self.compiled.conditions.items():
            for node in (below for tree in named.values() for below in tree.walk() if isinstance(below, Sql)):
                asked = exp.select(exp.Max(this=col("contact_id", CONTACTS))).from_(ref(CONTACTS, CONTACTS))
                tried = self.warehouse.attempt(self.context.fill(asked.where(predicate(node, contact_columns({})))))
                if isinstance(tried, str):
                    found[flow] = f"{self.compiled.specs.flows[flow].file}: {tried}"
            own = [fact for node in named.values() for fact in facts_of(node) if fact.per_enrollment]
            for model in sorted({fact.model for fact in own}):
                tried = self._tried(row_query([fact for fact in own if fact.model == model], catalog))
                if tried is not None:
                    found[flow] = f"{model.replace('facts__', '').replace('_', ' ', 1)}: {tried}"
        return found

    def _tried(self, rows: exp.Select) -> str | None:
        """Why rows cannot be read; all of them are."""
        largest = [exp.Max(this=col(name, "looked_at")) for name in rows.named_selects]
        looked_at = exp.select(*largest).from_(rows.subquery("looked_at"))
        tried = self.warehouse.attempt(self.context.fill(looked_at))
        return tried if isinstance(tried, str) else None

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
        answers = self.conditions.satisfied(keys) if someone else pa.Table.from_pylist([], schema=_ANSWERS)
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

    def _enroll(self, flows: list[dict[str, Any]], active: list[str]) -> None:
        w = self.warehouse
        w.stage("dropped", self._query("nothing_dropped"))
        if self._count("temp.waiting"):
            w.stage("dropped", _all("dropped", self._query("shut_out")))
            w.stage("waiting", self._query("waiting_of_flows"))
        keys = [f"{flow}/where" for flow in active if "where" in self.compiled.conditions[flow]]
        pending = self._pending_ticks(flows)
        self.triggers.stage()
        for tick in pending:
            w.stage("candidates", self.triggers.candidates(tick))
            if not self._count("temp.candidates"):
                continue
            w.stage("reentry", prepare.reentry_table(self.compiled, tick.as_of))
            self._satisfied(self._query("where_subjects"), keys, "offered_by")
            w.stage("decisions", self._query("decisions"))
            w.stage("enrolled", self._query("enrolled"))
            w.stage("started", _all("started", exp.select("*").from_("temp.enrolled")))
            if self._count("temp.enrolled"):
                self._stand(_all("positions", exp.select("*").from_("temp.enrolled")))
            w.stage("dropped", _all("dropped", self._query("dropped")))
            if self._waits():
                w.stage("waiting", self._query("waiting", with_waiting=tick.present))
        if not self._count("temp.started"):
            return
        if len(pending) > 1:
            w.stage("ended", _all("ended", self._query("pushed_out", from_tick=pending[0].tick_id)))
            self._keep_only_active()
        self._end_by_condition(active, only_new=True)

    def _waits(self) -> bool:
        """Is anybody waiting for a re-entry rule, before or after this round?"""
        told = exp.select(exp.Count(this=exp.Star())).from_("temp.decisions").where("decision = 'wait'")
        return bool(self._count("temp.waiting") or self.warehouse.scalar(told))

    def _pending_ticks(self, flows: list[dict[str, Any]]) -> list[triggers.Tick]:
        """The ticks whose crossings some flow has not consumed yet, in order; the present one is the last."""
        oldest = min((str(row["consumed_to"]) for row in flows if row["status"] in ("active", "paused")), default=None)
        if oldest is None:
            return []
        pending = (
            exp.select("tick_id", "as_of")
            .from_(relation("ticks"))
            .where(exp.column("tick_id") > exp.Literal.string(oldest))
            .where(exp.column("tick_id") <= exp.Literal.string(self.tick_id))
            .order_by("tick_id")
        )
        return [
            triggers.Tick(row["tick_id"], row["as_of"].replace(tzinfo=UTC), row["tick_id"] == self.tick_id)
            for row in self.warehouse.rows(pending)
        ]

    def _move(self, flows: list[dict[str, Any]]) -> None:
        """Hop until nobody can take another step. Whoever could not take one in a hop cannot in the next either."""
        w = self.warehouse
        asked = self._arm_conditions(flows)
        self.effects.begin()
        w.stage("reordered", prepare.reordered(self.compiled, w))
        w.stage("passed", self._query("passed"))
        stage_times(self.context, flows)
        longest = max((sum(1 for _ in named.spec.walk()) for named in self.compiled.specs.flows.values()), default=0)
        taken = self._query("nothing_taken")
        arrived = self._query("standing")
        today = datetime.combine(local_date(self.as_of, self.compiled.zone), time())
        for hop in range(longest + 1):
            moving = self._query("moving", zone=self.compiled.specs.settings.time_zone, today=today)
            moving.ctes[0].set("this", arrived)
            w.stage("moving", moving)
            self._satisfied(self._query("arm_subjects"), asked)
            w.stage("chosen", self._query("chosen"))
            w.stage("due", self._query("due", hop=hop))
            self.effects.take()
            if not self._count("temp.due"):
                break
            kept = w.stage(f"taken_{hop}", exp.select(*TAKEN).from_("temp.due"))
            taken = exp.union(taken, exp.select("*").from_(kept), distinct=False)
            arrived = self._query("moved")
        else:
            raise RunError("a flow moved further than it has steps; this is a bug of segflow")
        w.stage("taken", taken)
        if self._count("temp.taken"):
            self._stand(self._query("positions_after_moves"))

    def _arm_conditions(self, flows: list[dict[str, Any]]) -> list[str]:
        """The keys of the conditions that decide on ways, of the active flows."""
        active = {row["flow"] for row in flows if row["status"] == "active"}
        return [
            f"{flow}/{place_of(step, arm)}"
            for flow in sorted(active)
            for step in self.compiled.specs.flows[flow].spec.walk()
            for arm in step.arms()
            if arm.condition is not None
        ]

    def _record(self, flows: list[dict[str, Any]]) -> None:
        w = self.warehouse
        starts = exp.select(
            "enrollment_id", "flow", "flow_version", "contact_id", "enrolled_at", "trigger_segment", "trigger_kind",
            "crossing_tick", "trigger_data",
        ).from_("temp.started")  # fmt: skip
        w.append("flow_enrollment_starts", self.tick_id, starts)
        self.triggers.record()
        offers = [*([self._query("flow_offers")] if self.offering else []), *self.triggers.offers()]
        if offers:
            w.append("flow_offers", self.tick_id, _union(offers))
        w.append("flow_enrollment_ends", self.tick_id, _all("ended", self._query("finished")))
        w.append("flow_journal", self.tick_id, _all("dropped", self._query("journal")))
        w.append("outbox", self.tick_id, self._query("outbox"))
        self.effects.record()
        if self.changed:
            w.replace("flow_positions", exp.select("*").from_("temp.positions"))
            w.append("flow_moves", self.tick_id, self._query("moves"))
        if self._count("temp.waiting") or self._count(relation("flow_waiting")):
            w.append("flow_waits", self.tick_id, self._query("waits"))
            w.replace("flow_waiting", exp.select("*").from_("temp.waiting"))
        cursors = [
            {
                "flow": row["flow"],
                "status": "archived" if row["drains"] and row["status"] == "active" else row["status"],
                "reason": row["reason"],
                "consumed_to": row["consumed_to"] if row["status"] == "held" else self.tick_id,
            }
            for row in flows
            if row["status"] != "draft"
        ]
        schema = pa.schema([(name, pa.string()) for name in ("flow", "status", "reason", "consumed_to")])
        w.append("flow_cursors", self.tick_id, pa.Table.from_pylist(cursors, schema=schema))


def _union(queries: Sequence[exp.Query]) -> exp.Query:
    # A query with CTEs of its own cannot stand in a union bare.
    together: exp.Query = exp.select("*").from_(queries[0].subquery("part_0"))
    for number, query in enumerate(queries[1:], start=1):
        part = exp.select("*").from_(query.subquery(f"part_{number}"))
        together = exp.union(together, part, distinct=False)
    return together


def _all(staged: str, more: exp.Query) -> exp.Query:
    # A query with CTEs of its own cannot follow UNION ALL bare.
    return exp.union(
        exp.select("*").from_(f"temp.{staged}"), exp.select("*").from_(more.subquery("more")), distinct=False
    )

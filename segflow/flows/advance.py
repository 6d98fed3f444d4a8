"""The advance stage: all flows move together, as far as they can at this `as_of`. One transaction, held by the caller.

Order: end what must end, send back who starts again, enroll, end again among the new, then hop until nothing is due.
Each hop is the same handful of statements over positions x steps x answers, whatever the number of flows or contacts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from itertools import pairwise
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.errors import RunError
from segflow.flows import prepare, triggers
from segflow.flows.conditions import own_facts
from segflow.flows.deletions import Deletions, unknown_addresses
from segflow.flows.effects import Claimer, Effects
from segflow.flows.entry import Entry
from segflow.flows.from_store import FromStore
from segflow.flows.inside import Inside
from segflow.flows.message_guard import held_flows
from segflow.flows.offers import stage_offers
from segflow.flows.steps_now import stage_steps, stage_times
from segflow.flows.work import ANSWERS, SQL, all_of, together, union_all
from segflow.segments.compiler import CONTACTS
from segflow.segments.fact_models import row_query
from segflow.segments.membership_models import contact_columns
from segflow.segments.nodes import Sql
from segflow.segments.predicate import predicate
from segflow.segments.resting import needed_columns
from segflow.segments.sql import built, col
from segflow.specs.steps.base import place_of
from segflow.ticks.context import Faults, TickContext
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.generations import check_generation
from segflow.warehouse.sqlfile import load_query
from segflow.warehouse.tables import TABLES
from segflow.zones import local_date

_OVER_NOW = pa.schema([("enrollment_id", pa.string()), ("ordinal", pa.int64()), ("late_to", pa.timestamp("us"))])
_REMOVED = pa.schema([("flow", pa.string()), ("contact_id", pa.string())])


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
    restarted: int = 0
    converted: int = 0
    """Enrollments that met the goal in time, those that had left before included; the withheld are not."""
    withheld: int = 0


def advance(
    context: TickContext,
    faults: Faults,
    store: FromStore | None = None,
    unreadable: Mapping[str, str] | None = None,
) -> set[str]:
    """Advance every flow to `as_of` and record journal, messages, updates, starts and ends of this tick.

    `faults.segments` has words for each segment that is stale or held (see `crossings.cross.not_compared`).
    A flow that plans too many messages is held, unless it is released, and so is one of `unreadable` (flow -> reason).
    Returns the flows that are held. Raises StaleGenerationError when facts were built for another tick.
    """
    given = store or FromStore()
    return _Advance(context, given.claim).run(faults, given, unreadable or {})


def unreadable(context: TickContext) -> dict[str, str]:
    """The flows whose conditions look at rows that cannot be read, with the reason. Reads all of those rows."""
    return _Advance(context).unreadable()


def results(warehouse: Warehouse, tick_id: str) -> list[FlowResult]:
    """The flows of a tick, by name."""
    return [FlowResult(**row) for row in warehouse.rows(load_query(SQL / "flow_results.sql", tick_id=tick_id))]


def enrollments_view() -> exp.Query:
    """The query of public view `flow_enrollments`."""
    return load_query(SQL / "enrollments.sql")


class _Advance(Entry, Inside, Deletions):
    def __init__(self, context: TickContext, claim: Claimer | None = None) -> None:
        super().__init__(context)
        self.effects, self.removing = Effects(context, claim), False

    def run(self, faults: Faults, store: FromStore, unreadable: Mapping[str, str]) -> set[str]:
        w = self.warehouse
        self.past = prepare.known(w, self.before)
        flows = prepare.flows_now(self.context, faults, self.past, store.paused)
        # What flows that are gone have left behind must go too.
        if not flows and not self.past.standing and not self.past.waiting:
            return set()
        check_generation(w, self._models_read(faults), self.tick_id)
        w.append("flow_versions", self.tick_id, prepare.new_versions(self.compiled, self.past, flows))
        self._prepare_inside(flows)
        taking = [row["flow"] for row in flows if row["status"] in ("active", "paused")]
        active = [row["flow"] for row in flows if row["status"] == "active"]
        faulty = {**triggers.faults(self.context, taking), **unknown_addresses(self.compiled, faults, active)}
        prepare.hold(flows, {**faulty, **self._unanswerable(flows), **unreadable})
        stage_steps(self.compiled, w)
        self.effects.stage()
        self.hasher = store.hasher
        self._stage_deleting()
        self.triggers = triggers.Triggers(triggers.Work(self.context, flows, self.keys))
        w.stage("segment_names", self._query("segment_names"), about=len(self.keys))
        self.removing = bool(store.removed)
        removed = [{name: one[name] for name in _REMOVED.names} for one in store.removed]
        w.stage("removed", pa.Table.from_pylist(removed, schema=_REMOVED))
        # Who is held, hears it when it goes on.
        w.stage("flows_now", pa.Table.from_pylist(flows, schema=prepare.FLOWS_NOW))
        w.stage("calls", self._query("calls_waiting"))
        self.offering = stage_offers(self.context, flows, self.keys, store.offers)
        self._decide(flows)
        while self.moved and (over := held_flows(self.compiled, w, flows, store.released)):
            # Who does not get into a flow that is held may get into another of its group, which may be too many then.
            prepare.hold(flows, over)
            self._decide(flows)
        self._record(flows)
        return {row["flow"] for row in flows if row["status"] == "held"}

    def _decide(self, flows: list[dict[str, Any]]) -> None:
        """What this tick does to the flows, in temporary tables only."""
        w = self.warehouse
        w.stage("flows_now", pa.Table.from_pylist(flows, schema=prepare.FLOWS_NOW))
        # A warehouse of an earlier version has the later columns elsewhere, and rows are put below each other.
        w.stage("waiting", exp.select(*TABLES["flow_waiting"].columns).from_(relation("flow_waiting")))
        active = [row["flow"] for row in flows if row["status"] == "active"]

        self._stand_as_before()
        w.stage("answers", pa.Table.from_pylist([], schema=ANSWERS))
        w.stage("ended", self._query("pushed_out", from_tick=self.tick_id), about=self.number)
        if self.removing:
            w.stage("ended", all_of("ended", self._query("removed_by_hand")), about=self.number)
        self._keep_only_active()
        self._survive_edits()
        self._look_inside(flows)
        if self._enroll(flows, active):
            self._look_at_new()
        self._move(flows)

    def _models_read(self, faults: Faults) -> list[str]:
        built = needed_columns(self.compiled, faults.resting).values()
        usable = {column.model for column in built if column.name not in faults.parts}
        return [CONTACTS, *sorted(usable)]

    def _survive_edits(self) -> None:
        """Contacts keep their place by step id; those whose step is gone go on at the next one, or end."""
        w = self.warehouse
        moved = prepare.moves(self.compiled, self.past)
        if not moved.num_rows:
            return
        w.stage("moves", moved)
        w.stage("ended", all_of("ended", self._query("step_removed")), about=self.number)
        self._stand(self._query("positions_after_edit"))

    def _unanswerable(self, flows: list[dict[str, Any]]) -> dict[str, str]:
        """The active flows whose conditions cannot be asked, with the reason: they look at rows of the user's models
        themselves, and the build did not try these."""
        asked: dict[str, list[str]] = {}
        for flow in (row["flow"] for row in flows if row["status"] == "active"):
            for place, node in self.compiled.conditions[flow].items():
                if any(own_facts(node)):
                    asked.setdefault(flow, []).append(f"{flow}/{place}")
        if not asked:
            return {}
        self.warehouse.stage("subjects", self._query("no_subjects"))
        self.warehouse.stage("origins", self._query("no_origins"))
        # Most of the price of a question is to ask it, and hardly ever is one of them wrong.
        if self._fault([key for keys in asked.values() for key in keys]) is None:
            return {}
        return {flow: fault for flow, keys in asked.items() if (fault := self._fault(keys)) is not None}

    def _fault(self, keys: Sequence[str]) -> str | None:
        """Why conditions cannot be asked, when they are asked together."""
        try:
            return self.warehouse.bind(self.conditions.satisfied(keys))
        except RunError as error:
            return str(error)

    def unreadable(self) -> dict[str, str]:
        """flow -> why its conditions fail on the values that are there."""
        found = triggers.faults(self.context, self.compiled.specs.flows, read=True)
        catalog = self.compiled.specs.catalog
        for flow, named in self.compiled.conditions.items():
            for node in (below for tree in named.values() for below in tree.walk() if isinstance(below, Sql)):
                asked = exp.select(exp.Max(this=col("contact_id", CONTACTS))).from_(built(CONTACTS, CONTACTS))
                tried = self.warehouse.attempt(self.context.fill(asked.where(predicate(node, contact_columns({})))))
                if isinstance(tried, str):
                    found[flow] = f"{self.compiled.specs.flows[flow].file}: {tried}"
            own = [fact for node in named.values() for fact in own_facts(node)]
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

    def _move(self, flows: list[dict[str, Any]]) -> None:
        """Hop until nobody can take another step. Whoever could not take one in a hop cannot in the next either."""
        w = self.warehouse
        asked = self._arm_conditions(flows)
        self.effects.begin()
        w.stage("reordered", prepare.reordered(self.compiled, self.past))
        w.stage("passed", self._query("passed"), about=self.number)
        varying = stage_times(self.context, flows, self.number)
        zone = self.compiled.specs.settings.time_zone
        today = datetime.combine(local_date(self.as_of, self.compiled.zone), time())
        active = [row["flow"] for row in flows if row["status"] == "active"]
        specs = {flow: self.compiled.specs.flows[flow].spec for flow in active}
        walked = [(flow, step.within(spec.window)) for flow, spec in specs.items() for step in spec.walk()]
        deciding = {(flow, step.id) for flow, step in walked if step.decides}
        asks_times, chooses = bool(varying), bool(deciding)
        longest = max((sum(1 for _ in named.spec.walk()) for named in self.compiled.specs.flows.values()), default=0)
        arrived = "arrived"
        hops: list[exp.Table] = []
        number = self.number
        for hop in range(longest + 2):
            if hop < 2:
                # After a hop everybody stands somewhere since now.
                found = self._query("found_later" if hop else "found")
                w.stage("stands", _of(self._query("stands", is_first=not hop), found), about=self.number)
            if hop == 1 and not self._count("temp.stands"):
                hops.append(w.stage(f"due_{hop}", exp.select("*").from_(hops[-1]).where(exp.false())))
                break
            over_now = _of(self._query("over_now", zone=zone), self._query(arrived)) if asks_times else None
            w.stage("over_now", _OVER_NOW.empty_table() if over_now is None else over_now, about=number)
            if chooses:
                judged = _of(self._query("judged", today=today), self._query(arrived))
                w.stage("moving", _of(self._query("moving"), judged), about=number)
                self._satisfied(self._query("arm_subjects"), asked, about=number)
                w.stage("chosen", self._query("chosen"), about=number)
            judged = _of(self._query("judged", today=today), self._query(arrived))
            due = _of(self._query("due", hop=hop), judged)
            if chooses:
                due = union_all(due, self._query("due_by_choice", hop=hop))
            hops.append(w.stage(f"due_{hop}", due, about=number))
            w.view("due", exp.select("*").from_(hops[-1]))
            taken = w.rows(self._query("came_to"))
            number = sum(row["enrollments"] for row in taken)
            if not number:
                break
            if self.effects.take(f"due_{hop}", {(row["flow"], row["step"]) for row in taken}, number):
                # Where an engine keeps the rows of a view, it has the old ones.
                w.view("due", exp.select("*").from_(hops[-1]))
            # What none of the steps asks that they came to, is asked of nobody.
            reached = {(row["flow"], row["next_step"]) for row in taken}
            asks_times, chooses = not reached.isdisjoint(varying), not reached.isdisjoint(deciding)
            arrived = "moved"
        else:
            raise RunError("a flow moved further than it has steps; this is a bug of segflow")
        self._stand_after(hops)

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

    def _stand_after(self, hops: Sequence[exp.Table]) -> None:
        """Name what the hops did: `taken` are the steps, `placed` who stands where since this tick, and `remaining` who
        has not ended. The last of `hops` has no rows."""
        w = self.warehouse
        w.view("taken", together([exp.select("*").from_(hop) for hop in hops]), about=self.number)
        self._delete()
        w.view("remaining", self._query("remaining"), about=self.number)
        self.moved = len(hops) > 1
        placed = [_reading(self._query("placed"), due=one, later=next_one) for one, next_one in pairwise(hops)]
        if self.changed:
            before = self._query("placed_before")
            placed += [_reading(before.copy(), placed_before=one, due=hops[0]) for one in self.placed_before]
        if placed:
            w.view("placed", self._less_deleted(together(placed)), about=self.number)

    def _record_places(self) -> None:
        """Write where everybody stands. Of most positions only the place changes, or nothing."""
        w = self.warehouse
        w.append("flow_moves", self.tick_id, exp.select("*").from_("temp.placed"))
        placed = exp.select("enrollment_id", "step", "visit", "since").from_("temp.placed")
        w.patch("flow_positions", self._query("leavers"), self._query("newcomers"), placed)

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
            w.append("flow_offers", self.tick_id, together(offers))
        w.append("flow_enrollment_ends", self.tick_id, all_of("ended", self._query("finished")))
        self._record_entry()
        self._record_inside()
        rows = all_of("dropped", self._query("journal"))
        started_again = self._journal_inside()
        w.append("flow_journal", self.tick_id, union_all(rows, started_again) if started_again else rows)
        w.append("outbox", self.tick_id, self._query("outbox"))
        self.effects.record()
        self._record_deletions()
        if any(step.row().call for named in self.compiled.specs.flows.values() for step in named.spec.walk()):
            w.append("flow_calls", self.tick_id, self._query("flow_calls"))
        if self.changed or self.moved:
            self._record_places()
        if self.past.waiting or self.waits:
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


def _of(query: exp.Query, rows: exp.Query) -> exp.Query:
    """`query` with `rows` for its first CTE."""
    query.ctes[0].set("this", rows)
    return query


def _reading(query: exp.Query, **tables: exp.Table) -> exp.Query:
    """`query` with other temporary tables for those that it names."""
    for table in list(query.find_all(exp.Table)):
        if table.db == "temp" and table.name in tables:
            table.set("this", tables[table.name].this.copy())
    return query

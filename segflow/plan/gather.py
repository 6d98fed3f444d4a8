"""Reads from the rehearsed tick what it has done, and says what to look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlglot import exp

from segflow.flows import advance as flows
from segflow.flows import prepare
from segflow.flows.renames import Rename
from segflow.plan.result import Change, FlowPlan, MovePlan, Plan, SegmentPlan, WaitPlan
from segflow.segments.compiler import Compiled
from segflow.specs.flow import FlowSpec
from segflow.stages.tick_run import TickRun
from segflow.ticks import ledger as ticks
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.sqlfile import literal, load_query

_SQL = Path(__file__).parent / "sql"
_NAMED = 5
"""So many segments that rest are named."""


@dataclass(frozen=True)
class Before:
    """What is live before the tick, as far as the tick hides it."""

    last: ticks.TickRow | None
    segments: dict[str, dict[str, Any]]
    """segment_key -> segment and members."""
    flows: dict[str, str]
    """Flow -> its status at the last tick, drafts left out."""
    files: dict[str, str]
    """The same, less what a tick makes of it: what the flow's file said, as far as it is known."""
    known_flows: set[str]
    """Flows that have a version."""
    standing: dict[tuple[str, str], int]
    """(flow, step) -> contacts."""
    moves: dict[tuple[str, str], str | None]
    """(flow, step that is gone) -> the step to go on at."""
    renamed: dict[str, str]
    """Flow -> the name that it had."""
    words: dict[tuple[str, str], str]
    """(flow, step) -> what it did by the last version."""

    @classmethod
    def read(
        cls, compiled: Compiled, warehouse: Warehouse, last: ticks.TickRow | None, renamed: Sequence[Rename]
    ) -> Before:
        warehouse.stage("stood_before", load_query(_SQL / "stood_before.sql"))
        past = prepare.known(warehouse, last.tick_id if last else "")
        standing = {(r["flow"], r["step"]): r["contacts"] for r in warehouse.rows(load_query(_SQL / "standing.sql"))}
        return cls(
            last,
            _live_segments(warehouse),
            _statuses(warehouse, last, "status"),
            _statuses(warehouse, last, "file"),
            set(past.versions),
            standing,
            {(m["flow"], m["step"]): m["next_step"] for m in prepare.moves(compiled, past).to_pylist()},
            {one.new: one.old for one in renamed if one.new in compiled.specs.flows},
            prepare.last_words(past, {flow for flow, _ in standing}),
        )


def plan_of(run: TickRun, before: Before, stopped: str | None) -> Plan:
    """The plan, read from a rehearsal that has come to its end, or was `stopped`."""
    with run.project.warehouse() as warehouse:
        segments = _segments(warehouse, run.row.tick_id, before) if stopped is None else []
        planned = _flows(run, warehouse, before) if stopped is None else []
        warnings = [*_warnings(warehouse, segments)] if stopped is None else []
    return Plan(
        as_of=run.row.as_of,
        last_tick=before.last.tick_id if before.last else None,
        stopped=stopped,
        contacts=run.row.contacts or 0,
        segments=segments,
        flows=planned,
        warnings=warnings,
        notes=[*_notes(before, segments)],
    )


def _live_segments(warehouse: Warehouse) -> dict[str, dict[str, Any]]:
    sizes, state = relation("segment_sizes"), relation("segment_state")
    newest = exp.select(exp.Max(this=exp.column("tick_id"))).from_(sizes)
    query = (
        exp.select("state.segment_key", "state.segment", "sizes.members")
        .from_(exp.alias_(state, "state", table=True))
        .join(exp.alias_(sizes, "sizes", table=True), on="sizes.segment_key = state.segment_key")
        .where(exp.column("tick_id", table="sizes").eq(newest.subquery()))
    )
    return {row["segment_key"]: row for row in warehouse.rows(query)}


def _statuses(warehouse: Warehouse, last: ticks.TickRow | None, what: Literal["status", "file"]) -> dict[str, str]:
    if last is None:
        return {}
    advanced = ticks.PLACES.index(last.place) >= ticks.PLACES.index("advance")
    newest = exp.column("tick_id").eq(literal(last.tick_id if advanced else last.previous_tick))
    rows = warehouse.rows(exp.select("flow", "status", "reason").from_(relation("flow_cursors")).where(newest))
    # A guard holds what is active, and so does a person who has paused it: the reason says who.
    return {row["flow"]: "active" if what == "file" and row["reason"] else row["status"] for row in rows}


def _segments(warehouse: Warehouse, tick_id: str, before: Before) -> list[SegmentPlan]:
    crossings: dict[tuple[str, str], dict[str, int]] = {}
    triggering: dict[str, int] = {}
    for row in warehouse.rows(load_query(_SQL / "crossings.sql", tick_id=tick_id)):
        crossings.setdefault((row["segment_key"], row["kind"]), {})[row["cause"]] = row["contacts"]
        triggering[row["segment_key"]] = triggering.get(row["segment_key"], 0) + row["triggering"]
    judged = warehouse.rows(load_query(_SQL / "segments.sql", tick_id=tick_id))
    gone = [
        {
            "segment_key": key,
            "segment": live["segment"],
            "status": "deleted",
            "reason": None,
            "segment_version": 0,
            "members": 0,
            "old_rule": "none",
        }
        for key, live in before.segments.items()
        if key not in {row["segment_key"] for row in judged}
    ]
    return [
        SegmentPlan(
            segment=row["segment"],
            renamed_from=before.segments[row["segment_key"]]["segment"] if row.get("renamed") else None,
            change=_change(row),
            status=row["status"],
            reason=row["reason"],
            version=row["segment_version"],
            members_before=before.segments.get(row["segment_key"], {}).get("members", 0),
            members=row["members"],
            entries=crossings.get((row["segment_key"], "entries"), {}),
            exits=crossings.get((row["segment_key"], "exits"), {}),
            triggering=triggering.get(row["segment_key"], 0),
            old_rule=row["old_rule"],
            answered_by=_names(row.get("answered_by")),
        )
        for row in sorted([*judged, *gone], key=lambda row: str(row["segment"]))
    ]


def _names(listed: str | None) -> tuple[str, ...]:
    return tuple(listed.split(", ")) if listed else ()


def _change(row: dict[str, Any]) -> Change:
    if row["status"] == "deleted":
        return "removed"
    if row["is_new"]:
        return "new"
    if row["changed"]:
        return "edited" if row["edited"] else "models"
    return "renamed" if row["renamed"] else "none"


def _flows(run: TickRun, warehouse: Warehouse, before: Before) -> list[FlowPlan]:
    tick_id, specs, unfinished = run.row.tick_id, run.project.specs.flows, run.project.specs.unfinished
    results = {one.flow: one for one in flows.results(warehouse, tick_id)}
    ends: dict[str, dict[str, int]] = {}
    for row in warehouse.rows(load_query(_SQL / "ends.sql", tick_id=tick_id)):
        ends.setdefault(row["flow"], {})[row["reason"]] = row["contacts"]
    kept_out: dict[str, dict[str, int]] = {}
    for row in warehouse.rows(load_query(_SQL / "kept_out.sql", tick_id=tick_id)):
        kept_out.setdefault(row["flow"], {})[row["reason"]] = row["contacts"]
    messages: dict[str, dict[str, int]] = {}
    for row in warehouse.rows(load_query(_SQL / "messages.sql", tick_id=tick_id)):
        messages.setdefault(row["flow"], {})[row["step"]] = row["messages"]
    effects: dict[str, dict[str, dict[str, int]]] = {}
    for row in warehouse.rows(load_query(_SQL / "effects.sql", tick_id=tick_id)):
        effects.setdefault(row["flow"], {}).setdefault(row["what"], {})[row["step"]] = row["contacts"]
    mine = exp.column("tick_id").eq(exp.Literal.string(tick_id))
    left = exp.select("flow", exp.Sum(this=exp.column("left_over")).as_("contacts")).from_(relation("flow_offers"))
    left_over = {row["flow"]: row["contacts"] for row in warehouse.rows(left.where(mine.copy()).group_by("flow"))}
    added = {row["flow"] for row in warehouse.rows(exp.select("flow").from_(relation("flow_versions")).where(mine))}
    standing = {flow for flow, _ in before.standing}
    went: dict[tuple[str, str], dict[str, int]] = {}
    for row in warehouse.rows(load_query(_SQL / "ways_on.sql", tick_id=tick_id)):
        went.setdefault((row["flow"], row["step"]), {})[row["place"]] = row["contacts"]
    found = []
    for flow in sorted({*specs, *before.flows, *standing}):
        result = results.get(flow)
        meant = "draft" if flow in unfinished else "removed"
        status = result.status if result else specs[flow].spec.status if flow in specs else meant
        was = before.flows.get(flow) or ("draft" if flow in before.known_flows else None)
        change: Change = "none"
        if flow in unfinished:
            change = "none" if was in (None, "draft") else "status"
        elif flow not in specs:
            change = "removed"
        elif flow in added:
            change = "edited" if flow in before.known_flows else "new"
        elif _said(before, flow) != specs[flow].spec.status and not (was == "held" and specs[flow].spec.drains):
            change = "status"
        elif flow in before.renamed:
            change = "renamed"
        found.append(
            FlowPlan(
                flow=flow,
                renamed_from=before.renamed.get(flow),
                change=change,
                status=status,
                status_before=was,
                reason=result.reason if result else None,
                enrolled=result.enrolled if result else 0,
                kept_out=kept_out.get(flow, {}),
                restarted=result.restarted if result else 0,
                ends=ends.get(flow, {}),
                messages=messages.get(flow, {}),
                moves=[
                    MovePlan(step=step, next_step=following, contacts=before.standing[flow, step])
                    for (of, step), following in sorted(before.moves.items())
                    if of == flow
                ],
                waits=list(_waits(before, specs[flow].spec, flow, went)) if change == "edited" else [],
                active=result.active if result else 0,
                left_over=int(left_over.get(flow) or 0),
                effects=effects.get(flow, {}).get("done", {}),
                deletions=effects.get(flow, {}).get("deleted", {}),
                failures=effects.get(flow, {}).get("failed", {}),
            )
        )
    return found


def _waits(
    before: Before, spec: FlowSpec, flow: str, went: Mapping[tuple[str, str], Mapping[str, int]]
) -> Iterable[WaitPlan]:
    """Where those of an edited flow go that stand at its steps."""
    for step in spec.walk():
        if (flow, step.id) in went:
            was = before.words.get((flow, step.id), "")
            yield WaitPlan(step=step.id, was=was, now=step.words(), goes_to=went[flow, step.id])


def _said(before: Before, flow: str) -> str | None:
    """The status in the flow's file at the last tick."""
    return before.files.get(flow) or ("draft" if flow in before.known_flows else None)


def _warnings(warehouse: Warehouse, segments: list[SegmentPlan]) -> Iterable[str]:
    told = {row["segment"]: row for row in warehouse.rows(exp.select("*").from_("temp.judged"))}
    for one in segments:
        moved = _moved(one)
        if one.old_rule == "broken":
            yield (
                f"segment {one.segment}: the old rule cannot run any more, so that nobody can tell whom the edit moves "
                f"and whom data moves; its {moved:,} crossings trigger nothing. To let them trigger as on_change says: "
                f"segflow release {one.segment}"
            )
        row = told.get(one.segment, {})
        if one.answered_by and set(one.answered_by) != {one.segment} and moved:
            said = ", ".join(f"{name} ({told[name]['on_change']})" for name in one.answered_by)
            yield (
                f"segment {one.segment}: of the {moved:,} contacts that edits move here, those trigger of whom all "
                f"causes say so; on_change counts in {said}"
            )
        if one.segment not in one.answered_by:
            continue
        moved = sum(_moved(other) for other in segments if one.segment in other.answered_by)
        if one.change == "edited" and row.get("on_change") == "trigger" and row.get("on_change_before") == "trigger":
            yield (
                f"segment {one.segment}: on_change: trigger was in the file before this edit already, so that the "
                f"{moved:,} contacts that the edit moves may trigger flows; take it out if this edit should not"
            )


def _moved(one: SegmentPlan) -> int:
    return one.entries.get("definition", 0) + one.exits.get("definition", 0)


def _notes(before: Before, segments: list[SegmentPlan]) -> Iterable[str]:
    if before.last is None:
        yield "No tick has run yet: everybody who enters is part of the baseline."
    elif before.last.status == "running":
        yield (
            f"Tick {before.last.tick_id} died and will be resumed first; this plan goes on from where it stands "
            f"({before.last.place})."
        )
    resting = [one for one in segments if one.status == "resting"]
    if resting:
        told = "; ".join(f"{one.segment}: {one.reason}" for one in resting[:_NAMED])
        more = f"; and {len(resting) - _NAMED:,} more" if len(resting) > _NAMED else ""
        yield f"Not due at this tick, so that their members stay: {told}{more}."
    changed = [one.segment for one in segments if one.change == "models"]
    if changed:
        yield (
            f"Models of your own changed since the last tick ({len(changed)} segments read them). They are read here "
            "as dbt has left them; the next tick builds them anew."
        )

"""The cross stage: current membership against the state of the tick before. One transaction."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from sqlglot import exp

from segflow.crossings.answers import Answer
from segflow.crossings.answers import stage as stage_suppressed
from segflow.crossings.import_marks import mark, take_over
from segflow.crossings.membership import models_read, stage_moved
from segflow.crossings.names import show_last_names
from segflow.crossings.segment_guards import held_segments
from segflow.crossings.versions import Judged, answers, judge, new_versions, old_rules
from segflow.ticks.context import Faults, TickContext
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.generations import check_generation
from segflow.warehouse.sqlfile import Parameter, literal, load_query
from segflow.warehouse.tables import TABLES

_SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True)
class SegmentResult:
    """What one tick did to one segment."""

    segment: str
    members: int
    entered: int
    exited: int
    status: str
    reason: str | None


def cross(context: TickContext, faults: Faults, released: Collection[str] = ()) -> set[str]:
    """Record entries, exits, members, sizes and versions of this tick. The caller holds the transaction.

    The members of stale and of resting segments stay. So do those of segments over a guard, unless they are `released`.
    Where an old rule cannot run, a release lets what the edit moves trigger as the file says.
    Returns the segments that are not compared. Raises StaleGenerationError when what it would read was built for
    another tick.
    """

    compiled, warehouse, tick_id, as_of = context.compiled, context.warehouse, context.tick_id, context.as_of

    def query(name: str, **parameters: Parameter) -> exp.Query:
        return load_query(_SQL / f"{name}.sql", **parameters)

    mark(context)
    take_over(context)
    judged = judge(context, faults)
    evaluated = {one.segment for one in judged if one.evaluated}
    check_generation(warehouse, models_read(compiled, evaluated), tick_id)
    old, outcome = old_rules(context, judged, faults.parts)
    answered = answers(context, judged, faults.parts)
    may = {one.segment_key for one in judged if one.segment in released}
    outcome |= {key: "released" for key, what in outcome.items() if what == "broken" and key in may}

    def compare(found: list[Judged]) -> list[Judged]:
        found = [_answered(one, outcome.get(one.segment_key, "none"), answered.get(one.segment_key)) for one in found]
        warehouse.stage("judged", _judged_rows(found))
        warehouse.stage("entries", query("entries", as_of=as_of, tick_id=tick_id))
        warehouse.stage("exits", query("exits", as_of=as_of, tick_id=tick_id))
        return found

    warehouse.stage("judged", _judged_rows(judged))
    warehouse.stage("contact_changes", query("contact_changes"))
    warehouse.stage("gone", _contacts("gone"))
    warehouse.stage("returned", _contacts("returned"))
    stage_moved(warehouse, compiled, judged)
    warehouse.stage("old_members", old if old is not None else _no_old_members())
    stage_suppressed(warehouse, answered)
    judged = compare(judged)
    held = held_segments(context, judged, released)
    if held:
        judged = compare(judge(context, faults, held))

    warehouse.append("segment_versions", tick_id, new_versions(judged, compiled))
    warehouse.append("segment_entries", tick_id, exp.select("*").from_("temp.entries"))
    warehouse.append("segment_exits", tick_id, exp.select("*").from_("temp.exits"))
    renamed = any(one.renamed for one in judged)
    entered, left, came_or_went = warehouse.sizes(["entries", "exits", "contact_changes"])
    if renamed:
        # Every row of a renamed segment changes.
        warehouse.replace("segment_members", query("members"))
    elif entered or left:
        gone = exp.select("segment_key", "contact_id").from_("temp.exits")
        new = exp.select(*TABLES["segment_members"].columns).from_("temp.entries")
        warehouse.patch("segment_members", gone, new)
    changed = exp.select("contact_id", "change", literal(as_of).as_("at")).from_("temp.contact_changes")
    warehouse.append("contact_changes", tick_id, changed)
    if came_or_went:
        changed_ids = exp.select("contact_id").from_("temp.contact_changes")
        warehouse.patch("contact_state", changed_ids, query("contact_state", as_of=as_of))
    warehouse.append("segment_sizes", tick_id, query("sizes", as_of=as_of))
    if renamed:
        show_last_names(warehouse)
    warehouse.replace("segment_state", state_query(tick_id))
    return {one.segment for one in judged if not one.evaluated}


def state_query(tick_id: str) -> exp.Query:
    """State `segment_state` as it is after a tick, from the ledger of sizes."""
    return load_query(_SQL / "state.sql", tick_id=tick_id)


def not_compared(context: TickContext, stale: dict[str, str]) -> dict[str, str]:
    """The segments whose members are not those of this tick, each with words that go on after its name.

    Some are `stale` or held; others the cross stage has never seen, because specs were edited after it ran.
    """
    compiled, warehouse = context.compiled, context.warehouse
    known = {row["segment"] for row in warehouse.rows(exp.select("segment").from_(relation("segment_state")))}
    late = {name: "it is new since this tick looked at memberships" for name in compiled.segments if name not in known}
    held = {one.segment: one.reason for one in results(warehouse, context.tick_id) if one.status == "held"}
    return {name: f"cannot be evaluated: {reason}" for name, reason in (late | stale).items()} | {
        name: f"is held: {reason}" for name, reason in held.items()
    }


def results(warehouse: Warehouse, tick_id: str) -> list[SegmentResult]:
    """The segments of a tick, by name. One that went is not among them when another has taken its name."""
    rows = warehouse.rows(
        exp.select("segment", "members", "entered", "exited", "status", "reason")
        .from_(relation("segment_sizes"))
        .where(exp.column("tick_id").eq(exp.Literal.string(tick_id)))
        .order_by("segment")
    )
    present = {row["segment"] for row in rows if row["status"] != "deleted"}
    return [SegmentResult(**row) for row in rows if row["status"] != "deleted" or row["segment"] not in present]


def _answered(one: Judged, old_rule: str, answer: Answer | None) -> Judged:
    if answer is None:
        return dataclasses.replace(one, old_rule=old_rule)
    # Where some files say one thing and some another, the old rule is needed to tell whose doing a crossing is.
    may = answer.may_trigger and (answer.variants is None or old_rule == "ran")
    return dataclasses.replace(one, old_rule=old_rule, may_trigger=may, answered_by=", ".join(answer.files))


def _contacts(change: str) -> exp.Query:
    is_so = exp.column("change").eq(exp.Literal.string(change))
    return exp.select("contact_id").from_("temp.contact_changes").where(is_so)


def _no_old_members() -> exp.Query:
    empty = [exp.cast(exp.null(), "VARCHAR").as_(name) for name in ("segment_key", "contact_id")]
    return exp.select(*empty).where(exp.false())


def _judged_rows(judged: list[Judged]) -> pa.Table:
    schema = pa.schema(
        [
            ("segment_key", pa.string()),
            ("segment", pa.string()),
            ("segment_version", pa.int64()),
            ("status", pa.string()),
            ("evaluated", pa.bool_()),
            ("reason", pa.string()),
            ("is_new", pa.bool_()),
            ("changed", pa.bool_()),
            ("edited", pa.bool_()),
            ("on_create", pa.string()),
            ("on_change", pa.string()),
            ("on_change_before", pa.string()),
            ("last_evaluated", pa.string()),
            ("renamed", pa.bool_()),
            ("may_trigger", pa.bool_()),
            ("answered_by", pa.string()),
            ("old_rule", pa.string()),
        ]
    )
    rows = [{**vars(one), "evaluated": one.evaluated} for one in judged]
    return pa.Table.from_pylist(rows, schema=schema)

"""`event`: what contacts did since the tick before. The occasion is the event.

Rows may come later than they happened. So each tick looks back (`late_by` in the catalog) and takes what it has not
seen: ledger `flow_events` has every event that a flow was offered. `flow_event_triggers` says from when on a flow's
triggers count: what happened before a flow was active, or before an edit of its triggers, is not late, but not asked
for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.errors import RunError
from segflow.flows.triggers.kind import Kind, Tick, Work
from segflow.segments.event_rows import all_values, triggering_rows
from segflow.segments.sql import col, union_all
from segflow.specs.catalog import Catalog
from segflow.specs.triggers import TriggerModel
from segflow.specs.triggers.event import EventTrigger
from segflow.ticks import ledger as ticks
from segflow.ticks.context import TickContext
from segflow.warehouse.base import relation
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"
_WATCHED = pa.schema(
    [(name, pa.string()) for name in ("flow", "event", "watcher")]
    + [("ordinal", pa.int64()), ("later_than", pa.timestamp("us"))]
)
_TRIGGERS = pa.schema([("flow", pa.string()), ("fingerprint", pa.string()), ("since", pa.timestamp("us"))])


class Event(Kind):
    models = (EventTrigger,)

    def __init__(self) -> None:
        self._new: list[dict[str, Any]] = []

    def rows_read(self, one: TriggerModel) -> str:
        assert isinstance(one, EventTrigger)
        return one.event

    def faults(self, context: TickContext, one: TriggerModel, *, read: bool) -> str | None:
        assert isinstance(one, EventTrigger)
        rows = all_values(one.event, context.compiled.specs.catalog)
        if read:
            largest = [exp.Max(this=col(name, "looked_at")) for name in rows.named_selects]
            tried = context.warehouse.attempt(context.fill(exp.select(*largest).from_(rows.subquery("looked_at"))))
            return tried if isinstance(tried, str) else None
        try:
            return context.warehouse.bind(context.fill(rows))
        except RunError as error:
            return str(error)

    def stage(self, work: Work) -> bool:
        watched = self._watch(work)
        if not watched:
            return False
        warehouse = work.context.warehouse
        warehouse.stage("events_found", work.context.fill(_rows(work, watched)))
        warehouse.stage("events_new", load_query(_SQL / "events_new.sql", tick_id=work.context.tick_id))
        return True

    def candidates(self, work: Work, tick: Tick) -> exp.Query:
        return load_query(_SQL / "event.sql", crossing_tick=tick.tick_id)

    def record(self, work: Work) -> None:
        warehouse, tick_id = work.context.warehouse, work.context.tick_id
        warehouse.append("flow_event_triggers", tick_id, pa.Table.from_pylist(self._new, schema=_TRIGGERS))
        warehouse.append("flow_events", tick_id, load_query(_SQL / "flow_events.sql"))

    def _watch(self, work: Work) -> list[dict[str, Any]]:
        """Stage, and give, a row for each trigger that watches events. Those of one flow have one ordinal, because what
        they bring is looked at in the order of the events."""
        triggers = work.triggers(*self.models)
        if not triggers:
            return []
        catalog = work.context.compiled.specs.catalog
        flows = {row["flow"]: row for row, _, _ in triggers}
        since, self._new = _since(work, flows)
        consumed = _times(work, {row["consumed_to"] for row in flows.values()})
        first: dict[str, int] = {}
        rows = []
        for row, ordinal, trigger in triggers:
            assert isinstance(trigger, EventTrigger)
            flow = row["flow"]
            source, _ = catalog.event(trigger.event)  # type: ignore[misc]
            seen = consumed.get(row["consumed_to"], since[flow])
            rows.append(
                {
                    "flow": flow,
                    "event": trigger.event,
                    "watcher": f"{flow}/{ordinal}",
                    "ordinal": first.setdefault(flow, ordinal),
                    "later_than": max(since[flow], source.late_by.before(seen, work.context.compiled.zone)),
                }
            )
        work.context.warehouse.stage("watched", pa.Table.from_pylist(rows, schema=_WATCHED))
        return rows


def _rows(work: Work, watched: list[dict[str, Any]]) -> exp.Query:
    """The rows of all events that `watched` are about, each scan from the earliest moment that one of them asks for."""
    compiled = work.context.compiled
    parts: list[exp.Select] = []
    for event in sorted({one["event"] for one in watched}):
        mine = [one for one in watched if one["event"] == event]
        nodes = {one["watcher"]: compiled.events[one["watcher"]] for one in mine}
        since = min(one["later_than"] for one in mine).replace(tzinfo=UTC)
        parts.append(triggering_rows(event, nodes, since, exp.table_("watched", db="temp"), compiled.specs.catalog))
    return union_all(parts)


def _since(work: Work, flows: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, datetime], list[dict[str, Any]]]:
    """flow -> the moment after which its events count, and the rows of `flow_event_triggers` that this tick adds."""
    context, warehouse = work.context, work.context.warehouse
    known = load_query(_SQL / "event_triggers.sql", tick_id=context.tick_id)
    before = {row["flow"]: row for row in warehouse.rows(known)}
    last = ticks.previous(warehouse, context.tick_id)
    told = exp.select("flow").from_(relation("flow_cursors"))
    told = told.where(exp.column("tick_id").eq(exp.Literal.string(last.tick_id if last else "")))
    there = {row["flow"] for row in warehouse.rows(told)}
    starts = _times(work, {row["consumed_to"] for row in flows.values()})
    found, added = {}, []
    for flow, row in flows.items():
        mark = _fingerprint(work, flow)
        if flow in there and flow in before and before[flow]["fingerprint"] == mark:
            found[flow] = before[flow]["since"]
        else:
            found[flow] = starts.get(row["consumed_to"], _first(work))
            added.append({"flow": flow, "fingerprint": mark, "since": found[flow]})
    return found, added


def _times(work: Work, names: set[str]) -> dict[str, datetime]:
    """tick -> its as_of, naive."""
    query = exp.select("tick_id", "as_of").from_(relation("ticks"))
    query = query.where(exp.column("tick_id").isin(*sorted(names)))
    return {row["tick_id"]: row["as_of"].replace(tzinfo=None) for row in work.context.warehouse.rows(query)}


def _first(work: Work) -> datetime:
    """The first tick of all: what was before it is nobody's."""
    query = exp.select(exp.Min(this=exp.column("as_of"))).from_(relation("ticks"))
    first = work.context.warehouse.scalar(query)
    assert isinstance(first, datetime)
    return first.replace(tzinfo=None)


def _fingerprint(work: Work, flow: str) -> str:
    """A hash of a flow's event triggers and of what the catalog says of their events: by another rule, or with other
    identities, rows that were passed by would look as if they were new."""
    specs = work.context.compiled.specs
    told = [
        [one.model_dump(mode="json", by_alias=True, exclude_unset=True), _identity(specs.catalog, one.event)]
        for one in specs.flows[flow].spec.triggers()
        if isinstance(one, EventTrigger)
    ]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _identity(catalog: Catalog, event: str) -> list[Any]:
    found = catalog.event(event)
    assert found is not None, event
    source, properties = found
    kept = source.model_dump(mode="json", exclude={"properties", "types", "late_by"})
    described = {name: one.model_dump(mode="json", exclude={"description"}) for name, one in properties.items()}
    return [source.text(event), kept, described]

"""Runs the tests of flows: ticks over the rows of a test, in a warehouse that is only in memory, with nothing sent."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlglot import exp

from segflow.errors import InputError, SegflowError, did_you_mean, relative
from segflow.outbox.message_events import MessageEvent
from segflow.segments.compiler import Compiled
from segflow.segments.emit import template
from segflow.segments.sql import col, ref, select
from segflow.specs.flow import NamedFlow
from segflow.specs.flow_tests import FlowTest, FlowTick
from segflow.specs.project import Specs
from segflow.specs.segment import SqlSegmentSpec
from segflow.specs.sql_file import read_segment_file
from segflow.ticks.ledger import TickRow
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.engines import rehearse_in_memory, words
from segflow.worlds.given import GivenModels, GivenWorld, members_model
from segflow.worlds.needed import compiled_for
from segflow.worlds.standing_in import StandIn, standing_in

_GIVEN = "0"
"""The tick of what a test gives: before all others."""


@dataclass(frozen=True)
class FlowOutcome:
    """What became of one test of a flow."""

    flow: str
    test: str
    file: str
    line: int
    column: int
    problems: tuple[str, ...] = ()
    """What differs, tick by tick, in words."""
    error: str | None = None
    """Why the test could not be run to its end."""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return not (self.problems or self.error)

    def __str__(self) -> str:
        """The place, and what is wrong."""
        told = [*self.problems, *([f"it cannot be run: {self.error}"] if self.error else [])]
        return f"{self.file}:{self.line}:{self.column}: {self.flow}, test {self.test}: {'; '.join(told) or 'passed'}"


def flows_with_tests(specs: Specs, flows: Sequence[str] = ()) -> list[NamedFlow]:
    """The flows that have tests, or just `flows`. Raises InputError when one is unknown or has none."""
    for name in flows:
        if name not in specs.flows:
            raise InputError(f"unknown flow {name}{did_you_mean(name, list(specs.flows))}")
        if not specs.flows[name].spec.tests:
            raise InputError(f"flow {name} has no tests: write tests: into {specs.flows[name].file}")
    return [one for one in specs.flows.values() if one.spec.tests and (not flows or one.id in flows)]


def run_flow_tests(specs: Specs, flows: Sequence[str] = (), only: str | None = None) -> Iterator[FlowOutcome]:
    """Run the tests of `flows`, by default of all that have any; `only` those of this name.

    Raises InputError when a flow is unknown or has no test.
    """
    for flow in flows_with_tests(specs, flows):
        for number, test in enumerate(flow.spec.tests):
            if only in (None, test.name):
                yield _run(specs, flow, number, test)


def _run(specs: Specs, flow: NamedFlow, number: int, test: FlowTest) -> FlowOutcome:
    path = specs.root / flow.file
    place = read_segment_file(path, relative(path, specs.root)).place(("tests", number))
    outcome = FlowOutcome(flow.id, test.name, flow.file, *place)
    started = time.perf_counter()
    try:
        compiled = _compiled(specs, flow, sorted({name for tick in test.ticks for name in tick.segments}))
        problems = rehearse_in_memory(lambda warehouse: _ticks(warehouse, compiled, flow, test))
        outcome = replace(outcome, problems=tuple(problems))
    except SegflowError as error:
        outcome = replace(outcome, error=str(error))
    return replace(outcome, seconds=time.perf_counter() - started)


def _compiled(specs: Specs, flow: NamedFlow, given: Sequence[str]) -> Compiled:
    """The flow as if it were active, and what it needs, with rows in place of each segment whose members are given."""
    # A test looks at each of its ticks, however often segments are compared.
    stood_in = {
        name: one.model_copy(update={"spec": one.spec.model_copy(update={"every": None})})
        for name, one in specs.segments.items()
    }
    for name in given:
        query = template(select([col("contact_id")], ref(members_model(name))), words())
        on_create = specs.segments[name].spec.on_create
        stood_in[name] = specs.segments[name].model_copy(
            update={"spec": SqlSegmentSpec(sql=query, on_create=on_create)}
        )
    # No import has happened in a test, so that their model need not be there.
    catalog = specs.catalog.model_copy(update={"imports": None})
    return compiled_for(replace(specs, catalog=catalog), flow, stood_in, words())


def _ticks(warehouse: Warehouse, compiled: Compiled, flow: NamedFlow, test: FlowTest) -> list[str]:
    given = {name for tick in test.ticks for name in tick.segments}
    world = GivenWorld(compiled.specs.catalog, compiled.zone, sorted(given & set(compiled.specs.segments)))
    models = GivenModels(warehouse)
    problems: list[str] = []
    before: TickRow | None = None
    with standing_in(compiled, models, warehouse) as (project, lease):
        for number, tick in enumerate(test.ticks, start=1):
            world.change(tick)
            models.load(world.models(tick))
            updates = world.updates(tick)
            if updates.num_rows:
                warehouse.append("contact_updates", f"{_GIVEN}{number:04}", updates)
            as_of = world.rows(tick).as_of
            where = f"tick {number} ({tick.at})"
            problems += [f"{where}: {one}" for one in _report(project, tick, world, as_of)]
            run = project.tick(as_of, lease, before)
            faults = run.faults()
            for name, why in {**faults.segments, **faults.parts}.items():
                problems.append(f"{where}: {name} cannot be evaluated: {why}")
            problems += [f"{where}: {one}" for one in _differences(warehouse, run.row.tick_id, tick)]
            before = run.row
    return problems


def _report(project: StandIn, tick: FlowTick, world: GivenWorld, as_of: datetime) -> list[str]:
    """Let providers tell what the test says. Returns what they could not."""
    problems, events = [], []
    for row in tick.reported:
        sent = exp.select("message_id").from_(relation("outbox"))
        sent = sent.where(
            exp.column("contact_id").eq(exp.Literal.string(row.contact_id)),
            exp.column("step").eq(exp.Literal.string(row.step)),
        )
        found = project.warehouse().rows(sent.order_by("planned_at DESC").limit(1))
        if not found or row.message == "sent":
            problems.append(f"{row.contact_id} has no message of step {row.step} that could be {row.message}")
            continue
        at = world.rows(tick.model_copy(update={"at": row.at})).as_of if row.at is not None else as_of
        events.append(MessageEvent(message_id=found[0]["message_id"], kind=row.message, at=at, url=row.url))
    project.store.message_events.record(events)
    return problems


def _differences(warehouse: Warehouse, tick_id: str, tick: FlowTick) -> Iterator[str]:
    mine = exp.column("tick_id").eq(exp.Literal.string(tick_id))

    def rows(table: str, *order: str) -> list[dict[str, Any]]:
        return warehouse.rows(exp.select("*").from_(relation(table)).where(mine).order_by(*order))

    sent: dict[str, list[str]] = {}
    refused: dict[tuple[str, str], str] = {}
    for row in rows("deliveries", "contact_id", "step"):
        if row["outcome"] == "sent":
            sent.setdefault(row["contact_id"], []).append(row["step"])
        else:
            refused[row["contact_id"], row["step"]] = f"{row['outcome']}: {row['reason']}"
    wanted = {
        contact: sorted(steps if isinstance(steps, list) else [steps])
        for contact, steps in tick.expect.messages.items()
    }  # fmt: skip
    for contact in sorted({*sent, *wanted}):
        got, asked = sorted(sent.get(contact, [])), wanted.get(contact, [])
        if got != asked:
            why = [f"{step} was {refused[contact, step]}" for step in asked if (contact, step) in refused]
            told = f" ({', '.join(why)})" if why else ""
            yield f"{contact} should get {_listed(asked)} and gets {_listed(got)}{told}"
    if tick.expect.journal is not None:
        yield from _journal(rows("flow_journal", "contact_id", "hop", "step", "action"), tick.expect.journal)
    if tick.expect.at:
        places = _places(warehouse)
        for contact, place in tick.expect.at.items():
            found = places.get(contact, "outside")
            if found != place:
                yield f"{contact} should be at {place} and is at {found}"


def _journal(rows: Sequence[dict[str, Any]], wanted: dict[str, list[str]]) -> Iterator[str]:
    found: dict[str, list[str]] = {}
    for row in rows:
        what = f"{row['step']} {row['action']}" if row["step"] else str(row["action"])
        detail = str(row["detail"] or "").split(" (")[0]
        # How a step went is part of what is expected where it can go in several ways.
        more = f" {detail}" if detail and (not row["step"] or row["action"] in ("branch", "switch", "skipped")) else ""
        found.setdefault(row["contact_id"], []).append(what + more)
    for contact in sorted({*found, *wanted}):
        got, asked = found.get(contact, []), wanted.get(contact, [])
        if got != asked:
            yield f"the journal of {contact} should say {_listed(asked)} and says {_listed(got)}"


def _places(warehouse: Warehouse) -> dict[str, str]:
    asked = exp.select("contact_id", "status", "step", "end_reason").from_(relation("flow_enrollments"))
    rows = warehouse.rows(asked.order_by("enrolled_at", "tick_id"))
    return {r["contact_id"]: r["step"] if r["status"] == "active" else f"ended {r['end_reason']}" for r in rows}


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words) or "nothing"

"""`segflow backtest`: a flow, as its file is now, over past ticks on the data as it was. Nothing is written or sent.

The ticks run in a transaction on the warehouse that is rolled back, in which no tick has run before: the engine's
tables are empty but for what other flows and imports have written about contacts, and what became of other flows'
messages. Everything with a time is seen as it was at that time; the rest is as it is now, which `notes` say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlglot import exp

from segflow.durations import Duration
from segflow.errors import InputError, did_you_mean
from segflow.segments.compiler import Compiled
from segflow.specs import conditions as c
from segflow.specs.flow import NamedFlow
from segflow.specs.guards import FlowGuards, Guards, SegmentGuards
from segflow.specs.project import Specs
from segflow.specs.segment import NamedSegment, SqlSegmentSpec
from segflow.ticks.ledger import TickRow, moment_of
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.tables import TABLES
from segflow.workspace import Workspace
from segflow.worlds.needed import compiled_for, conditions_of
from segflow.worlds.standing_in import standing_in

KEPT = (
    "imports", "contact_imports", "contact_takeovers", "contact_deletions", "contact_restores", "attribute_history",
    "contact_updates", "deliveries", "message_events", "suppressions",
)  # fmt: skip
"""The tables that a backtest reads as they are, less what the flow itself has done."""
MOST_TICKS = 2_000


@dataclass(frozen=True, kw_only=True)
class PastTick:
    """What the flow would have done at one moment."""

    as_of: datetime
    enrolled: int
    dropped: Mapping[str, int]
    """Reason -> contacts that were not let in."""
    messages: Mapping[str, int]
    """Step -> messages that would have gone out."""
    refused: Mapping[str, int]
    """Why others would not have: reason -> messages."""
    ended: Mapping[str, int]
    """Reason -> enrollments."""

    @property
    def quiet(self) -> bool:
        return not (self.enrolled or self.dropped or self.messages or self.refused or self.ended)


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """What a flow would have done from its first tick to its last."""

    flow: str
    ticks: list[PastTick]
    contacts: list[str]
    """Who would have entered, each once, in that order; at most `limit` of them."""
    enrolled: int
    messages: Mapping[str, int]
    ended: Mapping[str, int]
    active: int
    """Enrollments that would be under way at the end."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """Segment or part -> why it cannot be evaluated."""
    notes: list[str] = field(default_factory=list)
    """Where the data are not as they were."""


def backtest(
    project: Workspace, flow: str, first: datetime, last: datetime, every: Duration, limit: int = 20
) -> Backtest:
    """Run the ticks `first`, `first + every`, ... up to `last`. Who is in a segment one step before `first` is its
    baseline and triggers nothing.

    Raises InputError when the flow is unknown or a draft that is not whole, the times do not fit, or there is no
    warehouse, and SpecError.
    """
    specs = project.specs
    if flow in specs.unfinished:
        raise InputError(f"flow {flow} is a draft with problems; segflow validate lists them")
    if flow not in specs.flows:
        raise InputError(f"unknown flow {flow}{did_you_mean(flow, list(specs.flows))}")
    moments = _moments(project, moment_of(first), moment_of(last), every)
    if not project.engine.transactions:
        raise InputError(f"{project.engine.title} has no transaction to try ticks in; segflow backtest needs one")
    if not project.engine.exists():
        raise InputError(f"there is no warehouse {project.engine.where} yet; build your models with dbt first")
    # What a person would release is not asked for here.
    unguarded = replace(specs, settings=specs.settings.model_copy(update={"guards": _NO_GUARDS}))
    compiled = compiled_for(unguarded, _unguarded_flow(specs.flows[flow]), _unguarded_segments(specs))
    found = project.engine.rehearse(lambda warehouse: _play(project, warehouse, compiled, flow, moments, limit))
    return replace(found, notes=list(_notes(compiled, compiled.specs.flows[flow])))


_NO_GUARDS = Guards.model_validate(
    {"exits": "off", "entries": "off", "contacts_lost": "off", "messages": "off"}
)  # fmt: skip


def _unguarded_flow(flow: NamedFlow) -> NamedFlow:
    return flow.model_copy(update={"spec": flow.spec.model_copy(update={"guards": FlowGuards()})})


def _unguarded_segments(specs: Specs) -> dict[str, NamedSegment]:
    return {
        name: one.model_copy(update={"spec": one.spec.model_copy(update={"guards": SegmentGuards()})})
        for name, one in specs.segments.items()
    }


def _moments(project: Workspace, first: datetime, last: datetime, every: Duration) -> list[datetime]:
    """One step before the first, for the baseline, and all others."""
    zone = project.specs.settings.zone
    if last < first:
        raise InputError(f"--to {last:%Y-%m-%d %H:%M} lies before --from {first:%Y-%m-%d %H:%M}")
    try:
        found = [every.before(first, zone), first]
        while (following := every.after(found[-1], zone)) <= last:
            if following <= found[-1]:
                raise InputError(f"--every {every} leads nowhere: give a positive span, like 1 day")
            found.append(following)
            if len(found) > MOST_TICKS:
                raise InputError(f"that would be more than {MOST_TICKS:,} ticks; give a longer --every")
    except (OverflowError, ValueError) as error:
        raise InputError(f"--every {every} leaves the calendar") from error
    return found


def _play(
    project: Workspace, warehouse: Warehouse, compiled: Compiled, flow: str, moments: Sequence[datetime], limit: int
) -> Backtest:
    warehouse.ensure_tables()
    for table in TABLES.values():
        if table.name in KEPT:
            _forget_own(warehouse, table.name, flow)
        else:
            warehouse.restore(table.name, [])
    ticks: list[PastTick] = []
    faults: dict[str, str] = {}
    before: TickRow | None = None
    with standing_in(compiled, project.models, warehouse) as (stand_in, lease):
        known = warehouse.rows(exp.select("channel", "address", "reason").from_(relation("suppressions")))
        stand_in.store.suppress_all((row["channel"], row["address"], row["reason"]) for row in known)
        for number, moment in enumerate(moments):
            run = stand_in.tick(moment, lease, before)
            before = run.row
            told = run.faults()
            faults |= {**told.segments, **told.parts}
            if number:
                ticks.append(_tick(warehouse, run.row))
        entered = exp.select("contact_id", exp.Min(this=exp.column("enrolled_at")).as_("at"))
        entered = entered.from_(relation("flow_enrollment_starts")).group_by("contact_id")
        rows = warehouse.rows(entered.order_by("at", "contact_id").limit(limit))
        return Backtest(
            flow=flow,
            ticks=ticks,
            contacts=[row["contact_id"] for row in rows],
            enrolled=sum(one.enrolled for one in ticks),
            messages=_sum(one.messages for one in ticks),
            ended=_sum(one.ended for one in ticks),
            active=warehouse.count("flow_positions"),
            faults=faults,
        )


def _forget_own(warehouse: Warehouse, table: str, flow: str) -> None:
    """Leave out what the flow itself has done, and let no tick of the backtest have the id of a lived one."""
    columns = TABLES[table].columns
    if "flow" in columns:
        kept = exp.or_(exp.column("flow").neq(exp.Literal.string(flow)), exp.column("flow").is_(exp.null()))
        rows = exp.select(*columns).from_(relation(table)).where(kept)
        warehouse.restore(table, [warehouse.query(rows)])
    if "tick_id" in columns:
        lived = exp.Concat(expressions=[exp.Literal.string("lived "), exp.column("tick_id")])
        warehouse.amend(table, {"tick_id": lived}, exp.true())


def _tick(warehouse: Warehouse, row: TickRow) -> PastTick:
    mine = exp.column("tick_id").eq(exp.Literal.string(row.tick_id))

    def counts(table: str, by: str, *where: exp.Expr) -> dict[str, int]:
        asked = exp.select(exp.column(by).as_("what"), exp.Count(this=exp.Star()).as_("many")).from_(relation(table))
        return {str(r["what"]): r["many"] for r in warehouse.rows(asked.where(mine, *where).group_by(exp.column(by)))}

    dropped: dict[str, int] = {}
    for detail, many in counts("flow_journal", "detail", exp.column("step").is_(exp.null())).items():
        reason = detail.split(" (")[0]
        dropped[reason] = dropped.get(reason, 0) + many
    sent = exp.column("outcome").eq(exp.Literal.string("sent"))
    return PastTick(
        as_of=row.as_of,
        enrolled=sum(counts("flow_enrollment_starts", "flow").values()),
        dropped=dropped,
        messages=counts("deliveries", "step", sent),
        refused=counts("deliveries", "reason", sent.not_()),
        ended=counts("flow_enrollment_ends", "reason"),
    )


def _sum(found: Iterator[Mapping[str, int]] | Any) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in found:
        for name, many in one.items():
            total[name] = total.get(name, 0) + many
    return dict(sorted(total.items()))


def _notes(compiled: Compiled, flow: NamedFlow) -> Iterator[str]:
    """What is read as it is now, because nobody knows how it was."""
    catalog = compiled.specs.catalog
    conditions = list(conditions_of(compiled, flow))
    attributes = sorted({one.attribute for one in conditions if isinstance(one, c.AttributeCondition)})
    source = [name for name in attributes if catalog.contacts.attributes[name].written_by == "source"]
    if source:
        yield f"attributes have no history: {', '.join(source)} {'is' if len(source) == 1 else 'are'} read as of now"
    if catalog.contacts.created_at is None:
        yield "the catalog does not say when contacts came (contacts.created_at): all of them were always there"
    for kind, asked in (("list", (c.ListCondition, c.AnyListCondition)), ("tag", (c.TagCondition, c.AnyTagCondition))):
        labels = catalog.lists if kind == "list" else catalog.tags
        if labels.model is not None and labels.added_at is None and any(isinstance(one, asked) for one in conditions):
            yield f"the catalog does not say when {kind}s were added ({kind}s.added_at): they are read as of now"
        elif labels.model is not None and any(isinstance(one, asked) for one in conditions):
            yield f"whoever has left a {kind} since is not on it here"
    objects = sorted({one.object for one in conditions if isinstance(one, c.ObjectCondition)})
    for name in objects:
        spec = catalog.objects[name]
        known = "seen from when they were created" if spec.created_at is not None else "all there always"
        yield f"the fields of {name} rows are read as of now; the rows are {known}"
    queries = sorted(n for n, one in compiled.specs.segments.items() if isinstance(one.spec, SqlSegmentSpec))
    if queries:
        yield f"what {', '.join(queries)} read as of now only their queries know"

"""The build stage: dbt builds contacts, facts and memberships; what cannot be evaluated is singled out.

The fast path is one dbt run. Only when a model fails are its parts bound one by one, the broken ones left out (in
memory: the committed models stay as they are), and the rest built again; segments that need a broken part are stale.
Segments that rest are left out from the start, in the same way (`segments.resting`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from segflow.crashpoints import crash_point
from segflow.errors import DuplicateContactsError, RunError
from segflow.models.build_plans import build_outcomes, build_plans
from segflow.models.catalog_columns import (
    Column,
    attribute_column,
    contact_columns,
    fact_columns,
    import_columns,
    told_columns,
)
from segflow.models.fact_copies import FactCopies
from segflow.models.user_models import UserModels, silent_faults
from segflow.models.views import keep_views
from segflow.segments.compiler import CONTACTS, Compiled
from segflow.segments.emit import TABLE, config_text, template
from segflow.segments.fact_models import fact_query
from segflow.segments.facts import by_model
from segflow.segments.membership_masks import MASKS
from segflow.segments.membership_models import contacts_query, segment_model
from segflow.segments.nodes import facts_of, sources_of
from segflow.segments.order import closure
from segflow.segments.resting import at_rest, chosen, idle_models, patches_of
from segflow.segments.sources import source_models, trigger_models
from segflow.ticks.context import TickContext
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.models import ModelResult
from segflow.warehouse.names import own_model

_CONTACTS, _MASKS = own_model(CONTACTS), own_model(MASKS)
"""As dbt calls them."""


@dataclass
class BuildReport:
    """What the build stage found. `stale`: segment -> reason; `broken`: part (`model.column`, model) -> reason."""

    contacts: int = 0
    null_contacts: int = 0
    stale: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Model -> why dbt could not build it, as of its last try."""
    models: dict[str, float] = field(default_factory=dict)
    """Seconds per dbt model."""
    dbt_seconds: float = 0.0
    facts: dict[str, str] = field(default_factory=dict)
    """Fact model -> why all of it was computed; empty for one that was patched."""
    memberships: str | None = None
    """Why the memberships were made of all contacts; empty when they were patched; None when nobody noted it."""
    differing: dict[str, int] = field(default_factory=dict)
    """Model -> rows that were not what they are in full, of those that were compared and differed."""


@dataclass(frozen=True)
class _Build:
    context: TickContext
    """`compiled` is the project as this tick evaluates it."""
    report: BuildReport
    patches: Mapping[str, str] = field(default_factory=dict)
    """What is in place of files in all runs."""
    idle: tuple[str, ...] = ()
    """Models that no run builds, whoever names them as a parent."""

    @property
    def compiled(self) -> Compiled:
        return self.context.compiled

    @property
    def warehouse(self) -> Warehouse:
        return self.context.warehouse

    def run(
        self, select: list[str], patches: dict[str, str] | None = None, exclude: list[str] | None = None
    ) -> dict[str, ModelResult]:
        bounds = json.loads(self.compiled.bounds_at(self.context.as_of))
        started = time.perf_counter()
        timeout = self.compiled.specs.settings.sql_segments.timeout
        limits = {_sql_model(name): timeout for name in self.compiled.sql_segments()}
        plans = build_plans(self.context, list(patches or ()))
        values = {"segflow": {"tick_id": self.context.tick_id, "bounds": bounds, "builds": plans}}
        without = [*(exclude or ()), *self.idle]
        copies = FactCopies.begin(self.context, plans)
        results = self.context.models.run(select, values, {**self.patches, **(patches or {})}, without, limits)
        crash_point("build.ran")
        for result in (result for result in results.values() if result.status == "error"):
            # No segment's fault: it would be stale, and the next one, and the tick would go on without them.
            trouble = self.warehouse.trouble(result.message)
            if trouble is not None:
                raise RunError(f"model {result.model} cannot be built: {trouble}") from trouble
        copies.end(results)
        self.report.dbt_seconds += time.perf_counter() - started
        self.report.failed |= {name: result.message for name, result in results.items() if result.status == "error"}
        for name in [name for name in self.report.failed if _status(results, name) == "success"]:
            del self.report.failed[name]
        self.report.models |= {name: result.seconds for name, result in results.items()}
        found = build_outcomes(self.context, plans)
        self.report.facts |= {name: reason for name, reason in found.facts.items() if own_model(name) in results}
        if _MASKS in results:
            self.report.memberships = found.memberships
        self.report.differing |= found.differing
        return results


def build(context: TickContext, resting: Mapping[str, str] | None = None) -> BuildReport:
    """Build everything for this tick but what the segments of `resting` (segment -> its key) alone need. Raises
    DuplicateContactsError, and RunError when contacts cannot be judged."""
    whole = context.compiled
    compiled = at_rest(whole, resting or {})
    context = replace(context, compiled=compiled)
    sql = [_sql_model(name) for name in compiled.sql_segments()]
    imports = [compiled.specs.catalog.imports.model] if compiled.specs.catalog.imports is not None else []
    facts = map(own_model, compiled.fact_models())
    parts = (_CONTACTS, *facts, *sql, _MASKS, *read_by_flows(compiled), *imports)
    select = [f"+{model}" for model in parts]
    work = _Build(context, BuildReport())
    if resting:
        # dbt's own graph leads from `memberships` to all that resting segments need.
        select = chosen(compiled, parts)
        work = replace(work, patches=patches_of(whole, compiled), idle=tuple(idle_models(whole, select)))
    results = work.run(select)
    if any(result.status != "success" for result in results.values()):
        _repair(work, results)
    _check_contacts(work)
    _check_imports(work, results)
    work.report.broken |= silent_faults(context, work.report.broken)
    _mark_stale(work)
    keep_views(context, work.report.stale)
    return work.report


def build_contacts(context: TickContext, also: str | None = None) -> None:
    """Build the contacts of this tick alone, and the user's model `also` as far as that can be built. Raises RunError
    when there can be no contacts."""
    work = _Build(context, BuildReport())
    _contacts_again(work, work.run([f"+{model}" for model in (_CONTACTS, also) if model is not None]))


def build_told(context: TickContext) -> None:
    """Build the model of the catalog's message events. Raises RunError when it cannot be read."""
    work, columns = _Build(context, BuildReport()), told_columns(context.compiled)
    results = work.run([f"+{columns[0].model}"])
    if fault := _model_fault(work, results, columns):
        raise RunError(
            f"the message events of the catalog cannot be read: {fault}. Nobody is written to while it is not known "
            "who unsubscribed: mend it, then run segflow tick again; it goes on with this tick"
        )


def _contacts_again(work: _Build, results: dict[str, ModelResult]) -> dict[str, str]:
    """Build the contacts without what cannot be read, if that is why they were not built. Returns the patched code."""
    if _status(results, _CONTACTS) == "success":
        return {}
    patches = {_CONTACTS: _repair_contacts(work, results)}
    outcome = work.run([_CONTACTS], patches)
    if _status(outcome, _CONTACTS) != "success":
        raise RunError(f"the contacts cannot be built: {_reason(outcome, _CONTACTS)}")
    return patches


def read_by_flows(compiled: Compiled) -> list[str]:
    """The user's models whose rows flows look at themselves: those of events and objects that trigger them, and those
    that conditions look at from each enrollment's own time."""
    found = {model for flow in compiled.specs.flows for model in trigger_models(compiled, flow)}
    for node in (node for conditions in compiled.conditions.values() for node in conditions.values()):
        for source in (s for fact in facts_of(node) if fact.per_enrollment for s in sources_of(fact)):
            found |= source_models(source, compiled.specs.catalog)
    return sorted(found)


def _repair(work: _Build, results: dict[str, ModelResult]) -> None:
    compiled, report = work.compiled, work.report
    again: list[str] = []
    patches = _contacts_again(work, results)
    if patches:
        # Everything downstream was skipped for a cause that is mended now.
        rest = [*map(own_model, compiled.fact_models()), *map(_sql_model, compiled.sql_segments())]
        upstream = [f"+{model}" for model in rest]
        results = work.run(upstream, exclude=[_CONTACTS, _MASKS]) if rest else {}
    grouped = {own_model(relation): columns for relation, columns in by_model(compiled.columns).items()}
    for model, columns in grouped.items():
        if _status(results, model) == "success":
            continue
        user_models = UserModels(work.context)
        faults = {
            c.name: _failed_source(results, fact_columns(compiled, c.fact))
            or user_models.missing(fact_columns(compiled, c.fact))
            or work.warehouse.bind(work.context.fill(fact_query([c], compiled.specs.catalog)))
            for c in columns
        }
        report.failed |= {name: why for name, why in user_models.failed.items() if name not in report.failed}
        broken = {name: fault for name, fault in faults.items() if fault}
        if not broken:
            broken = {column.name: _reason(results, model) for column in columns}
        report.broken |= broken
        if len(broken) < len(columns):
            again.append(model)
    failed = [name for name in compiled.sql_segments() if _status(results, _sql_model(name)) != "success"]
    for name in failed:
        if _status(results, _sql_model(name)) == "error":
            report.broken[segment_model(name)] = _reason(results, _sql_model(name))
    _mark_stale(work)
    # Skipped for the sake of a fact that its references do not need: it is tried again over the mended models.
    innocent = [name for name in failed if again and name not in report.stale]
    for name in failed:
        if name not in innocent:
            report.broken.setdefault(segment_model(name), _reason(results, _sql_model(name)))
    _mark_stale(work)
    files = compiled.without(report.broken, report.stale)
    patches |= {model: files[f"facts/{model}.sql"] for model in again}
    patches[_MASKS] = files[f"{_MASKS}.sql"]
    if again:
        select = again + [f"+{_sql_model(name)}" for name in innocent]
        outcome = work.run(select, patches, exclude=[_CONTACTS])
        for model in again:
            if _status(outcome, model) != "success":
                report.broken |= {column.name: _reason(outcome, model) for column in grouped[model]}
        for name in innocent:
            if _status(outcome, _sql_model(name)) != "success":
                report.broken[segment_model(name)] = _reason(outcome, _sql_model(name))
        _mark_stale(work)
        patches[_MASKS] = compiled.without(report.broken, report.stale)[f"{_MASKS}.sql"]
    outcome = work.run([_MASKS], patches)
    if _status(outcome, _MASKS) == "success":
        return
    for name in (name for name in compiled.views if name not in compiled.resting):
        if name not in report.stale:
            # The standalone text: views that others refer to may not exist before the first tick. It is run, not only
            # bound: an expression of the user's fails on a value.
            members = work.context.fill(compiled.segments[name].standalone).subquery("members")
            found = work.warehouse.attempt(exp.select(exp.Max(this=exp.column("contact_id"))).from_(members))
            if isinstance(found, str):
                report.stale[name] = f"{compiled.specs.segments[name].file}: {found}"
    _spread(work)
    patches[_MASKS] = compiled.without(report.broken, report.stale)[f"{_MASKS}.sql"]
    outcome = work.run([_MASKS], patches)
    if _status(outcome, _MASKS) != "success":
        raise RunError(f"the memberships cannot be built: {_reason(outcome, _MASKS)}")


def _repair_contacts(work: _Build, results: dict[str, ModelResult]) -> str:
    """The contacts model with unreadable attributes as missing. Raises RunError when it is no attribute's fault."""
    catalog = work.compiled.specs.catalog
    attributes = catalog.contacts.attributes
    user_models = UserModels(work.context)
    needed = contact_columns(work.compiled)
    if fault := _failed_source(results, needed) or user_models.missing(needed):
        if catalog.contacts.model in results and _status(results, catalog.contacts.model) == "skipped":
            # What it is built on is at fault, not that it is not there.
            fault = _reason(results, catalog.contacts.model)
        raise RunError(f"the contacts cannot be built: {fault}")
    for name, attribute in attributes.items():
        only = catalog.contacts.model_copy(update={"attributes": {name: attribute}})
        query = contacts_query(catalog.model_copy(update={"contacts": only}))
        try:
            missing = user_models.missing(attribute_column(work.compiled, name))
            fault = missing or work.warehouse.bind(work.context.fill(query))
        except RunError as error:
            fault = str(error)
        if fault:
            work.report.broken[f"{CONTACTS}.{name}"] = fault
    broken = [name for name in attributes if f"{CONTACTS}.{name}" in work.report.broken]
    if not broken or len(broken) == len(attributes):
        raise RunError(f"the contacts cannot be built: {_reason(results, _CONTACTS)}")
    text = template(contacts_query(catalog, missing=broken), work.compiled.words)
    return f"{config_text(TABLE, CONTACTS)}\n{text}"


def _mark_stale(work: _Build) -> None:
    for name in work.compiled.segments:
        faults = sorted(work.compiled.depends_on(name) & set(work.report.broken))
        if faults and name not in work.report.stale:
            work.report.stale[name] = f"{_where(work, faults[0])}: {work.report.broken[faults[0]]}"


def _sql_model(segment: str) -> str:
    """The dbt model of a `.sql` segment."""
    return own_model(segment_model(segment))


def _where(work: _Build, part: str) -> str:
    """A part as its author knows it: a `.sql` segment is a file."""
    files = {segment_model(name): work.compiled.specs.segments[name].file for name in work.compiled.sql_segments()}
    return files.get(part, part)


def _spread(work: _Build) -> None:
    """What refers to a stale segment is stale with it."""
    for name in work.compiled.segments:
        needed = [other for other in closure(name, work.compiled.graph) if other in work.report.stale and other != name]
        if needed and name not in work.report.stale:
            work.report.stale[name] = f"refers to segment {needed[0]}, which cannot be evaluated"


def _check_contacts(work: _Build) -> None:
    contacts, warehouse = relation(CONTACTS), work.warehouse
    spec = work.compiled.specs.catalog.contacts
    twice = (
        exp.select("contact_id", exp.Count(this=exp.Star()).as_("times"))
        .from_(contacts)
        .group_by("contact_id")
        .having(exp.Count(this=exp.Star()) > 1)
        .order_by("contact_id")
        .limit(5)
    )
    count = exp.Count(this=exp.Star()).as_("contacts")
    no_key = exp.Is(this=exp.column(spec.key, quoted=True), expression=exp.null())
    repeated, all_of_them, nulls = warehouse.answers(
        twice,
        exp.select(count).from_(contacts),
        exp.select(count.copy()).from_(work.context.relation(spec.model)).where(no_key),
    )
    if repeated:
        named = ", ".join(f"{row['contact_id']} ({row['times']} times)" for row in repeated)
        raise DuplicateContactsError(
            f"model {spec.model} holds contact ids more than once: {named}. Nobody crosses a border on ambiguous "
            f"data: make column {spec.key} of {spec.model} unique, then run the tick again."
        )
    work.report.contacts, work.report.null_contacts = all_of_them[0]["contacts"], nulls[0]["contacts"]


def _check_imports(work: _Build, results: dict[str, ModelResult]) -> None:
    if fault := _model_fault(work, results, import_columns(work.compiled)):
        raise RunError(
            f"the imports of the catalog cannot be read: {fault}. Nobody crosses a border while it is not known which "
            "imports said no to flows: mend it, then run segflow tick again; it goes on with this tick"
        )


def _model_fault(work: _Build, results: dict[str, ModelResult], columns: list[Column]) -> str | None:
    """Why a model cannot be read that must be, in words."""
    user_models = UserModels(work.context)
    # A view that is built once for all runs is not among the results.
    failed = [c.model for c in columns if c.model in results and _status(results, c.model) != "success"]
    fault = _failed_source(results, columns) or (_reason(results, failed[0]) if failed else None)
    return fault or user_models.missing(columns) or user_models.unreadable(columns)


def _status(results: dict[str, ModelResult], model: str) -> str:
    return results[model].status if model in results else "skipped"


def _failed_source(results: dict[str, ModelResult], columns: list[Column]) -> str | None:
    """The user's model that failed, if it is one of those that `columns` are of."""
    failed = [results[c.model] for c in columns if _status(results, c.model) == "error"]
    return f"model {failed[0].model} ({failed[0].file}) failed: {failed[0].message}" if failed else None


def _reason(results: dict[str, ModelResult], model: str) -> str:
    """Why a model was not built; for a skipped one the first model that failed."""
    result = results.get(model)
    if result is not None and result.status == "error":
        return result.message
    failed = [other for other in results.values() if other.status == "error"]
    return f"model {failed[0].model} ({failed[0].file}) failed: {failed[0].message}" if failed else "it was skipped"

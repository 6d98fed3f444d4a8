"""Which asset belongs to which stage, with its dependencies: made from the compiled specs and the dbt graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dagster import AssetCheckSpec, AssetKey, AssetSpec, FreshnessPolicy
from email_validator import EmailNotValidError, validate_email

from segflow.dagster.cadence import freshness
from segflow.dagster.dbt_graph import DbtGraph, DbtNode
from segflow.dagster.keys import (
    DELIVERIES,
    DELIVERY_GROUP,
    INTERNALS,
    VERDICT,
    export_key,
    flow_key,
    model_key,
    segment_key,
    sender_key,
    stage_key,
)
from segflow.dagster.pages import Pages
from segflow.dagster.tables import Tables
from segflow.flows.graph import rows_of
from segflow.segments.compiler import CONTACTS, Compiled, needs
from segflow.segments.membership_masks import MASKS
from segflow.segments.nodes import Crossed, Member, Node
from segflow.specs.catalog import Catalog
from segflow.specs.exports import ExportPlan
from segflow.specs.segment import NamedSegment
from segflow.specs.triggers import TriggerModel
from segflow.specs.triggers.event import EventTrigger
from segflow.stages.order import STAGES

BUILT, MODEL = "built", "model"
"""The check that dbt could build a model, and where its spec names the model: keys are the user's to choose."""
STEPS = (*(stage.name for stage in STAGES), VERDICT)
"""The steps of job `tick`, in order."""

_STAGE_WORDS = {
    "ingest": "Copies what became of messages since the last tick.",
    "build": "dbt builds contacts, facts and memberships.",
    "cross": "Compares membership with the tick before: who entered, who exited.",
    "advance": "Moves the flows and plans messages.",
    "send": "The senders drain the outbox.",
    "export": "Writes the membership files.",
    VERDICT: "Ends the tick; fails when anything in it is red.",
}


@dataclass(frozen=True)
class Graph:
    """All assets of a project. `stages`: step -> the assets it materializes; `checks`: step -> the checks it evaluates;
    `outside`: what is there without segflow (sources, ledgers, the user's other models)."""

    stages: Mapping[str, list[AssetSpec]]
    checks: Mapping[str, list[AssetCheckSpec]]
    outside: list[AssetSpec]


def asset_graph(compiled: Compiled, dbt: DbtGraph) -> Graph:
    """The assets and checks of a project."""
    pages, tables = Pages(compiled), Tables(compiled.specs)
    named = compiled.specs.segments
    fresh = {every: freshness(compiled.specs.settings, every) for every in {one.spec.every for one in named.values()}}
    specs = {
        "ingest": [_ledger(DELIVERIES, "What became of each attempt to deliver a message.", [])],
        "build": [_model(node, dbt, tables) for node in _built(compiled, dbt)],
        "cross": [_segment(one, compiled, dbt, pages, fresh[one.spec.every]) for one in named.values()],
        "advance": [_flow(name, compiled, dbt, pages) for name in compiled.specs.flows],
        "send": [_sender(name, compiled) for name in compiled.specs.settings.all_senders()],
        "export": [_export(plan, tables) for plan in compiled.specs.exports()],
        VERDICT: [],
    }
    for number, step in enumerate(STEPS):
        before = [stage_key(STEPS[number - 1])] if number else []
        marker = AssetSpec(stage_key(step), deps=before, group_name=INTERNALS, description=_STAGE_WORDS[step])
        specs[step] = [marker, *specs[step]]
    mine = {spec.key for found in specs.values() for spec in found}
    return Graph(
        stages=specs,
        checks=_checks(compiled, dbt),
        outside=_outside(dbt, mine, tables),
    )


def _built(compiled: Compiled, dbt: DbtGraph) -> list[DbtNode]:
    """What the build stage makes dbt run, less the models of segments: those belong to their segments."""
    wanted = [node for kind in ("contacts", "facts", "memberships") for node in dbt.generated(kind)]
    wanted += [node for node in dbt.generated("segment") if compiled.segments[node.segment or ""].kind == "sql"]
    needed = [dbt.nodes[name] for name in dbt.upstream(wanted)]
    return sorted((n for n in needed if n.resource_type != "source" and n.kind != "segment"), key=lambda n: n.key)


def _model(node: DbtNode, dbt: DbtGraph, tables: Tables, *, through_segments: bool = True) -> AssetSpec:
    metadata = tables.of_node(node)
    if node.kind == CONTACTS:
        for parent in dbt.parents(node, through_segments=True):
            if parent.name == tables.contacts_model:
                metadata |= tables.contacts_lineage(parent.asset_key)
    return AssetSpec(
        node.asset_key,
        deps=[parent.asset_key for parent in dbt.parents(node, through_segments=through_segments)],
        group_name=node.group,
        description=node.description or None,
        owners=node.owners,
        tags=node.tags,
        kinds=set(node.kinds),
        metadata=metadata,
    )


def _segment(named: NamedSegment, compiled: Compiled, dbt: DbtGraph, pages: Pages, fresh: FreshnessPolicy) -> AssetSpec:
    name = named.id
    segment = compiled.segments[name]
    deps = {segment_key(other) for other in segment.references}
    if segment.node is not None:
        deps |= _facts_of([segment.node], compiled) | {model_key(CONTACTS), model_key(MASKS)}
    else:
        [node] = [found for found in dbt.generated("segment") if found.segment == name]
        deps |= {parent.asset_key for parent in dbt.parents(node, through_segments=False)}
    return AssetSpec(
        segment_key(name),
        deps=sorted(deps),
        group_name="segments",
        freshness_policy=fresh,
        kinds={"segment", "yaml" if segment.kind == "yaml" else "sql"},
        **_words(named.spec, *pages.segment(name)),
    )


def _flow(name: str, compiled: Compiled, dbt: DbtGraph, pages: Pages) -> AssetSpec:
    named = compiled.specs.flows[name]
    nodes = list(compiled.conditions[name].values())
    segments = {
        below.segment for node in nodes for below in node.walk() if isinstance(below, (Member, Crossed))
    } | named.spec.trigger_segments()
    deps = {segment_key(segment) for segment in segments} | _facts_of(nodes, compiled)
    deps |= _read_by_triggers(named.spec.triggers(), compiled.specs.catalog, dbt)
    tags: dict[str, str] = {"segflow/status": named.spec.status}
    if named.spec.topic is not None:
        tags["segflow/topic"] = named.spec.topic
    if named.spec.group is not None:
        tags["segflow/group"] = named.spec.group
    return AssetSpec(
        flow_key(name),
        deps=sorted(deps),
        group_name="flows",
        kinds={"flow", "yaml"},
        tags=tags,
        **_words(named.spec, *pages.flow(name)),
    )


def _read_by_triggers(triggers: Iterable[TriggerModel], catalog: Catalog, dbt: DbtGraph) -> set[AssetKey]:
    """What triggers look at beside segments: contacts, and the user's models of objects and events."""
    keys, models = set(), set()
    for one in triggers:
        if one.attributes_read():
            keys.add(model_key(CONTACTS))
        models |= {catalog.objects[name].model for name in one.objects_read()}
        if isinstance(one, EventTrigger) and (found := catalog.event(one.event)) is not None:
            models.add(found[0].model)
    return keys | {
        node.asset_key for node in dbt.nodes.values() if node.resource_type == "model" and node.name in models
    }


def _sender(name: str, compiled: Compiled) -> AssetSpec:
    defaults = compiled.specs.settings.default_senders
    flows = [
        flow
        for flow, named in compiled.specs.flows.items()
        for row in rows_of(flow, named.spec)[0]
        if row.channel is not None and (row.sender or getattr(defaults, row.channel)) == name
    ]
    kind = compiled.specs.settings.all_senders()[name].type
    return AssetSpec(
        sender_key(name),
        deps=sorted({flow_key(flow) for flow in flows}),
        group_name=DELIVERY_GROUP,
        kinds={"sender", kind},
        description=f"Sender {name} of segflow.yml.",
    )


def _export(plan: ExportPlan, tables: Tables) -> AssetSpec:
    names = [plan.segment if only == "members" else f"{plan.segment}.{only}" for only in plan.only]
    files = ", ".join(f"{plan.path}/TICK/{name}.{plan.format}" for name in names)
    when = "" if plan.every == "tick" else f", at the first tick of each {plan.every}"
    return AssetSpec(
        export_key(plan.segment),
        deps=[segment_key(plan.segment)],
        group_name="exports",
        kinds={plan.format},
        description=f"{files}: the {' and '.join(plan.only)} of segment {plan.segment}{when}.",
        metadata=tables.of_export(plan),
    )


def _facts_of(nodes: Iterable[Node], compiled: Compiled) -> set[AssetKey]:
    parts = {part for node in nodes for part in needs(node, compiled.columns)}
    return {model_key(part.split(".", 1)[0]) for part in parts}


def _words(spec: Any, description: str | None, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What people say about a segment or flow. Dagster takes only addresses as owners; others become metadata."""
    owners, told = [], dict(metadata)
    if spec.owner is not None:
        try:
            owners = [validate_email(spec.owner, check_deliverability=False, test_environment=True).normalized]
        except EmailNotValidError:
            told["owner"] = spec.owner
    return {"description": description, "owners": owners, "metadata": told}


def _ledger(key: AssetKey, description: str, deps: list[AssetKey]) -> AssetSpec:
    return AssetSpec(key, deps=deps, group_name=INTERNALS, description=description)


CHECKED: dict[str, dict[str, str]] = {
    "build": {
        "unique_ids": "No contact id occurs twice; otherwise the tick stops here.",
        "known_time_zones": "Every contact's time zone is one; others get the project's.",
    },
    "cross": {
        "evaluated": "The segment could be evaluated.",
        "within_guard": "Nothing holds it: what changed is within its guard.",
        "not_suddenly_empty": "It has members, if it had some at the tick before.",
        "size_within_history": "Its size is about what it was in the last 30 ticks.",
    },
    "advance": {
        "not_held": "The flow is not held.",
        "nobody_past_due": "No message that was due at the tick before still waits.",
        "failure_rate": "At most 5% of the attempts of the last 7 days failed.",
    },
    "send": {
        "no_errors": "Nothing is left for a person to mend.",
        "nothing_unknown": "Of no message it is unknown whether it arrived.",
        "no_dead_letters": "No message has failed or is held.",
        "breaker_closed": "The sender is not left alone because its provider seemed down.",
    },
}
"""stage -> check -> what it means when it is green, for each of the assets that the stage is about."""


def _checks(compiled: Compiled, dbt: DbtGraph) -> dict[str, list[AssetCheckSpec]]:
    about = {
        "build": [model_key(CONTACTS)],
        "cross": [segment_key(name) for name in compiled.segments],
        "advance": [flow_key(name) for name in compiled.specs.flows],
        "send": [sender_key(name) for name in compiled.specs.settings.all_senders()],
    }
    found = {
        stage: [
            AssetCheckSpec(name, asset=key, description=meaning)
            for key in keys
            for name, meaning in CHECKED[stage].items()
        ]
        for stage, keys in about.items()
    }
    found["build"] += [
        AssetCheckSpec(BUILT, asset=node.asset_key, description="dbt built all of it.", metadata={MODEL: node.name})
        for node in _built(compiled, dbt)
    ]
    return found


def _outside(dbt: DbtGraph, mine: set[AssetKey], tables: Tables) -> list[AssetSpec]:
    found: dict[AssetKey, AssetSpec] = {}
    read = {parent for node in dbt.nodes.values() for parent in node.parents}
    for node in dbt.nodes.values():
        # No run makes the views of what a tick has built; as assets they would look as if they never were.
        if node.asset_key in mine or node.asset_key in found or node.kind == "view":
            continue
        if node.resource_type != "source":
            found[node.asset_key] = _model(node, dbt, tables, through_segments=False)
        elif node.unique_id in read:
            found[node.asset_key] = _source(node, tables)
    return sorted(found.values(), key=lambda spec: spec.key)


def _source(node: DbtNode, tables: Tables) -> AssetSpec:
    return AssetSpec(
        node.asset_key,
        group_name=INTERNALS if node.key[0] == DELIVERIES.path[0] else node.group,
        description=node.description or None,
        owners=node.owners,
        tags=node.tags,
        kinds=set(node.kinds) | {"source"},
        metadata=tables.of_node(node),
    )

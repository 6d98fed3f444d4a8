"""Which of the user's models a part of the project reads."""

from __future__ import annotations

from collections.abc import Iterable

from segflow.segments.compiler import Compiled
from segflow.segments.emit import refs
from segflow.segments.nodes import Crossed, Member, Node, Source, facts_of, sources_of
from segflow.specs.catalog import Catalog
from segflow.specs.check_origins import triggering_events
from segflow.warehouse.names import own_relation


def source_models(source: Source, catalog: Catalog) -> set[str]:
    """The models that the rows of a source are in."""
    match source.kind:
        case "event":
            event = catalog.event(source.name)
            return {event[0].model} if event is not None else set()
        case "events":
            return {spec.model for spec, _ in catalog.events_named(source.name).values()}
        case "object":
            return {spec.model for _, spec in catalog.object_path(source.name)}
        case "list" | "tag":
            labels = catalog.lists if source.kind == "list" else catalog.tags
            return {labels.model} if labels.model is not None else set()
        case _:
            return set()


def trigger_models(compiled: Compiled, flow: str) -> set[str]:
    """The models whose rows start a flow: those of events and objects."""
    catalog, spec = compiled.specs.catalog, compiled.specs.flows[flow].spec
    found = {known[0].model for event in triggering_events(spec) if (known := catalog.event(event)) is not None}
    for name in {name for one in spec.triggers() for name in one.objects_read()}:
        found |= {one.model for _, one in catalog.object_path(name)}
    return found


def segment_models(compiled: Compiled, segment: str) -> set[str]:
    """The models that a segment is computed from, those of the segments that it refers to included."""
    named = refs(compiled.segments[segment].standalone)
    return {model for model in named if own_relation(model) is None} | {compiled.specs.catalog.contacts.model}


def flow_models(compiled: Compiled, flow: str) -> set[str]:
    """The models that a flow depends on: through its trigger, its conditions and the segments in both."""
    nodes = list(compiled.conditions[flow].values())
    found = {compiled.specs.catalog.contacts.model} | trigger_models(compiled, flow)
    for segment in compiled.specs.flows[flow].spec.trigger_segments() | _members(nodes):
        found |= segment_models(compiled, segment) if segment in compiled.segments else set()
    for fact in (fact for node in nodes for fact in facts_of(node)):
        for source in sources_of(fact):
            found |= source_models(source, compiled.specs.catalog)
    return found


def _members(nodes: Iterable[Node]) -> set[str]:
    return {below.segment for node in nodes for below in node.walk() if isinstance(below, Member | Crossed)}

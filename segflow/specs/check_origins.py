"""Conditions about how an enrollment came about: can the flow's trigger have what they ask for?"""

from __future__ import annotations

from collections.abc import Sequence

from segflow.errors import did_you_mean
from segflow.specs.catalog import Catalog
from segflow.specs.check_values import check_test
from segflow.specs.columns import Attribute
from segflow.specs.flow import FlowSpec, NamedFlow
from segflow.specs.loaded import Reporter
from segflow.specs.operators import Test
from segflow.specs.origins import (
    CAUSES,
    CROSSING_TYPES,
    ENROLLMENT_TYPES,
    KINDS,
    ORIGIN_KEYS,
    CrossingCondition,
    EnrollmentCondition,
    TriggerCondition,
)
from segflow.specs.spec_file import Loc
from segflow.specs.template_names import OF_EVENT, Triggered
from segflow.specs.triggers.crossing import EntersTrigger, ExitsTrigger
from segflow.specs.triggers.event import EventTrigger

Origin = TriggerCondition | CrossingCondition | EnrollmentCondition
_COMPARED = ("is", "is_not", "in", "not_in")


def triggering_events(spec: FlowSpec) -> list[str]:
    """The events that trigger a flow."""
    return list(dict.fromkeys(one.event for one in spec.triggers() if isinstance(one, EventTrigger)))


def event_properties(spec: FlowSpec, catalog: Catalog) -> dict[str, Attribute]:
    """The properties of the events that trigger a flow; those that are of several types are left out."""
    found: dict[str, Attribute] = {}
    mixed: set[str] = set()
    for event in triggering_events(spec):
        known = catalog.event(event)
        for name, attribute in known[1].items() if known is not None else ():
            if found.setdefault(name, attribute).type != attribute.type:
                mixed.add(name)
    return {name: attribute for name, attribute in found.items() if name not in mixed}


def event_names(spec: FlowSpec, catalog: Catalog) -> frozenset[str]:
    """What some event that triggers a flow has: its properties, `name` and `at`."""
    found = (catalog.event(event) for event in triggering_events(spec))
    return frozenset({*OF_EVENT, *(name for one in found if one is not None for name in one[1])})


def triggered(flow: NamedFlow, catalog: Catalog, words: str = "this flow", *, links: bool = True) -> Triggered:
    """What templates of a flow can know of its trigger. `words`: what messages call the flow. `links`: are there signed
    ones?"""
    names = event_names(flow.spec, catalog) if triggering_events(flow.spec) else None
    return Triggered(names, bool(_crossed(flow.spec)), bool(flow.spec.trigger_segments()), words, links)


def check_origin(
    say: Reporter, catalog: Catalog, condition: Origin, loc: Loc, flow: NamedFlow | None, enrolled: bool, why: str
) -> None:
    """Check a condition that stands at `loc` in `flow`. `enrolled`: is there an enrollment yet? `why` says why not."""
    (key,) = type(condition).model_fields.keys() & set(ORIGIN_KEYS)
    others = catalog.contacts.attributes
    if flow is None or (isinstance(condition, EnrollmentCondition) and not enrolled):
        say((*loc, key), f"{key} is about an enrollment: {why}", key=True)
    elif isinstance(condition, EnrollmentCondition):
        asked = condition.enrollment
        check_test(say, condition, ENROLLMENT_TYPES[asked], loc, asked, others)
    elif isinstance(condition, TriggerCondition):
        _trigger(say, catalog, condition, loc, flow.spec)
    elif not _crossed(flow.spec):
        message = "crossing is about the crossing that enrolled the contact; no segment triggers this flow"
        say((*loc, key), message, key=True)
    else:
        name = condition.crossing
        check_test(say, condition, CROSSING_TYPES[name], loc, name, others)
        known: dict[str, Sequence[str]] = {"cause": CAUSES, "kind": KINDS, "segment": _crossed(flow.spec)}
        if name in known:
            _words(say, condition, loc, name, known[name])


def _trigger(say: Reporter, catalog: Catalog, condition: TriggerCondition, loc: Loc, spec: FlowSpec) -> None:
    events = triggering_events(spec)
    name, at = condition.trigger, (*loc, "trigger")
    properties = event_properties(spec, catalog)
    if not events:
        say(at, "trigger is about the event that enrolled the contact; no event triggers this flow", key=True)
    elif name in properties:
        check_test(say, condition, properties[name].type, loc, name, catalog.contacts.attributes)
    else:
        kinds = {event: found[1] for event in events if (found := catalog.event(event)) is not None}
        types = [f"{kinds[event][name].type} in {event}" for event in kinds if name in kinds[event]]
        if types:
            say(at, f"property {name} has not one type in all events that trigger this flow: {', '.join(types)}")
        elif kinds:
            which = f"event {events[0]}" if len(events) == 1 else "the events that trigger this flow"
            say.unknown(at, f"property of {which} called", name, list(properties))


def _crossed(spec: FlowSpec) -> list[str]:
    """The segments whose crossings trigger a flow."""
    crossed = (one for one in spec.triggers() if isinstance(one, (EntersTrigger, ExitsTrigger)))
    return list(dict.fromkeys(one.segment_read() for one in crossed))


def _words(say: Reporter, condition: Test, loc: Loc, name: str, known: Sequence[str]) -> None:
    """Only these words are ever compared with: any other is a slip of the pen."""
    operator, operand = condition.operator()
    if operator not in _COMPARED:
        return
    values = operand if isinstance(operand, list) else [operand]
    for index, value in enumerate(values):
        if isinstance(value, str) and value not in known:
            at = (*loc, operator, index) if isinstance(operand, list) else (*loc, operator)
            told = list(known)
            if name == "segment":
                near = did_you_mean(value, told) or f"; those that do: {', '.join(told)}"
                say(at, f"no crossing of segment {value} triggers this flow{near}")
            else:
                say.unknown(at, "kind of crossing called" if name == "kind" else name, value, told)

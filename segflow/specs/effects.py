"""What steps of flows do to the things that conditions look at, and which way a rule turns by it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from segflow.specs import conditions as c
from segflow.specs.flow import FlowSpec
from segflow.specs.segment import NamedSegment, SegmentSpec, SqlSegmentSpec
from segflow.specs.sql_file import references
from segflow.specs.steps import Step

EITHER = frozenset({True, False})
"""How a leaf may come out when nobody can tell before."""


@dataclass(frozen=True)
class Effect:
    """One change that a step makes to a contact."""

    step: str
    action: str
    """The step's key."""
    kind: str
    """list, tag or attribute; flow, when the step lets another flow take the contact in."""
    name: str
    value: Any
    """Of a list or tag: has it. Of an attribute: its new value, `...` when it is only known when the step is taken."""
    sure: bool
    """Does everybody who gets to the end of the flow take the step?"""

    def __str__(self) -> str:
        return f"{self.action} {self.name} (step {self.step})"


def effects_of(spec: FlowSpec) -> list[Effect]:
    """What the steps of a flow change, in the order of the file."""
    main = {step.id for step in spec.steps}
    return [
        effect for step in spec.walk() for effect in _effects(step, step.id in main)
    ]  # fmt: skip


def _effects(step: Step, sure: bool) -> Iterator[Effect]:
    for change in step.updates():
        value: Any = change.value == "add"
        if change.kind == "attribute":
            value = step.body.get(change.name) if isinstance(step.body, dict) else ...
            value = value if value is None or isinstance(value, (bool, int, float, str)) else ...
        yield Effect(step.id, step.key, change.kind, change.name, value, sure)
    call = step.row().call
    if call is not None and call[0] == "enter":
        yield Effect(step.id, step.key, "flow", call[1], True, sure)


def turns(condition: c.Condition, effect: Effect, segments: Mapping[str, NamedSegment]) -> frozenset[bool]:
    """Which ways the truth of a condition may turn when the effect happens: true, false, both, or none of them."""
    if isinstance(condition, c.SegmentCondition):
        return segment_turns(condition.segment, effect, segments)
    if isinstance(condition, (c.Not, c.None_)):
        inner = [condition.not_] if isinstance(condition, c.Not) else condition.none
        return frozenset(not way for one in inner for way in turns(one, effect, segments))
    if isinstance(condition, (c.All, c.Any_)):
        inner = condition.all if isinstance(condition, c.All) else condition.any
        return frozenset(way for one in inner for way in turns(one, effect, segments))
    return _leaf(condition, effect)


def segment_turns(segment: str, effect: Effect, segments: Mapping[str, NamedSegment]) -> frozenset[bool]:
    """The same of being a member of a segment. A query may do anything with the segments that it refers to."""
    found = segments.get(segment)
    if found is None:
        return frozenset()
    if isinstance(found.spec, SegmentSpec):
        return turns(found.spec.where, effect, segments)
    below = [name for name in _referred(found.spec) if segment_turns(name, effect, segments)]
    return EITHER if below else frozenset()


def conjuncts(condition: c.Condition, wanted: bool, segments: Mapping[str, NamedSegment]) -> Iterator[tuple[Any, bool]]:
    """The leaves that must come out as said, each, for the condition to be `wanted`."""
    if isinstance(condition, (c.Not, c.None_)):
        inner = [condition.not_] if isinstance(condition, c.Not) else condition.none
        if wanted or len(inner) == 1:
            for one in inner:
                yield from conjuncts(one, not wanted, segments)
    elif isinstance(condition, (c.All, c.Any_)):
        inner = condition.all if isinstance(condition, c.All) else condition.any
        if isinstance(condition, c.All) == wanted or len(inner) == 1:
            for one in inner:
                yield from conjuncts(one, wanted, segments)
    elif isinstance(condition, c.SegmentCondition):
        yield from segment_conjuncts(condition.segment, wanted, segments)
    else:
        yield condition, wanted


def segment_conjuncts(segment: str, wanted: bool, segments: Mapping[str, NamedSegment]) -> Iterator[tuple[Any, bool]]:
    """The same for being a member of a segment, or none."""
    found = segments.get(segment)
    if found is not None and isinstance(found.spec, SegmentSpec):
        yield from conjuncts(found.spec.where, wanted, segments)


def _referred(spec: SqlSegmentSpec) -> Iterable[str]:
    return [one.segment for one in references(spec.sql) if one.segment is not None]


def _leaf(leaf: Any, effect: Effect) -> frozenset[bool]:
    if effect.kind in ("list", "tag"):
        if getattr(leaf, effect.kind, None) == effect.name:
            return frozenset({effect.value})
        # Whether it was the only one, nobody knows.
        return EITHER if getattr(leaf, f"any_{effect.kind}", None) else frozenset()
    if not isinstance(leaf, c.AttributeCondition) or leaf.attribute != effect.name:
        return frozenset()
    truth = holds(leaf, effect.value)
    return EITHER if truth is None else frozenset({truth})


def holds(leaf: c.AttributeCondition, value: Any) -> bool | None:
    """Is an attribute condition true of a value? None: that is not to be seen from the files alone."""
    given = {name: getattr(leaf, name) for name in type(leaf).model_fields if getattr(leaf, name) is not None}
    given = {name: test for name, test in given.items() if name not in ("attribute", "ignore_case")}
    if value is ... or len(given) != 1:
        return None
    [(name, test)] = given.items()
    if name in ("is_set", "is_not_set"):
        return (value is not None) == (test if name == "is_set" else not test)
    if name not in _OPERATORS or not _plain(test):
        return None
    if name in ("is_not", "not_in", "not_contains"):
        return value is None or not _compared(_POSITIVE[name], value, test, leaf.ignore_case)
    return value is not None and _compared(name, value, test, leaf.ignore_case)


_POSITIVE = {"is_not": "is_", "not_in": "in_", "not_contains": "contains"}
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "is_": lambda value, test: bool(value == test),
    "in_": lambda value, test: value in test,
    "gt": lambda value, test: bool(value > test),
    "gte": lambda value, test: bool(value >= test),
    "lt": lambda value, test: bool(value < test),
    "lte": lambda value, test: bool(value <= test),
    "between": lambda value, test: bool(test[0] <= value <= test[1]),
    "contains": lambda value, test: test in value,
    "starts_with": lambda value, test: bool(value.startswith(test)),
    "ends_with": lambda value, test: bool(value.endswith(test)),
} | {name: lambda value, test: False for name in _POSITIVE}


def _compared(name: str, value: Any, test: Any, ignore_case: bool) -> bool:
    if ignore_case:
        value, test = _lower(value), _lower(test)
    try:
        return _OPERATORS[name](value, test)
    except (TypeError, AttributeError):
        return False


def _plain(test: Any) -> bool:
    return all(isinstance(one, (bool, int, float, str)) for one in (test if isinstance(test, list) else [test]))


def _lower(value: Any) -> Any:
    return (
        [_lower(one) for one in value]
        if isinstance(value, list)
        else value.lower()
        if isinstance(value, str)
        else value
    )

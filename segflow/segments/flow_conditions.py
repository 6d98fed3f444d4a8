"""The conditions of a flow by their place: what is asked of candidates, of enrollments and of steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from segflow.segments.nodes import And, Bucket, Compare, Const, Crossed, Fact, Node, Not, Or, anchors
from segflow.segments.simplify import simplify
from segflow.specs import conditions as c
from segflow.specs.flow import FlowSpec
from segflow.specs.flow_entry import hundredths
from segflow.specs.steps.base import place_of
from segflow.specs.windows import LAST_TICK

GOAL = "goal[0]"
HOLDOUT = "holdout[0]"
RESTART = "restart_when["
RESTS = "rests["
"""No step can be called so: an id has no bracket."""


def flow_conditions(
    flow: str, spec: FlowSpec, tree: Callable[[Any], Node], hoist: Callable[[Node], Node]
) -> dict[str, Node]:
    """Place -> tree. `tree` makes a condition one, `hoist` is the last thing that it does.

    `restart_when[0]` has a twin `rests[0]` when it can hold without anything that happened since the last tick: so much
    of it as may already have held then. Where there is none, whatever makes it hold is new.
    """
    found: dict[str, Node] = {}
    if spec.where is not None:
        found["where"] = tree(spec.where)
    for number, condition in enumerate(spec.exit_when):
        found[f"exit_when[{number}]"] = tree(condition)
    for number, condition in enumerate(spec.restart_when):
        node = _of_this_tick(tree(_since_last_tick(condition)))
        found[f"{RESTART}{number}]"] = node
        rests = hoist(simplify(_at_rest(node)))
        if rests != Const(False):
            found[f"{RESTS}{number}]"] = rests
    if spec.goal is not None:
        found[GOAL] = tree(spec.goal)
    if spec.holdout is not None:
        # A flow that is renamed keeps the same contacts out.
        first_name = [*spec.earlier_names, flow][0]
        found[HOLDOUT] = Bucket(f"holdout {first_name}", 0, hundredths(spec.holdout))
    for step in spec.walk():
        for arm in step.arms():
            if arm.condition is not None:
                found[place_of(step, arm)] = tree(arm.condition)
    return found


def _since_last_tick(condition: Any) -> Any:
    """The condition with events that have no window looked at since the last tick only."""
    match condition:
        case c.All() | c.Any_() | c.None_():
            key = next(iter(type(condition).model_fields))
            return condition.model_copy(update={key: [_since_last_tick(one) for one in getattr(condition, key)]})
        case c.Not():
            return condition.model_copy(update={"not_": _since_last_tick(condition.not_)})
        case c.EventRows() if not condition.windows() and condition.aggregate()[0] not in (*c.PERIODS, *c.TURNS):
            return condition.model_copy(update={"since": LAST_TICK})
    return condition


def _of_this_tick(node: Node) -> Node:
    return _replaced(node, lambda leaf: replace(leaf, since="last_tick") if isinstance(leaf, Crossed) else leaf)


def _at_rest(node: Node) -> Node:
    return _replaced(node, lambda leaf: Const(False) if _is_momentary(leaf) else leaf)


def _is_momentary(leaf: Node) -> bool:
    if isinstance(leaf, Crossed):
        return leaf.since == "last_tick"
    if isinstance(leaf, Compare) and isinstance(leaf.subject, Fact):
        return any(anchor.of == "last_tick" for anchor in anchors(leaf.subject.where))
    return False


def _replaced(node: Node, leaf: Callable[[Node], Node]) -> Node:
    match node:
        case And(items):
            return And(tuple(_replaced(item, leaf) for item in items))
        case Or(items):
            return Or(tuple(_replaced(item, leaf) for item in items))
        case Not(item):
            return Not(_replaced(item, leaf))
    return leaf(node)

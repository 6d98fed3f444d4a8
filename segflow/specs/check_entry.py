"""What flows say about who gets in, who starts again and what they are for."""

from __future__ import annotations

from collections.abc import Iterator

from segflow.specs import conditions as c
from segflow.specs.check_conditions import Condition, ConditionChecker, children
from segflow.specs.check_values import check_span
from segflow.specs.flow import FlowSpec, NamedFlow
from segflow.specs.loaded import Reporter
from segflow.specs.spec_file import Loc


def check_entry(say: Reporter, flow: NamedFlow, inside: ConditionChecker) -> None:
    """Check the entry rules, the restart conditions, the goal and the holdout of a flow. `inside` checks conditions
    about an enrollment."""
    spec = flow.spec
    if spec.max_enrollments is not None and spec.reentry == "never":
        message = "max_enrollments counts re-entries, and reentry: never (the default) has none: give another reentry:"
        say(("max_enrollments",), message, key=True)
    _group(say, spec)
    _other_flows(say, flow)
    for index, condition in enumerate(spec.restart_when):
        inside.check(condition, ("restart_when", index))
    _goal(say, spec, inside)


def _group(say: Reporter, spec: FlowSpec) -> None:
    if spec.group is not None and say.loaded.settings_known and spec.group not in say.loaded.settings.groups:
        known = list(say.loaded.settings.groups)
        say.unknown(
            ("group",), "group", spec.group, known, f"give segflow.yml groups: {{{spec.group}: {{max_active: 1}}}}"
        )


def _other_flows(say: Reporter, flow: NamedFlow) -> None:
    several = isinstance(flow.spec.not_within, list)
    places: list[tuple[str, Loc]] = [(name, ("not_while_in", i)) for i, name in enumerate(flow.spec.not_while_in)]
    for index, rule in enumerate(flow.spec.not_withins):
        at: tuple[str | int, ...] = ("not_within", index) if several else ("not_within",)
        places.append((rule.flow, (*at, "flow")))
        if rule.last is not None:
            check_span(say, rule.last, (*at, "last"))
    seen: set[tuple[str, str | int]] = set()
    for name, loc in places:
        if name == flow.id:
            say(loc, f"{name} is this flow itself: reentry: says when a contact may come again")
        elif name not in say.loaded.flow_ids:
            say.unknown(loc, "flow", name, sorted(say.loaded.flow_ids))
        elif (name, loc[0]) in seen:
            say(loc, f"{name} is given twice")
        seen.add((name, loc[0]))


def _goal(say: Reporter, spec: FlowSpec, inside: ConditionChecker) -> None:
    if spec.goal is None:
        if spec.goal_within is not None:
            say(("goal_within",), "goal_within says how long contacts are looked at for the goal: give goal:", key=True)
        return
    inside.check(spec.goal, ("goal",))
    if spec.goal_within is not None:
        check_span(say, spec.goal_within, ("goal_within",))
    if spec.holdout is not None:
        steps = {step.id for step in spec.walk()}
        for loc, what in _about_steps(spec.goal, ("goal",), steps):
            message = (
                f"{what} can never be so for those whom holdout keeps out: they take no step; use since: enrollment"
            )
            say(loc, message)


def _about_steps(condition: Condition, loc: Loc, steps: set[str]) -> Iterator[tuple[Loc, str]]:
    """The places of a condition that only hold for who has taken a step, with their words."""
    if isinstance(condition, c.MessageCondition) and condition.step is not None and condition.flow is None:
        yield (*loc, "step"), f"a message of step {condition.step}"
    windows: list[tuple[object, tuple[str, ...]]] = [
        (getattr(condition, "since", None), ("since",)),
        (getattr(getattr(condition, "added", None), "since", None), ("added", "since")),
    ]
    for since, keys in windows:
        if isinstance(since, str) and since in steps:
            yield (*loc, *keys), f"since: {since}"
    for inner, at in children(condition, loc):
        yield from _about_steps(inner, at, steps)

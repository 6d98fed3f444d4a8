"""Conditions on messages: the flow exists, and its step sends on the channel."""

from __future__ import annotations

from collections.abc import Sequence

from segflow.specs.conditions import MessageCondition
from segflow.specs.flow import FlowSpec, NamedFlow
from segflow.specs.loaded import Reporter
from segflow.specs.spec_file import Loc


def sending_steps(spec: FlowSpec) -> dict[str, Sequence[str]]:
    """The steps of a flow that plan messages: id -> the channels by which they may go."""
    return {step.id: step.channels for step in spec.walk() if step.channels}


def check_message(say: Reporter, condition: MessageCondition, loc: Loc, own: NamedFlow | None, why: str) -> None:
    """Check a condition that stands at `loc`; `own` is the flow whose enrollment it is about, if there is one."""
    _check_reported(say, condition, loc)
    flow = own
    if condition.flow is not None:
        flow = say.loaded.flows.get(condition.flow)
        if condition.flow not in say.loaded.flow_ids:
            now = say.loaded.renamed_flow(condition.flow)
            say.unknown((*loc, "flow"), "flow", condition.flow, sorted(say.loaded.flow_ids), now)
    elif condition.step is not None and own is None:
        say((*loc, "step"), f"a step without flow: is about an enrollment: {why}; name the flow", key=True)
    if condition.step is None or flow is None:
        return
    steps = sending_steps(flow.spec)
    if condition.step not in [step.id for step in flow.spec.walk()]:
        say.unknown((*loc, "step"), f"step of flow {flow.id} called", condition.step, list(steps))
    elif condition.step not in steps:
        known = ", ".join(steps) or "none does"
        say((*loc, "step"), f"step {condition.step} of flow {flow.id} sends no message; those that do: {known}")
    elif condition.channel not in (None, *steps[condition.step]):
        sends = " or ".join(steps[condition.step])
        say((*loc, "channel"), f"step {condition.step} sends {sends}, not {condition.channel}")


def _check_reported(say: Reporter, condition: MessageCondition, loc: Loc) -> None:
    """Warn when nothing that is set up could ever make it true."""
    kind, senders = condition.message, say.loaded.settings.all_senders()
    delivery = say.loaded.settings.delivery
    told = say.loaded.catalog.message_events if say.loaded.catalog is not None else None
    if told is not None and kind in told.words().values():
        return
    if condition.channel in (None, "email") and kind in delivery.reported_by_links():
        return
    takes = {name: one for name, one in senders.items() if condition.channel in (None, *one.channels)}
    if kind == "sent" or not say.loaded.settings_known or any(kind in one.reported() for one in takes.values()):
        return
    on = f" on {condition.channel}" if condition.channel else ""
    say.warn(
        (*loc, "message"),
        f"nothing brings in which messages{on} were {kind}, so that this counts none: no sender that is set up "
        f"({', '.join(sorted(takes)) or 'there is none'}) reports it. Ask for message: sent, use a sender that does, "
        "or record it from Python (docs/CONDITIONS.md, Messages)",
    )

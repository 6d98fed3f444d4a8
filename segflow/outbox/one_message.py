"""One message of one step for one contact, outside of any tick: to look at it, or to send it as a test."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlglot import exp

from segflow.errors import InputError, did_you_mean
from segflow.messages import AnyMessage, Email, Sms
from segflow.outbox.before_sending import SendChecks
from segflow.outbox.contents import ways_of
from segflow.outbox.judged import Elsewhere, Ready
from segflow.outbox.links import SHOWN
from segflow.outbox.records import ClaimedMessage
from segflow.outbox.sms_parts import sms_parts
from segflow.outbox.store import DeliveryStore
from segflow.segments.facts import FactColumn
from segflow.segments.nodes import Fact
from segflow.specs.flow import NamedFlow
from segflow.specs.project import Specs
from segflow.specs.steps import Step
from segflow.specs.steps.coupon import CouponStep
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.tick import Tick

SAMPLE = "SAMPLE-CODE"
"""Stands for a coupon that the contact has not claimed."""


@dataclass(frozen=True)
class Said:
    """What one check says. `channel` is None for those that do not depend on it; `refuses` None: it lets pass."""

    channel: str | None
    check: str
    refuses: str | None


@dataclass(frozen=True)
class Looked:
    """A message and what all checks say of it."""

    row: ClaimedMessage
    outcome: str
    """ready, or what it would be."""
    reason: str | None
    checks: list[Said] = field(default_factory=list)
    messages: list[AnyMessage] = field(default_factory=list)
    """By each of its channels on which its template renders, the one that it would go by first."""
    cost: str | None = None
    """What its SMS costs, if it has one and the sender's settings say it."""

    def message(self, channel: str | None = None) -> AnyMessage:
        """Its message on a channel; default: the one that it would go by. Raises InputError, with what the templates
        say, when it cannot be rendered."""
        for one in self.messages:
            if channel in (None, one.channel):
                return one
        why = [said.refuses for said in self.checks if said.refuses and channel in (None, said.channel)]
        templates = [one for one in why if one.startswith("template_error")]
        place = f"flow {self.row.flow}, step {self.row.step}"
        if not templates and channel is not None:
            raise InputError(f"{place} sends nothing by {channel}")
        raise InputError("\n".join(templates or why) or f"{place} has no message")


def look(
    specs: Specs,
    warehouse: Warehouse,
    store: DeliveryStore,
    flow: str,
    step: str,
    contact: str,
    as_of: datetime,
    *,
    late: bool,
    columns: Mapping[Fact, FactColumn],
) -> Looked:
    """Render the message of a step for a contact as it is after the last tick, and ask every check. Nothing is written.

    Coupons that the contact has not claimed are SAMPLE. `late`: does lateness count (the sender is a live one)?
    `columns`: where the facts are. Raises InputError for what is not there.
    """
    named, found = _found(specs, flow, step)
    row, enrolled = _row(specs, warehouse, store, named, found, contact, as_of)
    late_before = specs.settings.delivery.max_lateness.before(as_of, specs.settings.zone) if late else None
    checks = SendChecks(specs, warehouse, store, Tick("render", as_of), columns)
    samples = {one.id: SAMPLE for one in named.spec.walk() if isinstance(one, CouponStep)}
    judged, cases = checks.look(row, late_before, samples)
    said = list(_standing(store, flow, enrolled, contact))
    messages: list[AnyMessage] = []
    for channel, check, refused, message in cases:
        if check != "enrolled" or enrolled:
            said.append(Said(channel, check, refused.reason if refused is not None else None))
        messages += [message] if message is not None else []
    goes = isinstance(judged, Ready | Elsewhere)
    outcome = "ready" if goes else str(getattr(judged, "outcome", "held"))
    reason = getattr(judged, "reason", None)
    first = next((one for one in said if one.channel is None and one.refuses), None)
    if first is not None:
        outcome, reason = ("waits" if first.check == "sending" else "skipped"), first.refuses
    chosen = judged.channel if isinstance(judged, Elsewhere) else row.channel
    messages.sort(key=lambda one: one.channel != chosen)
    return Looked(row, outcome, reason, said, messages, _cost(specs, row, messages))


def _cost(specs: Specs, row: ClaimedMessage, messages: Sequence[AnyMessage]) -> str | None:
    text = next((one.text for one in messages if isinstance(one, Sms)), None)
    if text is None:
        return None
    given = next((way.sender for way in ways_of(row.channel, row.content).ways if way.channel == "sms"), None)
    name = row.sender if row.channel == "sms" else given or specs.settings.default_senders.sms
    sender = specs.settings.all_senders().get(name)
    return sender.cost(sms_parts(text).parts) if sender is not None else None


def plain(message: AnyMessage, cost: str | None = None) -> dict[str, Any]:
    """A message as JSON has it; of attachments only what they are. `cost`: of an SMS."""
    told = {one.name: getattr(message, one.name) for one in dataclasses.fields(message)}
    if isinstance(message, Email):
        told["attachments"] = [
            {"name": one.name, "content_type": one.content_type, "bytes": len(one.content)}
            for one in message.attachments
        ]
    if isinstance(message, Sms):
        told |= sms_size(message.text) | ({"cost": cost} if cost is not None else {})
    return told


def sms_size(text: str) -> dict[str, Any]:
    """The characters of a text, and in how many parts it goes."""
    size = sms_parts(text)
    return {"characters": len(text), "encoding": size.encoding, "parts": size.parts}


def _found(specs: Specs, flow: str, step: str) -> tuple[NamedFlow, Step]:
    named = specs.flows.get(flow)
    if named is None:
        unfinished = ": its file is a draft with problems" if flow in specs.unfinished else ""
        raise InputError(f"unknown flow {flow}{unfinished or did_you_mean(flow, list(specs.flows))}")
    steps = {one.id: one for one in named.spec.walk()}
    sending = [one.id for one in steps.values() if one.channels]
    if step not in steps:
        raise InputError(f"flow {flow} has no step {step}{did_you_mean(step, sending)}")
    if step not in sending:
        raise InputError(f"step {step} of flow {flow} sends no message; those that do: {', '.join(sending) or 'none'}")
    return named, steps[step]


def _row(
    specs: Specs,
    warehouse: Warehouse,
    store: DeliveryStore,
    named: NamedFlow,
    step: Step,
    contact: str,
    as_of: datetime,
) -> tuple[ClaimedMessage, bool]:
    """The message as the outbox would have it, and whether the contact was ever enrolled."""
    if not warehouse.query(_of_contact("contacts", contact, "contact_id").limit(1)).num_rows:
        raise InputError(f"there is no contact {contact} as of the last tick")
    told = step.row()
    assert told.channel is not None
    start = _enrollment(warehouse, named.id, contact)
    visit = int(start.get("visit") or 1)
    waits = store.due_of(str(start.get("enrollment_id")), step.id, visit)
    row = ClaimedMessage(
        message_id=SHOWN,
        enrollment_id=str(start.get("enrollment_id", SHOWN)),
        flow=named.id,
        flow_version=0,
        step=step.id,
        visit=visit,
        contact_id=contact,
        channel=told.channel,
        sender=told.sender or specs.settings.default_senders.of(told.channel) or "",
        content=json.dumps(told.content, sort_keys=True),
        trigger_segment=start.get("trigger_segment"),
        enrolled_at=start.get("enrolled_at") or as_of,
        planned_at=as_of,
        tick_id="",
        attempt=1,
        due_at=waits or as_of,
    )
    return row, bool(start)


def _enrollment(warehouse: Warehouse, flow: str, contact: str) -> Mapping[str, Any]:
    """The contact's last enrollment in the flow, with its present visit; empty when there is none."""
    columns = ("enrollment_id", "trigger_segment", "enrolled_at")
    starts = _of_contact("flow_enrollment_starts", contact, *columns).where(_is("flow", flow))
    found = warehouse.rows(starts.order_by("enrolled_at DESC", "enrollment_id").limit(1))
    if not found:
        return {}
    moves = exp.select(exp.Max(this=exp.column("visit")).as_("visit")).from_(relation("flow_moves"))
    [visit] = warehouse.rows(moves.where(_is("enrollment_id", found[0]["enrollment_id"])))
    return {**found[0], **visit}


def _of_contact(table: str, contact: str, *columns: str) -> exp.Select:
    return exp.select(*columns).from_(relation(table)).where(_is("contact_id", contact))


def _is(column: str, value: str) -> exp.Expr:
    return exp.column(column).eq(exp.Literal.string(value))


def _standing(store: DeliveryStore, flow: str, enrolled: bool, contact: str) -> list[Said]:
    """What holds up all messages, or all of the flow, and whether the contact is in it."""
    stopped, pause = store.stopped(), store.pauses.now().get(flow)
    said = [
        Said(None, "sending", None if stopped is None else f"sending is stopped: {stopped}"),
        Said(None, "flow", None if pause is None else f"withdrawn: {pause}"),
    ]
    return said if enrolled else [*said, Said(None, "enrolled", f"not_enrolled: {contact} was never in flow {flow}")]

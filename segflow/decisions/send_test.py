"""`segflow render` and `segflow send-test`: one message of one step, looked at or sent to an address of your own."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from segflow import senders
from segflow.errors import InputError, RunError, SendError
from segflow.messages import CONTACT_CHANNELS, AnyMessage, Channel, Email, Notify, Sms, Task, WhatsApp
from segflow.outbox.addresses import InvalidAddressError, allowed, normal
from segflow.outbox.one_message import Looked, look
from segflow.outbox.send import STAND_IN
from segflow.workspace import Workspace

PREFIX = "[TEST] "
HEADER = "X-Segflow-Test"


@dataclass(frozen=True)
class SentTest:
    """A test that was handed over. `sender` took it, in place of `meant` in mode simulate."""

    row: dict[str, Any]
    message: AnyMessage
    meant: str

    @property
    def replaced(self) -> bool:
        """Did the mailbox stand in for a live sender?"""
        return bool(self.row["sender"] != self.meant)


class NotTakenError(RunError):
    """The sender did not take a test."""


@dataclass(frozen=True)
class ReadyTest:
    """A test that is rendered, and not handed over yet. `row`: that of `send_tests`, without what became of it."""

    row: dict[str, Any]
    message: AnyMessage
    meant: str


def render(project: Workspace, flow: str, step: str, contact: str, as_of: datetime | None = None) -> Looked:
    """What the step would send to the contact, and what every check says. `as_of` default now. Nothing is written.

    Raises InputError for what is not there.
    """
    from segflow.ticks.ledger import moment_of

    at = moment_of(as_of or datetime.now(UTC))
    named = project.specs.flows.get(flow)
    told = next((one.row() for one in named.spec.walk() if one.id == step), None) if named is not None else None
    sender = told and told.channel and (told.sender or project.specs.settings.default_senders.of(told.channel))
    with project.warehouse() as warehouse:
        warehouse.ensure_tables()
        late = bool(sender) and _live(project, str(sender))
        columns = project.compiled.columns
        return look(project.specs, warehouse, project.store, flow, step, contact, at, late=late, columns=columns)


def send_test(project: Workspace, flow: str, step: str, to: str, contact: str, channel: str | None = None) -> SentTest:
    """Render the message of a step for a contact and send it to `to`, marked as a test, through the step's sender.

    Consent, suppressions, caps and the like of the contact do not count: it is not for the contact. In mode test `to`
    must be on the allowlist. Its links to unsubscribe change nothing. What became of it is in `send_tests` of the
    delivery store. Raises InputError, also when all sending is stopped, and NotTakenError.
    """
    return hand_over(project, prepare(project, flow, step, to, contact, channel))


def prepare(project: Workspace, flow: str, step: str, to: str, contact: str, channel: str | None = None) -> ReadyTest:
    """The first half of `send_test`: all that needs the warehouse. Nothing is sent. Raises InputError."""
    _not_stopped(project)
    looked = render(project, flow, step, contact)
    message = looked.message(channel)
    address = _address(project, message.channel, to)
    specs = project.specs
    way_sender = _sender_of(looked, message.channel, specs)
    if way_sender not in specs.settings.all_senders():
        raise InputError(f"there is no sender {way_sender} in segflow.yml")
    test_id = f"test-{uuid.uuid4().hex[:24]}"
    message = _marked(message, address, test_id)
    used = STAND_IN if specs.settings.delivery.mode == "simulate" and _live(project, way_sender) else way_sender
    row: dict[str, Any] = {
        "id": test_id,
        "flow": flow,
        "step": step,
        "contact_id": contact,
        "channel": message.channel,
        "sender": used,
        "address": address,
    }
    return ReadyTest(row, message, way_sender)


def hand_over(project: Workspace, ready: ReadyTest) -> SentTest:
    """The second half: hand it to its sender, and record what became of it. Raises NotTakenError, and InputError when
    sending was stopped meanwhile."""
    _not_stopped(project)
    used = ready.row["sender"]
    try:
        with project.senders() as built:
            sender = built[used]
            sender.open()
            sender.refuse_attachments(ready.message)
            receipt = sender.send(ready.message)
    except SendError as error:
        project.store.tests.record({**ready.row, "outcome": "failed", "reason": error.reason})
        raise NotTakenError(f"sender {used} did not take it: {error.reason}") from error
    kept = project.store.tests.record(
        {**ready.row, "outcome": "sent", "reason": receipt.detail, "provider_id": receipt.provider_id}
    )
    return SentTest(kept, ready.message, ready.meant)


def _not_stopped(project: Workspace) -> None:
    if (why := project.store.stopped()) is not None:
        raise InputError(f"sending is stopped: {why}. No test goes out either; segflow stop-sending --lift ends that")


def sent_tests(project: Workspace, limit: int = 100) -> Sequence[dict[str, Any]]:
    """The tests that were sent, the latest first."""
    return project.store.tests.listing(limit)


def _live(project: Workspace, name: str) -> bool:
    """Does the sender send anything out of the house?"""
    settings = project.specs.settings.all_senders().get(name)
    return settings is not None and not senders.sender_class(settings.type).simulated


def _sender_of(looked: Looked, channel: str, specs: Any) -> str:
    from segflow.outbox.contents import ways_of

    way = next((one for one in ways_of(looked.row.channel, looked.row.content).ways if one.channel == channel), None)
    if way is not None and way.sender:
        return way.sender
    return looked.row.sender if channel == looked.row.channel else specs.settings.default_senders.of(channel) or ""


def _address(project: Workspace, channel: Channel, to: str) -> str:
    """`to` as the channel takes it. Raises InputError."""
    if channel in CONTACT_CHANNELS:
        try:
            to = normal(channel, to)
        except InvalidAddressError as error:
            raise InputError(f"--to {to}: {error}") from error
    delivery = project.specs.settings.delivery
    if delivery.mode == "test" and not allowed(delivery.allowlist, channel, to):
        raise InputError(f"--to {to}: delivery.mode is test, and it is not on delivery.allowlist")
    return to


def _marked(message: AnyMessage, to: str, test_id: str) -> AnyMessage:
    """The message as a test, to another address."""
    told: dict[str, Any] = {"message_id": test_id}
    if isinstance(message, Email):
        told |= {"to": to, "subject": PREFIX + message.subject, "headers": {**message.headers, HEADER: "true"}}
    elif isinstance(message, Sms):
        told |= {"to": to, "text": PREFIX + message.text}
    elif isinstance(message, WhatsApp):
        told |= {"to": to}  # an approved template takes no other words
    elif isinstance(message, Notify):
        told |= {"to": to, "title": PREFIX + (message.title or ""), "text": message.text}
    elif isinstance(message, Task):
        told |= {"title": PREFIX + message.title, "assignee": to}
    else:
        told |= {"url": to, "headers": {**message.headers, HEADER: "true"}}
    return dataclasses.replace(message, **told)

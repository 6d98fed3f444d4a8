"""The checks right before sending, each a function over one message by one way: why it is not sent, or None.

Sending stops at the first that refuses; `segflow render` asks all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from segflow.messages import CONTACT_CHANNELS, AnyMessage, Email
from segflow.outbox.addresses import InvalidAddressError, allowed, normal
from segflow.outbox.consent import Consents
from segflow.outbox.contents import RenderError, Way, category_of, ways_of
from segflow.outbox.judged import Refused
from segflow.outbox.provider_events import UNSUBSCRIBED
from segflow.outbox.records import ClaimedMessage
from segflow.outbox.same_address import SharedAddresses
from segflow.specs.catalog import ChannelSpec
from segflow.specs.project import Specs

Suppressed = Mapping[tuple[str, str], str]
"""(channel, address as the contact has it) -> reason."""


NO_WAY = Way("", {})


@dataclass(kw_only=True)
class Case:
    """What the checks look at. Those of a way find `way`, and fill in `address` and `message` as they go."""

    row: ClaimedMessage
    contact: Mapping[str, Any] | None
    ended: str | None
    """Why the enrollment ended early."""
    late_before: datetime | None
    """What was due before is too late; None: nothing is."""
    specs: Specs
    suppressed: Suppressed
    write: Callable[[Case], AnyMessage]
    """Renders the message. Raises RenderError."""
    consents: Consents
    shared: SharedAddresses
    transactional: bool = False
    way: Way = NO_WAY
    channel: ChannelSpec | None = None
    """What the catalog says of the way's channel; None when it does not go to the contact, or is not there."""
    address: str = ""
    """In its normal form once that was checked; empty where the channel goes to no contact."""
    message: AnyMessage | None = None

    def by(self, way: Way) -> Case:
        """The same by another way."""
        self.way, self.address, self.message = way, "", None
        to_contact = way.channel in CONTACT_CHANNELS
        self.channel = self.specs.catalog.contacts.channels.of(way.channel) if to_contact else None
        if self.channel is not None and self.contact is not None:
            self.address = address_of(self.contact, self.channel)
        return self

    @property
    def sender(self) -> str:
        """The sender that takes it by this way."""
        if self.way.channel == self.row.channel:
            return self.row.sender
        return self.way.sender or self.specs.settings.default_senders.of(self.way.channel) or ""

    def skip(self, reason: str, *, final: bool = False) -> Refused:
        return Refused(self.row, "skipped", reason, self.address or None, final)

    def fail(self, reason: str) -> Refused:
        return Refused(self.row, "failed", reason, self.address or None, True)


Check = Callable[[Case], Refused | None]


def address_of(contact: Mapping[str, Any], channel: ChannelSpec) -> str:
    """The contact's address as it has it; empty when it has none."""
    value = contact.get(channel.address)
    return "" if value is None else str(value).strip()


def _enrolled(case: Case) -> Refused | None:
    return case.skip(f"not_enrolled: {case.ended}") if case.ended is not None else None


def _there(case: Case) -> Refused | None:
    return case.skip("contact_gone") if case.contact is None else None


def _in_time(case: Case) -> Refused | None:
    if case.late_before is None or case.row.due_at >= case.late_before:
        return None
    return case.skip(f"too_late: due {case.row.due_at:%Y-%m-%d %H:%M} UTC")


def _known_channel(case: Case) -> Refused | None:
    missing = case.way.channel in CONTACT_CHANNELS and case.channel is None
    return case.fail(f"the catalog has no channel {case.way.channel}") if missing else None


def _consent(case: Case) -> Refused | None:
    if case.channel is None or case.contact is None:
        return None
    row, topic = case.row, ways_of(case.row.channel, case.row.content).topic
    why = case.consents.refusal(case.contact, case.way.channel, category_of(row.content), topic, row.flow)
    return Refused(row, "skipped", why) if why is not None else None


def _address(case: Case) -> Refused | None:
    return case.skip("no_address") if case.channel is not None and not case.address else None


def _suppression(case: Case) -> Refused | None:
    reason = case.suppressed.get((case.way.channel, case.address))
    if case.transactional and reason == UNSUBSCRIBED:
        return None  # who wants no more marketing still gets what concerns its orders
    return case.skip(f"suppressed: {reason}") if reason is not None else None


def _valid(case: Case) -> Refused | None:
    if case.channel is None or not case.address:
        return None
    try:
        case.address = normal(case.way.channel, case.address)
    except InvalidAddressError as error:
        return case.skip(f"invalid_address: {error}")
    return None


def _same_address(case: Case) -> Refused | None:
    other = case.shared.whose(case.row, case.way.channel) if case.channel is not None else None
    return case.skip(f"same_address as {other}", final=True) if other is not None else None


def _template(case: Case) -> Refused | None:
    try:
        case.message = case.write(case)
    except RenderError as error:
        return case.fail(f"template_error: {error}")
    case.address = case.address or case.message.address
    return None


def _attachments(case: Case) -> Refused | None:
    if not isinstance(case.message, Email) or not case.message.attachments:
        return None
    sender = case.specs.settings.all_senders().get(case.sender)
    if sender is None or sender.sends_attachments:
        return None
    return case.fail(f"sender {case.sender} sends no attachments")


def _allowlist(case: Case) -> Refused | None:
    delivery = case.specs.settings.delivery
    # Without an address that is what there is to say.
    if delivery.mode != "test" or not case.address or allowed(delivery.allowlist, case.way.channel, case.address):
        return None
    return case.skip("not_on_allowlist", final=True)


OF_MESSAGE: Mapping[str, Check] = {"enrolled": _enrolled, "contact": _there, "lateness": _in_time}
"""Whatever the way, in order."""
OF_WAY: Mapping[str, Check] = {
    "channel": _known_channel,
    "consent": _consent,
    "address": _address,
    "suppression": _suppression,
    "valid address": _valid,
}
"""Can the contact be reached there?"""
OF_ADDRESS: Mapping[str, Check] = {"same address": _same_address}
"""Does another contact get it there?"""
OF_TEXT: Mapping[str, Check] = {"template": _template, "attachments": _attachments, "allowlist": _allowlist}
"""Asked by the sender that takes it."""


def first_refusal(checks: Mapping[str, Check], case: Case) -> Refused | None:
    """The first check that refuses, in their order."""
    for check in checks.values():
        if (refused := check(case)) is not None:
            return refused
    return None

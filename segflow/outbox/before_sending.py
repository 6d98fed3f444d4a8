"""What is checked of a message right before it is sent, in a fixed order. The first thing that fails is its outcome."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa
from sqlglot import exp

from segflow.messages import AnyMessage, WebhookCall
from segflow.outbox.addresses import InvalidAddressError, allowed, normal
from segflow.outbox.origins import origins_of_batch
from segflow.outbox.records import ClaimedMessage
from segflow.outbox.render import Renderer, RenderError
from segflow.outbox.store import DeliveryStore
from segflow.outbox.surroundings import ORIGIN, Origin, Surroundings
from segflow.specs.catalog import ChannelSpec
from segflow.specs.project import Specs
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.tick import Tick

NORMAL_ENDS = ("completed", "exit")
"""Ends of an enrollment after which its messages are still wanted: it ended because they were planned."""


@dataclass(frozen=True)
class Ready:
    """A message that may be handed over."""

    row: ClaimedMessage
    message: AnyMessage
    address: str


@dataclass(frozen=True)
class Refused:
    """A message that is not sent, and why."""

    row: ClaimedMessage
    outcome: Literal["skipped", "failed"]
    reason: str
    address: str | None = None


class SendChecks:
    """Checks batches of claimed messages against the warehouse and the delivery store, and renders them."""

    def __init__(self, specs: Specs, warehouse: Warehouse, store: DeliveryStore, tick: Tick) -> None:
        self._specs, self._warehouse, self._store, self._tick = specs, warehouse, store, tick
        self._renderer = Renderer(specs.template_dir)
        self._surroundings = Surroundings(specs)

    def run(self, batch: Sequence[ClaimedMessage], late_before: datetime | None) -> list[Ready | Refused]:
        """Judge a batch, in its order. What was due before `late_before` is too late; None: nothing is."""
        contacts, ended = self._load(batch)
        asked = any(not ORIGIN.isdisjoint(self._renderer.names(row)) for row in batch)
        origins = origins_of_batch(self._warehouse) if asked else {}
        suppressed = self._suppressed(batch, contacts)
        return [
            self._judge(
                row,
                contacts.get(row.contact_id),
                ended.get(row.enrollment_id),
                origins.get(row.enrollment_id),
                suppressed,
                late_before,
            )
            for row in batch
        ]

    def _judge(
        self,
        row: ClaimedMessage,
        contact: dict[str, Any] | None,
        ended: str | None,
        origin: Origin | None,
        suppressed: dict[tuple[str, str], str],
        late_before: datetime | None,
    ) -> Ready | Refused:
        if ended is not None:
            return Refused(row, "skipped", f"not_enrolled: {ended}")
        if contact is None:
            return Refused(row, "skipped", "contact_gone")
        if late_before is not None and row.due_at < late_before:
            return Refused(row, "skipped", f"too_late: due {row.due_at:%Y-%m-%d %H:%M} UTC")
        given = ""
        if row.channel != "webhook":
            channel = self._channel(row.channel)
            if channel is None:
                return Refused(row, "failed", f"the catalog has no channel {row.channel}")
            if channel.consent is not None and contact.get(channel.consent) is not True:
                return Refused(row, "skipped", "no_consent")
            given = _address(contact, channel)
            if not given:
                return Refused(row, "skipped", "no_address")
            if (row.channel, given) in suppressed:
                return Refused(row, "skipped", f"suppressed: {suppressed[row.channel, given]}", given)
            try:
                given = normal(row.channel, given)
            except InvalidAddressError as error:
                return Refused(row, "skipped", f"invalid_address: {error}", given)
        try:
            known = self._surroundings.of(row, origin)
            message = self._renderer.render(row, contact, given, self._tick.as_of, known)
        except RenderError as error:
            return Refused(row, "failed", f"template_error: {error}", given or None)
        address = message.url if isinstance(message, WebhookCall) else given
        delivery = self._specs.settings.delivery
        if delivery.mode == "test" and not allowed(delivery.allowlist, row.channel, address):
            return Refused(row, "skipped", "not_on_allowlist", address)
        return Ready(row, message, address)

    def _channel(self, channel: str) -> ChannelSpec | None:
        channels = self._specs.catalog.contacts.channels
        return channels.email if channel == "email" else channels.sms

    def _load(self, batch: Sequence[ClaimedMessage]) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        """The contacts of the batch by id, and its enrollments that ended early with the reason."""
        keys = {"contact_id": [row.contact_id for row in batch], "enrollment_id": [row.enrollment_id for row in batch]}
        staged = self._warehouse.stage("send_batch", pa.table(keys, pa.schema([(k, pa.string()) for k in keys])))
        wanted = exp.select("contact_id").from_(staged)
        contacts = exp.select("*").from_(relation("contacts")).where(exp.column("contact_id").isin(query=wanted))
        enrollments = exp.select("enrollment_id").from_(staged.copy())
        ends = (
            exp.select("enrollment_id", "reason")
            .from_(relation("flow_enrollment_ends"))
            .where(
                exp.column("enrollment_id").isin(query=enrollments),
                exp.column("reason").isin(*NORMAL_ENDS).not_(),
            )
        )
        # An attribute that this tick could not read is missing, which is not the same as a name that nobody knows.
        missing = dict.fromkeys(self._specs.catalog.contacts.attributes)
        return (
            {row["contact_id"]: {**missing, **row} for row in self._warehouse.rows(contacts)},
            {row["enrollment_id"]: row["reason"] for row in self._warehouse.rows(ends)},
        )

    def _suppressed(
        self, batch: Iterable[ClaimedMessage], contacts: dict[str, dict[str, Any]]
    ) -> dict[tuple[str, str], str]:
        """(channel, address as the contact has it) -> reason."""
        by_channel: dict[str, set[str]] = {}
        for row in batch:
            channel = self._channel(row.channel) if row.channel != "webhook" else None
            contact = contacts.get(row.contact_id)
            if channel is not None and contact is not None and (address := _address(contact, channel)):
                by_channel.setdefault(row.channel, set()).add(address)
        return {
            (name, address): reason
            for name, addresses in by_channel.items()
            for address, reason in self._store.suppressed(name, addresses).items()
        }


def _address(contact: dict[str, Any], channel: ChannelSpec) -> str:
    value = contact.get(channel.address)
    return "" if value is None else str(value).strip()

"""What is checked of a message right before it is sent, in a fixed order. The first thing that fails is its outcome."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.messages import CONTACT_CHANNELS, AnyMessage
from segflow.outbox.checks import OF_ADDRESS, OF_MESSAGE, OF_TEXT, OF_WAY, Case, Suppressed, address_of, first_refusal
from segflow.outbox.consent import Consents
from segflow.outbox.contents import Way, category_of, ways_of
from segflow.outbox.judged import Elsewhere, Judged, Ready, Refused
from segflow.outbox.limits import Limits
from segflow.outbox.origins import origins_of_batch
from segflow.outbox.records import ClaimedMessage
from segflow.outbox.render import Renderer
from segflow.outbox.same_address import SharedAddresses
from segflow.outbox.store import DeliveryStore
from segflow.outbox.surroundings import ORIGIN, Origin, Surroundings
from segflow.specs.catalog import ChannelSpec
from segflow.specs.project import Specs
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.tick import Tick

NORMAL_ENDS = ("completed", "exit")
"""Ends of an enrollment after which its messages are still wanted: it ended because they were planned."""


class SendChecks:
    """Checks batches of claimed messages against the warehouse and the delivery store, and renders them."""

    def __init__(self, specs: Specs, warehouse: Warehouse, store: DeliveryStore, tick: Tick) -> None:
        self._specs, self._warehouse, self._store, self._tick = specs, warehouse, store, tick
        self._renderer = Renderer.of(specs)
        self._surroundings = Surroundings(specs)
        self._any_coupons: bool | None = None
        self._coupons: Mapping[tuple[str, int], Mapping[str, str]] = {}
        self._origins: Mapping[str, Origin] = {}
        self._tried: set[str] = set()
        self._consents = Consents(specs, store)
        self._shared = SharedAddresses(specs, warehouse, store)
        self._limits = Limits(specs, store)

    def run(self, batch: Sequence[ClaimedMessage], late_before: datetime | None, now: datetime) -> list[Judged]:
        """Judge a batch, in its order, by the clock of its sender. What was due before `late_before` is too late; None:
        nothing is, because the sender is simulated."""
        beside = self._shared.look(batch)
        contacts, ended = self._load([*batch, *beside])
        self._coupons = self._load_coupons()
        again = [row.message_id for row in batch if row.tries > 1]
        self._tried = self._store.tried(again) if again else set()
        asked = any(not ORIGIN.isdisjoint(self._renderer.names(row)) for row in batch)
        self._origins = origins_of_batch(self._warehouse) if asked else {}
        suppressed = self._suppressed([*batch, *beside], contacts)
        self._consents.look(contacts)

        def case_of(row: ClaimedMessage) -> Case:
            contact, ended_as = contacts.get(row.contact_id), ended.get(row.enrollment_id)
            return self._case(row, contact, ended_as, suppressed, late_before)

        self._shared.decide(lambda row: self._goes_by(case_of(row)))
        self._limits.look(contacts, now, simulated=late_before is None)
        return [self._within_limits(case, self._judge(case), now) for case in map(case_of, batch)]

    def _within_limits(self, case: Case, judged: Judged, now: datetime) -> Judged:
        if not isinstance(judged, Ready) or case.contact is None:
            return judged
        return self._limits.judge(judged, case.contact, category_of(case.row.content), now)

    def _judge(self, case: Case) -> Judged:
        row, contact = case.row, case.contact
        if (refused := first_refusal(OF_MESSAGE, case)) is not None or contact is None:
            return refused or Refused(row, "skipped", "contact_gone")
        ways = self._ways(case, contact)
        if not ways:
            return Refused(row, "skipped", "no_default_channel: the contact likes none best, and there is no fallback")
        passed: list[Refused] = []
        for way in ways:
            judged = self._by(case.by(way))
            if not isinstance(judged, Refused):
                return dataclasses.replace(judged, note=_because(passed)) if isinstance(judged, Ready) else judged
            # What fails at the text or at the mode fails on purpose: another channel is for who cannot be reached.
            if judged.final or len(ways) == 1:
                return judged
            passed.append(dataclasses.replace(judged, reason=f"{way.channel} {judged.reason}"))
        return Refused(row, "skipped", "no_channel: " + "; ".join(one.reason for one in passed))

    def _goes_by(self, case: Case) -> str | None:
        """The channel by which a message reaches its contact; None: by none."""
        if first_refusal(OF_MESSAGE, case) is not None or case.contact is None:
            return None
        for way in self._ways(case, case.contact):
            if first_refusal(OF_WAY, case.by(way)) is None:
                return way.channel
        return None

    def _ways(self, case: Case, contact: Mapping[str, Any]) -> Sequence[Way]:
        """The ways that are tried. A message that was tried on a channel stays there: it may have arrived. A simulated
        sender is handed whole batches, so that an attempt that died may not have come to it."""
        row, pinned = case.row, case.late_before is not None or case.row.message_id in self._tried
        told = ways_of(row.channel, row.content)
        attribute = self._specs.catalog.contacts.default_channel
        liked = contact.get(attribute) if attribute is not None else None
        ways = told.of(str(liked).strip().casefold() if liked is not None else None)
        if len(told.ways) > 1:
            ways = [way for way in ways if way.channel not in CONTACT_CHANNELS or self._channel(way.channel)]
        if pinned and row.tries > 1 and len(told.ways) > 1:
            return [way for way in told.ways if way.channel == row.channel]
        return ways

    def _by(self, case: Case) -> Judged:
        if (refused := first_refusal({**OF_WAY, **OF_ADDRESS}, case)) is not None:
            return refused
        if case.way.channel != case.row.channel:
            return Elsewhere(case.row, case.way.channel, case.sender)
        if (refused := first_refusal(OF_TEXT, case)) is not None:
            return refused
        assert case.message is not None
        return Ready(case.row, case.message, case.address)

    def _case(
        self,
        row: ClaimedMessage,
        contact: dict[str, Any] | None,
        ended: str | None,
        suppressed: Suppressed,
        late_before: datetime | None,
    ) -> Case:
        return Case(
            row=row,
            contact=contact,
            ended=ended,
            late_before=late_before,
            specs=self._specs,
            suppressed=suppressed,
            write=self._write,
            consents=self._consents,
            shared=self._shared,
        )

    def _write(self, case: Case) -> AnyMessage:
        row, coupons = case.row, self._coupons.get((case.row.enrollment_id, case.row.visit))
        known = self._surroundings.of(row, self._origins.get(row.enrollment_id), coupons)
        return self._renderer.render(row, case.contact or {}, case.address, self._tick.as_of, known, case.way)

    def _channel(self, channel: str) -> ChannelSpec | None:
        return self._specs.catalog.contacts.channels.of(channel)

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

    def _suppressed(self, batch: Iterable[ClaimedMessage], contacts: dict[str, dict[str, Any]]) -> Suppressed:
        by_channel: dict[str, set[str]] = {}
        for row in batch:
            contact = contacts.get(row.contact_id)
            for way in ways_of(row.channel, row.content).ways if contact is not None else ():
                channel = self._channel(way.channel)
                if channel is not None and contact is not None and (address := address_of(contact, channel)):
                    by_channel.setdefault(way.channel, set()).add(address)
        return {
            (name, address): reason
            for name, addresses in by_channel.items()
            for address, reason in self._store.suppressed(name, addresses).items()
        }

    def _load_coupons(self) -> dict[tuple[str, int], dict[str, str]]:
        """(enrollment, visit) of the batch -> step -> the code that it claimed there."""
        if self._any_coupons is None:
            one = exp.select("claim_id").from_(relation("coupon_claims")).limit(1)
            self._any_coupons = self._warehouse.query(one).num_rows > 0
        found: dict[tuple[str, int], dict[str, str]] = {}
        if self._any_coupons:
            enrollments = exp.select("enrollment_id").from_("temp.send_batch")
            claims = exp.select("enrollment_id", "visit", "step", "code").from_(relation("coupon_claims"))
            claims = claims.where(exp.column("enrollment_id").isin(query=enrollments))
            for row in self._warehouse.rows(claims):
                found.setdefault((row["enrollment_id"], row["visit"]), {})[row["step"]] = row["code"]
        return found


def _because(passed: Sequence[Refused]) -> str | None:
    return "instead of " + "; ".join(one.reason for one in passed) if passed else None

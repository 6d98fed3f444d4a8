"""What is checked of a message right before it is sent, in a fixed order. The first thing that fails is its outcome."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from segflow.outbox.topic_lists import TopicLists
from segflow.segments.facts import FactColumn
from segflow.segments.nodes import Fact
from segflow.specs.catalog import ChannelSpec
from segflow.specs.project import Specs
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.tick import Tick

NORMAL_ENDS = ("completed", "exit")
"""Ends of an enrollment after which its messages are still wanted: it ended because they were planned."""


Asked = tuple[str | None, str, Refused | None, AnyMessage | None]
"""(channel, check, what it says, the message, which is with the last check of its channel)."""


_OF_CHANNEL = {**OF_WAY, **OF_ADDRESS}


class SendChecks:
    """Checks batches of claimed messages against the warehouse and the delivery store, and renders them."""

    def __init__(
        self,
        specs: Specs,
        warehouse: Warehouse,
        store: DeliveryStore,
        tick: Tick,
        columns: Mapping[Fact, FactColumn] | None = None,
    ) -> None:
        """`columns`: where the facts are; without them nobody is known to be on the list of a topic."""
        self._specs, self._warehouse, self._store, self._tick = specs, warehouse, store, tick
        self._renderer = Renderer.of(specs)
        self._surroundings = Surroundings(specs)
        self._any_coupons: bool | None = None
        self._coupons: Mapping[tuple[str, int], Mapping[str, str]] = {}
        self._samples: Mapping[str, str] = {}
        self._origins: Mapping[str, Origin] | None = None
        self._tried: set[str] = set()
        self._read: set[tuple[str, str]] = set()
        """(contact, enrollment) of which the warehouse was asked."""
        self._contacts: dict[str, dict[str, Any]] = {}
        self._ended: dict[str, str] = {}
        self._lists = TopicLists(specs, columns or {})
        self._consents = Consents(specs, store, self._lists)
        self._shared = SharedAddresses(specs, warehouse, store)
        self._limits = Limits(specs, store)

    def run(
        self,
        batch: Sequence[ClaimedMessage],
        late_before: datetime | None,
        now: datetime,
        coming: Callable[[], Iterable[tuple[str, str]]] = tuple,
        *,
        deciding: bool = True,
    ) -> Iterator[Judged]:
        """Judge a batch, in its order, each message when it is asked for, by its sender's clock. What was due before
        `late_before` is too late; None: nothing is, because the sender is simulated. `coming`: (contact_id,
        enrollment_id) of messages that come after it, so that the warehouse is asked for all of them at once. Not
        `deciding`: nothing is written."""
        beside = self._shared.look(batch)
        pairs = {(row.contact_id, row.enrollment_id) for row in (*batch, *beside)}
        if not pairs <= self._read:
            self._load(pairs.union(coming()))
        again = [row.message_id for row in batch if row.tries > 1]
        self._tried = self._store.tried(again) if again else set()
        if self._origins is None and any(not ORIGIN.isdisjoint(self._renderer.names(row)) for row in batch):
            self._origins = origins_of_batch(self._warehouse)
        contacts, ended = self._contacts, self._ended
        suppressed = self._suppressed([*batch, *beside], contacts)
        people = {contact_id for contact_id, _ in pairs}
        self._consents.look(people)
        self._limits.look(people, now, simulated=late_before is None)

        def case_of(row: ClaimedMessage) -> Case:
            contact, ended_as = contacts.get(row.contact_id), ended.get(row.enrollment_id)
            return self._case(row, contact, ended_as, suppressed, late_before)

        if deciding:
            self._shared.decide(lambda row: self._goes_by(case_of(row)))
        return (self._within_limits(case, self._judge(case), now) for case in map(case_of, batch))

    def look(
        self, row: ClaimedMessage, late_before: datetime | None, samples: Mapping[str, str]
    ) -> tuple[Judged, list[Asked]]:
        """What `run` says of one message, and what every check says of it by each of its ways. `samples`: step -> what
        stands for a coupon that was not claimed there."""
        self._samples = samples
        now = self._tick.as_of
        [judged] = self.run([row], late_before, now, deciding=False)
        contacts, ended = self._contacts, self._ended
        contact, gone = contacts.get(row.contact_id), ended.get(row.enrollment_id)
        case = self._case(row, contact, gone, self._suppressed([row], contacts), late_before)
        asked: list[Asked] = [(None, name, check(case), None) for name, check in OF_MESSAGE.items()]
        for way in self._ways(row, contact, pinned=False) if contact is not None else ():
            case.by(way)
            checks = {**_OF_CHANNEL, **OF_TEXT}
            asked += [(way.channel, name, check(case), None) for name, check in checks.items()]
            if case.message is not None and contact is not None:
                told = self._limits.asked(row, way.channel, contact, category_of(row.content), now)
                asked += [(way.channel, name, why, None) for name, why in told.items()]
            asked.append((way.channel, "sender", None, case.message))
        return judged, asked

    def _within_limits(self, case: Case, judged: Judged, now: datetime) -> Judged:
        if not isinstance(judged, Ready) or case.contact is None:
            return judged
        return self._limits.judge(judged, case.contact, category_of(case.row.content), now)

    def _goes_by(self, case: Case) -> str | None:
        """The channel by which a message reaches its contact; None: by none."""
        if first_refusal(OF_MESSAGE, case) is not None or case.contact is None:
            return None
        for way in self._ways(case.row, case.contact, self._pinned(case)):
            if first_refusal(OF_WAY, case.by(way)) is None:
                return way.channel
        return None

    def _pinned(self, case: Case) -> bool:
        return case.late_before is not None or case.row.message_id in self._tried

    def _judge(self, case: Case) -> Judged:
        row, contact = case.row, case.contact
        if (refused := first_refusal(OF_MESSAGE, case)) is not None or contact is None:
            return refused or Refused(row, "skipped", "contact_gone")
        ways = self._ways(row, contact, self._pinned(case))
        if not ways:
            return Refused(row, "skipped", "no_default_channel: the contact likes none best, and there is no fallback")
        passed: list[Refused] = []
        for way in ways:
            judged = self._by(case.by(way))
            if not isinstance(judged, Refused):
                if passed and isinstance(judged, Ready):
                    return dataclasses.replace(judged, note=_because(passed))
                return judged
            # What fails at the text or at the mode fails on purpose: another channel is for who cannot be reached.
            if judged.final or len(ways) == 1:
                return judged
            passed.append(dataclasses.replace(judged, reason=f"{way.channel} {judged.reason}"))
        return Refused(row, "skipped", "no_channel: " + "; ".join(one.reason for one in passed))

    def _ways(self, row: ClaimedMessage, contact: Mapping[str, Any], pinned: bool) -> Sequence[Way]:
        """The ways that are tried. A message that was tried on a channel stays there (`pinned`): it may have arrived. A
        simulated sender is handed whole batches, so that an attempt that died may not have come to it."""
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
        if (refused := first_refusal(_OF_CHANNEL, case)) is not None:
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
            transactional=ways_of(row.channel, row.content).transactional,
            consents=self._consents,
            shared=self._shared,
        )

    def _write(self, case: Case) -> AnyMessage:
        row, claimed = case.row, self._coupons.get((case.row.enrollment_id, case.row.visit))
        coupons = {**self._samples, **(claimed or {})} if self._samples or claimed else None
        origin = self._origins.get(row.enrollment_id) if self._origins is not None else None
        known = self._surroundings.of(row, origin, coupons, self._renderer.names(row, case.way))
        return self._renderer.render(row, case.contact or {}, case.address, self._tick.as_of, known, case.way)

    def _channel(self, channel: str) -> ChannelSpec | None:
        return self._specs.catalog.contacts.channels.of(channel)

    def _load(self, pairs: set[tuple[str, str]]) -> None:
        """Read the contacts of these messages, their enrollments that ended early, and their coupons. They stay as they
        are while messages are sent: the tick that does it has built them."""
        keys = {"contact_id": [one for one, _ in pairs], "enrollment_id": [one for _, one in pairs]}
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
        self._contacts = {row["contact_id"]: {**missing, **row} for row in self._warehouse.rows(contacts)}
        self._ended = {row["enrollment_id"]: row["reason"] for row in self._warehouse.rows(ends)}
        self._lists.look(self._warehouse, wanted.copy(), self._tick.tick_id)
        self._coupons = self._load_coupons()
        self._origins, self._read = None, pairs

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

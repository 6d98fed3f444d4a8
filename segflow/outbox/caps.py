"""Frequency caps: how many messages a contact gets in some time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from segflow.outbox.records import SentMessage
from segflow.outbox.store import DeliveryStore
from segflow.specs.limits import Cap

_SLACK = timedelta(days=4)
"""Months differ by so much: a span before an instant and the same span after an earlier one need not meet."""


@dataclass(frozen=True)
class Over:
    """There is no room under a cap. `until` None: the message is skipped; else it can go then at the earliest."""

    reason: str
    until: datetime | None


class CapCounts:
    """What was sent to the contacts of a batch, and what of the batch may go. One query per batch.

    What the caller says may go counts from then on as sent, so that the messages of a batch count in their order: those
    that fail after all, too, until the next batch.
    """

    def __init__(self, caps: Sequence[Cap], store: DeliveryStore, zone: ZoneInfo) -> None:
        self._caps, self._store, self._zone = caps, store, zone
        self._sent: dict[str, list[SentMessage]] = {}
        self._going: dict[str, SentMessage] = {}

    def look(self, contacts: Collection[str], now: datetime, *, simulated: bool) -> None:
        """Load what counts at `now` for these contacts. For live senders only what live senders sent does."""
        if not self._caps:
            return
        since = min(self._before(cap, now) for cap in self._caps)
        # A batch may be judged while the one before is still being handed over.
        self._going = {one: self._going[one] for one in self._store.claimed_of(list(self._going)) if one in self._going}
        self._sent = {}
        for one in (*self._store.sent_to(contacts, since, live_only=not simulated), *self._going.values()):
            self._sent.setdefault(one.contact_id, []).append(one)

    def over(self, message_id: str, contact_id: str, channel: str, category: str, now: datetime) -> Over | None:
        """Is there room for this message? None: there is, under every cap."""
        held: list[tuple[datetime, Cap]] = []
        for cap in self._caps:
            if not cap.covers(channel, category):
                continue
            ends = sorted(
                end
                for one in self._sent.get(contact_id, ())
                if one.message_id != message_id and cap.covers(one.channel, one.category)
                if (end := cap.per.after(one.sent_at, self._zone)) > now
            )
            if len(ends) < cap.at_most:
                continue
            if cap.over == "skip":
                return Over(f"capped: {cap}", None)
            held.append((ends[len(ends) - cap.at_most], cap))
        if not held:
            return None
        until, cap = max(held, key=lambda one: one[0])
        return Over(f"capped: {cap}", until)

    def goes(self, message_id: str, contact_id: str, channel: str, category: str, now: datetime) -> None:
        """Count a message that is handed over next."""
        if self._caps:
            one = SentMessage(message_id, contact_id, channel, category, now)
            self._going[message_id] = one
            self._sent.setdefault(contact_id, []).append(one)

    def _before(self, cap: Cap, now: datetime) -> datetime:
        start = cap.per.before(now, self._zone)
        return start - _SLACK if cap.per.months else start

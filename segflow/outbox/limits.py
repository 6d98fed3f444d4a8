"""The last checks of a message that could go: frequency caps, then quiet hours."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from segflow.messages import CONTACT_CHANNELS
from segflow.outbox.caps import CapCounts
from segflow.outbox.judged import Held, Ready, Refused
from segflow.outbox.quiet_hours import QuietTimes
from segflow.outbox.records import ClaimedMessage
from segflow.outbox.store import DeliveryStore
from segflow.specs.project import Specs


class Limits:
    """Looks at the messages of a batch in their order. Those that go to no contact have no limits."""

    def __init__(self, specs: Specs, store: DeliveryStore) -> None:
        self._caps = CapCounts(specs.settings.delivery.caps, store, specs.settings.zone)
        self._quiet = QuietTimes(specs)

    def look(self, contacts: Collection[str], now: datetime, *, simulated: bool) -> None:
        """Prepare for messages to these contacts."""
        self._caps.look(contacts, now, simulated=simulated)
        self._quiet.forget()

    def asked(
        self, row: ClaimedMessage, channel: str, contact: Mapping[str, Any], category: str, now: datetime
    ) -> Mapping[str, Refused | None]:
        """What each limit says, whatever the other does; what waits is refused for now."""
        if channel not in CONTACT_CHANNELS:
            return {}
        over = self._caps.over(row.message_id, row.contact_id, channel, category, now)
        quiet = self._quiet.now(row, contact, channel, category, now)
        told = {"caps": over, "quiet hours": quiet}
        return {name: Refused(row, "skipped", one.reason) if one is not None else None for name, one in told.items()}

    def judge(self, ready: Ready, contact: Mapping[str, Any], category: str, now: datetime) -> Ready | Refused | Held:
        """What comes of a message that passed all other checks. It counts from here on when it goes."""
        row, channel = ready.row, ready.row.channel
        if channel not in CONTACT_CHANNELS:
            return ready
        over = self._caps.over(row.message_id, row.contact_id, channel, category, now)
        if over is not None and over.until is not None:
            free = self._quiet.free_from(row, contact, channel, category, over.until)
            return Held(row, free, over.reason, ready.address)
        if over is not None:
            return Refused(row, "skipped", over.reason, ready.address)
        quiet = self._quiet.now(row, contact, channel, category, now)
        if quiet is not None and quiet.until is not None:
            return Held(row, quiet.until, quiet.reason, ready.address)
        if quiet is not None:
            return Refused(row, "skipped", quiet.reason, ready.address)
        self._caps.goes(row.message_id, row.contact_id, channel, category, now)
        return ready

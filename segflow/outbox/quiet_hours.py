"""Quiet hours: when no message goes to a contact, on the clocks of its zone; and when one that is held may go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from segflow.firings import next_closing, next_opening
from segflow.outbox.records import ClaimedMessage
from segflow.specs.clock_times import CONTACT_ZONE
from segflow.specs.limits import QuietHours
from segflow.specs.project import Specs
from segflow.specs.send_window import SendWindow
from segflow.specs.steps.sending import SendingStep
from segflow.zones import zone_of

_ROUNDS = 50
"""So often another rule may move a moment before it is taken as it is."""


@dataclass(frozen=True)
class Quiet:
    """It is quiet. `until` None: the message is skipped; else it waits until then."""

    reason: str
    until: datetime | None


class QuietTimes:
    """What quiet hours have to say about messages: one answer per rule, zone and moment."""

    def __init__(self, specs: Specs) -> None:
        self._specs, self._rules = specs, specs.settings.delivery.all_quiet_hours
        self._attribute = specs.catalog.contacts.time_zone
        self._zones: dict[str, ZoneInfo] = {}
        self._windows: dict[tuple[str, str], SendWindow | None] = {}
        self._over: dict[tuple[int, str, datetime], datetime] = {}

    def now(self, row: ClaimedMessage, contact: Mapping[str, Any], channel: str, category: str, now: datetime) -> (
        Quiet | None
    ):  # fmt: skip
        """Is it quiet for this message at `now`? One rule that skips is enough to skip it."""
        found: Quiet | None = None
        for rule in self._rules:
            if not rule.cover(channel, category):
                continue
            zone = self._zone(rule.timezone, contact)
            if self._end(rule, zone, now) <= now:
                continue
            reason = f"quiet_hours: {rule} {zone.key}"
            if rule.then == "skip":
                return Quiet(reason, None)
            found = found or Quiet(reason, self.free_from(row, contact, channel, category, now))
        return found

    def free_from(
        self, row: ClaimedMessage, contact: Mapping[str, Any], channel: str, category: str, moment: datetime
    ) -> datetime:
        """The first moment from `moment` on that no quiet hours cover, and at which the window of the message's step is
        open."""
        rules = [(one, self._zone(one.timezone, contact)) for one in self._rules if one.cover(channel, category)]
        window = self._window(row)
        zone = self._zone(window.timezone, contact) if window is not None else None
        for _ in range(_ROUNDS):
            before = moment
            moment = max([moment, *(self._end(rule, its, moment) for rule, its in rules)])
            if window is not None and zone is not None:
                moment = next_opening(window.window, zone, moment) or moment
            if moment == before:
                break
        return moment

    def forget(self) -> None:
        """Drop the answers of earlier moments."""
        self._over.clear()

    def _end(self, rule: QuietHours, zone: ZoneInfo, moment: datetime) -> datetime:
        """When they are over that cover `moment`; `moment` itself when they do not."""
        key = (id(rule), zone.key, moment)
        if key not in self._over:
            self._over[key] = next_closing(rule.window, zone, moment) or moment
        return self._over[key]

    def _zone(self, name: str | None, contact: Mapping[str, Any]) -> ZoneInfo:
        if name == CONTACT_ZONE:
            name = contact.get(self._attribute) if self._attribute is not None else None
        key = str(name) if name is not None else ""
        if key not in self._zones:
            try:
                self._zones[key] = zone_of(key)
            except ValueError:
                self._zones[key] = self._specs.settings.zone
        return self._zones[key]

    def _window(self, row: ClaimedMessage) -> SendWindow | None:
        """The window of the step that planned it, as the file is now."""
        key = (row.flow, row.step)
        if key not in self._windows:
            flow = self._specs.flows.get(row.flow)
            steps: Sequence[Any] = [step for step in flow.spec.walk() if step.id == row.step] if flow else []
            found = steps[0].within(flow.spec.window) if steps and flow else None
            self._windows[key] = found.window if isinstance(found, SendingStep) else None
        return self._windows[key]

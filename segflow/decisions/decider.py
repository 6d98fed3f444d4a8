"""What people decide about a project, and what they do with single messages: methods of `segflow.Project`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segflow.workspace import Workspace

if TYPE_CHECKING:
    from segflow.crossings.deleted import Tombstone
    from segflow.decisions.check_sender import CheckedSender
    from segflow.decisions.send_test import SentTest
    from segflow.decisions.suppressions import Suppressed
    from segflow.outbox.breaker import Rest
    from segflow.outbox.dead_letters import Chosen, Decision
    from segflow.outbox.one_message import Looked
    from segflow.outbox.retriggers import Enroll, Retrigger


class Decider(Workspace):
    """A workspace in which people decide. What a method needs is imported by it: a question about segments does
    without."""

    def release(
        self, segments: Sequence[str] = (), flows: Sequence[str] = (), contacts: bool = False, reason: str | None = None
    ) -> list[dict[str, Any]]:
        """Let what a guard holds pass at the next tick, once. Returns the decisions: id, kind, name, reason,
        decided_by, decided_at, tick_id. Raises InputError when something is unknown or there is nothing to let pass."""
        from segflow.decisions.release import release

        return release(self, segments, flows, contacts, reason)

    def retrigger(
        self,
        flow: str,
        segment: str | None = None,
        contacts: Sequence[str] | None = None,
        ignore_reentry: bool = False,
        reason: str | None = None,
    ) -> Retrigger:
        """Let the next tick offer contacts to `flow` again. See `segflow.decisions.retrigger.retrigger`."""
        from segflow.decisions.retrigger import retrigger

        return retrigger(self, flow, segment, contacts, ignore_reentry, reason)

    def pause(self, flow: str, reason: str | None = None) -> dict[str, Any]:
        """Stop a flow at once, until `resume`. See `segflow.decisions.flow_switch`. Raises InputError."""
        from segflow.decisions.flow_switch import pause

        return pause(self, flow, reason)

    def resume(self, flow: str, reason: str | None = None) -> dict[str, Any]:
        """Let a flow go on that `pause` has stopped. Raises InputError."""
        from segflow.decisions.flow_switch import resume

        return resume(self, flow, reason)

    def remove(self, flow: str, contacts: Sequence[str], reason: str | None = None) -> list[dict[str, Any]]:
        """Let the next tick take contacts out of a flow. See `segflow.decisions.remove`. Raises InputError."""
        from segflow.decisions.remove import remove

        return remove(self, flow, contacts, reason)

    def deleted(self) -> list[Tombstone]:
        """The contacts that flows have deleted and nobody has restored."""
        from segflow.crossings.deleted import tombstones

        with self.warehouse() as warehouse:
            warehouse.ensure_tables()
            return tombstones(warehouse)

    def restore(self, contacts: Sequence[str], reason: str | None = None) -> list[dict[str, Any]]:
        """Let deleted contacts come back with the next tick. See `segflow.decisions.restore`. Raises InputError."""
        from segflow.decisions.restore import restore

        return restore(self, contacts, reason)

    def suppressions(self, channel: str | None = None) -> list[dict[str, Any]]:
        """The addresses that must not be messaged: channel, address (or its hash), reason, recorded_at."""
        from segflow.decisions.suppressions import listing

        return listing(self, channel)

    def suppress(self, channel: str, addresses: Sequence[str], reason: str | None = None) -> int:
        """Suppress addresses at once. Returns how many were new. See `segflow.decisions.suppressions`."""
        from segflow.decisions.suppressions import add

        return add(self, channel, addresses, reason)

    def unsuppress(self, channel: str, addresses: Sequence[str]) -> list[str]:
        """Take addresses off the list. Returns those that were on it."""
        from segflow.decisions.suppressions import remove

        return remove(self, channel, addresses)

    def import_suppressions(self, path: Path, channel: str | None = None, reason: str | None = None) -> Suppressed:
        """Suppress what a .csv or .parquet file holds. See `segflow.decisions.suppressions`. Raises InputError."""
        from segflow.decisions.suppressions import import_

        return import_(self, path, channel, reason)

    def export_suppressions(self, path: Path, *, hashed: bool = False) -> int:
        """Write the list as CSV; `hashed`: hashes in place of addresses. Returns how many rows."""
        from segflow.decisions.suppressions import export

        return export(self, path, hashed=hashed)

    def enroll(
        self,
        flow: str,
        segment: str | None = None,
        contacts: Sequence[str] | None = None,
        ignore_reentry: bool = False,
        reason: str | None = None,
    ) -> Enroll:
        """Let the next tick take contacts into `flow` by hand. See `segflow.decisions.retrigger.enroll`."""
        from segflow.decisions.retrigger import enroll

        return enroll(self, flow, segment, contacts, ignore_reentry, reason)

    def render(self, flow: str, step: str, contact: str, as_of: datetime | None = None) -> Looked:
        """What a step would send to a contact, and what every check says. See `segflow.decisions.send_test.render`.
        Nothing is written. Raises InputError."""
        from segflow.decisions.send_test import render

        return render(self, flow, step, contact, as_of)

    def send_test(self, flow: str, step: str, to: str, contact: str, channel: str | None = None) -> SentTest:
        """Send what a step would send to a contact to `to`, marked as a test. See `segflow.decisions.send_test`."""
        from segflow.decisions.send_test import send_test

        return send_test(self, flow, step, to, contact, channel)

    def check_sender(self, name: str) -> CheckedSender:
        """Ask a sender whether its settings would do. See `segflow.decisions.check_sender`. Raises InputError."""
        from segflow.decisions.check_sender import check_sender

        return check_sender(self, name)

    def letters(self, chosen: Chosen, limit: int = 100) -> list[dict[str, Any]]:
        """Messages that wait for a person. See `segflow.outbox.dead_letters`."""
        return self.store.letters.listing(chosen, limit)

    def resting_senders(self) -> dict[str, Rest]:
        """The senders that are left alone because their providers seemed down."""
        from segflow.outbox.breaker import MARK, Rest

        return Rest.all_of(self.store.marks_of(MARK), datetime.now(UTC))

    def decide(self, decision: Decision, chosen: Chosen, reason: str | None = None) -> int:
        """Retry, release or drop messages; who said so is recorded with the reason. Returns how many there were."""
        from segflow.outbox.dead_letters import by_hand

        return self.store.letters.decide(decision, chosen, by_hand(decision, reason))

    def coupons(self) -> list[dict[str, Any]]:
        """The coupon pools: pool, left, claimed, warn_below."""
        from segflow.decisions.coupons import pools

        return pools(self)

    def add_coupons(self, pool: str, codes: Sequence[str]) -> int:
        """Put codes into a pool, in this order. Returns how many were new. See `segflow.decisions.coupons`."""
        from segflow.decisions.coupons import add_coupons

        return add_coupons(self, pool, list(codes))

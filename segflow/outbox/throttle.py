"""The global throttle: so many messages in so much time, over all live senders together."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, insert, literal, select, update

from segflow.outbox.lease import Lease
from segflow.outbox.schema import attempts, messages
from segflow.outbox.store import DeliveryStore
from segflow.specs.throttle import Throttle

_LOOK_AGAIN = 1.0
"""Seconds after which the store is asked again: others may send as well."""


class Room:
    """How many more messages may go out in a tick. The drains of live senders take from it in turns: at first each gets
    an equal part, so that a long queue of one keeps none of the others waiting; then they share what is left."""

    def __init__(self, throttle: Throttle | None, store: DeliveryStore, senders: Collection[str]) -> None:
        """`senders`: the live ones that have messages due."""
        self._throttle, self._store = throttle, store
        self._not_yet = set(senders)
        self._part, self._looked = 0, float("-inf")
        self.waiting: list[str] = []
        """The senders that had more than there was room for, in the order of their turns."""

    def turn(self, sender: str, now: datetime) -> None:
        """It is a sender's turn."""
        parts = len(self._not_yet | {sender})
        self._not_yet.discard(sender)
        if sender in self.waiting:
            self.waiting.remove(sender)
        self._part = -(-self._free(now) // parts)

    def take(self, now: datetime, wanted: int) -> int:
        """How many of `wanted` messages may go; 0: those that are left wait."""
        if self._throttle is None:
            return wanted
        if time.monotonic() - self._looked > _LOOK_AGAIN:
            self._part = min(self._part, self._free(now))
        given = min(self._part, wanted)
        self._part -= given
        return given

    def again(self, now: datetime) -> list[str]:
        """Whose turn comes once more when all had theirs: nobody's when there is no room."""
        return list(self.waiting) if self.waiting and self._free(now) > 0 else []

    def wait(self, lease: Lease, tick_id: str, sender: str, now: datetime) -> str:
        """Let what is due at `sender` wait. In the store a message keeps its place in the queue, counts as held, and is
        not late until there is room. Returns what to tell people, nothing where nothing waits."""
        assert self._throttle is not None
        first = self._store.sent_live_at(self._throttle.number)
        until = max((first or now) + self._span, now + timedelta(seconds=1))
        due = (messages.c.sender == sender) & (messages.c.due_at <= now)
        new = due & (messages.c.status == "planned") & messages.c.held_until.is_(None)
        # One row for each message, when it waits first: a long queue does so for many ticks.
        told = select(
            messages.c.message_id,
            messages.c.attempts + 1,
            literal("held"),
            literal(f"throttled: {self._throttle}"),
            messages.c.sender,
            literal(now, attempts.c.at.type),
            literal(datetime.now(UTC), attempts.c.recorded_at.type),
            literal(tick_id),
        ).where(new)
        columns = ["message_id", "attempt", "outcome", "reason", "sender", "at", "recorded_at", "tick_id"]
        counted = {"attempts": messages.c.attempts + 1, "holds": func.coalesce(messages.c.holds, 0) + 1}
        with self._store.writing("throttle", lease) as connection:
            connection.execute(insert(attempts).from_select(columns, told))
            connection.execute(update(messages).where(new).values(status="held", **counted))
            waiting = connection.execute(update(messages).where(due).values(held_until=until)).rowcount
        if not waiting:
            return ""
        return f"{waiting} messages wait for the throttle of {self._throttle}, until {until:%Y-%m-%d %H:%M:%S} UTC"

    def _free(self, now: datetime) -> int:
        self._looked = time.monotonic()
        if self._throttle is None:
            return 0
        return max(self._throttle.number - self._store.sent_live_after(now - self._span), 0)

    @property
    def _span(self) -> timedelta:
        assert self._throttle is not None
        return timedelta(seconds=self._throttle.seconds)

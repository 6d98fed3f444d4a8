"""What is recorded of a message: what its sender said, or why it was not handed over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from segflow.errors import AmbiguousError, PermanentError, TransientError
from segflow.messages import Receipt
from segflow.outbox.breaker import backoff, spread
from segflow.outbox.doubts import Memory
from segflow.outbox.hand_over import Handed, SenderLike
from segflow.outbox.pauses import Pause
from segflow.outbox.records import ClaimedMessage, Outcome
from segflow.outbox.store import DeliveryStore
from segflow.specs.settings import DeliverySettings
from segflow.warehouse.tick import Tick


class Outcomes:
    """The outcomes of one sender's messages."""

    def __init__(
        self,
        sender: SenderLike,
        used: str,
        store: DeliveryStore,
        tick: Tick,
        settings: DeliverySettings,
        memory: Memory | None,
    ) -> None:
        """`used`: the name of the sender. `memory`: of a provider that forgets which messages it took."""
        self._sender, self._used, self._store, self._tick = sender, used, store, tick
        self._settings, self._memory = settings, memory

    def of(self, handed: Handed) -> Outcome:
        """The outcome of what was handed over."""
        ready, told = handed.ready, handed.told
        row, address = ready.row, ready.address
        if isinstance(told, Pause):
            return self.withdrawn(row, told)
        at = self.clock(handed.at)
        if self._memory is not None:
            self._memory.learn(row.message_id, told)
        if isinstance(told, Receipt):
            return self.outcome(row, "sent", _with(ready.note, told.detail), address, told.provider_id, at=at)
        if isinstance(told, PermanentError):
            if told.suppress is not None:
                # Before its outcome: a crash between the two leaves an address that gets nothing, not one that does.
                self._store.suppress(row.channel, address, told.suppress)
            return self.outcome(row, "failed", _with(ready.note, told.reason), address, at=at)
        if isinstance(told, TransientError):
            return self._retry(row, address, told.reason, told.retry_after)
        reason = told.reason if isinstance(told, AmbiguousError) else f"{type(told).__name__}: {told}"
        if self._sender.idempotent:
            return self._retry(row, address, reason, None)
        return self.outcome(row, "unknown", reason, address, at=at)

    def _retry(self, row: ClaimedMessage, address: str, reason: str, retry_after: float | None) -> Outcome:
        if row.tries >= self._settings.max_attempts:
            return self.outcome(row, "failed", f"gave up after {row.tries} attempts: {reason}", address)
        delay = max(spread(backoff(row.tries), row.message_id, row.attempt), retry_after or 0.0)
        return self.outcome(row, "held", reason, address, due_at=self.clock() + timedelta(seconds=delay))

    def withdrawn(self, row: ClaimedMessage, pause: Pause) -> Outcome:
        """Of a message whose flow is paused."""
        return self.outcome(row, "skipped", f"withdrawn: {pause}")

    def outcome(
        self,
        row: ClaimedMessage,
        outcome: str,
        reason: str | None,
        address: str | None = None,
        provider_id: str | None = None,
        *,
        hold: bool = False,
        at: datetime | None = None,
        due_at: datetime | None = None,
    ) -> Outcome:
        """An outcome and its reason. `at`: when; None: now."""
        return Outcome(
            message_id=row.message_id,
            attempt=row.attempt,
            outcome=outcome,  # type: ignore[arg-type]
            at=at or self.clock(),
            reason=reason,
            sender=self._used,
            address=address,
            provider_id=provider_id,
            due_at=due_at,
            hold=hold,
            live=not self._sender.simulated,
        )

    def clock(self, wall: datetime | None = None) -> datetime:
        """The sender's clock: the tick's for one that sends nothing out of the house. Else `wall`, now when left out,
        and never before the tick."""
        return self._tick.as_of if self._sender.simulated else max(self._tick.as_of, wall or datetime.now(UTC))


def _with(note: str | None, reason: str | None) -> str | None:
    return "; ".join(one for one in (reason, note) if one) or None

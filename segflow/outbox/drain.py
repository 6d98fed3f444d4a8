"""Draining one sender: claim, check, hand over, settle, until nothing is due."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from segflow.crashpoints import crash_point
from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, TransientError
from segflow.messages import AnyMessage, Receipt
from segflow.outbox.before_sending import SendChecks
from segflow.outbox.judged import Elsewhere, Held, Ready, Refused
from segflow.outbox.lease import Lease
from segflow.outbox.pauses import Pause
from segflow.outbox.records import ClaimedMessage, Outcome
from segflow.outbox.store import DeliveryStore
from segflow.outbox.throttle import Room
from segflow.specs.settings import DeliverySettings
from segflow.warehouse.tick import Tick

MAX_BACKOFF = 6 * 3600.0
STRIKES = 5
"""So many transient errors in a row, and the sender is left alone for a while: the provider is down."""
_LOOK_AROUND = 0.2
"""Seconds between two looks at stop_sending, the pauses and the lease, where looking before each message would cost as
much as the message."""

log = logging.getLogger(__name__)


class SenderLike(Protocol):
    """What the outbox needs of a sender (`segflow.senders.base.Sender`)."""

    @property
    def simulated(self) -> bool: ...
    @property
    def idempotent(self) -> bool: ...
    def open(self) -> None: ...
    def close(self) -> None: ...
    def send(self, message: AnyMessage) -> Receipt: ...


def backoff(attempt: int) -> float:
    """Seconds to wait after a transient failure of attempt 1, 2, ...: 5 s, 1 min, 12 min, 2.4 h, then 6 h each."""
    return float(min(5 * 12 ** (min(attempt, 10) - 1), MAX_BACKOFF))


@dataclass
class DrainReport:
    """What happened at one sender. `error` is for a person to mend, `deferred` will be tried again by itself."""

    outcomes: dict[str, int] = field(default_factory=dict)
    error: str | None = None
    deferred: str | None = None
    stopped: str | None = None
    elsewhere: set[str] = field(default_factory=set)
    """The senders that messages went over to, because their contacts are reached on another channel."""


class Drain:
    """One sender's queue in one tick."""

    def __init__(
        self,
        name: str,
        sender: SenderLike,
        *,
        used: str,
        store: DeliveryStore,
        lease: Lease,
        tick: Tick,
        checks: SendChecks,
        settings: DeliverySettings,
        zone: ZoneInfo,
        patience: float,
        room: Room,
    ) -> None:
        """`name`: the queue, `used`: the name of the sender that takes it (the mailbox in mode simulate).

        `patience`: seconds to wait, all in all, for retries that fall due soon.
        """
        self._name, self._sender, self._used = name, sender, used
        self._store, self._lease, self._tick = store, lease, tick
        self._checks, self._settings, self._zone = checks, settings, zone
        # A simulated, repeatable sender may be handed a batch at a time: a crash costs only the work. Any other is
        # handed one message at a time, each announced in the store before, so that a crash leaves one in doubt.
        self._by_batch = sender.simulated and sender.idempotent
        self._patience = 0.0 if sender.simulated else patience
        self._room = room
        self._strikes = 0
        self._looked = 0.0
        self._paused: dict[str, Pause] = {}
        self.report = DrainReport()

    def run(self) -> DrainReport:
        """Drain until nothing is due, the sender is out of order, or sending is stopped. Raises LeaseLostError."""
        try:
            self._sender.open()
            if not self._sender.simulated:
                self._room.turn(self._name, self._clock())
            while not self._stopped(now=True):
                limit = self._settings.batch_size
                if not self._sender.simulated and not (limit := self._room.take(self._clock(), limit)):
                    self._room.waiting.append(self._name)
                    break
                batch = self._store.claim(
                    self._lease,
                    self._name,
                    limit,
                    self._clock(),
                    hand_over=self._by_batch,
                    repeatable=self._sender.idempotent,
                )
                if not batch:
                    if not self._wait_for_retries():
                        break
                    continue
                self._work_off(batch)
                if self._strikes >= STRIKES and not self._pause():
                    break
        except ConfigurationError as error:
            self.report.error = f"sender {self._used}: {error.reason}"
        except TransientError as error:
            self.report.deferred = error.reason
        finally:
            self._sender.close()
        return self.report

    def _work_off(self, batch: list[ClaimedMessage]) -> None:
        """Bring every message of the batch to an outcome, or put it back. Whatever happens, the store is told."""
        late = None if self._sender.simulated else self._settings.max_lateness.before(self._clock(), self._zone)
        settled: list[Outcome] = []
        elsewhere: list[Elsewhere] = []
        left = {row.message_id: row for row in batch}

        def settle(outcome: Outcome) -> None:
            settled.append(outcome)
            del left[outcome.message_id]

        def flush(hand_over: tuple[str, ...] = ()) -> None:
            self._store.settle(self._lease, self._tick.tick_id, settled, hand_over=hand_over)
            for outcome in settled:
                self.report.outcomes[outcome.outcome] = self.report.outcomes.get(outcome.outcome, 0) + 1
            settled.clear()

        try:
            for judged in self._checks.run(batch, late, self._clock()):
                if self._stopped() or self._strikes >= STRIKES:
                    break
                if (pause := self._paused.get(judged.row.flow)) is not None:
                    settle(self._outcome(judged.row, "skipped", f"withdrawn: {pause}"))
                elif isinstance(judged, Elsewhere):
                    elsewhere.append(judged)
                    del left[judged.row.message_id]
                elif isinstance(judged, Refused):
                    settle(self._outcome(judged.row, judged.outcome, judged.reason, judged.address))
                elif isinstance(judged, Held):
                    row, until = judged.row, judged.until
                    settle(self._outcome(row, "held", judged.reason, judged.address, due_at=until, hold=True))
                elif judged.row.tries > self._settings.max_attempts and not judged.row.released:
                    settle(self._outcome(judged.row, "failed", "gave up: each attempt ended in a crash"))
                else:
                    if not self._by_batch:
                        flush((judged.row.message_id,))
                    crash_point("drain.before_hand_over")
                    try:
                        settle(self._hand_over(judged))
                    except ConfigurationError:
                        raise
                    except BaseException:
                        # Stopped by hand in the middle of a message.
                        if not self._sender.idempotent:
                            settle(self._outcome(judged.row, "unknown", "interrupted", judged.address))
                        raise
        finally:
            flush()
            self._store.go_elsewhere(self._lease, [(one.row, one.channel, one.sender) for one in elsewhere])
            self.report.elsewhere |= {one.sender for one in elsewhere}
            self._store.unclaim(self._lease, list(left.values()))

    def _hand_over(self, ready: Ready) -> Outcome:
        row, address = ready.row, ready.address
        try:
            receipt = self._sender.send(ready.message)
            crash_point("drain.handed_over")
        except ConfigurationError:
            raise
        except PermanentError as error:
            self._strikes = 0
            if error.suppress:
                # Before its outcome: a crash between the two leaves an address that gets nothing, not one that does.
                self._store.suppress(row.channel, address, f"{self._used}: {error.reason}")
            return self._outcome(row, "failed", _with(ready.note, error.reason), address)
        except TransientError as error:
            return self._retry(row, address, error.reason, error.retry_after, strike=not error.of_message)
        except AmbiguousError as error:
            return self._in_doubt(row, address, error.reason)
        except Exception as error:
            # A defect of the sender: it says nothing about what the provider got.
            log.exception("sender %s failed on message %s", self._used, row.message_id)
            return self._in_doubt(row, address, f"{type(error).__name__}: {error}")
        self._strikes = 0
        return self._outcome(row, "sent", _with(ready.note, receipt.detail), address, receipt.provider_id)

    def _in_doubt(self, row: ClaimedMessage, address: str, reason: str) -> Outcome:
        if self._sender.idempotent:
            return self._retry(row, address, reason, None)
        self._strikes += 1
        return self._outcome(row, "unknown", reason, address)

    def _retry(
        self, row: ClaimedMessage, address: str, reason: str, retry_after: float | None, *, strike: bool = True
    ) -> Outcome:
        self._strikes += strike
        if row.tries >= self._settings.max_attempts:
            return self._outcome(row, "failed", f"gave up after {row.tries} attempts: {reason}", address)
        delay = timedelta(seconds=max(backoff(row.tries), retry_after or 0.0))
        return self._outcome(row, "held", reason, address, due_at=self._clock() + delay)

    def _outcome(
        self,
        row: ClaimedMessage,
        outcome: str,
        reason: str | None,
        address: str | None = None,
        provider_id: str | None = None,
        due_at: datetime | None = None,
        *,
        hold: bool = False,
    ) -> Outcome:
        return Outcome(
            message_id=row.message_id,
            attempt=row.attempt,
            outcome=outcome,  # type: ignore[arg-type]
            at=self._clock(),
            reason=reason,
            sender=self._used,
            address=address,
            provider_id=provider_id,
            due_at=due_at,
            hold=hold,
            live=not self._sender.simulated,
        )

    def _clock(self) -> datetime:
        return self._tick.as_of if self._sender.simulated else max(self._tick.as_of, datetime.now(UTC))

    def _stopped(self, *, now: bool = False) -> bool:
        if now or not self._by_batch or time.monotonic() - self._looked > _LOOK_AROUND:
            self._looked = time.monotonic()
            # A process that slept must not go on handing over a batch that another one has sent meanwhile.
            self._store.leases.check(self._lease)
            self.report.stopped = self._store.stopped()
            self._paused = self._store.pauses.now()
        return self.report.stopped is not None

    def _wait_for_retries(self) -> bool:
        """Wait for the next retry if it is near. False: nothing more to do in this tick."""
        due = self._store.next_due(self._name)
        return due is not None and self._wait((due - self._clock()).total_seconds())

    def _pause(self) -> bool:
        """The provider seems down: wait a little, once or twice. False: leave the rest to the next tick."""
        self._strikes = 0
        if self._wait(backoff(1)):
            return True
        self.report.deferred = f"{STRIKES} transient errors in a row; the next tick goes on"
        return False

    def _wait(self, seconds: float) -> bool:
        if seconds > self._patience:
            return False
        self._patience -= max(seconds, 0.05)
        end = time.monotonic() + max(seconds, 0.05)
        while (left := end - time.monotonic()) > 0 and not self._stopped(now=True):
            time.sleep(min(left, 0.5))
        return True


def _with(note: str | None, reason: str | None) -> str | None:
    return "; ".join(one for one in (reason, note) if one) or None

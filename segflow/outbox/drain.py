"""Draining one sender: claim, judge, hand over, settle, until nothing is due.

Claims, checks and outcomes are in this thread; connections of their own threads hand over (`hand_over`). A group of
messages is announced in the store before a connection gets it, and the outcomes of the group before are recorded in the
same transaction: after a crash, what was announced and not settled is in doubt.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from segflow.errors import ConfigurationError, TransientError
from segflow.outbox.before_sending import SendChecks
from segflow.outbox.breaker import MARK, STRIKES, Rest, Strikes, backoff
from segflow.outbox.doubts import Memory
from segflow.outbox.hand_over import Connections, Group, SenderLike, Signals, sizes
from segflow.outbox.judged import Elsewhere, Held, Ready, Refused
from segflow.outbox.lease import Lease
from segflow.outbox.outcomes import Outcomes
from segflow.outbox.rates import RateLimit
from segflow.outbox.records import ClaimedMessage, Outcome
from segflow.outbox.store import DeliveryStore
from segflow.outbox.throttle import Room
from segflow.specs.settings import DeliverySettings
from segflow.warehouse.tick import Tick

__all__ = ["Drain", "DrainReport", "SenderLike", "backoff"]

READ_AHEAD = 10_000
"""The warehouse is asked about so many messages at once."""
_LOOK_AROUND = 0.2
"""Seconds between two looks at stop_sending, the pauses and the lease, where looking before each message would cost as
much as the message."""


def never() -> bool:
    """Drain until nothing is due."""
    return False


@dataclass
class DrainReport:
    """What happened at one sender. `error` is for a person to mend, `deferred` will be tried again by itself."""

    outcomes: dict[str, int] = field(default_factory=dict)
    error: str | None = None
    deferred: str | None = None
    stopped: str | None = None
    left: bool = False
    """Somebody else needs the store: what is due stays in the outbox."""
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
        leave: Callable[[], bool] = never,
    ) -> None:
        """`leave`: is it time to stop, though nothing is wrong?

        `name`: the queue, `used`: the name of the sender that takes it (the mailbox in mode simulate).

        `patience`: seconds to wait, all in all, for retries that fall due soon, and each time for the sender's rate.
        """
        self._name, self._sender, self._used = name, sender, used
        self._store, self._lease, self._tick = store, lease, tick
        self._checks, self._settings, self._zone = checks, settings, zone
        self._room, self._leave = room, leave
        self._patience = self._short = 0.0 if sender.simulated else patience
        self._signals, self._strikes = Signals(), Strikes()
        self._connections = Connections(sender, used, self._signals, self._strikes, self._stopped)
        self._size, per_connection = sizes(sender, settings.in_doubt_at_most)
        self._capacity = per_connection * (1 if sender.simulated else sender.connections)
        # Several groups share a transaction where connections have others to go on with meanwhile.
        self._enough = max(1, self._capacity // 2)
        lasting = sender.idempotent_for if sender.idempotent and not sender.simulated else None
        self._memory = Memory(store.doubts, lasting) if lasting is not None else None
        """What the provider knows again, of one that forgets."""
        self._outcomes = Outcomes(sender, used, store, tick, settings, self._memory)
        self._rate = self._rate_of(sender)
        self._looked = 0.0
        self._left: dict[str, ClaimedMessage] = {}
        """What is claimed and has no outcome yet."""
        self._ready: deque[Ready] = deque()
        """What is judged, and not announced yet."""
        self._settled: list[Outcome] = []
        self._elsewhere: list[Elsewhere] = []
        self._not_before: datetime | None = None
        """When the rate lets the next message go, once that is too long to wait for."""
        self._rest: Rest | None = None
        self._half_open = False
        """The provider was down: one message finds out whether it still is."""
        self.report = DrainReport()

    def run(self) -> DrainReport:
        """Drain until nothing is due, the sender is out of order, or sending is stopped. Raises LeaseLostError."""
        if self._resting():
            return self.report
        patiently = False
        try:
            self._sender.open()
            try:
                self._drain()
                patiently = True
            except Exception:
                patiently = True
                raise
            finally:
                self._finish(patiently=patiently)
        except ConfigurationError as error:
            self.report.error = f"sender {self._used}: {error.reason}"
        except TransientError as error:
            self.report.deferred = error.reason
        finally:
            self._sender.close()
        return self.report

    def _rate_of(self, sender: SenderLike) -> RateLimit | None:
        if sender.rate is None or sender.simulated:
            return None
        number, seconds = sender.rate
        now, moment = self._outcomes.clock(), time.monotonic()
        # What went before counts as well: in the tick before, or in another round of this one.
        sent = self._store.sent_live_by(self._name, now - timedelta(seconds=seconds), number)
        return RateLimit(number, seconds, [moment - max((now - at).total_seconds(), 0.0) for at in sent])

    def _drain(self) -> None:
        if not self._sender.simulated:
            self._room.turn(self._name, self._outcomes.clock())
        while not self._stopped(now=True):
            limit = 1 if self._half_open else self._settings.batch_size
            if not self._sender.simulated and not (limit := self._room.take(self._outcomes.clock(), limit)):
                self._room.waiting.append(self._name)
                self._wait_for_answers()
                self._flush()
                return
            batch = self._store.claim(
                self._lease,
                self._name,
                limit,
                self._outcomes.clock(),
                hand_over=False,
                repeatable=self._sender.idempotent,
            )
            if batch:
                self._work_off(batch)
            if not batch or self._half_open or self._ended():
                self._wait_for_answers()
                self._flush()
            if self._not_before is not None:
                return
            if self._strikes.out:
                self._put_back()
                if not self._pause():
                    return
            elif self._half_open and self._strikes.row == 0:
                self._recovered()
            if not batch and not self._wait_for_retries():
                return

    def _work_off(self, batch: list[ClaimedMessage]) -> None:
        """Judge every message of the batch, and hand over those that are ready. Their answers may come later."""
        late = (
            None if self._sender.simulated else self._settings.max_lateness.before(self._outcomes.clock(), self._zone)
        )
        self._left |= {row.message_id: row for row in batch}
        if self._memory is not None:
            self._memory.look_up([row.message_id for row in batch])
        for judged in self._checks.run(batch, late, self._outcomes.clock(), self._coming):
            if self._ended():
                return
            if (pause := self._signals.paused.get(judged.row.flow)) is not None:
                self._settle(self._outcomes.withdrawn(judged.row, pause))
            elif isinstance(judged, Elsewhere):
                self._elsewhere.append(judged)
                del self._left[judged.row.message_id]
            elif isinstance(judged, Refused):
                self._settle(self._outcomes.outcome(judged.row, judged.outcome, judged.reason, judged.address))
            elif isinstance(judged, Held):
                row, until = judged.row, judged.until
                self._settle(
                    self._outcomes.outcome(row, "held", judged.reason, judged.address, due_at=until, hold=True)
                )
            elif judged.row.tries > self._settings.max_attempts and not judged.row.released:
                self._settle(self._outcomes.outcome(judged.row, "failed", "gave up: each attempt ended in a crash"))
            elif self._memory is not None and (why := self._memory.forgot(judged.row.message_id)) is not None:
                self._settle(self._outcomes.outcome(judged.row, "unknown", why, judged.address))
            else:
                self._ready.append(judged)
                if len(self._ready) % self._size == 0:
                    self._dispatch()
        self._dispatch(last=True)
        self._flush(few=False)

    def _coming(self) -> list[tuple[str, str]]:
        return self._store.coming(self._name, self._outcomes.clock(), READ_AHEAD)

    def _dispatch(self, *, last: bool = False) -> None:
        """Announce what is ready and let it be handed over, as far as connections have room. `last`: wait for room."""
        self._collect(0)
        while self._ready and not self._ended():
            idle = not self._connections.under_way
            room = self._capacity - len(self._connections.under_way)
            whole = len(self._ready) // self._size
            if idle or (room >= self._enough and (last or whole >= self._enough)):
                if not self._announce(room * self._size):
                    return
            elif last or whole >= self._capacity:
                self._collect(_LOOK_AROUND)
            else:
                return

    def _announce(self, most: int) -> bool:
        """Hand over up to `most` of the messages that are ready. False: the rate lets none go for long."""
        number = min(most, len(self._ready))
        if self._rate is not None:
            number, wait = self._rate.take(number, time.monotonic())
            if not number:
                return self._wait_for_rate(wait)
        chosen = [self._ready.popleft() for _ in range(number)]
        self._flush([ready.row.message_id for ready in chosen])
        for start in range(0, number, self._size):
            self._connections.submit(Group(chosen[start : start + self._size]))
        return True

    def _collect(self, seconds: float) -> None:
        """Take in what became of messages, after waiting up to `seconds` for the first. Raises what ended a group."""
        groups = self._connections.done(seconds)
        for group in groups:
            self._take_in(group)
        for group in groups:
            if group.error is not None:
                raise group.error

    def _take_in(self, group: Group) -> None:
        for handed in group.handed:
            self._settle(self._outcomes.of(handed))
        for ready in group.at_hand:
            # Stopped by hand in the middle of it.
            if not self._sender.idempotent:
                self._settle(self._outcomes.outcome(ready.row, "unknown", "interrupted", ready.address))
            elif self._memory is not None:
                self._memory.interrupted(ready.row.message_id)

    def _settle(self, outcome: Outcome) -> None:
        self._settled.append(outcome)
        del self._left[outcome.message_id]

    def _flush(self, hand_over: Collection[str] = (), *, few: bool = True) -> None:
        """Record outcomes and what is handed over next. Without `few`, only when it is worth a transaction."""
        if hand_over or (self._settled and (few or len(self._settled) >= self._settings.batch_size)):
            change = self._memory.change(hand_over) if self._memory is not None else None
            self._store.settle(self._lease, self._tick.tick_id, self._settled, hand_over=hand_over, doubts=change)
            for outcome in self._settled:
                self.report.outcomes[outcome.outcome] = self.report.outcomes.get(outcome.outcome, 0) + 1
            self._settled.clear()
        if self._elsewhere:
            self._store.go_elsewhere(self._lease, [(one.row, one.channel, one.sender) for one in self._elsewhere])
            self.report.elsewhere |= {one.sender for one in self._elsewhere}
            self._elsewhere.clear()

    def _finish(self, *, patiently: bool) -> None:
        """Whatever happened, the store is told of every message."""
        for group in self._connections.close(patiently=patiently):
            self._take_in(group)
        self._put_back()

    def _put_back(self) -> None:
        self._ready.clear()
        self._flush()
        left = [*self._left.values()]
        self._left.clear()
        if self._memory is not None and left:
            # Some of them were announced, and certainly not handed over.
            with self._store.writing("doubts", self._lease) as connection:
                self._memory.not_handed_over(connection, [message.message_id for message in left])
        self._store.unclaim(self._lease, left, self._not_before)

    def _ended(self) -> bool:
        """Nothing more may be handed over just now."""
        return self._stopped() or self._strikes.out or self._not_before is not None

    def _stopped(self, *, now: bool = False) -> bool:
        if now or time.monotonic() - self._looked > _LOOK_AROUND:
            self._looked = time.monotonic()
            # A process that slept must not go on handing over a batch that another one has sent meanwhile.
            self._store.leases.check(self._lease)
            self.report.stopped = self._store.stopped()
            self._signals.paused = self._store.pauses.now()
            self.report.left = self._leave()
            self._signals.halt = self.report.stopped is not None or self.report.left
        return self.report.stopped is not None or self.report.left

    def _wait_for_answers(self) -> None:
        """Wait until nothing is on its way. What is not on its way when sending is stopped stays here."""
        while self._connections.under_way:
            self._stopped()
            self._collect(_LOOK_AROUND)

    def _wait_for_retries(self) -> bool:
        """Wait for the next retry if it is near. False: nothing more to do in this tick."""
        due = self._store.next_due(self._name)
        return due is not None and self._wait((due - self._outcomes.clock()).total_seconds())

    def _wait_for_rate(self, seconds: float) -> bool:
        """Wait until the rate lets a message go, if that is soon. False: the rest is held till then."""
        if seconds > self._short:
            self._not_before = self._outcomes.clock() + timedelta(seconds=seconds)
            number, span = self._rate.number, self._rate.seconds  # type: ignore[union-attr]
            self.report.deferred = (
                f"{number} messages in {span} s went; the next may go at {self._not_before:%Y-%m-%d %H:%M:%S} UTC"
            )
            return False
        if self._connections.under_way:
            self._collect(min(seconds, _LOOK_AROUND))
        else:
            self._flush()
            time.sleep(min(seconds, _LOOK_AROUND))
        return True

    def _resting(self) -> bool:
        """Is the provider known to be down? One that was is asked with a single message first."""
        told = None if self._sender.simulated else self._store.mark(MARK + self._name)
        if told is None:
            return False
        self._rest = Rest.load(told)
        if self._rest.until > self._outcomes.clock():
            self.report.deferred = str(self._rest)
            return True
        self._probe()
        return False

    def _probe(self) -> None:
        self._half_open = True
        self._strikes.forget(but=STRIKES - 1)

    def _recovered(self) -> None:
        self._half_open = False
        if self._rest is not None:
            self._rest = None
            self._store.set_mark(MARK + self._name, None, self._lease)

    def _pause(self) -> bool:
        """The provider seems down: wait a little, once or twice. False: leave the rest to a later tick."""
        if self._wait(backoff(1)):
            self._probe()
            return True
        self._rest = Rest.after(self._rest, self._outcomes.clock(), self._strikes.reason)
        if not self._sender.simulated:
            self._store.set_mark(MARK + self._name, self._rest.dump(), self._lease)
        self.report.deferred = str(self._rest)
        return False

    def _wait(self, seconds: float) -> bool:
        if seconds > self._patience:
            return False
        self._patience -= max(seconds, 0.05)
        end = time.monotonic() + max(seconds, 0.05)
        while (left := end - time.monotonic()) > 0 and not self._stopped(now=True):
            time.sleep(min(left, 0.5))
        return True

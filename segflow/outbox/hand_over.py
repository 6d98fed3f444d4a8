"""Handing messages to a sender in groups, over several connections: a thread and a sender of its own for each.

Messages are judged, announced and settled in the thread that owns the outbox. What happens here touches no database.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from segflow.crashpoints import crash_point
from segflow.errors import AmbiguousError, ConfigurationError, SendError
from segflow.messages import AnyMessage, Receipt
from segflow.outbox.breaker import Strikes
from segflow.outbox.judged import Ready
from segflow.outbox.pauses import Pause

IDEMPOTENT_GROUP = 20
"""Messages per group for a sender that may get a message twice: a crash costs no doubt, but what is repeated, and an
attempt of each."""
SIMULATED_GROUP = 500
LEAVING = 10.0
"""Seconds that somebody who presses Ctrl-C waits for messages that are on their way."""

log = logging.getLogger(__name__)


class SenderLike(Protocol):
    """What the outbox needs of a sender (`segflow.senders.base.Sender`)."""

    @property
    def simulated(self) -> bool: ...
    @property
    def idempotent(self) -> bool: ...
    @property
    def idempotent_for(self) -> float | None: ...
    @property
    def at_once(self) -> int: ...
    @property
    def connections(self) -> int: ...
    @property
    def rate(self) -> tuple[int, int] | None: ...
    def another(self) -> SenderLike: ...
    def open(self) -> None: ...
    def close(self) -> None: ...
    def send(self, message: AnyMessage) -> Receipt: ...
    def send_many(self, messages: Sequence[AnyMessage]) -> Sequence[Receipt | SendError]: ...


@dataclass(frozen=True)
class Handed:
    """What became of one message, and when. A pause: it was not handed over, because its flow is paused."""

    ready: Ready
    told: Receipt | Exception | Pause
    at: datetime


@dataclass(eq=False)
class Group:
    """Messages that were announced together. What is neither in `handed` nor `at_hand` was not handed over."""

    messages: Sequence[Ready]
    handed: list[Handed] = field(default_factory=list)
    at_hand: Sequence[Ready] = ()
    """Those of which the sender has not said anything yet."""
    error: BaseException | None = None
    """What ended it before its end."""


@dataclass
class Signals:
    """What the connections look at before each message. Written by the thread that owns the outbox."""

    halt: bool = False
    paused: Mapping[str, Pause] = field(default_factory=dict)


def sizes(sender: SenderLike, in_doubt_at_most: int) -> tuple[int, int]:
    """How many messages a group has, and how many groups a connection may have at a time.

    With two, one is on its way while the outcomes of the other are recorded. A group is whole requests of `send_many`
    where that many may be in doubt, and else a request is as large as that allows.
    """
    if sender.simulated and sender.idempotent:
        return SIMULATED_GROUP, 1
    if sender.idempotent:
        return max(sender.at_once, IDEMPOTENT_GROUP // sender.at_once * sender.at_once), 2
    half = in_doubt_at_most // 2
    if sender.at_once <= half:
        return half // sender.at_once * sender.at_once, 2
    return min(sender.at_once, in_doubt_at_most), 1


class Connections:
    """The connections of one sender, opened when there is work for them. `close` ends all but the first one."""

    def __init__(
        self, sender: SenderLike, name: str, signals: Signals, strikes: Strikes, look: Callable[[], object]
    ) -> None:
        """`look` brings `signals` up to date, and raises when nothing may be handed over any more. What sends nothing
        out of the house is handed over in the thread that owns the outbox, which cannot look meanwhile."""
        self._sender, self._name, self._signals, self._strikes = sender, name, signals, strikes
        self._look = look if sender.simulated else None
        self._most = 1 if sender.simulated else sender.connections
        self._threads: list[threading.Thread] = []
        self._work: queue.SimpleQueue[Group | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Group] = queue.SimpleQueue()
        self.under_way: set[Group] = set()

    def submit(self, group: Group) -> None:
        """Let a group be handed over. What sends nothing out of the house does it at once."""
        self.under_way.add(group)
        if self._sender.simulated:
            self._hand_over(self._sender, group)
            self._done.put(group)
            return
        if len(self._threads) < min(self._most, len(self.under_way)):
            name = f"{self._name} {len(self._threads) + 1}"
            thread = threading.Thread(target=self._serve, args=[not self._threads], name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        self._work.put(group)

    def done(self, seconds: float) -> list[Group]:
        """The groups that are done with, after waiting up to `seconds` for the first of them."""
        found: list[Group] = []
        try:
            found.append(self._done.get(timeout=seconds) if seconds else self._done.get_nowait())
            while True:
                found.append(self._done.get_nowait())
        except queue.Empty:
            pass
        self.under_way.difference_update(found)
        return found

    def close(self, *, patiently: bool) -> list[Group]:
        """Hand over nothing more, and wait for what is on its way. Returns the groups that were still under way. Those
        whose message did not come back in time are among them, when it is not done `patiently`."""
        self._signals.halt = True
        end = time.monotonic() + LEAVING
        left: list[Group] = []
        while self.under_way and (patiently or time.monotonic() < end):
            left += self.done(0.2)
        stuck = [*self.under_way]
        for _ in self._threads:
            self._work.put(None)
        if not stuck:
            for thread in self._threads:
                thread.join()
        self._threads.clear()
        return left + stuck

    def _serve(self, first: bool) -> None:
        sender: SenderLike | None = self._sender if first else None
        try:
            while (group := self._work.get()) is not None:
                try:
                    if sender is None:
                        made = self._sender.another()
                        made.open()
                        sender = made
                except BaseException as error:
                    group.error = error
                else:
                    self._hand_over(sender, group)
                self._done.put(group)
        finally:
            if sender is not None and not first:
                sender.close()

    def _hand_over(self, sender: SenderLike, group: Group) -> None:
        todo = [*reversed(group.messages)]
        try:
            while todo:
                if self._look is not None:
                    self._look()
                if self._signals.halt or self._strikes.out:
                    break
                ready = todo.pop()
                if (pause := self._signals.paused.get(ready.row.flow)) is not None:
                    group.handed.append(Handed(ready, pause, datetime.now(UTC)))
                    continue
                chunk = [ready]
                while len(chunk) < sender.at_once and todo and todo[-1].row.flow not in self._signals.paused:
                    chunk.append(todo.pop())
                crash_point("drain.before_hand_over")
                group.at_hand = chunk
                told = self._told(sender, chunk)
                crash_point("drain.handed_over")
                now = datetime.now(UTC)
                for one, said in zip(chunk, told, strict=True):
                    if isinstance(said, ConfigurationError):
                        group.error = said
                    else:
                        self._strikes.count(said)
                        group.handed.append(Handed(one, said, now))
                group.at_hand = ()
                if group.error is not None:
                    return
        except ConfigurationError as error:
            group.at_hand, group.error = (), error
        except BaseException as error:
            group.error = error

    def _told(self, sender: SenderLike, chunk: Sequence[Ready]) -> Sequence[Receipt | Exception]:
        try:
            if len(chunk) == 1 and sender.at_once == 1:
                return [sender.send(chunk[0].message)]
            told = sender.send_many([ready.message for ready in chunk])
            if len(told) != len(chunk):
                raise AmbiguousError(f"the sender said what became of {len(told)} messages of {len(chunk)}")
            return told
        except ConfigurationError:
            raise
        except SendError as error:
            return [error] * len(chunk)
        except Exception as error:
            # A defect of the sender: it says nothing about what the provider got.
            log.exception("sender %s failed on message %s", self._name, chunk[0].row.message_id)
            return [error] * len(chunk)

"""A bound on the whole time of a network exchange.

Socket timeouts bound the wait for the next byte only: a server that sends a byte now and then holds a caller for ever.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time


class Deadline:
    """Shuts the watched sockets down after `seconds`, so that whoever reads or writes them gets an error at once."""

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._seconds = seconds
        self.at = 0.0
        """When it is over, by the monotonic clock; known once it is entered."""
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []

    def watch(self, watched: socket.socket) -> None:
        """`watched` should be a `dup()`: wrapping a socket in TLS takes its handle away from the original object."""
        with self._lock:
            self._sockets.append(watched)
            if self.expired:
                _shut(watched)

    def __enter__(self) -> Deadline:
        self.at = time.monotonic() + self._seconds
        _watcher.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        _watcher.remove(self)

    def fire(self) -> None:
        """Time is up."""
        with self._lock:
            self.expired = True
            for watched in self._sockets:
                _shut(watched)


class _Watcher:
    """One thread for all deadlines of the process: a timer of its own for each message costs as much as the message.

    It sleeps until the earliest that it knew of when it last looked. Most deadlines are over long before, and those who
    come meanwhile end later, so that a message costs it nothing but two entries.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._active: set[Deadline] = set()
        self._process = 0
        self._wakes = float("inf")

    def add(self, deadline: Deadline) -> None:
        with self._changed:
            self._active.add(deadline)
            if self._process != os.getpid():
                # Threads are not inherited by a process that is forked.
                self._process, self._wakes = os.getpid(), deadline.at
                threading.Thread(target=self._watch, name="deadlines", daemon=True).start()
            elif deadline.at < self._wakes:
                self._changed.notify()

    def remove(self, deadline: Deadline) -> None:
        with self._changed:
            self._active.discard(deadline)

    def renew(self) -> None:
        """In a child process: the lock may have been held, and what was watched is not this process's."""
        self.__init__()  # type: ignore[misc]

    def _watch(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                over = [one for one in self._active if one.at <= now]
                self._active.difference_update(over)
                if not over:
                    self._wakes = min((one.at for one in self._active), default=float("inf"))
                    self._changed.wait(None if self._wakes == float("inf") else self._wakes - now)
            for one in over:
                one.fire()


_watcher = _Watcher()
os.register_at_fork(after_in_child=_watcher.renew)


def _shut(watched: socket.socket) -> None:
    with contextlib.suppress(OSError):
        watched.shutdown(socket.SHUT_RDWR)

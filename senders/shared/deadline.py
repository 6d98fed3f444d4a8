"""A bound on the whole time of a network exchange.

Socket timeouts bound the wait for the next byte only: a server that sends a byte now and then holds a caller for ever.
"""

from __future__ import annotations

import contextlib
import socket
import threading


class Deadline:
    """Shuts the watched sockets down after `seconds`, so that whoever reads or writes them gets an error at once."""

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._fire)
        self._timer.daemon = True

    def watch(self, watched: socket.socket) -> None:
        """`watched` should be a `dup()`: wrapping a socket in TLS takes its handle away from the original object."""
        with self._lock:
            self._sockets.append(watched)
            if self.expired:
                _shut(watched)

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _fire(self) -> None:
        with self._lock:
            self.expired = True
            for watched in self._sockets:
                _shut(watched)


def _shut(watched: socket.socket) -> None:
    with contextlib.suppress(OSError):
        watched.shutdown(socket.SHUT_RDWR)

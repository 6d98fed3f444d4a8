"""Connections that a deadline can cut, that say whether a request may have left, and that ask a guard where to go."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from segflow.senders.shared.deadline import Deadline
from segflow.senders.shared.guard import Guard


class Call:
    """The exchange under way: its sockets for the deadline, and whether the request may have left."""

    def __init__(self) -> None:
        self.connected = False
        self._deadline: Deadline | None = None
        self._finished: list[socket.socket] = []

    def start(self, deadline: Deadline) -> None:
        self.connected, self._deadline = False, deadline

    def watch(self, handle: socket.socket) -> None:
        if self._deadline is not None:
            self._deadline.watch(handle)

    def let_go(self, handle: socket.socket) -> None:
        """A connection is closed. Its answer may still be read, so that the deadline needs the handle till then."""
        if self._deadline is None:
            handle.close()
        else:
            self._finished.append(handle)

    def end(self) -> None:
        self._deadline = None
        for handle in self._finished:
            handle.close()
        self._finished.clear()


class Watched:
    """What our connections have beside those of urllib3: they report to a `Call`."""

    call: Call
    guard: Guard | None
    host: str
    port: int
    proxy: Any
    sock: socket.socket | None
    _dns_host: str
    _handle: socket.socket | None = None
    _connecting = False

    def _new_conn(self) -> socket.socket:
        connection = self._connected()
        # A copy: wrapping a socket in TLS takes its handle away from the original object.
        self._handle = connection.dup()
        self.call.watch(self._handle)
        return connection

    def _connected(self) -> socket.socket:
        """A new connection to an address that the guard allows. To a proxy none is needed: the settings name it."""
        connect: Callable[[], socket.socket] = super()._new_conn  # type: ignore[misc]
        if self.guard is None or self.proxy is not None:
            return connect()
        named = self._dns_host
        failed: Exception | None = None
        try:
            addresses = self.guard.addresses(named, self.port)
        except OSError as error:
            raise NameResolutionError(self.host, self, error) from error  # type: ignore[arg-type]
        try:
            for address in addresses:
                self._dns_host = address  # where it connects to; `host` is what the certificate must be of
                try:
                    return connect()
                except (NewConnectionError, ConnectTimeoutError) as error:
                    failed = error
        finally:
            self._dns_host = named
        assert failed is not None
        raise failed

    def connect(self) -> None:
        self._connecting = True
        try:
            super().connect()  # type: ignore[misc]
        finally:
            self._connecting = False

    def send(self, data: Any) -> None:
        if not self._connecting:
            if self.sock is None:
                self.connect()
            elif self._handle is not None:  # a kept connection
                self.call.watch(self._handle)
            self.call.connected = True
        super().send(data)  # type: ignore[misc]

    def close(self) -> None:
        super().close()  # type: ignore[misc]
        handle, self._handle = self._handle, None
        if handle is not None:
            self.call.let_go(handle)


def kinds(call: Call, guard: Guard | None) -> tuple[type[HTTPConnection], type[HTTPSConnection]]:
    """urllib3's connections, http and https, that report to `call` and ask `guard`."""
    own = {"call": call, "guard": guard}
    return type("Plain", (Watched, HTTPConnection), own), type("Secure", (Watched, HTTPSConnection), own)

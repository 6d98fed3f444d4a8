"""A pooler on loopback, as poolers of Postgres are: it ends the client's session itself, and lends it one of the
server's, for as long as the client stays or for one transaction at a time."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Literal

Mode = Literal["session", "transaction"]
_TLS, _VERSION = 80_877_103, 196_608
_READY, _NUMBER, _FAILED = b"Z", b"K", b"E"


class Pooler:
    """Where it listens, and what it does with libpq's `options`: `drops_options` or refuses them."""

    def __init__(self, server: tuple[str, int], mode: Mode, *, drops_options: bool = False) -> None:
        self.server, self.mode, self.drops_options = server, mode, drops_options
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._idle: list[socket.socket] = []
        self._all: list[socket.socket] = [self._listening]
        self._numbers = itertools.count(900_000)
        self._greeting = b""

    def run(self) -> None:
        """Serve until `close`."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._all.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Let go of all connections."""
        for one in self._all:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError), client:
            given = _startup(client)
            if "options" in given and not self.drops_options:
                text = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
                client.sendall(_message(_FAILED, text))
                return
            given.pop("options", None)
            first = self._lent(given)
            number = _message(_NUMBER, struct.pack("!II", next(self._numbers), 0))
            client.sendall(self._greeting + number + _message(_READY, b"I"))
            if self.mode == "session":
                threading.Thread(target=_pass_on, args=(first, client), daemon=True).start()
                _pass_on(client, first)
                return
            self._idle.append(first)
            lent: socket.socket | None = None
            asked = 0
            while True:
                kind, body = _next(client)
                if kind == b"X":
                    return
                lent = at_work = lent or self._lent(given)
                at_work.sendall(_message(kind, body))
                asked += kind in (b"Q", b"S")
                while asked and kind in (b"Q", b"S"):
                    said, told = _next(at_work)
                    client.sendall(_message(said, told))
                    asked -= said == _READY
                    if not asked and told == b"I":
                        self._idle.append(at_work)
                        lent = None

    def _lent(self, given: dict[str, str]) -> socket.socket:
        if self._idle:
            return self._idle.pop()
        made = socket.create_connection(self.server)
        self._all.append(made)
        words = b"".join(f"{name}\0{value}\0".encode() for name, value in given.items()) + b"\0"
        made.sendall(struct.pack("!II", len(words) + 8, _VERSION) + words)
        self._greeting = b""
        while True:
            kind, body = _next(made)
            if kind == _READY:
                return made
            if kind != _NUMBER:
                self._greeting += _message(kind, body)


@contextlib.contextmanager
def pooler(server: tuple[str, int], mode: Mode, *, drops_options: bool = False) -> Iterator[Pooler]:
    """One that runs for the block. `server`: host and port of Postgres, which trusts whoever comes."""
    made = Pooler(server, mode, drops_options=drops_options)
    threading.Thread(target=made.run, daemon=True).start()
    try:
        yield made
    finally:
        made.close()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    """All that `one` says, until it says no more."""
    with contextlib.suppress(OSError):
        while said := one.recv(65_536):
            other.sendall(said)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_WR)


def _startup(client: socket.socket) -> dict[str, str]:
    while True:
        length, code = struct.unpack("!II", _exactly(client, 8))
        rest = _exactly(client, length - 8)
        if code == _TLS:
            client.sendall(b"N")
            continue
        words = rest.decode().split("\0")
        return dict(zip(words[0:-2:2], words[1:-1:2], strict=False))


def _next(peer: socket.socket) -> tuple[bytes, bytes]:
    kind, length = struct.unpack("!cI", _exactly(peer, 5))
    return kind, _exactly(peer, length - 4)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _exactly(peer: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = peer.recv(size - len(found))
        if not piece:
            raise EOFError
        found += piece
    return found

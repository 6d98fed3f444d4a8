"""Sinks on loopback, each a process of its own: an SMTP and an HTTP server that take everything and do no more than the
protocol wants, so that what is measured is the client."""

from __future__ import annotations

import contextlib
import multiprocessing
import socket
import threading
from collections.abc import Callable, Iterator

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def _http(connection: socket.socket) -> None:
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            if not (part := connection.recv(65536)):
                return
            data += part
        head, _, data = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(data) < length:
            if not (part := connection.recv(65536)):
                return
            data += part
        data = data[length:]
        connection.sendall(_OK)
        if b"connection: close" in head.lower():
            return


def _smtp(connection: socket.socket) -> None:
    stream = connection.makefile("rb", buffering=65536)
    connection.sendall(b"220 sink\r\n")
    while line := stream.readline():
        verb = line[:4].upper()
        if verb == b"DATA":
            connection.sendall(b"354 go on\r\n")
            while stream.readline() != b".\r\n":
                pass
            connection.sendall(b"250 taken\r\n")
        elif verb == b"EHLO":
            connection.sendall(b"250-sink\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n")
        elif verb == b"QUIT":
            connection.sendall(b"221 bye\r\n")
            return
        else:
            connection.sendall(b"250 fine\r\n")


def _serve(listener: socket.socket, talk: Callable[[socket.socket], None]) -> None:
    def handle(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, contextlib.suppress(OSError):
            talk(connection)

    while True:
        connection, _ = listener.accept()
        threading.Thread(target=handle, args=[connection], daemon=True).start()


@contextlib.contextmanager
def sink(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server in a process of its own. Yields its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        process = multiprocessing.get_context("fork").Process(target=_serve, args=(listener, talk), daemon=True)
        process.start()
        try:
            yield listener.getsockname()[1]
        finally:
            process.kill()
            process.join()


def http_sink() -> contextlib.AbstractContextManager[int]:
    return sink(_http)


def smtp_sink() -> contextlib.AbstractContextManager[int]:
    return sink(_smtp)

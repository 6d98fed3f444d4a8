"""Answers of the usual form are read without the library, all others by it, and both come out the same."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest

from segflow.errors import AmbiguousError
from segflow.senders.shared.direct import Headers, plain_answer
from segflow.senders.shared.http import HttpClient

from .servers import raw_server

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Id:  a b \r\n\r\n{}"
LEFT_TO_THE_LIBRARY = {
    "nothing": b"",
    "a part of the headers": OK[:30],
    "a part of the body": OK[:-1],
    "more than the body": OK + b"x",
    "no length": b"HTTP/1.1 200 OK\r\n\r\n{}",
    "chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\n{}",
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n{}",
    "continue": b"HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\n{}",
    "no content": b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    "an old version": OK.replace(b"1.1", b"1.0"),
    "a folded header": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Id: a\r\n b\r\n\r\n{}",
    "bare line ends": b"HTTP/1.1 200 OK\nContent-Length: 2\n\r\n\r\n{}",
    "a line without a colon": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\noops\r\n\r\n{}",
    "too long": b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + b"x" * 101,
}


@pytest.mark.parametrize("data", LEFT_TO_THE_LIBRARY.values(), ids=LEFT_TO_THE_LIBRARY.keys())
def test_what_the_library_reads(data: bytes) -> None:
    assert plain_answer(data, 100) is None


def test_a_plain_answer() -> None:
    told = plain_answer(OK, 100)
    assert told is not None
    assert (told[0], dict(told[1]), told[2]) == (200, {"Content-Length": "2", "X-Id": "a b"}, b"{}")
    assert told[1]["x-ID"] == "a b"
    assert "x-none" not in told[1]


def test_of_two_headers_of_one_name_the_last_one_counts() -> None:
    assert dict(Headers([("Retry-After", "1"), ("retry-after", "2")])) == {"retry-after": "2"}


WHOLE = {
    "plain": OK,
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Id: a b \r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "to the end": b"HTTP/1.1 200 OK\r\nConnection: close\r\nX-Id: a b\r\n\r\n{}",
    "continue first": b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
}


def parts(data: bytes, cut: int) -> Callable[[socket.socket], None]:
    """A server that answers in two writes."""

    def talk(connection: socket.socket) -> None:
        connection.recv(10_000)
        connection.sendall(data[:cut])
        time.sleep(0.05)
        connection.sendall(data[cut:])

    return talk


@pytest.mark.parametrize("cut", [1, 20, -1])
@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE.keys())
def test_an_answer_in_two_parts(data: bytes, cut: int) -> None:
    with raw_server(parts(data, cut)) as port:
        client = HttpClient(timeout=5)
        answer = client.post(f"http://127.0.0.1:{port}/", headers={}, body=b"{}")
        client.close()
    assert (answer.status, answer.headers.get("x-id"), answer.body) == (200, "a b", b"{}")


@pytest.mark.parametrize("cut", [0, 9])
def test_an_answer_that_breaks_off_before_its_status(cut: int) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(10_000)
        connection.sendall(OK[:cut])

    with raw_server(talk) as port:
        client = HttpClient(timeout=5)
        with pytest.raises(AmbiguousError):
            client.post(f"http://127.0.0.1:{port}/", headers={}, body=b"{}")
        client.close()

"""HTTP requests without a proxy, on connections that are kept: one write and one read per request.

`requests` takes ten times as long for the same bytes, most of it for what such a request has no use for: cookies,
hooks, redirects. How URLs, credentials and certificates are read is left to it.
"""

from __future__ import annotations

import contextlib
import functools
import io
import re
import socket
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_auth_from_url, get_environ_proxies, select_proxy
from urllib3.connection import HTTPConnection

from segflow.senders.shared.deadline import Deadline
from segflow.senders.shared.guard import Guard
from segflow.senders.shared.watched import Call, kinds

IDLE = 1.0
"""A kept connection that was idle for longer is not used again: servers close theirs after two seconds and more, and
one that goes just when a request comes leaves it open what became of the request."""
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[^\r\n\0]*")
_FIRST = 65_536
"""Bytes that are read at first: nearly all answers are shorter."""
_STATUS = re.compile(r"HTTP/1\.1 ([2-5][0-9]{2})(?: .*)?")
_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+):([^\r\n\0]*)")


class Refusal(ValueError):
    """A request that cannot be made."""


@dataclass(frozen=True)
class _Place:
    """Where a URL leads."""

    scheme: str
    host: str
    port: int
    target: str
    named: str
    """The host as the header says it."""
    authorization: str | None


@dataclass(frozen=True)
class Request:
    """A request as it is written, and where it goes."""

    method: str
    place: _Place
    data: bytes
    keep_alive: bool


@functools.lru_cache(maxsize=1_000)
def _place(url: str) -> _Place:
    prepared = requests.PreparedRequest()
    prepared.prepare_url(url, None)
    parts = urlsplit(prepared.url or "")
    host, scheme = parts.hostname or "", str(parts.scheme)
    if scheme not in ("http", "https") or not host:
        raise Refusal(f"not an http or https URL: {url!r}")
    usual = 443 if scheme == "https" else 80
    port = parts.port or usual
    bare = f"[{host}]" if ":" in host else host
    user, password = get_auth_from_url(prepared.url or "")
    given = f"{user}:{password}".encode("latin-1")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Place(
        scheme,
        host,
        port,
        target,
        bare if port == usual else f"{bare}:{port}",
        f"Basic {b64encode(given).decode()}" if user else None,
    )


@functools.lru_cache(maxsize=1_000)
def _head(method: str, place: _Place, keep_alive: bool, long: bool, given: tuple[str, ...]) -> tuple[str, list[str]]:
    """How a request begins that has the headers `given`, and those of them that it may have. Raises Refusal."""
    if not _NAME.fullmatch(method):
        raise Refusal(f"not a method: {method!r}")
    for name in given:
        if not _NAME.fullmatch(name):
            raise Refusal(f"not a header: {name!r}")
    own = {"Host": place.named, "User-Agent": "segflow", "Accept": "*/*", "Accept-Encoding": "identity"}
    own["Connection"] = "keep-alive" if keep_alive else "close"
    if place.authorization is not None:
        own["Authorization"] = place.authorization
    fixed = {name.lower() for name in ("Host", "Accept-Encoding", "Connection", "Content-Length")}
    taken = {name.lower() for name in given} - fixed
    lines = [f"{method} {place.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in own.items() if name.lower() not in taken]
    return "".join(f"{line}\r\n" for line in lines), [name for name in given if name.lower() not in fixed]


class Headers(Mapping[str, str]):
    """The headers of an answer, by name in any case; of two of one name the last one."""

    def __init__(self, given: Iterable[tuple[str, str]]) -> None:
        self._named = {name.lower(): (name, value.strip(" \t")) for name, value in given}

    def __getitem__(self, name: str) -> str:
        return self._named[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._named.values())

    def __len__(self) -> int:
        return len(self._named)


def plain_answer(data: bytes, most: int) -> tuple[int, Mapping[str, str], bytes] | None:
    """Status, headers and body of a whole answer of the usual form; None for any other, which the library reads: it
    takes as long for the headers of one as a message may take all in all."""
    head, end, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    status = _STATUS.fullmatch(first)
    if not end or status is None or "\n" in head.decode("latin-1").replace("\r\n", ""):
        return None
    found = [_HEADER.fullmatch(line) for line in lines]
    headers = Headers((one[1], one[2]) for one in found if one is not None)
    code, length = int(status[1]), headers.get("Content-Length", "")
    if len(headers) != len(lines) or "Transfer-Encoding" in headers or not length.isdecimal() or code in (204, 304):
        return None
    return (code, headers, body) if len(body) == int(length[:9]) <= most else None


class _Begun:
    """A socket of which some bytes were read, for a library that reads them all."""

    def __init__(self, connection: socket.socket, data: bytes) -> None:
        self._connection, self._data = connection, data

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Rest(self._connection, self._data))


class _Rest(io.RawIOBase):
    def __init__(self, connection: socket.socket, data: bytes) -> None:
        self._connection, self._data = connection, data

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._data:
            return self._connection.recv_into(buffer)
        part, self._data = self._data[: len(buffer)], self._data[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


class Direct:
    """The connections of one thread, one per server."""

    def __init__(self, call: Call, guard: Guard | None, timeout: float) -> None:
        self._timeout = timeout
        self._plain, self._secure = kinds(call, guard)
        self._kept: dict[tuple[str, str, int], tuple[HTTPConnection, float]] = {}
        self._trusted: str | None = None
        self._routed: dict[tuple[str, str], bool] = {}

    def routed(self, url: str) -> bool:
        """Does the environment name a proxy for this URL? It is read once per server: that costs more than a request.
        Raises Refusal, ValueError and what requests says of URLs."""
        place = _place(url)
        key = (place.scheme, place.named)
        if key not in self._routed:
            self._routed[key] = bool(select_proxy(url, get_environ_proxies(url)))
        return self._routed[key]

    def close(self) -> None:
        """Close all connections."""
        for connection, _ in self._kept.values():
            connection.close()
        self._kept.clear()

    def forget(self, request: Request) -> None:
        """Close the connection of a request that failed."""
        place = request.place
        connection, _ = self._kept.pop((place.scheme, place.host, place.port), (None, 0))
        if connection is not None:
            connection.close()

    def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, keep_alive: bool
    ) -> Request:
        """Put a request together. Raises Refusal, ValueError and what requests says of URLs."""
        place = _place(url)
        long = body is not None or method not in ("GET", "HEAD", "DELETE", "OPTIONS")
        head, names = _head(method, place, keep_alive, long, tuple(headers))
        parts = [head]
        if long:
            parts.append(f"Content-Length: {len(body or b'')}\r\n")
        for name in names:
            value = headers[name]
            if not _VALUE.fullmatch(value):
                raise Refusal(f"not a header: {name!r}")
            parts.append(f"{name}: {value}\r\n")
        parts.append("\r\n")
        return Request(method, place, "".join(parts).encode("latin-1") + (body or b""), keep_alive)

    def exchange(self, request: Request, deadline: Deadline, most: int) -> tuple[int, Mapping[str, str], bytes]:
        """Send it and read the answer: its status, its headers, the first `most` bytes of its body."""
        connection = self._connection(request.place)
        connection.send(request.data)
        assert connection.sock is not None
        keep = False
        answer: HTTPResponse | None = None
        try:
            data = connection.sock.recv(_FIRST)
            plain = plain_answer(data, most) if request.method != "HEAD" else None
            if plain is None:
                answer = HTTPResponse(_Begun(connection.sock, data), method=request.method)  # type: ignore[arg-type]
                answer.begin()
            if deadline.expired:
                # A shut socket reads like the end of the headers: this status may be a piece of another one.
                raise TimeoutError
            if plain is not None:
                keep = request.keep_alive and "close" not in plain[1].get("Connection", "").lower()
                return plain
            assert answer is not None
            body = _beginning(answer, most)
            keep = request.keep_alive and not answer.will_close and (answer.isclosed() or answer.length == 0)
            return answer.status, Headers(answer.headers.items()), body
        finally:
            if answer is not None:
                answer.close()
            if keep and not deadline.expired:
                place = request.place
                self._kept[place.scheme, place.host, place.port] = connection, time.monotonic()
            else:
                self.forget(request)
                connection.close()

    def _connection(self, place: _Place) -> HTTPConnection:
        key = (place.scheme, place.host, place.port)
        kept, used = self._kept.get(key, (None, 0.0))
        if kept is not None:
            if time.monotonic() - used < IDLE and kept.is_connected:
                return kept
            del self._kept[key]
            kept.close()
        if place.scheme == "http":
            return self._plain(place.host, place.port, timeout=self._timeout)
        if self._trusted is None:
            url = f"https://{place.host}"
            told = requests.Session().merge_environment_settings(url, {}, None, None, None)["verify"]
            self._trusted = told if isinstance(told, str) else DEFAULT_CA_BUNDLE_PATH
        return self._secure(place.host, place.port, timeout=self._timeout, ca_certs=self._trusted)


def _beginning(answer: HTTPResponse, most: int) -> bytes:
    """The start of the body. The status is known by now, so a broken rest changes nothing."""
    data = b""
    with contextlib.suppress(Exception):  # the connection broke, or the deadline did it
        while len(data) < most and answer.length != 0:
            part = answer.read1(most - len(data))
            if not part:
                break
            data += part
    return data

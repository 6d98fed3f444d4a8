"""HTTP requests without a proxy, on connections that are kept: one write and one read per request.

`requests` takes ten times as long for the same bytes, most of it for what such a request has no use for: cookies,
hooks, redirects. How URLs, credentials and certificates are read is left to it.
"""

from __future__ import annotations

import contextlib
import functools
import re
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
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
        if not _NAME.fullmatch(method):
            raise Refusal(f"not a method: {method!r}")
        own = {
            "Host": place.named,
            "User-Agent": "segflow",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "keep-alive" if keep_alive else "close",
        }
        if place.authorization is not None:
            own["Authorization"] = place.authorization
        if body is not None or method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
            own["Content-Length"] = str(len(body or b""))
        fixed = {name.lower() for name in ("Host", "Accept-Encoding", "Connection", "Content-Length")}
        taken = {name.lower() for name in headers}
        lines = [f"{method} {place.target} HTTP/1.1"]
        ours = {name: value for name, value in own.items() if name.lower() in fixed or name.lower() not in taken}
        lines += [f"{name}: {value}" for name, value in ours.items()]
        for name, value in headers.items():
            if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                raise Refusal(f"not a header: {name!r}")
            if name.lower() not in fixed:
                lines.append(f"{name}: {value}")
        return Request(method, place, "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""), keep_alive)

    def exchange(self, request: Request, deadline: Deadline, most: int) -> tuple[int, Mapping[str, str], bytes]:
        """Send it and read the answer: its status, its headers, the first `most` bytes of its body."""
        connection = self._connection(request.place)
        connection.send(request.data)
        assert connection.sock is not None
        answer = HTTPResponse(connection.sock, method=request.method)
        keep = False
        try:
            answer.begin()
            if deadline.expired:
                # A shut socket reads like the end of the headers: this status may be a piece of another one.
                raise TimeoutError
            body = _beginning(answer, most)
            keep = request.keep_alive and not answer.will_close and (answer.isclosed() or answer.length == 0)
            return answer.status, requests.structures.CaseInsensitiveDict(answer.headers.items()), body
        finally:
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

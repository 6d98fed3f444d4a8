"""What any client may take of the server: bytes, seconds and requests; and the headers that every answer has."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from segflow.outbox.links import PATHS
from segflow.specs.serve import ServeSettings

_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
     b"base-uri 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    # The path of a link is its secret.
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"x-robots-tag", b"noindex"),
)  # fmt: skip
_STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Where the server listens, and who may be in front of it."""

    host: str = "127.0.0.1"
    port: int = 8750
    proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies that end TLS; nobody else may connect then."""


def guarded(app: ASGIApp, settings: ServeSettings, place: Place) -> ASGIApp:
    """The app behind its limits. With proxies in front, the client is whom they name."""
    inner: ASGIApp = Guard(app, settings)
    if not place.proxies:
        return inner
    return OnlyProxies(ProxyHeadersMiddleware(inner, list(place.proxies)), place.proxies)  # type: ignore[arg-type]


class OnlyProxies:
    """Lets nobody connect but the proxies: what others say of who they are counts for nothing."""

    def __init__(self, app: ASGIApp, proxies: Sequence[str]) -> None:
        self._app = app
        self._networks = [ipaddress.ip_network(one, strict=False) for one in proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_proxy(scope["client"]):
            await PlainTextResponse("not by this way", 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_proxy(self, client: tuple[str, int] | None) -> bool:
        try:
            address = ipaddress.ip_address(client[0]) if client is not None else None
        except ValueError:
            return False
        return address is not None and any(address in network for network in self._networks)


class Guard:
    """Bounds requests in number, size and time, adds headers, and logs a line for each: method, kind of path, status
    and milliseconds. Neither addresses of clients nor paths are logged, nor what a request holds."""

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self._app, self._settings = app, settings
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._callbacks = RateLimitItemPerSecond(settings.callbacks_per_second)
        self._others = RateLimitItemPerSecond(settings.requests_per_second)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, told = time.perf_counter(), [0]

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                told[0] = message["status"]
                own = {name for name, _ in message.get("headers", ())}
                secure = (_STRICT_TRANSPORT,) if scope["scheme"] == "https" else ()
                added = [header for header in (*_HEADERS, *secure) if header[0] not in own]
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        try:
            await self._bounded(scope, receive, answer)
        finally:
            kind = "/" + scope["path"].lstrip("/").partition("/")[0][:20]
            kind = kind if kind in _KINDS else "other"
            log.info("%s %s %d %.1f ms", scope["method"], kind, told[0], 1000 * (time.perf_counter() - started))

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Whole mail services follow links from few addresses.
        many = scope["path"].startswith(("/callbacks/", *PATHS.values()))
        item, key = (self._callbacks, "c") if many else (self._others, "o")
        if not self._limiter.hit(item, key, _client(scope)):
            await PlainTextResponse("too many requests", 429, {"retry-after": "1"})(scope, receive, send)
            return
        if _length(scope) > self._settings.max_body_bytes:
            await _too_large()(scope, receive, send)
            return
        await self._app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        """Reads a body up to its limits. Raises HTTPException 413 and 408."""
        size, most = 0, self._settings.max_body_bytes
        ends: float | None = time.monotonic() + self._settings.seconds

        async def read() -> Message:
            nonlocal size, ends
            if ends is None:  # the body is there: what comes now is that the client goes away
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(ends - time.monotonic(), 0.001))
            except TimeoutError:
                raise HTTPException(408, "the body took too long", {"connection": "close"}) from None
            if message["type"] == "http.request":
                size += len(message.get("body", b""))
                if size > most:
                    raise HTTPException(413, "the body is too large", {"connection": "close"})
                if not message.get("more_body", False):
                    ends = None
            return message

        return read


_KINDS = frozenset({"/callbacks", "/unsubscribe", "/o", "/c", "/api", "/health"})


def _too_large() -> PlainTextResponse:
    return PlainTextResponse("the body is too large", 413, {"connection": "close"})


def _length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:18])
    return 0


def _client(scope: Scope) -> str:
    """Whom a limit counts: an address, and for IPv6 the network that one customer has."""
    given: Any = scope.get("client")
    try:
        address = ipaddress.ip_address(given[0] if given else "")
    except ValueError:
        return "unknown"
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)

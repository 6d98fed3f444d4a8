"""Runs the app: where it may listen, TLS, and a bound on how long headers may take."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from segflow.errors import InputError
from segflow.files import reason
from segflow.project import Project
from segflow.serve.app import app_of
from segflow.serve.limits import Place
from segflow.specs.serve import ServeSettings

MAX_HEADERS = 64 * 1024


def check_place(place: Place, *, tls: bool) -> None:
    """Raises InputError for a place where others could listen in, or say who they are."""
    for proxy in place.proxies:
        try:
            ipaddress.ip_network(proxy, strict=False)
        except ValueError:
            raise InputError(f"--behind-proxy {proxy}: not an IP address or network, like 10.0.0.5") from None
    if not is_loopback(place.host) and not tls and not place.proxies:
        raise InputError(
            f"--host {place.host}: without TLS only this machine may connect. Give --tls-cert and --tls-key, or "
            "--behind-proxy with the address of the proxy that ends TLS"
        )


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve(
    project: Project,
    place: Place,
    cert: Path | None = None,
    key: Path | None = None,
    tell: Callable[[str], None] = print,
) -> None:
    """Serve until stopped (SIGTERM, SIGINT). `tell` gets the URL once it listens. Port 0: any that is free.

    Raises InputError when the place will not do.
    """
    if (cert is None) != (key is None):
        raise InputError("--tls-cert and --tls-key belong together")
    check_place(place, tls=cert is not None)
    limits = project.specs.settings.serve
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    config = uvicorn.Config(
        app_of(project, place),
        host=place.host,
        port=place.port,
        http=bounded(limits),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,  # its lines hold addresses, and paths that are secrets
        server_header=False,
        proxy_headers=False,  # ours knows who may say so
        limit_concurrency=limits.connections,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=limits.seconds,
        ssl_certfile=cert,
        ssl_keyfile=key,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"the certificate {cert} with the key {key} cannot be used: {error}") from error
    # What it warns of is malformed requests, whose text is the client's.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    try:
        sockets = [_listen(place)]
    except OSError as error:
        raise InputError(f"cannot listen on {place.host}, port {place.port}: {reason(error)}") from error
    host, port = sockets[0].getsockname()[:2]
    where = f"[{host}]" if ":" in host else host
    tell(f"{'https' if cert else 'http'}://{where}:{port}")
    uvicorn.Server(config).run(sockets=sockets)


def _listen(place: Place) -> Any:
    import socket

    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    return socket.create_server((place.host, place.port), family=family, backlog=2048)


def bounded(limits: ServeSettings) -> type[asyncio.Protocol]:
    """uvicorn's protocol with a bound on the time and the size of headers, which it has not itself: a client that sends
    a byte now and then would hold a connection for ever."""

    class Bounded(HttpToolsProtocol):
        _timer: asyncio.TimerHandle | None = None
        _heard = 0
        _reading = True
        """Headers are awaited, or on their way."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._begin()

        def on_message_begin(self) -> None:
            self._begin()
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._end()
            super().on_headers_complete()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._reading:
                self._heard += len(data)
                if self._heard > MAX_HEADERS:
                    self._give_up()

        def connection_lost(self, exc: Exception | None) -> None:
            self._end()
            super().connection_lost(exc)

        def _begin(self) -> None:
            self._end()
            self._reading, self._heard = True, 0
            self._timer = self.loop.call_later(limits.seconds, self._give_up)

        def _end(self) -> None:
            self._reading = False
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _give_up(self) -> None:
            self.transport.abort()

    return Bounded


def addresses(text: Sequence[str]) -> tuple[str, ...]:
    """The addresses of an option that may hold several, with commas."""
    return tuple(one.strip() for part in text for one in part.split(",") if one.strip())

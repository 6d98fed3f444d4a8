"""HTTP requests: each message is one call, described in the flow."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import re
import socket
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
import standardwebhooks
from requests.auth import AuthBase, HTTPBasicAuth
from requests.utils import get_auth_from_url
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, TransientError
from segflow.messages import CHANNELS, AnyMessage, Receipt, WebhookCall
from segflow.senders.base import Sender
from segflow.senders.deadline import Deadline

TOTAL_TIMEOUTS = 3
"""A call takes at most this many times `timeout`, connecting included."""
MAX_ANSWER = 64 * 1024
MAX_RETRY_AFTER = 86_400.0

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TRANSIENT = (408, 425, 429)
_OURS = frozenset(
    {
        "host", "content-length", "transfer-encoding", "connection", "accept-encoding", "idempotency-key",
        "webhook-id", "webhook-timestamp", "webhook-signature",
    }
)  # fmt: skip


class WebhookSender(Sender):
    """Calls the URL of each message. Redirects are not followed: they would carry the signature elsewhere.

    Every request has `Idempotency-Key: <message_id>`. With a `secret` it is signed as standardwebhooks.com describes.
    Each call has a connection of its own: a kept one that the server closes meanwhile leaves the outcome open.
    """

    channels = frozenset(CHANNELS)

    def __init__(
        self,
        name: str,
        *,
        timeout: float = 10,
        secret: str | None = None,
        idempotent: bool = False,
        url: str | None = None,
    ) -> None:
        """`url`: where messages of other channels are posted, with all that they hold."""
        super().__init__(name)
        self.idempotent, self._url = idempotent, url
        self._timeout, self._secret = timeout, secret
        self._signer: standardwebhooks.Webhook | None = None
        self._session: requests.Session | None = None
        self._call = _Call()

    def open(self) -> None:
        if self._secret is not None:
            try:
                # The library drops characters that are no base64, and signs with what is left.
                base64.b64decode(self._secret.removeprefix("whsec_"), validate=True)
                self._signer = standardwebhooks.Webhook(self._secret)
            except Exception as error:
                raise ConfigurationError(f"sender {self.name}: secret: is not a whsec_... key") from error
        self._session = requests.Session()
        self._session.auth = _UrlAuth()
        adapter = _Adapter(self._call)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def send(self, message: AnyMessage) -> Receipt:
        if not isinstance(message, WebhookCall):
            message = self._posted(message)
        if self._session is None:
            self.open()
        assert self._session is not None
        request = self._request(message, self._session)
        with Deadline(self._timeout * TOTAL_TIMEOUTS) as deadline:
            self._call.start(deadline)
            try:
                return self._exchange(self._session, request, deadline)
            except (requests.RequestException, OSError) as error:
                raise self._failed(error, deadline) from error
            finally:
                self._call.end()

    def _posted(self, message: AnyMessage) -> WebhookCall:
        """A message of another channel as a call."""
        if self._url is None:
            raise PermanentError(f"the webhook sender has no url, so that it sends no {message.channel}")
        # Through JSON: times and tuples become what every receiver reads.
        body = json.loads(json.dumps(dataclasses.asdict(message), default=_plain))
        told = {name: getattr(message, name) for name in ("message_id", "contact_id", "flow", "step", "planned_at")}
        return WebhookCall(**told, url=self._url, body=body)

    def _request(self, message: WebhookCall, session: requests.Session) -> requests.PreparedRequest:
        url = _checked_url(message.url)
        headers = {"User-Agent": "segflow", "Accept": "*/*"}
        body: bytes | None = None
        if message.body is not None:
            try:
                body = json.dumps(message.body, ensure_ascii=False, allow_nan=False).encode()
            except (TypeError, ValueError) as error:
                raise PermanentError(f"the body is not JSON: {error}") from error
            headers["Content-Type"] = "application/json"
        for name, value in message.headers.items():
            if name.lower() in _OURS:
                raise PermanentError(f"header {name} is set by segflow")
            if not _TOKEN.fullmatch(name):
                raise PermanentError(f"not a header name: {name!r}")
            if any(c in name + value for c in "\r\n\0"):
                raise PermanentError(f"header {name} holds a line break or NUL")
            headers[name] = value
        headers |= {"Idempotency-Key": message.message_id, "Accept-Encoding": "identity", "Connection": "close"}
        if self._signer is not None:
            # The time of this attempt: receivers refuse old timestamps, and a retry may come hours later.
            now = datetime.now(UTC)
            headers |= {
                "webhook-id": message.message_id,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": self._signer.sign(message.message_id, now, (body or b"").decode()),
            }
        try:
            for value in headers.values():
                value.encode("latin-1")
            return session.prepare_request(requests.Request(message.method, url, headers=headers, data=body))
        except (requests.RequestException, ValueError) as error:
            raise PermanentError(f"the request cannot be made: {error}") from error

    def _exchange(self, session: requests.Session, request: requests.PreparedRequest, deadline: Deadline) -> Receipt:
        settings = session.merge_environment_settings(
            request.url, {}, True, None, None
        )  # stream: the answer may be endless
        answer = session.send(request, timeout=self._timeout, allow_redirects=False, **settings)
        if deadline.expired:
            # A shut socket reads like the end of the headers: this status may be a piece of another one.
            answer.close()
            raise self._failed(TimeoutError(), deadline)
        with contextlib.closing(answer):
            status, said = answer.status_code, _beginning(answer)
        detail = f"HTTP {status}" + (f": {said}" if said else "")
        if 200 <= status < 300:
            return Receipt(detail=f"HTTP {status}")
        if 300 <= status < 400:
            raise PermanentError(f"HTTP {status}: redirects are not followed ({answer.headers.get('Location', '?')})")
        if status in (401, 403):
            raise ConfigurationError(detail)
        if status in _TRANSIENT or status >= 500:
            raise TransientError(detail, retry_after(answer.headers.get("Retry-After")))
        raise PermanentError(detail)

    def _failed(self, error: Exception, deadline: Deadline) -> TransientError | AmbiguousError:
        why = "it took too long" if deadline.expired else _why(error)
        if not self._call.connected:
            return TransientError(f"cannot connect: {why}")
        if self.idempotent:
            return TransientError(f"no answer: {why}")
        return AmbiguousError(f"no answer after the request was sent: {why}")


def _checked_url(url: str) -> str:
    """The URL as it is. Raises PermanentError unless it is http or https with a host."""
    if any(c.isspace() or not c.isprintable() for c in url):
        raise PermanentError(f"the URL holds blanks or control characters: {url!r}")
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise PermanentError(f"not a URL: {url!r}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise PermanentError(f"not an http or https URL: {url!r}")
    return url


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds to wait as a Retry-After header says it (seconds or a date), at most a day; None when it says nothing."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), MAX_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - (now or datetime.now(UTC))).total_seconds(), 0.0), MAX_RETRY_AFTER)


def _beginning(answer: requests.Response) -> str:
    """The start of the answer in one line. The status is known by now, so a broken rest changes nothing."""
    data = b""
    try:
        while len(data) < MAX_ANSWER:
            part = answer.raw.read1(MAX_ANSWER - len(data))
            if not part:
                break
            data += part
    except Exception:  # the connection broke, or the deadline did it
        pass
    text = data[:1000].decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _why(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "timeout"
    cause: BaseException | None = error
    while cause is not None:
        cause = getattr(cause, "reason", None) or cause.__cause__ or cause.__context__
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    return type(error).__name__


class _UrlAuth(AuthBase):
    """Credentials only from the URL: without an auth object, requests would send those of ~/.netrc to any host."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        user, password = get_auth_from_url(request.url or "")
        return HTTPBasicAuth(user, password)(request) if user else request


class _Call:
    """The call under way: its socket for the deadline, and whether the request may have left."""

    def __init__(self) -> None:
        self.connected = False
        self._deadline: Deadline | None = None
        self._handles: list[socket.socket] = []

    def start(self, deadline: Deadline) -> None:
        self.connected, self._deadline = False, deadline

    def watch(self, connection: socket.socket) -> None:
        handle = connection.dup()
        self._handles.append(handle)
        if self._deadline is not None:
            self._deadline.watch(handle)

    def end(self) -> None:
        for handle in self._handles:
            handle.close()
        self._handles.clear()


class _Adapter(requests.adapters.HTTPAdapter):
    """requests' adapter, with connections that report to a `_Call`."""

    def __init__(self, call: _Call) -> None:
        self._call_under_way = call
        super().__init__()

    def _pools(self) -> dict[str, Any]:
        call = self._call_under_way

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                connection = super()._new_conn()
                call.watch(connection)
                return connection

            def connect(self) -> None:
                super().connect()
                call.connected = True

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                connection = super()._new_conn()
                call.watch(connection)
                return connection

            def connect(self) -> None:
                super().connect()
                call.connected = True

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        return {"http": PlainPool, "https": SecurePool}

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools()

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self._pools()
        return manager

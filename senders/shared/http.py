"""One HTTP exchange with a provider: bounded in time, without redirects, and with a clear word on what became of it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any

import requests
from requests.auth import AuthBase, HTTPBasicAuth
from requests.utils import get_auth_from_url, select_proxy
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as TookTooLong

from segflow.errors import AmbiguousError, PermanentError, TransientError
from segflow.senders.shared.deadline import Deadline
from segflow.senders.shared.direct import Direct, Refusal
from segflow.senders.shared.guard import Guard, host_of
from segflow.senders.shared.watched import Call, kinds

TOTAL_TIMEOUTS = 3
"""An exchange takes at most this many times `timeout`, connecting included."""
MAX_ANSWER = 64 * 1024
MAX_RETRY_AFTER = 86_400.0
TRANSIENT = (408, 425, 429)
"""Statuses that say: not now. The provider did not take it."""


@dataclass(frozen=True)
class HttpAnswer:
    """What a server answered: its status, its headers by name in any case, and its first bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body read as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def said(self) -> str:
        """The start of the body in one line."""
        text = self.body[:1000].decode("utf-8", "replace")
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait, as the server says it."""
        return retry_after(self.headers.get("Retry-After"))


class HttpClient:
    """Makes requests, one at a time. Credentials come from the caller alone, never from ~/.netrc."""

    def __init__(
        self, *, timeout: float, keep_alive: bool = True, guard: Guard | None = None, max_answer: int = MAX_ANSWER
    ) -> None:
        """`timeout`: seconds to connect and between two bytes of the answer. `keep_alive`: use a connection again. One
        that the server closes just when a request goes out leaves its outcome open, so only one is used again that is
        known to be open and was in use a moment ago. `guard`: says which addresses may be called; None:
        all, because the URLs are of the settings. `max_answer`: bytes of an answer that are read."""
        self._timeout, self._keep_alive, self._guard = timeout, keep_alive, guard
        self._max_answer = max_answer
        self._session: requests.Session | None = None
        self._call = Call()
        self._direct = Direct(self._call, guard, timeout)

    @property
    def session(self) -> requests.Session:
        """The session, made at its first use."""
        if self._session is None:
            self._session = requests.Session()
            self._session.headers["User-Agent"] = "segflow"
            self._session.auth = _UrlAuth()
            adapter = _Adapter(self._call, self._guard)
            self._session.mount("http://", adapter)
            self._session.mount("https://", adapter)
        return self._session

    def close(self) -> None:
        """Close the connections. The next request makes new ones."""
        self._direct.close()
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes, repeatable: bool = False) -> HttpAnswer:
        """POST `body`. See `exchange`."""
        return self.request("POST", url, headers=headers, body=body, repeatable=repeatable)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        repeatable: bool = False,
    ) -> HttpAnswer:
        """Make one request and read the answer, whatever its status. Raises as `exchange`."""
        try:
            for value in headers.values():
                value.encode("latin-1")
            if not self._direct.routed(url):
                return self._straight(method, url, headers, body, repeatable)
            # By way of a proxy.
            prepared = self.session.prepare_request(requests.Request(method, url, headers=dict(headers), data=body))
        except (requests.RequestException, Refusal, ValueError) as error:
            raise PermanentError(f"the request cannot be made: {error}") from error
        return self.exchange(prepared, repeatable=repeatable)

    def _straight(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, repeatable: bool
    ) -> HttpAnswer:
        """The same without what a proxy would want, at a tenth of the cost."""
        request = self._direct.request(method, url, headers, body, keep_alive=self._keep_alive)
        with Deadline(self._timeout * TOTAL_TIMEOUTS) as deadline:
            self._call.start(deadline)
            try:
                status, told, data = self._direct.exchange(request, deadline, self._max_answer)
                return HttpAnswer(status, told, data)
            except (HTTPException, HTTPError, OSError) as error:
                self._direct.forget(request)
                raise self._failed(error, deadline, repeatable) from error
            finally:
                self._call.end()

    def exchange(self, request: requests.PreparedRequest, *, repeatable: bool = False) -> HttpAnswer:
        """Send a prepared request. Raises TransientError when the server got nothing of it, or when it is `repeatable`
        (asked twice it does no harm), and AmbiguousError when it may have been taken."""
        request.headers["Accept-Encoding"] = "identity"
        if not self._keep_alive:
            request.headers["Connection"] = "close"
        with Deadline(self._timeout * TOTAL_TIMEOUTS) as deadline:
            self._call.start(deadline)
            try:
                return self._exchange(request, deadline)
            except (requests.RequestException, OSError) as error:
                self.close()
                raise self._failed(error, deadline, repeatable) from error
            finally:
                self._call.end()

    def _exchange(self, request: requests.PreparedRequest, deadline: Deadline) -> HttpAnswer:
        session = self.session
        settings = session.merge_environment_settings(
            request.url, {}, True, None, None
        )  # stream: the answer may be endless
        if self._guard is not None and select_proxy(request.url or "", settings["proxies"]):
            self._check_behind_proxy(self._guard, request.url or "")
        answer = session.send(request, timeout=self._timeout, allow_redirects=False, **settings)
        if deadline.expired:
            # A shut socket reads like the end of the headers: this status may be a piece of another one.
            answer.close()
            raise TimeoutError
        with contextlib.closing(answer):
            return HttpAnswer(answer.status_code, answer.headers, _beginning(answer, self._max_answer))

    def _check_behind_proxy(self, guard: Guard, url: str) -> None:
        """A proxy resolves names itself, so that ours may differ from its own: only what is known to be wrong is
        refused here. Raises PermanentError."""
        with contextlib.suppress(OSError):  # names of the world outside may be unknown here
            guard.addresses(host_of(url) or "", None)

    def _failed(self, error: Exception, deadline: Deadline, repeatable: bool) -> TransientError | AmbiguousError:
        why = "it took too long" if deadline.expired else _why(error)
        if not self._call.connected:
            return TransientError(f"cannot connect: {why}")
        if repeatable:
            return TransientError(f"no answer: {why}")
        return AmbiguousError(f"no answer after the request was sent: {why}")


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


def _beginning(answer: requests.Response, most: int) -> bytes:
    """The first `most` bytes of the answer. The status is known by now, so a broken rest changes nothing."""
    data = b""
    try:
        while len(data) < most:
            part = answer.raw.read1(most - len(data))
            if not part:
                break
            data += part
    except Exception:  # the connection broke, or the deadline did it
        pass
    return data


def _why(error: Exception) -> str:
    if isinstance(error, requests.Timeout | TookTooLong | TimeoutError):
        return "timeout"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        reason = getattr(cause, "reason", None)
        cause = reason if isinstance(reason, BaseException) else cause.__cause__ or cause.__context__
    return type(error).__name__


class _UrlAuth(AuthBase):
    """Credentials only from the URL: without an auth object, requests would send those of ~/.netrc to any host."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        user, password = get_auth_from_url(request.url or "")
        return HTTPBasicAuth(user, password)(request) if user else request


class _Adapter(requests.adapters.HTTPAdapter):
    """requests' adapter, with connections that report to a `Call` and ask a guard."""

    def __init__(self, call: Call, guard: Guard | None) -> None:
        plain, secure = kinds(call, guard)
        self._pools = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager

"""HTTP requests: each message is one call, described in the flow."""

from __future__ import annotations

import base64
import dataclasses
import functools
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import standardwebhooks
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from segflow.errors import ConfigurationError, PermanentError, TransientError
from segflow.messages import CHANNELS, AnyMessage, Receipt, WebhookCall
from segflow.senders.base import Sender
from segflow.senders.callbacks import Callback, ProviderEvent, RefusedCallbackError
from segflow.senders.shared import told
from segflow.senders.shared.guard import Guard, host_of, host_problem
from segflow.senders.shared.http import TRANSIENT, HttpAnswer, HttpClient
from segflow.senders.shared.price import PricedSms
from segflow.spec_model import Seconds

_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset(
    {
        "host", "content-length", "transfer-encoding", "connection", "accept-encoding", "idempotency-key",
        "webhook-id", "webhook-timestamp", "webhook-signature",
    }
)  # fmt: skip


class WebhookSettings(PricedSms):
    """HTTP calls: those of webhook steps, and with `url` the messages of any other channel, as JSON."""

    channels = CHANNELS
    reports = told.REPORTS
    sends_attachments = True
    type: Literal["webhook"]
    url: str | None = None
    """Where messages of other channels are posted: SMS to a gateway of yours, tasks to a CRM."""
    timeout: Seconds = 10
    """Seconds to connect and between two bytes of the answer."""
    secret: str | None = Field(None, repr=False)
    """Signs each request as https://www.standardwebhooks.com describes (`whsec_...`), and callbacks to us."""
    idempotent: bool = False
    """True when the receiver honours the Idempotency-Key header: calls of unknown outcome are then repeated."""
    allow_private: bool = False
    """May steps call addresses of this machine and of private networks?"""
    allow_hosts: list[str] = Field(default_factory=list)
    """Names, addresses and networks that steps may call wherever they lie; the host of `url` is one."""

    @model_validator(mode="after")
    def _hosts(self) -> WebhookSettings:
        for host in self.allow_hosts:
            if (why := host_problem(host)) is not None:
                raise PydanticCustomError("webhook", "allow_hosts: {why}", {"why": why})
        return self

    def reported(self) -> tuple[str, ...]:
        return self.reports if self.secret is not None and self.url is not None else ()

    def refuses(self, url: str, *, resolve: bool = False) -> str | None:
        host, guard = host_of(url), guard_of(self.url, self.allow_private, self.allow_hosts)
        if host is None:
            return None
        return guard.resolved(host) if resolve else guard.literal(host)

    def refusal(self, channel: str) -> str | None:
        if channel == "webhook" or self.url is not None:
            return None
        return f"has no url:, so that it takes webhook only, not {channel}"


class WebhookSender(Sender):
    """Calls the URL of each message. Redirects are not followed: they would carry the signature elsewhere.

    Every request has `Idempotency-Key: <message_id>`. With a `secret` it is signed as standardwebhooks.com describes.
    A connection is kept for a second at most: one that the server closes meanwhile leaves the outcome open.
    """

    settings = WebhookSettings
    receives = True

    def __init__(
        self,
        name: str,
        *,
        timeout: float = 10,
        secret: str | None = None,
        idempotent: bool = False,
        url: str | None = None,
        allow_private: bool = False,
        allow_hosts: Sequence[str] = (),
        price_per_part: float | None = None,
        currency: str | None = None,
    ) -> None:
        """`url`: where messages of other channels are posted, with all that they hold."""
        super().__init__(name)
        self.idempotent, self._url = idempotent, url
        self._secret = secret
        self._signer: standardwebhooks.Webhook | None = None
        guard = guard_of(url, allow_private, allow_hosts)
        self._client = HttpClient(timeout=timeout, guard=guard)

    def open(self) -> None:
        if self._secret is not None:
            try:
                # The library drops characters that are no base64, and signs with what is left.
                base64.b64decode(self._secret.removeprefix("whsec_"), validate=True)
                self._signer = standardwebhooks.Webhook(self._secret)
            except Exception as error:
                raise ConfigurationError(f"sender {self.name}: secret: is not a whsec_... key") from error

    def close(self) -> None:
        self._client.close()

    def checks(self) -> str:
        return "there is nothing to ask: every call does something at its receiver; try segflow send-test"

    def send(self, message: AnyMessage) -> Receipt:
        if not isinstance(message, WebhookCall):
            message = self._posted(message)
        if self._secret is not None and self._signer is None:
            self.open()
        url, headers, body = self._request(message)
        answer = self._client.request(message.method, url, headers=headers, body=body, repeatable=self.idempotent)
        return _judged(answer)

    def verify(self, callback: Callback) -> None:
        if self._secret is None:
            raise RefusedCallbackError("secret is not set, which callbacks are signed with")
        told.verify(self._secret, callback)

    def events(self, callback: Callback) -> list[ProviderEvent]:
        return told.events(callback)

    def _posted(self, message: AnyMessage) -> WebhookCall:
        """A message of another channel as a call."""
        if self._url is None:
            raise PermanentError(f"the webhook sender has no url, so that it sends no {message.channel}")
        # Through JSON: times and tuples become what every receiver reads.
        body = json.loads(json.dumps(dataclasses.asdict(message), default=_plain))
        if not body.get("attachments"):
            body.pop("attachments", None)
        told = {name: getattr(message, name) for name in ("message_id", "contact_id", "flow", "step", "planned_at")}
        return WebhookCall(**told, url=self._url, body=body)

    def _request(self, message: WebhookCall) -> tuple[str, dict[str, str], bytes | None]:
        """The URL, the headers and the body of a call."""
        url = _checked_url(message.url)
        headers = {"Accept": "*/*"}
        body: bytes | None = None
        if message.body is not None:
            try:
                body = _JSON.encode(message.body).encode()
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
        headers["Idempotency-Key"] = message.message_id
        if self._signer is not None:
            # The time of this attempt: receivers refuse old timestamps, and a retry may come hours later.
            now = datetime.now(UTC)
            headers |= {
                "webhook-id": message.message_id,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": self._signer.sign(message.message_id, now, (body or b"").decode()),
            }
        return url, headers, body


def guard_of(url: str | None, allow_private: bool, allow_hosts: Sequence[str]) -> Guard:
    """Who may be called: the host of `url` is named by whoever set the sender up, as are those of `allow_hosts`."""
    own = host_of(url) if url is not None else None
    return Guard(allow_private=allow_private, allow_hosts=[*allow_hosts, *([own] if own is not None else [])])


def _judged(answer: HttpAnswer) -> Receipt:
    status = answer.status
    detail = f"HTTP {status}" + (f": {answer.said}" if answer.said else "")
    if 200 <= status < 300:
        return Receipt(detail=f"HTTP {status}")
    if 300 <= status < 400:
        raise PermanentError(f"HTTP {status}: redirects are not followed ({answer.headers.get('Location', '?')})")
    if status in (401, 403):
        raise ConfigurationError(detail)
    if status in TRANSIENT or status >= 500:
        raise TransientError(detail, answer.retry_after)
    raise PermanentError(detail)


@functools.lru_cache(maxsize=1_000)
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


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, datetime) else str(value)

"""Email through Mailgun's API."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import Field
from urllib3.filepost import encode_multipart_formdata

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError
from segflow.messages import AnyMessage, Attachment, Receipt
from segflow.senders.base import Sender
from segflow.senders.callbacks import Callback, EventKind, ProviderEvent, RefusedCallbackError
from segflow.senders.shared import calls
from segflow.senders.shared.api import Api, Rule, Rules, Said
from segflow.senders.shared.email_api import OURS, EmailApiSettings, NoSecret, Ready, Secret, ready
from segflow.senders.shared.faults import ambiguous, configuration, permanent, transient
from segflow.senders.shared.http import HttpAnswer

MAX_BYTES = 25_000_000
MAX_OPTIONS = 16 * 1024
"""Bytes of all headers and variables together."""
OLDEST = timedelta(hours=9)
"""Mailgun tries a webhook again for 7.5 hours; whether with the first time or a new one, it does not say."""
_TOKENS = 10_000
_REGIONS = {"us": "https://api.mailgun.net", "eu": "https://api.eu.mailgun.net"}
_WAIT = re.compile(r"again (?:after|in) (\d{1,5}) second")
_WRONG_PLACE = b"Mailgun Magnificent API"

_EVENTS: dict[str, EventKind] = {
    "delivered": "delivered",
    "failed": "bounced",
    "rejected": "failed",
    "opened": "opened",
    "clicked": "clicked",
    "complained": "complained",
    "unsubscribed": "unsubscribed",
}


def _said(answer: HttpAnswer) -> Said | None:
    """`{"message": "..."}`, or a text."""
    told = calls.text(calls.part(answer.json(), "message"))
    if told is None and answer.status < 500:
        told = answer.body[:500].decode("utf-8", "replace")
    return Said("", told) if told is not None else None


def _wait(answer: HttpAnswer, said: Said | None) -> float | None:
    found = _WAIT.search(said.text.lower()) if said is not None else None
    return float(found.group(1)) if found is not None else answer.retry_after


RULES = Rules(
    (
        Rule(
            400,
            configuration("the domain may not send"),
            words=("domain is disabled", "not allowed", "domain disabled"),
        ),
        Rule(400, permanent("the message is wrong")),
        Rule(404, configuration("there is no such domain in this region"), words=("domain not found",)),
        Rule(404, transient("not found, for now")),
        Rule(413, permanent("it is too large")),
        Rule(500, ambiguous("a fault of Mailgun's")),
    ),
    _said,
    _wait,
)


class MailgunSettings(EmailApiSettings):
    """Email through Mailgun's API."""

    reports = ("delivered", "bounced", "failed", "complained", "opened", "clicked", "unsubscribed")
    sends_attachments = True
    type: Literal["mailgun"]
    domain: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+$")]
    """The domain at Mailgun that sends."""
    api_key: Secret
    """A key that may send, as ${env:NAME}."""
    region: Literal["us", "eu"] = "us"
    """Where the domain is."""
    webhook_signing_key: NoSecret = None
    """The HTTP webhook signing key, which is not the API key; without it what Mailgun calls back is refused."""

    def reported(self) -> tuple[str, ...]:
        return self.reports if self.webhook_signing_key is not None else ()


class MailgunSender(Sender):
    """Posts each message alone: messages of one request would share their content.

    Not idempotent: Mailgun documents no key. After a timeout it is not known whether it took the message: its events
    tell, by our id in `v:segflow_id`, which recipients can see.
    """

    settings = MailgunSettings
    receives = True

    def __init__(
        self,
        name: str,
        *,
        domain: str,
        api_key: str,
        from_: str,
        region: str = "us",
        url: str | None = None,
        timeout: float = 30,
        webhook_signing_key: str | None = None,
    ) -> None:
        super().__init__(name)
        self._from, self._signing_key = from_, webhook_signing_key
        self._url = f"{url or _REGIONS[region]}/v3/{domain}/messages"
        login = base64.b64encode(f"api:{api_key}".encode()).decode()
        self._headers = {
            "Authorization": f"Basic {login}",
            "Accept": "application/json",
        }
        self._api = Api(name, RULES, timeout=timeout, secrets={"api_key": api_key, "login": login})
        self._seen: dict[str, bytes] = {}

    def open(self) -> None:
        self._api.ready()

    def close(self) -> None:
        self._api.close()

    def send(self, message: AnyMessage) -> Receipt:
        mail = ready(message, self._from, "Mailgun", ascii_only=False)
        if not mail.sender.address.isascii():
            raise PermanentError(f"Mailgun makes no valid From header of {mail.sender.address}")
        fields = _fields(mail)
        options = sum(len(name.encode()) + len(value.encode()) for name, value in fields if name[1:2] == ":")
        if options > MAX_OPTIONS:
            raise PermanentError(f"headers and variables have {options} bytes; Mailgun takes {MAX_OPTIONS}")
        size = sum(len(value.encode()) for _, value in fields) + sum(len(one.content) for one in mail.attachments)
        if size > MAX_BYTES:
            raise PermanentError(f"the message is larger than {MAX_BYTES // 1_000_000} MB")
        body, kind = _encoded(fields, mail.attachments)
        answer = self._api.ask(self._url, headers={**self._headers, "Content-Type": kind}, body=body)
        theirs = calls.text(calls.part(answer.json(), "id"))
        if theirs is None and _WRONG_PLACE in answer.body:
            raise ConfigurationError("url: or domain: leads elsewhere than to Mailgun's API for messages")
        if theirs is None:
            raise AmbiguousError("Mailgun took the message, but its answer cannot be read")
        return Receipt(provider_id=theirs.strip("<>"))

    def verify(self, callback: Callback) -> None:
        """The signature is over a token and a time, not over the body. So a token counts once: events have it as their
        id, and a token that comes again with another body is refused."""
        if not self._signing_key:
            raise RefusedCallbackError(f"sender {self.name} has no webhook_signing_key:")
        told = calls.part(calls.json_of(callback), "signature")
        token, sent_at = calls.text(calls.part(told, "token")), calls.text(calls.part(told, "timestamp"))
        given = calls.text(calls.part(told, "signature"))
        if token is None or sent_at is None or given is None:
            raise RefusedCallbackError("it has no signature, token and timestamp")
        right = hmac.new(self._signing_key.encode(), (sent_at + token).encode(), hashlib.sha256).hexdigest()
        if not calls.same(given, right):
            raise RefusedCallbackError("its signature is not Mailgun's")
        calls.check_age(calls.seconds(sent_at), callback, oldest=OLDEST)
        digest = hashlib.sha256(callback.body).digest()
        if self._seen.setdefault(token, digest) != digest:
            raise RefusedCallbackError("its token came before, with another body")
        if len(self._seen) > _TOKENS:
            del self._seen[next(iter(self._seen))]

    def events(self, callback: Callback) -> list[ProviderEvent]:
        told = calls.json_of(callback)
        data, token = calls.part(told, "event-data"), calls.text(calls.part(told, "signature", "token"))
        if not isinstance(data, dict) or token is None:
            raise RefusedCallbackError("the body is not an event")
        found = _event(data, token, callback)
        return [found] if found is not None else []


def _fields(mail: Ready) -> list[tuple[str, str]]:
    fields = [("from", str(mail.sender)), ("to", mail.to), ("subject", mail.subject)]
    fields += [(name, part) for name, part in (("text", mail.text), ("html", mail.html)) if part is not None]
    if mail.reply_to is not None:
        fields.append(("h:Reply-To", str(mail.reply_to)))
    return [*fields, *((f"h:{name}", value) for name, value in mail.headers.items()), (f"v:{OURS}", mail.message_id)]


def _encoded(fields: list[tuple[str, str]], attachments: Sequence[Attachment]) -> tuple[bytes, str]:
    """The body of the request and its Content-Type. Files need parts of their own."""
    if not attachments:
        return urlencode(fields).encode(), "application/x-www-form-urlencoded"
    for one in attachments:
        if not one.name.strip():
            raise PermanentError("an attachment has no name: Mailgun would drop it in silence")
    files = [("attachment", (one.name, one.content, one.content_type)) for one in attachments]
    return encode_multipart_formdata([*fields, *files])


def _event(data: dict[str, Any], token: str, callback: Callback) -> ProviderEvent | None:
    name, reason = calls.text(data.get("event")) or "", calls.text(data.get("reason")) or ""
    kind: EventKind | None = _EVENTS.get(name)
    suppress, detail, url = kind in ("complained", "unsubscribed"), None, None
    if name == "failed":
        code = calls.part(data, "delivery-status", "code")
        if data.get("severity") != "permanent":
            return None  # Mailgun tries it again
        if reason.startswith("suppress"):
            kind, detail = "failed", "suppressed by Mailgun"
            suppress = reason == "suppress-bounce"
        else:
            # A 4xx here: Mailgun has tried for as long as it does.
            suppress = not (isinstance(code, int) and 400 <= code < 500) and reason == "bounce"
            detail = " ".join(filter(None, ("hard" if suppress else "soft", calls.text(code))))
    elif name == "clicked":
        detail, url = calls.link(data.get("url")), calls.url(data.get("url"))
    to = calls.address(data.get("recipient"))
    ours = calls.text(calls.part(data, "user-variables", OURS))
    theirs = calls.text(calls.part(data, "message", "headers", "message-id"))
    if kind is None or not (to or ours or theirs):
        return None
    return ProviderEvent(
        kind=kind,
        at=calls.instant(data.get("timestamp")) or callback.received_at,
        event_id=token,
        message_id=ours,
        provider_id=theirs.strip("<>") if theirs else None,
        channel="email",
        address=to,
        suppress=suppress,
        detail=detail,
        url=url,
    )

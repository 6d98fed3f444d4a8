"""Email through Postmark's API."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, Literal

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, SendError
from segflow.messages import AnyMessage, Receipt
from segflow.senders.base import Sender
from segflow.senders.callbacks import Callback, EventKind, ProviderEvent, RefusedCallbackError
from segflow.senders.shared import calls
from segflow.senders.shared.api import Api, Rule, Rules, Said, parts_of
from segflow.senders.shared.email_api import OURS, EmailApiSettings, NoSecret, Ready, Secret, base64_of, ready
from segflow.senders.shared.faults import ambiguous, configuration, permanent, transient
from segflow.senders.shared.http import HttpAnswer

AT_ONCE = 500
MAX_MESSAGE, MAX_BATCH = 10_000_000, 50_000_000
"""Bytes of a message and of a batch."""

_EVENTS: dict[str, EventKind] = {
    "Delivery": "delivered",
    "SpamComplaint": "complained",
    "Open": "opened",
    "Click": "clicked",
}
_BOUNCES: dict[str, tuple[EventKind, bool]] = {
    "HardBounce": ("bounced", True),
    "BadEmailAddress": ("bounced", True),
    "SoftBounce": ("bounced", False),
    "VirusNotification": ("bounced", False),
    "Blocked": ("failed", False),
    "DMARCPolicy": ("failed", False),
    "ManuallyDeactivated": ("failed", False),
    "Unconfirmed": ("failed", False),
    "SMTPApiError": ("failed", False),
    "TemplateRenderingFailed": ("failed", False),
    "SpamNotification": ("complained", True),
    "Unsubscribe": ("unsubscribed", True),
}
"""Type of a Bounce -> what it is, and whether the address must not be messaged again. What is tried again
(Transient, DnsError) and what is no bounce (AutoResponder, ...) is not here."""
_TIMES = ("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt")
_NO_UNSUBSCRIBE = ("HardBounce", "SpamComplaint")
"""Reasons of a SubscriptionChange that other events tell."""


def _said(answer: HttpAnswer) -> Said | None:
    """`{"ErrorCode": 300, "Message": "..."}`"""
    return _said_of(answer.json())


def _said_of(told: Any) -> Said | None:
    code, text = calls.part(told, "ErrorCode"), calls.part(told, "Message")
    return Said(str(code), str(text or "")) if isinstance(code, int) and not isinstance(code, bool) else None


RULES = Rules(
    (
        Rule(401, configuration("the token is wrong")),
        Rule(404, configuration("there is no such path")),
        Rule(413, permanent("it is too large")),
        Rule(415, configuration("not asked so")),
        Rule(422, configuration("From is wrong"), "300", ("'from'",)),
        Rule(422, permanent("the message is wrong"), "300"),
        Rule(422, permanent("the address is inactive: it bounced, or complained", suppress="inactive"), "406"),
        Rule(422, permanent("an attachment of a forbidden type"), "411"),
        Rule(422, configuration("the token is wrong"), "10"),
        Rule(422, configuration("From is no sender signature"), "400"),
        Rule(422, configuration("From is not confirmed"), "401"),
        Rule(422, configuration("not asked so"), "402"),
        Rule(422, configuration("not asked so"), "403"),
        Rule(422, configuration("no credits are left"), "405"),
        Rule(422, configuration("not asked so"), "409"),
        Rule(422, configuration("too many at once"), "410"),
        Rule(422, configuration("the account waits for approval"), "412"),
        Rule(422, configuration("the account may not send"), "413"),
        Rule(422, transient("Postmark is under maintenance"), "100"),
        Rule(422, transient("too many requests"), "429"),
        Rule(500, ambiguous("a fault of Postmark's")),
        Rule(503, transient("Postmark is under maintenance"), "100"),
    ),
    _said,
)
"""422 is also the status by which the answer for one message of a batch is read."""


class PostmarkSettings(EmailApiSettings):
    """Email through Postmark's API."""

    reports = ("delivered", "bounced", "failed", "complained", "opened", "clicked", "unsubscribed")
    sends_attachments = True
    type: Literal["postmark"]
    server_token: Secret
    """The API token of the server at Postmark, as ${env:NAME}."""
    message_stream: str = "outbound"
    """Bulk mail needs a broadcast stream."""
    webhook_login: NoSecret = None
    """`user:password`, as it stands in the webhook's URL: Postmark signs nothing. Without it, what it calls back is
    refused."""

    def reported(self) -> tuple[str, ...]:
        return self.reports if self.webhook_login is not None else ()


class PostmarkSender(Sender):
    """Posts one message to /email, several to /email/batch.

    Not idempotent: Postmark documents no key. After a timeout it is not known whether it took the messages: its events
    tell, by our id in `Metadata`.
    """

    settings = PostmarkSettings
    at_once = AT_ONCE
    receives = True

    def __init__(
        self,
        name: str,
        *,
        server_token: str,
        from_: str,
        message_stream: str = "outbound",
        url: str | None = None,
        timeout: float = 30,
        webhook_login: str | None = None,
    ) -> None:
        super().__init__(name)
        self._from, self._stream, self._login = from_, message_stream, webhook_login
        self._url = url or "https://api.postmarkapp.com"
        self._headers = {
            "X-Postmark-Server-Token": server_token,
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        self._api = Api(name, RULES, timeout=timeout, secrets={"server_token": server_token})

    def open(self) -> None:
        self._api.ready()

    def close(self) -> None:
        self._api.close()

    def send(self, message: AnyMessage) -> Receipt:
        answer = self._api.ask(f"{self._url}/email", headers=self._headers, body=self._encoded(message))
        told = self._outcome(answer.json())
        if isinstance(told, SendError):
            raise told
        return told

    def send_many(self, messages: Sequence[AnyMessage]) -> list[Receipt | SendError]:
        told: dict[int, Receipt | SendError] = {}
        bodies: list[tuple[int, bytes]] = []
        for index, message in enumerate(messages):
            try:
                bodies.append((index, self._encoded(message)))
            except PermanentError as error:
                told[index] = error
        for run in parts_of([len(body) + 1 for _, body in bodies], AT_ONCE, MAX_BATCH - 2):
            batch = [bodies[at] for at in run]
            try:
                outcomes = self._batch([body for _, body in batch])
            except ConfigurationError as error:
                # What was handed over before must be told apart from what was not.
                if not any(isinstance(one, Receipt | AmbiguousError) for one in told.values()):
                    raise
                told |= {index: error for index, _ in bodies if index not in told}
                break
            except SendError as error:
                outcomes = [error] * len(batch)
            told |= {index: outcome for (index, _), outcome in zip(batch, outcomes, strict=True)}
        errors = [one for one in told.values() if isinstance(one, ConfigurationError)]
        if errors and not any(isinstance(one, Receipt | AmbiguousError) for one in told.values()):
            raise errors[0]
        return [told[index] for index in range(len(messages))]

    def _batch(self, bodies: list[bytes]) -> list[Receipt | SendError]:
        """Post a batch. Its answer is 200 even when every message was refused; it is in their order."""
        body = b"[" + b",".join(bodies) + b"]"
        answer = self._api.ask(f"{self._url}/email/batch", headers=self._headers, body=body)
        told = answer.json()
        if not isinstance(told, list) or len(told) != len(bodies):
            raise AmbiguousError("Postmark took the batch, but its answer cannot be read")
        return [self._outcome(one) for one in told]

    def _outcome(self, told: Any) -> Receipt | SendError:
        """What became of a message. ErrorCode may be missing of one that was taken."""
        said, theirs = _said_of(told), calls.text(calls.part(told, "MessageID"))
        if said is not None and said.code != "0":
            return self._api.error(422, said, said.text)
        if theirs is None:
            return AmbiguousError("Postmark took the message, but its answer cannot be read")
        return Receipt(provider_id=theirs)

    def _encoded(self, message: AnyMessage) -> bytes:
        mail = ready(message, self._from, "Postmark", ascii_only=True)
        body = json.dumps(_body(mail, self._stream), ensure_ascii=False).encode()
        if len(body) > MAX_MESSAGE:
            raise PermanentError(f"the message is larger than {MAX_MESSAGE // 1_000_000} MB")
        return body

    def verify(self, callback: Callback) -> None:
        if self._login is None or ":" not in self._login.strip(":"):
            raise RefusedCallbackError(f"sender {self.name} has no webhook_login: user:password")
        scheme, _, given = callback.headers.get("authorization", "").partition(" ")
        try:
            login = base64.b64decode(given.strip(), validate=True).decode()
        except (binascii.Error, ValueError) as error:
            raise RefusedCallbackError("it has no user and password that can be read") from error
        if scheme.lower() != "basic" or not calls.same(login, self._login):
            raise RefusedCallbackError("its user and password are not those of webhook_login:")

    def events(self, callback: Callback) -> list[ProviderEvent]:
        told = calls.json_of(callback)
        if not isinstance(told, dict):
            raise RefusedCallbackError("the body is not an event")
        found = _event(told, callback)
        return [found] if found is not None else []


def _body(mail: Ready, stream: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "From": str(mail.sender),
        "To": mail.to,
        "Subject": mail.subject,
        "Metadata": {OURS: mail.message_id},
        "MessageStream": stream,
    }
    if mail.text is not None:
        body["TextBody"] = mail.text
    if mail.html is not None:
        body["HtmlBody"] = mail.html
    if mail.reply_to is not None:
        body["ReplyTo"] = str(mail.reply_to)
    if mail.headers:
        body["Headers"] = [{"Name": name, "Value": value} for name, value in mail.headers.items()]
    if mail.attachments:
        body["Attachments"] = [
            {"Name": one.name, "Content": base64_of(one), "ContentType": one.content_type} for one in mail.attachments
        ]
    return body


def _event(told: dict[str, Any], callback: Callback) -> ProviderEvent | None:
    record, kind_of_bounce = calls.text(told.get("RecordType")) or "", calls.text(told.get("Type")) or ""
    kind: EventKind | None = _EVENTS.get(record)
    suppress, detail, url = kind == "complained", None, None
    if record == "Bounce":
        kind, suppress = _BOUNCES.get(kind_of_bounce, (None, False))
        # Postmark takes nothing to this address any more.
        suppress = suppress or told.get("Inactive") is True
        detail = kind_of_bounce
    elif record == "SubscriptionChange":
        stops = told.get("SuppressSending")
        if not isinstance(stops, bool) or (stops and told.get("SuppressionReason") in _NO_UNSUBSCRIBE):
            return None
        kind, suppress = ("unsubscribed", True) if stops else ("subscribed", False)
    elif record == "Click":
        detail, url = calls.link(told.get("OriginalLink")), calls.url(told.get("OriginalLink"))
    to = calls.address(told.get("Email")) or calls.address(told.get("Recipient"))
    ours, theirs = calls.text(calls.part(told, "Metadata", OURS)), calls.text(told.get("MessageID"))
    if kind is None or not (to or ours or theirs):
        return None
    when = next((told[name] for name in _TIMES if name in told), None)
    # Only what bounces has an id. Any other is the same event when it is told again with the same time.
    own = calls.text(told.get("ID")) if record in ("Bounce", "SpamComplaint") else None
    return ProviderEvent(
        kind=kind,
        at=calls.instant(when) or callback.received_at,
        event_id=f"{record}/{own}" if own else calls.made_id(record, theirs, to, when, detail),
        message_id=ours,
        provider_id=theirs,
        channel="email",
        address=to,
        suppress=suppress,
        detail=detail,
        url=url,
    )

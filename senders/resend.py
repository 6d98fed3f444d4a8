"""Email through Resend's API."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from segflow.errors import AmbiguousError, PermanentError
from segflow.messages import AnyMessage, Receipt
from segflow.senders.base import Sender
from segflow.senders.callbacks import Callback, EventKind, ProviderEvent, RefusedCallbackError
from segflow.senders.shared import calls, told
from segflow.senders.shared.api import Api, Rule, Rules, Said
from segflow.senders.shared.email_api import OURS, Address, EmailApiSettings, NoSecret, Ready, Secret, base64_of, ready
from segflow.senders.shared.faults import configuration, permanent, transient
from segflow.senders.shared.http import HttpAnswer, retry_after

_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_LONGEST_KEY = 256
_TRICKY = re.compile(r'[,;:<>()\[\]"\\@]')
"""What a name would need quotes for; Resend reads no quoted name."""

_EVENTS: dict[str, EventKind] = {
    "email.delivered": "delivered",
    "email.bounced": "bounced",
    "email.suppressed": "failed",
    "email.failed": "failed",
    "email.complained": "complained",
    "email.opened": "opened",
    "email.clicked": "clicked",
}


def _said(answer: HttpAnswer) -> Said | None:
    """`{"statusCode", "name", "message"}`"""
    body = answer.json()
    name = calls.text(calls.part(body, "name"))
    return Said(name, str(calls.part(body, "message") or "")) if name is not None else None


def _wait(answer: HttpAnswer, _: Said | None) -> float | None:
    return answer.retry_after if answer.retry_after is not None else retry_after(answer.headers.get("ratelimit-reset"))


RULES = Rules(
    (
        Rule(400, configuration("the idempotency key is wrong"), "invalid_idempotency_key"),
        Rule(400, permanent("the message is wrong"), "validation_error"),
        Rule(401, configuration("the key is wrong")),
        Rule(403, configuration("the key, or the domain of From, is wrong")),
        Rule(404, configuration("there is no such path")),
        Rule(405, configuration("not asked so")),
        # The key was used with other content: that one was taken. A new key would send it twice.
        Rule(409, permanent("its content changed, after it was taken"), "invalid_idempotent_request"),
        Rule(409, transient("it is being taken just now", of_message=True), "concurrent_idempotent_requests"),
        Rule(422, configuration("From is wrong"), "invalid_from_address"),
        Rule(422, permanent("the message is wrong"), "missing_required_field"),
        Rule(422, permanent("the message is wrong"), "invalid_parameter"),
        Rule(422, permanent("the message is wrong"), "invalid_attachment"),
        Rule(422, permanent("the message is wrong"), "invalid_access"),
        Rule(422, permanent("the message is wrong"), "validation_error"),
        Rule(429, configuration("the day's quota is used up"), "daily_quota_exceeded"),
        Rule(429, configuration("the month's quota is used up"), "monthly_quota_exceeded"),
        Rule(429, transient("too many requests")),
    ),
    _said,
    _wait,
)
"""What is 500 or more is ambiguous, and repeated under the same key."""


class ResendSettings(EmailApiSettings):
    """Email through Resend's API."""

    reports = ("delivered", "bounced", "failed", "complained", "opened", "clicked", "unsubscribed")
    sends_attachments = True
    type: Literal["resend"]
    api_key: Secret
    """With the right to send, and no other."""
    webhook_secret: NoSecret = None
    """`whsec_...` of the webhook; without it what Resend calls back is refused."""

    def reported(self) -> tuple[str, ...]:
        return self.reports if self.webhook_secret is not None else ()


class ResendSender(Sender):
    """Posts each message with `Idempotency-Key: <message_id>`, which Resend keeps for 24 hours.

    One message in a request: a batch has one key for all that is in it, so that a message which is tried again beside
    others would be sent again.
    """

    settings = ResendSettings
    idempotent = True
    idempotent_for = 24 * 3600.0
    receives = True

    def __init__(
        self,
        name: str,
        *,
        api_key: str,
        from_: str,
        url: str | None = None,
        timeout: float = 30,
        webhook_secret: str | None = None,
    ) -> None:
        super().__init__(name)
        self._from, self._webhook_secret = from_, webhook_secret
        self._url = f"{url or 'https://api.resend.com'}/emails"
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        self._api = Api(name, RULES, timeout=timeout, secrets={"api_key": api_key})

    def open(self) -> None:
        self._api.ready()

    def close(self) -> None:
        self._api.close()

    def send(self, message: AnyMessage) -> Receipt:
        mail = ready(message, self._from, "Resend", ascii_only=True)
        key = mail.message_id
        if not key or not key.isascii() or not key.isprintable() or " " in key or len(key) > _LONGEST_KEY:
            raise PermanentError(f"the message id is no idempotency key: {key!r}")
        body = json.dumps(_body(mail), ensure_ascii=False).encode()
        answer = self._api.ask(self._url, headers={**self._headers, "Idempotency-Key": key}, body=body)
        theirs = calls.text(calls.part(answer.json(), "id"))
        if theirs is None:
            raise AmbiguousError("Resend took the message, but its answer cannot be read")
        return Receipt(provider_id=theirs)

    def verify(self, callback: Callback) -> None:
        """Svix's headers are those of Standard Webhooks under other names."""
        if self._webhook_secret is None:
            raise RefusedCallbackError(f"sender {self.name} has no webhook_secret:")
        told.verify(self._webhook_secret, callback, "svix")

    def events(self, callback: Callback) -> list[ProviderEvent]:
        event = calls.json_of(callback)
        if not isinstance(event, dict):
            raise RefusedCallbackError("the body is not an event")
        found = _event(event, callback)
        return [found] if found is not None else []


def _body(mail: Ready) -> dict[str, Any]:
    body: dict[str, Any] = {"from": _from(mail.sender), "to": [mail.to], "subject": mail.subject}
    if mail.text is not None:
        body["text"] = mail.text
    if mail.html is not None:
        body["html"] = mail.html
    if mail.reply_to is not None:
        plain = Address("", mail.reply_to.address)
        body["reply_to"] = str(plain if _TRICKY.search(mail.reply_to.name) else mail.reply_to)
    if mail.headers:
        body["headers"] = mail.headers
    if mail.attachments:
        body["attachments"] = [
            {"filename": one.name, "content": base64_of(one), "content_type": one.content_type}
            for one in mail.attachments
        ]
    if _TAG.fullmatch(mail.message_id):
        body["tags"] = [{"name": OURS, "value": mail.message_id}]
    return body


def _from(sender: Address) -> str:
    """Resend takes the name as it is: it refuses one in quotes, and one as encoded words."""
    if _TRICKY.search(sender.name):
        raise PermanentError(f"Resend takes no name with such signs in the From address: {sender.name!r}")
    return f"{sender.name} <{sender.address}>" if sender.name else sender.address


def _event(event: dict[str, Any], callback: Callback) -> ProviderEvent | None:
    name, data = calls.text(event.get("type")) or "", event.get("data")
    kind: EventKind | None = _EVENTS.get(name)
    to = calls.part(data, "to")
    address = calls.address(to[0] if isinstance(to, list) and len(to) == 1 else to)
    suppress, detail = kind == "complained", None
    if name == "email.bounced":
        suppress = calls.part(data, "bounce", "type") == "Permanent"
        detail = "hard" if suppress else "soft"
    elif name == "email.suppressed":
        suppress, detail = True, "suppressed by Resend"
    elif name == "email.failed":
        detail = calls.text(calls.part(data, "failed", "reason"))
    elif name == "email.clicked":
        detail = calls.link(calls.part(data, "click", "link"))
    elif name == "contact.updated" and calls.part(data, "unsubscribed") is True:
        kind, suppress, address = "unsubscribed", True, calls.address(calls.part(data, "email"))
    ours, theirs = calls.text(calls.part(data, "tags", OURS)), calls.text(calls.part(data, "email_id"))
    if kind is None or not (address or ours or theirs):
        return None
    return ProviderEvent(
        kind=kind,
        at=calls.instant(event.get("created_at")) or callback.received_at,
        event_id=callback.headers.get("svix-id") or calls.made_id(name, theirs, event.get("created_at")),
        message_id=ours,
        provider_id=theirs,
        channel="email",
        address=address,
        suppress=suppress,
        detail=detail,
    )

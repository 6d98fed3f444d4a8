"""Email through SendGrid's v3 API."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from typing import Any, Literal

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, SendError
from segflow.messages import AnyMessage, Receipt
from segflow.senders.base import Sender
from segflow.senders.callbacks import Callback, EventKind, ProviderEvent, RefusedCallbackError
from segflow.senders.shared import calls
from segflow.senders.shared.api import Api, Rule, Rules, Said, parts_of
from segflow.senders.shared.email_api import OURS, Address, EmailApiSettings, Ready, Secret, base64_of, ready
from segflow.senders.shared.faults import ambiguous, configuration, permanent, transient
from segflow.senders.shared.http import HttpAnswer

AT_ONCE = 1000
"""Personalizations in a request; each is a mail of its own."""
MAX_BYTES = 30_000_000
_REGIONS = {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}
_RESERVED = frozenset({"x-sg-id", "x-sg-eid"})
_LONGEST_WAIT = 3600.0

_SUPPRESSED = ("bounced address", "unsubscribed address", "spam reporting address")
"""Reasons why SendGrid drops a mail that hold for the next one, too."""

_EVENTS: dict[str, EventKind] = {
    "delivered": "delivered",
    "bounce": "bounced",
    "dropped": "failed",
    "open": "opened",
    "click": "clicked",
    "spamreport": "complained",
    "unsubscribe": "unsubscribed",
    "group_unsubscribe": "unsubscribed",
    "group_resubscribe": "subscribed",
}


def _said(answer: HttpAnswer) -> Said | None:
    """`{"errors": [{"message", "field", "help"}]}`"""
    errors = calls.objects_of(calls.part(answer.json(), "errors"))
    told = [f"{one.get('message')}" + (f" ({one['field']})" if one.get("field") else "") for one in errors[:3]]
    return Said("", "; ".join(told)) if told else None


def _wait(answer: HttpAnswer, _: Said | None) -> float | None:
    """Until the time in X-RateLimit-Reset, where that is one in the next hour: its unit is not documented."""
    reset = calls.seconds(answer.headers.get("X-RateLimit-Reset"))
    left = reset.timestamp() - time.time() if reset is not None else 0.0
    return left if 0 < left <= _LONGEST_WAIT else answer.retry_after


RULES = Rules(
    (
        Rule(400, permanent("the request is wrong")),
        Rule(404, configuration("there is no such path")),
        Rule(405, configuration("not asked so")),
        Rule(406, configuration("not asked so")),
        Rule(413, permanent("it is too large")),
        Rule(415, configuration("not asked so")),
        Rule(451, configuration("the data may not be kept in this region")),
        Rule(500, ambiguous("a fault of SendGrid's")),
        Rule(503, transient("SendGrid is not available")),
    ),
    _said,
    _wait,
)


class SendGridSettings(EmailApiSettings):
    """Email through SendGrid's v3 API."""

    reports = ("delivered", "bounced", "failed", "complained", "opened", "clicked", "unsubscribed")
    sends_attachments = True
    type: Literal["sendgrid"]
    api_key: Secret
    """With the right to send mail, and no other."""
    region: Literal["global", "eu"] = "global"
    """`eu` for the key of a regional subuser."""
    webhook_key: str | None = None
    """The public key of the signed Event Webhook; without it what SendGrid calls back is refused."""

    def reported(self) -> tuple[str, ...]:
        return self.reports if self.webhook_key is not None else ()


class SendGridSender(Sender):
    """Posts messages that share From, Reply-To and both bodies in one request, all others in one each.

    Not idempotent: SendGrid documents no key. After a timeout it is not known whether it took the request: its events
    tell, by our id in `custom_args`.
    """

    settings = SendGridSettings
    at_once = AT_ONCE
    receives = True

    def __init__(
        self,
        name: str,
        *,
        api_key: str,
        from_: str,
        region: str = "global",
        url: str | None = None,
        timeout: float = 30,
        webhook_key: str | None = None,
    ) -> None:
        super().__init__(name)
        self._from, self._webhook_key = from_, webhook_key
        self._url = f"{url or _REGIONS[region]}/v3/mail/send"
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
        return self._post([self._ready(message)])

    def send_many(self, messages: Sequence[AnyMessage]) -> list[Receipt | SendError]:
        told: dict[int, Receipt | SendError] = {}
        groups: dict[Any, list[tuple[int, Ready]]] = {}
        for index, message in enumerate(messages):
            try:
                mail = self._ready(message)
            except PermanentError as error:
                told[index] = error
                continue
            shared = (mail.sender, mail.reply_to, mail.text, mail.html, mail.attachments)
            groups.setdefault(shared, []).append((index, mail))
        waiting = [request for group in groups.values() for request in _requests(group)]
        while waiting:
            request = waiting.pop(0)
            outcome: Receipt | SendError
            try:
                outcome = self._post([mail for _, mail in request])
            except ConfigurationError as error:
                if not any(isinstance(one, Receipt | AmbiguousError) for one in told.values()):
                    raise
                # Those before were handed over: they must be told apart from these.
                told |= {index: error for one in [request, *waiting] for index, _ in one}
                break
            except PermanentError as error:
                if len(request) > 1:  # one bad message refuses all of them
                    half = len(request) // 2
                    waiting[:0] = [request[:half], request[half:]]
                    continue
                outcome = error
            except SendError as error:
                outcome = error
            told |= dict.fromkeys((index for index, _ in request), outcome)
        return [told[index] for index in range(len(messages))]

    def _ready(self, message: AnyMessage) -> Ready:
        mail = ready(message, self._from, "SendGrid", ascii_only=False, reserved=_RESERVED)
        if not mail.subject:
            raise PermanentError("SendGrid takes no email without a subject")
        return mail

    def _post(self, mails: Sequence[Ready]) -> Receipt:
        """Post mails that share what a request shares. One receipt, or error, for all of them."""
        body = json.dumps(_body(mails), ensure_ascii=False).encode()
        if len(body) > MAX_BYTES:
            raise PermanentError(f"the request is larger than {MAX_BYTES // 1_000_000} MB")
        answer = self._api.ask(self._url, headers=self._headers, body=body)
        if answer.status != 202:
            raise AmbiguousError(f"SendGrid answered HTTP {answer.status} in place of 202")
        return Receipt(provider_id=answer.headers.get("X-Message-Id") or None)

    def verify(self, callback: Callback) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        if self._webhook_key is None:
            raise RefusedCallbackError(f"sender {self.name} has no webhook_key:")
        try:
            key = load_der_public_key(base64.b64decode(self._webhook_key, validate=True))
        except Exception as error:
            raise RefusedCallbackError(f"sender {self.name}: webhook_key: is no public key") from error
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise RefusedCallbackError(f"sender {self.name}: webhook_key: is no key for ECDSA")
        sent_at = callback.headers.get("x-twilio-email-event-webhook-timestamp", "")
        signature = callback.headers.get("x-twilio-email-event-webhook-signature", "")
        try:
            signed = sent_at.encode() + callback.body
            key.verify(base64.b64decode(signature, validate=True), signed, ec.ECDSA(SHA256()))
        except (InvalidSignature, ValueError) as error:
            raise RefusedCallbackError("its signature is not SendGrid's") from error
        calls.check_age(calls.seconds(sent_at), callback)

    def events(self, callback: Callback) -> list[ProviderEvent]:
        told = calls.json_of(callback)
        if not isinstance(told, list):
            raise RefusedCallbackError("the body is not a list of events")
        found = (_event(one, callback) for one in calls.objects_of(told))
        return [one for one in found if one is not None]


def _requests(group: list[tuple[int, Ready]]) -> list[list[tuple[int, Ready]]]:
    """Cut mails that share what a request shares into requests: so many, so large, and each address once."""
    rounds: list[list[tuple[int, Ready]]] = []
    seen: dict[str, int] = {}
    for index, mail in group:
        turn = seen.get(mail.to.lower(), 0)
        seen[mail.to.lower()] = turn + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append((index, mail))
    found = []
    for one in rounds:
        shared = len(json.dumps(_body([one[0][1]]), ensure_ascii=False).encode())
        sizes = [len(json.dumps(_personalization(mail), ensure_ascii=False).encode()) + 2 for _, mail in one]
        found += [[one[at] for at in run] for run in parts_of(sizes, AT_ONCE, max(MAX_BYTES - shared, 1))]
    return found


def _body(mails: Sequence[Ready]) -> dict[str, Any]:
    first = mails[0]
    body: dict[str, Any] = {
        "personalizations": [_personalization(mail) for mail in mails],
        "from": _person(first.sender),
        # text/plain first; an empty part is an error.
        "content": [
            {"type": kind, "value": value}
            for kind, value in (("text/plain", first.text), ("text/html", first.html))
            if value is not None
        ],
    }
    if first.reply_to is not None:
        body["reply_to"] = _person(first.reply_to)
    if first.attachments:
        body["attachments"] = [
            {"content": base64_of(one), "filename": one.name, "type": one.content_type, "disposition": "attachment"}
            for one in first.attachments
        ]
    return body


def _personalization(mail: Ready) -> dict[str, Any]:
    one: dict[str, Any] = {
        "to": [{"email": mail.to}],
        "subject": mail.subject,
        "custom_args": {OURS: mail.message_id},
    }
    return one | ({"headers": mail.headers} if mail.headers else {})


def _person(address: Address) -> dict[str, str]:
    return {"email": address.address} | ({"name": address.name} if address.name else {})


def _event(told: dict[str, Any], callback: Callback) -> ProviderEvent | None:
    kind = _EVENTS.get(calls.text(told.get("event")) or "")
    to, ours = calls.address(told.get("email")), calls.text(told.get(OURS))
    theirs = calls.text(told.get("sg_message_id"))
    if kind is None or not (to or ours or theirs):
        return None
    reason = (calls.text(told.get("reason")) or "").lower()
    suppress = kind in ("complained", "unsubscribed")
    detail: str | None = None
    url: str | None = None
    if kind == "bounced":
        # `blocked` has the same event, but refused just this message.
        suppress = told.get("type") == "bounce"
        detail = " ".join(filter(None, ("hard" if suppress else "soft", calls.text(told.get("status")))))
    elif kind == "failed":
        suppress = reason in _SUPPRESSED
        detail = "suppressed by SendGrid" if suppress else "dropped by SendGrid"
    elif kind == "clicked":
        detail, url = calls.link(told.get("url")), calls.url(told.get("url"))
    at = calls.instant(told.get("timestamp")) or callback.received_at
    return ProviderEvent(
        kind=kind,
        at=at,
        event_id=calls.text(told.get("sg_event_id")) or calls.made_id(told.get("event"), theirs, to, at),
        message_id=ours,
        provider_id=theirs.split(".")[0] if theirs else None,
        channel="email",
        address=to,
        suppress=suppress,
        detail=detail,
        url=url,
    )

"""SMS through Twilio's Messages API, its status callbacks, and what people answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, SendError, TransientError
from segflow.messages import AnyMessage, Receipt, Sms
from segflow.senders.base import Sender
from segflow.senders.callbacks import Callback, CallbackAnswer, EventKind, ProviderEvent, RefusedCallbackError
from segflow.senders.shared.faults import (
    Fault,
    UnknownCodes,
    configuration,
    permanent,
    safe_base,
    transient,
    without,
)
from segflow.senders.shared.http import TRANSIENT, HttpAnswer, HttpClient
from segflow.senders.shared.price import PricedSms
from segflow.spec_model import Seconds

MAX_BODY = 1600
"""Characters that Twilio takes in one message."""
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
"""Alone in a message, in any case: Twilio's English words. Others come as `OptOutType`, with Advanced Opt-Out."""
MESSAGE_ID = "message_id"
"""Our id in the query of the status callback: Twilio has no field of ours."""

ERRORS: Mapping[int, Fault] = {
    10001: configuration("the account is not active"),
    20003: configuration("the credentials are wrong, or may not do this"),
    20403: configuration("the account is suspended or closed"),
    20404: configuration("there is no such account or path"),
    20429: transient("too many requests at once"),
    20503: transient("Twilio is not available"),
    21211: permanent("the number is not valid"),
    21265: permanent("the number is a short code"),
    21602: permanent("the text is missing"),
    21603: configuration("from is missing"),
    21604: permanent("the number is missing"),
    21606: configuration("from cannot send messages"),
    21608: configuration("a trial account sends to verified numbers only"),
    21610: permanent("the recipient has opted out (STOP)", unsubscribed=True),
    21612: permanent("from cannot reach this number"),
    21614: permanent("the number is not a mobile one", suppress="bounced"),
    21617: permanent("the text is too long"),
    21635: permanent("the number is a landline", suppress="bounced"),
    21659: configuration("from is no number of Twilio's, or of another country"),
    21660: configuration("from belongs to another account"),
    21701: configuration("there is no such messaging service"),
    21730: transient("Twilio is under maintenance"),
    30001: transient("the queue of the sender is full"),
    30002: configuration("the account is suspended"),
    30034: configuration("the number is not registered for A2P 10DLC"),
    90010: configuration("the account is not active"),
    572005: configuration("a trial account cannot do this"),
}
"""What a code means in the answer to a request. It wins over the HTTP status. Only codes that are documented."""

FAILURES: Mapping[int, tuple[EventKind, bool, str]] = {
    21610: ("unsubscribed", True, "the recipient has opted out (STOP)"),
    30003: ("bounced", False, "the handset cannot be reached"),
    30005: ("bounced", True, "the handset is unknown"),
    30006: ("bounced", True, "a landline, or a carrier that cannot be reached"),
    30007: ("failed", False, "filtered by the carrier or by Twilio"),
    30034: ("failed", False, "the number is not registered for A2P 10DLC"),
}
"""ErrorCode of a status callback -> what happened, whether the address is suppressed, in words. Others: failed."""

_STATUS: Mapping[str, EventKind] = {"delivered": "delivered", "read": "opened"}
_FAILED = frozenset({"undelivered", "failed", "canceled"})
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_MAX_FIELDS = 500


class TwilioSettings(PricedSms):
    """SMS through Twilio."""

    channels = ("sms",)
    reports = ("delivered", "bounced", "failed", "unsubscribed", "subscribed", "replied")
    type: Literal["twilio"]
    account_sid: str
    """AC... of the account, or of a subaccount."""
    auth_token: str | None = Field(None, repr=False)
    """The account's token. Callbacks are signed with it: needed for them beside an API key, too."""
    api_key: str | None = Field(None, repr=False)
    """SK... of an API key, in place of the token for sending."""
    api_secret: str | None = Field(None, repr=False)
    """The secret of `api_key`."""
    from_: str | None = Field(None, alias="from")
    """A number of yours, or a name of up to 11 letters. A step's `sender_id` comes before it."""
    messaging_service_sid: str | None = None
    """MG... of a messaging service that picks the number."""
    callback_url: str | None = None
    """Where Twilio tells what became of messages: the public URL of this sender's callbacks."""
    url: str = "https://api.twilio.com"
    """Where the API is."""
    timeout: Seconds = 10
    """Seconds to connect and between two bytes of the answer."""

    @model_validator(mode="after")
    def _complete(self) -> TwilioSettings:
        if not re.fullmatch(r"AC[0-9a-fA-F]{32}", self.account_sid):
            raise PydanticCustomError("twilio", "account_sid: is not AC and 32 hexadecimal digits")
        if (self.api_key is None) != (self.api_secret is None):
            raise PydanticCustomError("twilio", "api_key: and api_secret: go together")
        if not self.auth_token and self.api_key is None:
            raise PydanticCustomError("twilio", "give auth_token:, or api_key: and api_secret:")
        if self.from_ is None and self.messaging_service_sid is None:
            raise PydanticCustomError("twilio", "give from: or messaging_service_sid:")
        if self.messaging_service_sid is not None and not re.fullmatch(
            r"MG[0-9a-fA-F]{32}", self.messaging_service_sid
        ):
            raise PydanticCustomError("twilio", "messaging_service_sid: is not MG and 32 hexadecimal digits")
        if self.callback_url is not None:
            if (why := _callback_problem(self.callback_url)) is not None:
                raise PydanticCustomError("twilio", "callback_url: {why}", {"why": why})
            if not self.auth_token:
                raise PydanticCustomError("twilio", "callback_url: needs auth_token:, which callbacks are signed with")
        if not safe_base(self.url):
            raise PydanticCustomError("twilio", "url: must be https://, or http:// on this machine")
        return self

    def reported(self) -> tuple[str, ...]:
        return self.reports if self.auth_token else ()


def _callback_problem(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return "is not a URL"
    if parts.scheme not in ("http", "https") or not host:
        return "must be an http or https URL"
    if "_" in host:
        return "Twilio takes no host with an underscore"
    return None


class TwilioSender(Sender):
    """One request per message. Not idempotent: Twilio documents no key for messages, and a repeated request is a second
    message."""

    settings = TwilioSettings
    receives = True
    taken = CallbackAnswer(status=204)  # an empty 200 is an error in Twilio's log; a body would be sent to the user

    def __init__(
        self,
        name: str,
        *,
        account_sid: str,
        auth_token: str | None = None,
        api_key: str | None = None,
        api_secret: str | None = None,
        from_: str | None = None,
        messaging_service_sid: str | None = None,
        callback_url: str | None = None,
        url: str = "https://api.twilio.com",
        timeout: float = 10,
        price_per_part: float | None = None,
        currency: str | None = None,
    ) -> None:
        super().__init__(name)
        self._account, self._auth_token = account_sid, auth_token
        self._from, self._service, self._callback_url = from_, messaging_service_sid, callback_url
        login = (api_key, api_secret) if api_key is not None else (account_sid, auth_token)
        basic = base64.b64encode(":".join(part or "" for part in login).encode()).decode()
        self._headers = {"Authorization": f"Basic {basic}", "Accept": "application/json"}
        self._secrets = (basic, auth_token, api_secret)
        self._messages = f"{url.rstrip('/')}/2010-04-01/Accounts/{account_sid}/Messages.json"
        self._client, self._unknown = HttpClient(timeout=timeout), UnknownCodes()

    def close(self) -> None:
        self._client.close()

    def send(self, message: AnyMessage) -> Receipt:
        if not isinstance(message, Sms):
            raise PermanentError(f"Twilio sends SMS here, not {message.channel}")
        headers = {**self._headers, "Content-Type": "application/x-www-form-urlencoded"}
        answer = self._client.post(self._messages, headers=headers, body=urlencode(self._form(message)).encode())
        if answer.status != 201:
            raise self._failed(answer)
        told = answer.json()
        sid = told.get("sid") if isinstance(told, dict) else None
        if not isinstance(sid, str) or not sid:
            raise AmbiguousError("Twilio took the message, and its answer names no sid")
        self._unknown.known()
        return Receipt(provider_id=sid)

    def check(self) -> str:
        """Lists one message: an API key may do that, and may not read the account."""
        answer = self._client.request("GET", f"{self._messages}?PageSize=1", headers=self._headers, repeatable=True)
        if answer.status != 200:
            error = self._failed(answer)
            raise error if isinstance(error, TransientError | ConfigurationError) else ConfigurationError(error.reason)
        return f"Twilio takes the credentials of account {self._account}"

    def _form(self, message: Sms) -> list[tuple[str, str]]:
        if not _E164.fullmatch(message.to):
            raise PermanentError("the number is not in the form +442079460018")
        if not message.text:
            raise PermanentError("the text is empty")
        if len(message.text) > MAX_BODY:
            raise PermanentError(f"the text has {len(message.text):,} characters; Twilio takes {MAX_BODY:,}")
        form = [("To", message.to), ("Body", message.text)]
        # With both Twilio takes this sender of the service.
        if (shown := message.sender_id or self._from) is not None:
            form.append(("From", shown))
        if self._service is not None:
            form.append(("MessagingServiceSid", self._service))
        if self._callback_url is not None:
            form.append(("StatusCallback", with_query(self._callback_url, MESSAGE_ID, message.message_id)))
        return form

    def _failed(self, answer: HttpAnswer) -> SendError:
        """What an answer other than success means."""
        told = answer.json()
        code = told.get("code") if isinstance(told, dict) else None
        if isinstance(code, int) and (fault := ERRORS.get(code)) is not None:
            self._unknown.known()
            return fault.error(f"Twilio {code}: {fault.says}", answer.retry_after)
        said = told.get("message") if isinstance(told, dict) else None
        words = without(said, self._secrets) if isinstance(said, str) else ""
        detail = (f"Twilio {code}" if isinstance(code, int) else f"HTTP {answer.status}") + (
            f": {words}" if words else ""
        )
        status = answer.status
        if status in TRANSIENT:
            return TransientError(detail, answer.retry_after)
        if status in (401, 403, 404) or 300 <= status < 400:
            return ConfigurationError(f"{detail}; redirects are not followed" if status < 400 else detail)
        # A gateway may answer after the message was taken, and so may a success that nobody documents.
        return AmbiguousError(detail) if status >= 500 or status < 400 else self._unknown.error(detail)

    def verify(self, callback: Callback) -> None:
        if not self._auth_token:
            raise RefusedCallbackError("auth_token is not set, which Twilio signs callbacks with")
        given = callback.headers.get("x-twilio-signature")
        if given is None:
            raise RefusedCallbackError("there is no X-Twilio-Signature")
        fields: Sequence[tuple[str, str]] = ()
        if _is_form(callback):
            fields = _pairs(callback.body)
        elif callback.body:
            self._check_hash(callback)
        for url in _called(callback.url, self._callback_url):
            if hmac.compare_digest(signature(self._auth_token, url, fields).encode(), given.encode()):
                return
        raise RefusedCallbackError("X-Twilio-Signature does not match")

    def _check_hash(self, callback: Callback) -> None:
        """The body of what is no form is signed by its hash in the URL."""
        hashes = [value for name, value in parse_qsl(urlsplit(callback.url).query) if name == "bodySHA256"]
        own = hashlib.sha256(callback.body).hexdigest()
        if len(hashes) != 1 or not hmac.compare_digest(own.encode(), hashes[0].lower().encode()):
            raise RefusedCallbackError("bodySHA256 does not match the body")

    def events(self, callback: Callback) -> list[ProviderEvent]:
        query = urlsplit(callback.url).query
        fields = dict(_pairs(callback.body if _is_form(callback) else query.encode()))
        sid = fields.get("MessageSid")
        if not sid:
            raise RefusedCallbackError("there is no MessageSid")
        if "MessageStatus" in fields:
            return self._outcome(sid, fields, dict(_pairs(query.encode())).get(MESSAGE_ID), callback)
        return self._inbound(sid, fields, callback)

    def _outcome(
        self, sid: str, fields: Mapping[str, str], message_id: str | None, callback: Callback
    ) -> list[ProviderEvent]:
        status, code = fields["MessageStatus"], fields.get("ErrorCode") or ""
        suppress, detail = False, None
        if status in _FAILED:
            number = int(code) if code.isascii() and code.isdecimal() else 0
            kind, suppress, says = FAILURES.get(number, ("failed", False, status))
            detail = f"Twilio {number}: {says}" if number else says
        elif status in _STATUS:
            kind = _STATUS[status]
        else:
            return []  # on its way; `sent` may stay for ever, and says no more than our own
        address = fields.get("To", "")
        return [
            ProviderEvent(
                kind=kind,
                at=callback.received_at,  # Twilio tells no instant
                event_id=f"{sid}:{status}",
                message_id=message_id,
                provider_id=sid,
                channel="sms",
                address=address if _E164.fullmatch(address) else None,
                suppress=suppress,
                detail=detail,
            )
        ]

    def _inbound(self, sid: str, fields: Mapping[str, str], callback: Callback) -> list[ProviderEvent]:
        address, text = fields.get("From", ""), fields.get("Body", "")
        if not _E164.fullmatch(address):  # a short code, or whatsapp:+44...
            return []
        word = fields.get("OptOutType") or text.strip()
        kind: EventKind = "replied"
        if word.upper() in STOP_WORDS:
            kind = "unsubscribed"
        elif word.upper() in START_WORDS:
            kind = "subscribed"
        return [
            ProviderEvent(
                kind=kind,
                at=callback.received_at,
                event_id=f"{sid}:received",
                channel="sms",
                address=address,
                suppress=kind == "unsubscribed",
                text=text,
            )
        ]


def with_query(url: str, name: str, value: str) -> str:
    """The URL with one more parameter. What follows # stays at its end: Twilio reads overrides there."""
    parts = urlsplit(url)
    added = urlencode({name: value})
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))


def signature(key: str, url: str, fields: Iterable[tuple[str, str]]) -> str:
    """What Twilio's header holds: the URL, and the fields of a form by name, each name with each of its values once."""
    data = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(key.encode(), data.encode(), hashlib.sha1).digest()).decode()


def _called(url: str, configured: str | None) -> list[str]:
    """The forms of the URL that may have been signed: as it came and as it is configured, each with and without its
    port, in which Twilio is not consistent."""
    found = [urlsplit(url)]
    if configured is not None:
        found.append(urlsplit(configured)._replace(query=found[0].query, fragment=""))
    return [url, *(form for parts in found for form in _ports(parts))]


def _ports(parts: SplitResult) -> list[str]:
    try:
        host = parts.netloc if parts.port is None else parts.netloc.rpartition(":")[0]
    except ValueError:
        return []
    standard = {"https": 443, "http": 80}.get(parts.scheme)
    nets = [parts.netloc, host, *([f"{host}:{standard}"] if standard is not None else [])]
    return [urlunsplit(parts._replace(netloc=net)) for net in dict.fromkeys(nets)]


def _is_form(callback: Callback) -> bool:
    kind = callback.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/x-www-form-urlencoded"


def _pairs(body: bytes) -> list[tuple[str, str]]:
    """The fields of a form: blank ones kept, nothing trimmed."""
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError as error:  # among them what is no UTF-8
        raise RefusedCallbackError("the form cannot be read") from error

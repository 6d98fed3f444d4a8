"""WhatsApp through Meta's Cloud API: approved templates, their outcomes, and what people answer."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, SendError, TransientError
from segflow.messages import AnyMessage, Receipt, WhatsApp
from segflow.senders.base import Sender, SenderSettings
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
from segflow.senders.shared.whatsapp_request import E164, request_of
from segflow.spec_model import Seconds

STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
START_WORDS = frozenset({"START", "UNSTOP"})
"""Alone in a message, in any case. WhatsApp itself knows no such words: they are ours."""

_HOUR = 3600.0
_LOGIN = configuration("the access token is wrong, has run out, or may not do this")
_TEMPLATE = "the template is not approved in this language, or does not fit"
ERRORS: Mapping[int, Fault] = {
    0: _LOGIN,
    1: permanent("an invalid request"),
    2: transient("WhatsApp is not available"),
    3: _LOGIN,
    4: transient("too many calls of the app"),
    10: _LOGIN,
    33: configuration("the business number is deleted"),
    100: permanent("a parameter is wrong"),
    190: _LOGIN,
    368: configuration("the account is blocked for a violation of policy"),
    80007: transient("too many messages of the account"),
    130429: transient("too many messages at once"),
    130472: permanent("withheld by Meta: the recipient is in an experiment"),
    130497: configuration("the account may not send to this country"),
    131000: transient("something went wrong at WhatsApp"),
    131005: _LOGIN,
    131008: permanent("a parameter is missing"),
    131009: permanent("a value of a parameter is wrong"),
    131016: transient("WhatsApp is overloaded"),
    131021: permanent("the recipient is the business number itself"),
    131026: permanent("the number has no WhatsApp, or takes no messages"),
    131030: configuration("the number is not among those of a test account"),
    131031: configuration("the account is locked"),
    131037: configuration("the display name is not approved"),
    131042: configuration("payment is missing"),
    131045: configuration("the business number is not registered"),
    131047: permanent("the 24 hours since the last message of the recipient are over: only templates"),
    131048: configuration("held by the limit on spam"),
    131049: permanent("withheld by Meta: too much marketing to this recipient"),
    131050: permanent("the recipient has stopped marketing", unsubscribed=True),
    131051: permanent("the kind of message is not supported"),
    131053: permanent("the media cannot be used"),
    131056: transient("too many messages to this recipient", wait=6.0, of_message=True),
    131057: transient("the account is under maintenance"),
    131062: permanent("refused"),
    131063: configuration("refused for the account"),
    131064: configuration("held: the category of a template was wrong"),
    132000: configuration("the template wants another number of variables"),
    132001: configuration("there is no such template in this language"),
    132005: permanent("the filled text is too long"),
    132007: configuration("the template breaks a policy"),
    132008: configuration(_TEMPLATE),
    132012: configuration("the template wants variables of another form"),
    132015: transient("the template is paused for its quality", wait=_HOUR, of_message=True),
    132016: configuration("the template is disabled for good"),
    132068: configuration("the flow of the template is blocked"),
    132069: transient("the flow of the template is throttled", wait=_HOUR, of_message=True),
    133016: transient("too many registrations"),
    135000: transient("something went wrong at WhatsApp"),
    137000: permanent("the recipient is refused"),
} | dict.fromkeys(range(200, 300), _LOGIN)
"""What `error.code` means, in the answer to a request. The HTTP status says less: it is not looked at where a code is
known."""

FAILURES: Mapping[int, tuple[EventKind, bool]] = {
    131026: ("bounced", False),  # it never says why; a number may get WhatsApp tomorrow
    131050: ("unsubscribed", True),
}
"""Code of a status `failed` -> what happened, and whether the address is suppressed. Others: failed."""

_STATUS: Mapping[str, EventKind] = {"delivered": "delivered", "read": "opened"}


class WhatsAppSettings(SenderSettings):
    """WhatsApp through Meta's Cloud API."""

    channels = ("whatsapp",)
    reports = ("delivered", "opened", "bounced", "failed", "unsubscribed", "subscribed", "replied")
    type: Literal["whatsapp"]
    phone_number_id: str
    """The id of the business number, not the number."""
    access_token: str = Field(repr=False)
    """Of a system user, as ${env:NAME}."""
    api_version: str
    """Like v23.0; Meta takes each for about two years."""
    app_secret: str | None = Field(None, repr=False)
    """Callbacks are signed with it."""
    verify_token: str | None = Field(None, repr=False)
    """What Meta repeats when it checks the callback URL; of your own making."""
    url: str = "https://graph.facebook.com"
    """Where the API is."""
    timeout: Seconds = 10
    """Seconds to connect and between two bytes of the answer."""

    @model_validator(mode="after")
    def _complete(self) -> WhatsAppSettings:
        if not re.fullmatch(r"[0-9]{5,30}", self.phone_number_id):
            raise PydanticCustomError(
                "whatsapp", "phone_number_id: is the id that Meta shows beside the number: digits alone"
            )
        if not self.access_token:
            raise PydanticCustomError("whatsapp", "access_token: is empty")
        if not re.fullmatch(r"v[0-9]{1,3}\.[0-9]", self.api_version):
            raise PydanticCustomError("whatsapp", "api_version: write it like v23.0")
        if not safe_base(self.url):
            raise PydanticCustomError("whatsapp", "url: must be https://, or http:// on this machine")
        return self

    def reported(self) -> tuple[str, ...]:
        return self.reports if self.app_secret else ()


class WhatsAppSender(Sender):
    """One request per message. Not idempotent: Meta documents no key; the id of ours that it repeats in every status is
    no protection against sending twice."""

    settings = WhatsAppSettings
    receives = True

    def __init__(
        self,
        name: str,
        *,
        phone_number_id: str,
        access_token: str,
        api_version: str,
        app_secret: str | None = None,
        verify_token: str | None = None,
        url: str = "https://graph.facebook.com",
        timeout: float = 10,
    ) -> None:
        super().__init__(name)
        self._number, self._token = phone_number_id, access_token
        self._app_secret, self._verify_token = app_secret, verify_token
        self._base = f"{url.rstrip('/')}/{api_version}/{phone_number_id}"
        self._headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        self._client, self._unknown = HttpClient(timeout=timeout), UnknownCodes()

    def close(self) -> None:
        self._client.close()

    def send(self, message: AnyMessage) -> Receipt:
        if not isinstance(message, WhatsApp):
            raise PermanentError(f"the WhatsApp sender sends WhatsApp, not {message.channel}")
        body = json.dumps(request_of(message)).encode()
        headers = {**self._headers, "Content-Type": "application/json"}
        answer = self._client.post(f"{self._base}/messages", headers=headers, body=body)
        if answer.status != 200:
            raise self._failed(answer)
        told = answer.json()
        ids = _dicts(told.get("messages")) if isinstance(told, dict) else []
        if not ids or not isinstance(ids[0].get("id"), str):
            raise AmbiguousError("WhatsApp took the message, and its answer names no id")
        self._unknown.known()
        held = ids[0].get("message_status") == "held_for_quality_assessment"
        return Receipt(provider_id=ids[0]["id"], detail="held for a look at the template's quality" if held else None)

    def check(self) -> str:
        answer = self._client.request(
            "GET", f"{self._base}?fields=id,verified_name", headers=self._headers, repeatable=True
        )
        if answer.status != 200:
            error = self._failed(answer)
            raise error if isinstance(error, TransientError | ConfigurationError) else ConfigurationError(error.reason)
        return f"WhatsApp takes the access token for number {self._number}"

    def _failed(self, answer: HttpAnswer) -> SendError:
        """What an answer other than success means."""
        told = answer.json()
        error = told.get("error") if isinstance(told, dict) else None
        error = error if isinstance(error, dict) else {}
        code = error.get("code")
        data = error.get("error_data")
        said = data.get("details") if isinstance(data, dict) else None
        said = said if isinstance(said, str) else error.get("message")
        words = without(said, (self._token, self._app_secret)) if isinstance(said, str) else ""
        tail = f": {words}" if words else ""
        if isinstance(code, int) and (fault := ERRORS.get(code)) is not None:
            self._unknown.known()
            return fault.error(f"WhatsApp {code}: {fault.says}{tail}", answer.retry_after)
        detail = f"WhatsApp {code}{tail}" if isinstance(code, int) else f"HTTP {answer.status}{tail}"
        status = answer.status
        if status in TRANSIENT:
            return TransientError(detail, answer.retry_after)
        if status in (401, 403, 404) or 300 <= status < 400:
            return ConfigurationError(f"{detail}; redirects are not followed" if status < 400 else detail)
        return AmbiguousError(detail) if status >= 500 or status < 400 else self._unknown.error(detail)

    def answer(self, callback: Callback) -> CallbackAnswer | None:
        """Meta asks once whether the callback URL is ours."""
        if callback.method != "GET":
            return None
        asked = parse_qs(urlsplit(callback.url).query)
        mode, token, challenge = (asked.get(f"hub.{name}", [""])[0] for name in ("mode", "verify_token", "challenge"))
        if not self._verify_token:
            raise RefusedCallbackError("verify_token is not set")
        if mode != "subscribe" or not hmac.compare_digest(token.encode(), self._verify_token.encode()):
            raise RefusedCallbackError("hub.verify_token is another one")
        return CallbackAnswer(body=challenge)

    def verify(self, callback: Callback) -> None:
        if not self._app_secret:
            raise RefusedCallbackError("app_secret is not set, which Meta signs callbacks with")
        kind, _, given = callback.headers.get("x-hub-signature-256", "").partition("=")
        own = hmac.new(self._app_secret.encode(), callback.body, hashlib.sha256).hexdigest()
        if kind != "sha256" or not hmac.compare_digest(own.encode(), given.encode()):
            raise RefusedCallbackError("X-Hub-Signature-256 does not match")

    def events(self, callback: Callback) -> list[ProviderEvent]:
        try:
            told = json.loads(callback.body)
        except ValueError as error:  # among them what is no UTF-8
            raise RefusedCallbackError("the body is not JSON") from error
        except RecursionError as error:
            raise RefusedCallbackError("the body is nested too deeply") from error
        if not isinstance(told, dict) or not isinstance(told.get("entry"), list):
            raise RefusedCallbackError("the body has no entry")
        return [event for value in self._values(told) for event in _told(value, callback.received_at)]

    def _values(self, told: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """What is told of our number: an app may have others."""
        for entry in _dicts(told.get("entry")):
            for change in _dicts(entry.get("changes")):
                value = change.get("value")
                metadata = value.get("metadata") if isinstance(value, dict) else None
                number = metadata.get("phone_number_id") if isinstance(metadata, dict) else None
                if isinstance(value, dict) and number in (None, self._number):
                    yield value


def _told(value: Mapping[str, Any], now: datetime) -> Iterator[ProviderEvent]:
    for status in _dicts(value.get("statuses")):
        yield from _status(status, now)
    for message in _dicts(value.get("messages")):
        yield from _inbound(message, now)
    for preference in _dicts(value.get("user_preferences")):
        yield from _preference(preference, now)


def _status(status: Mapping[str, Any], now: datetime) -> Iterator[ProviderEvent]:
    wamid, word, at = status.get("id"), status.get("status"), _instant(status.get("timestamp"), now)
    if not isinstance(wamid, str) or not wamid or not isinstance(word, str):
        return
    suppress, detail = False, None
    if word == "failed":
        codes = [one["code"] for one in _dicts(status.get("errors")) if isinstance(one.get("code"), int)]
        code = codes[0] if codes else None
        kind, suppress = FAILURES.get(code or 0, ("failed", False))
        fault = ERRORS.get(code) if code is not None else None
        detail = f"WhatsApp {code}" + (f": {fault.says}" if fault is not None else "") if code is not None else word
    elif word in _STATUS:
        kind = _STATUS[word]
    else:
        return  # sent says no more than our own
    ours = status.get("biz_opaque_callback_data")
    yield ProviderEvent(
        kind=kind,
        at=at,
        event_id=f"{wamid}:{word}",
        message_id=ours if isinstance(ours, str) and ours else None,
        provider_id=wamid,
        channel="whatsapp",
        address=_address(status.get("recipient_id")),
        suppress=suppress,
        detail=detail,
    )


def _inbound(message: Mapping[str, Any], now: datetime) -> Iterator[ProviderEvent]:
    wamid, address, at = message.get("id"), _address(message.get("from")), _instant(message.get("timestamp"), now)
    if not isinstance(wamid, str) or not wamid or address is None or message.get("type") == "system":
        return
    text, context = _text(message), message.get("context")
    answered = context.get("id") if isinstance(context, dict) else None
    pressed = message.get("button")
    payload = pressed.get("payload") if isinstance(pressed, dict) else None
    words = {one.strip().upper() for one in (text, payload) if isinstance(one, str)}
    kind: EventKind = "replied"
    if words & STOP_WORDS:
        kind = "unsubscribed"
    elif words & START_WORDS:
        kind = "subscribed"
    yield ProviderEvent(
        kind=kind,
        at=at,
        event_id=f"{wamid}:received",
        provider_id=answered if isinstance(answered, str) and answered else None,
        channel="whatsapp",
        address=address,
        suppress=kind == "unsubscribed",
        text=text,
    )


def _preference(preference: Mapping[str, Any], now: datetime) -> Iterator[ProviderEvent]:
    """The recipient stopped or resumed marketing in WhatsApp itself."""
    address, at = _address(preference.get("wa_id")), _instant(preference.get("timestamp"), now)
    kinds: dict[Any, EventKind] = {"stop": "unsubscribed", "resume": "subscribed"}
    value = preference.get("value")
    if address is None or not isinstance(value, str) or value not in kinds:
        return
    yield ProviderEvent(
        kind=kinds[value],
        at=at,
        event_id=f"{address}:{value}:{int(at.timestamp())}",
        channel="whatsapp",
        address=address,
        suppress=value == "stop",
        detail="marketing, in WhatsApp's own settings",
    )


def _text(message: Mapping[str, Any]) -> str | None:
    """What was written, or the button that was pressed."""
    for part, key in (("text", "body"), ("button", "text")):
        inner = message.get(part)
        found = inner.get(key) if isinstance(inner, dict) else None
        if isinstance(found, str):
            return found
    return None


def _address(digits: Any) -> str | None:
    text = f"+{digits.removeprefix('+')}" if isinstance(digits, str) else ""
    return text if E164.fullmatch(text) else None


def _instant(timestamp: Any, now: datetime) -> datetime:
    """Unix seconds, told as a text or, of preferences, as a number. `now` for what is none: an odd one among a thousand
    must not lose the others."""
    try:
        return datetime.fromtimestamp(int(timestamp), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return now


def _dicts(value: Any) -> Sequence[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []

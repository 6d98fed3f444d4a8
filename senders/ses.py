"""Email through Amazon SES, version 2 of its API."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError
from segflow.messages import AnyMessage, Attachment, Receipt
from segflow.senders.base import Sender
from segflow.senders.callbacks import Callback, CallbackAnswer, EventKind, ProviderEvent, RefusedCallbackError
from segflow.senders.shared import calls
from segflow.senders.shared.api import Api, Rule, Rules, Said
from segflow.senders.shared.email_api import OURS, EmailApiSettings, NoSecret, Ready, base64_of, ready
from segflow.senders.shared.faults import ambiguous, configuration, permanent, transient
from segflow.senders.shared.http import HttpAnswer
from segflow.senders.shared.sns import Sns

if TYPE_CHECKING:
    from botocore.credentials import Credentials, ReadOnlyCredentials

MAX_HEADERS, MAX_NAME, MAX_VALUE, MAX_TOGETHER = 15, 126, 995, 996
MAX_MESSAGE = 40_000_000
"""Bytes of a message with its attachments in base64."""
MAX_FILE_NAME = 255
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_SUPPRESSED = ("Suppressed", "OnAccountSuppressionList")


def _said(answer: HttpAnswer) -> Said | None:
    """The exception's name is in a header or in `__type`, as `Name`, `namespace#Name` or `Name:URL`."""
    told = answer.json()
    name = answer.headers.get("x-amzn-ErrorType") or calls.text(calls.part(told, "__type"))
    text = calls.text(calls.part(told, "message")) or calls.text(calls.part(told, "Message")) or ""
    if name is None and not text:
        return None
    return Said((name or "").rpartition("#")[2].partition(":")[0], text)


RULES = Rules(
    (
        Rule(400, transient("too many requests"), "Throttling"),
        Rule(400, transient("too many requests"), "ThrottlingException"),
        Rule(400, configuration("a limit of the account"), "LimitExceededException"),
        Rule(400, configuration("the account is suspended"), "AccountSuspendedException"),
        Rule(400, configuration("sending is paused"), "SendingPausedException"),
        Rule(400, configuration("the MAIL FROM domain is not verified"), "MailFromDomainNotVerifiedException"),
        Rule(400, permanent("the message is refused"), "MessageRejected"),
        Rule(400, permanent("the message is wrong"), "BadRequestException"),
        Rule(404, configuration("there is no such configuration set")),
        Rule(500, ambiguous("a fault of SES's")),
        Rule(503, transient("SES is not available")),
    ),
    _said,
)


class SesSettings(EmailApiSettings):
    """Email through Amazon SES. Needs `pip install 'segflow[ses]'`."""

    reports = ("delivered", "bounced", "failed", "complained", "opened", "clicked")
    sends_attachments = True
    type: Literal["ses"]
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    """Like eu-west-1."""
    access_key_id: NoSecret = None
    """Left out, the keys are found as AWS's tools find them: in the environment, a profile, the machine's role."""
    secret_access_key: NoSecret = None
    """Beside `access_key_id`, as ${env:NAME}."""
    session_token: NoSecret = None
    """With keys that last for a while only."""
    configuration_set: str | None = None
    """Without one SES publishes no events."""
    topic_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[\w.-]+$")] | None = None
    """The SNS topic that events come from; without it, and from any other, they are refused."""

    def reported(self) -> tuple[str, ...]:
        return self.reports if self.topic_arn is not None else ()

    @model_validator(mode="after")
    def _both(self) -> SesSettings:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise PydanticCustomError("ses", "access_key_id: and secret_access_key: go together")
        if self.session_token is not None and self.access_key_id is None:
            raise PydanticCustomError("ses", "session_token: goes with access_key_id: and secret_access_key:")
        return self


class SesSender(Sender):
    """Posts each message with SendEmail, signed by botocore, which does not send itself: it would repeat what timed
    out.

    Not idempotent: SES documents no key. After a timeout it is not known whether it took the message: its events tell,
    by our id in the tags.
    """

    settings = SesSettings
    receives = True

    def __init__(
        self,
        name: str,
        *,
        region: str,
        from_: str,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        session_token: str | None = None,
        configuration_set: str | None = None,
        topic_arn: str | None = None,
        url: str | None = None,
        timeout: float = 30,
    ) -> None:
        super().__init__(name)
        self._from, self._region, self._configuration_set = from_, region, configuration_set
        self._keys = (access_key_id, secret_access_key, session_token)
        self._url = f"{url or f'https://email.{region}.amazonaws.com'}/v2/email/outbound-emails"
        secrets = {
            "access_key_id": access_key_id,
            "secret_access_key": secret_access_key,
            "session_token": session_token,
        }
        self._api = Api(name, RULES, timeout=timeout, secrets=secrets)
        self._sns = Sns(name, topic_arn)
        self._credentials: Credentials | None = None

    def open(self) -> None:
        self._api.ready()
        self._found_keys()

    def close(self) -> None:
        self._api.close()

    def send(self, message: AnyMessage) -> Receipt:
        mail = ready(message, self._from, "SES", ascii_only=True)
        body = json.dumps(_body(mail, self._configuration_set), ensure_ascii=False).encode()
        if len(body) > MAX_MESSAGE:
            raise PermanentError(f"the message is larger than {MAX_MESSAGE // 1_000_000} MB")
        answer = self._api.ask(self._url, headers=self._signed(body), body=body)
        theirs = calls.text(calls.part(answer.json(), "MessageId"))
        if theirs is None:
            raise AmbiguousError("SES took the message, but its answer cannot be read")
        return Receipt(provider_id=theirs)

    def _signed(self, body: bytes) -> dict[str, str]:
        """The headers of a request with this body, the signature of Signature Version 4 among them."""
        keys = self._found_keys()
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest("POST", self._url, headers={"Content-Type": "application/json"}, data=body)
        SigV4Auth(keys, "ses", self._region).add_auth(request)
        return dict(request.headers.items())

    def _found_keys(self) -> ReadOnlyCredentials:
        """Those of the settings, else as AWS's tools find them. Raises ConfigurationError."""
        try:
            from botocore.credentials import Credentials
            from botocore.exceptions import BotoCoreError
            from botocore.session import get_session
        except ImportError as error:
            raise ConfigurationError(
                f"sender {self.name}: senders of type ses need botocore: pip install 'segflow[ses]'"
            ) from error
        key, secret, token = self._keys
        try:
            if self._credentials is None:
                given = key is not None and secret is not None
                self._credentials = Credentials(key, secret, token) if given else get_session().get_credentials()
            if self._credentials is not None:
                return self._credentials.get_frozen_credentials()  # those of a role are fetched again in time
        except BotoCoreError as error:
            raise ConfigurationError(f"sender {self.name}: no AWS keys: {type(error).__name__}") from error
        raise ConfigurationError(f"sender {self.name}: no access_key_id:, and AWS's tools find no keys either")

    def answer(self, callback: Callback) -> CallbackAnswer | None:
        return self._sns.answer(callback)

    def verify(self, callback: Callback) -> None:
        self._sns.verify(callback)

    def events(self, callback: Callback) -> list[ProviderEvent]:
        envelope = calls.json_of(callback)
        told = calls.part(envelope, "Message")
        if not isinstance(told, str):
            raise RefusedCallbackError("the body is no notification of SNS")
        try:
            event = json.loads(told)
        except (ValueError, RecursionError):
            return []  # "Successfully validated SNS topic ...", in plain words
        return _events(event, envelope, callback)


def _body(mail: Ready, configuration_set: str | None) -> dict[str, Any]:
    if len(mail.headers) > MAX_HEADERS:
        raise PermanentError(f"SES takes {MAX_HEADERS} headers, not {len(mail.headers)}")
    for name, value in mail.headers.items():
        if len(name) > MAX_NAME or len(value) > MAX_VALUE or len(name) + len(value) > MAX_TOGETHER:
            raise PermanentError(f"header {name[:MAX_NAME]} is longer than SES takes")
    simple: dict[str, Any] = {"Subject": _data(mail.subject), "Body": {}}
    if mail.text is not None:
        simple["Body"]["Text"] = _data(mail.text)
    if mail.html is not None:
        simple["Body"]["Html"] = _data(mail.html)
    if mail.headers:
        simple["Headers"] = [{"Name": name, "Value": value} for name, value in mail.headers.items()]
    if mail.attachments:
        simple["Attachments"] = [_attached(one) for one in mail.attachments]
    body: dict[str, Any] = {
        "FromEmailAddress": str(mail.sender),
        "Destination": {"ToAddresses": [mail.to]},
        "Content": {"Simple": simple},
    }
    if mail.reply_to is not None:
        body["ReplyToAddresses"] = [str(mail.reply_to)]
    if _TAG.fullmatch(mail.message_id):
        body["EmailTags"] = [{"Name": OURS, "Value": mail.message_id}]
    if configuration_set is not None:
        body["ConfigurationSetName"] = configuration_set
    return body


def _attached(one: Attachment) -> dict[str, str]:
    if len(one.name) > MAX_FILE_NAME or "." not in one.name.strip("."):
        raise PermanentError(f"SES takes names of files with an extension, of {MAX_FILE_NAME} characters: {one.name!r}")
    return {
        "FileName": one.name,
        "RawContent": base64_of(one),
        "ContentType": one.content_type,
        "ContentDisposition": "ATTACHMENT",
        # Its default is seven bits, which a PDF would not survive.
        "ContentTransferEncoding": "BASE64",
    }


def _data(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}


def _events(told: Any, envelope: dict[str, Any], callback: Callback) -> list[ProviderEvent]:
    """One event for each recipient that SES names."""
    name = calls.text(calls.part(told, "eventType")) or calls.text(calls.part(told, "notificationType")) or ""
    facts, recipients = _judged(name, told)
    if facts is None:
        return []
    kind, suppress, detail = facts
    url = calls.url(calls.part(told, "click", "link")) if kind == "clicked" else None
    mail, about = calls.part(told, "mail"), calls.part(told, name.lower())
    tags, theirs = calls.part(mail, "tags", OURS), calls.text(calls.part(mail, "messageId"))
    ours = calls.text(tags[0]) if isinstance(tags, list) and len(tags) == 1 else None
    own = calls.text(calls.part(about, "feedbackId")) or calls.text(envelope.get("MessageId"))
    own = own or calls.made_id(name, theirs, callback.body)
    at = calls.instant(calls.part(about, "timestamp")) or calls.instant(envelope.get("Timestamp"))
    # Who opened or clicked is known when the mail went to one alone, which ours do.
    sent_to = calls.part(mail, "destination")
    to = recipients if recipients is not None else sent_to if isinstance(sent_to, list) and len(sent_to) == 1 else []
    named = [found for one in to if (found := calls.address(one)) is not None]
    addresses: list[str | None] = [*named] or [None]
    if not (ours or theirs or addresses[0]):
        return []
    return [
        ProviderEvent(
            kind=kind,
            at=at or callback.received_at,
            event_id=own if len(addresses) == 1 else f"{own}/{number}",
            message_id=ours,
            provider_id=theirs,
            channel="email",
            address=address,
            # Of several recipients with one domain it is a guess who complained.
            suppress=suppress and not (kind == "complained" and len(addresses) > 1),
            detail=detail,
            url=url,
        )
        for number, address in enumerate(addresses)
    ]


def _judged(name: str, told: Any) -> tuple[tuple[EventKind, bool, str | None] | None, list[Any] | None]:
    """What an event is, with whether to suppress and a detail; None for what is of no concern. And the addresses that
    it names itself."""
    if name == "Delivery":
        return ("delivered", False, None), _list(calls.part(told, "delivery", "recipients"))
    if name == "Bounce":
        about = calls.part(told, "bounce")
        people = calls.objects_of(calls.part(about, "bouncedRecipients"))
        to = [one.get("emailAddress") for one in people]
        sort, finer = calls.part(about, "bounceType"), calls.part(about, "bounceSubType")
        if finer in _SUPPRESSED:
            return ("failed", True, "suppressed by SES"), to
        hard = sort == "Permanent"
        status = next((found for one in people if (found := calls.text(one.get("status")))), None)
        return ("bounced", hard, " ".join(filter(None, ("hard" if hard else "soft", calls.text(finer), status)))), to
    if name == "Complaint":
        if calls.part(told, "complaint", "complaintFeedbackType") == "not-spam":
            return None, None
        people = calls.objects_of(calls.part(told, "complaint", "complainedRecipients"))
        to = [one.get("emailAddress") for one in people]
        if calls.part(told, "complaint", "complaintSubType") in _SUPPRESSED:
            return ("failed", True, "suppressed by SES"), to
        return ("complained", True, None), to
    if name in ("Reject", "Rendering Failure"):
        return ("failed", False, "rejected by SES" if name == "Reject" else "SES could not render it"), None
    if name == "Open":
        return ("opened", False, None), None
    if name == "Click":
        return ("clicked", False, calls.link(calls.part(told, "click", "link"))), None
    return None, None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []

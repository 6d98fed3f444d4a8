"""Amazon SES: signed requests, its errors, and its events through SNS."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, SendError, TransientError
from segflow.senders import settings_of
from segflow.senders.callbacks import Callback, CallbackAnswer, RefusedCallbackError
from segflow.senders.ses import SesSender
from tests.senders.email_providers import PROVIDERS, mail
from tests.senders.fakes.base import NOW, Reply, callback, reply
from tests.senders.fakes.ses import HOST, KEY_ID, SECRET, TOPIC, FakeSes, FakeSns, error

PROVIDER = PROVIDERS["ses"]


@pytest.fixture
def fake() -> FakeSes:
    return FakeSes()


@pytest.fixture
def sender(fake: FakeSes) -> Iterator[SesSender]:
    with fake.running() as url, PROVIDER.make(url, configuration_set="segflow") as made:
        yield made


@pytest.fixture(scope="module")
def _sns(tmp_path_factory: pytest.TempPathFactory) -> FakeSns:
    return FakeSns(tmp_path_factory.mktemp("sns"))


@pytest.fixture
def sns(_sns: FakeSns, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSns]:
    """Amazon's host: whoever asks for it is led to the fake, and trusts its certificate."""
    _sns.asked.clear()
    _sns.status, _sns.body = 200, _sns.ca.read_bytes()
    with _sns.running() as proxy:
        for name in ("NO_PROXY", "no_proxy", "HTTPS_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("https_proxy", proxy)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(_sns.ca))
        yield _sns


@pytest.fixture
def hearing() -> SesSender:
    """A sender that hears of its topic."""
    made: SesSender = PROVIDER.make("http://127.0.0.1:1", topic_arn=TOPIC)
    return made


def test_what_is_sent(fake: FakeSes, sender: SesSender) -> None:
    receipt = sender.send(mail(headers={"List-Unsubscribe": "<https://a.example/u>"}, reply_to="Zoë <z@b.example>"))
    assert fake.mails == [
        {
            "FromEmailAddress": "Shop <news@shop.example>",
            "Destination": {"ToAddresses": ["ana1@home.example"]},
            "ReplyToAddresses": ["=?utf-8?q?Zo=C3=AB?= <z@b.example>"],
            "Content": {
                "Simple": {
                    "Subject": {"Data": "Grüße", "Charset": "UTF-8"},
                    "Body": {
                        "Text": {"Data": "Dear Ana €", "Charset": "UTF-8"},
                        "Html": {"Data": "<p>Dear Ana €</p>", "Charset": "UTF-8"},
                    },
                    "Headers": [{"Name": "List-Unsubscribe", "Value": "<https://a.example/u>"}],
                }
            },
            "EmailTags": [{"Name": "segflow_id", "Value": "m1"}],
            "ConfigurationSetName": "segflow",
        }
    ]
    assert receipt.provider_id == "0102018e-000000"


def test_a_session_token_is_signed(fake: FakeSes) -> None:
    fake.session_token = "s3ssion"
    with fake.running() as url, PROVIDER.make(url, session_token="s3ssion") as sender:
        sender.send(mail())
    assert len(fake.mails) == 1


def test_keys_of_the_machine(fake: FakeSes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    with fake.running() as url, PROVIDER.make(url, access_key_id=None, secret_access_key=None) as sender:
        sender.send(mail())
    assert len(fake.mails) == 1


def test_no_keys_anywhere(fake: FakeSes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    sender = PROVIDER.make("http://127.0.0.1:1", access_key_id=None, secret_access_key=None)
    with pytest.raises(ConfigurationError, match="find no keys"):
        sender.open()
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(ConfigurationError, match="ProfileNotFound"):
        sender.open()


@pytest.mark.parametrize("way", ["open", "send"])
def test_without_botocore_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    for name in [one for one in sys.modules if one.partition(".")[0] == "botocore"]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("botocore", "botocore.auth", "botocore.credentials"):
        monkeypatch.setitem(sys.modules, name, None)
    sender = PROVIDER.make("http://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match=r"pip install 'segflow\[ses\]'"):
        sender.open() if way == "open" else sender.send(mail())


HEADERS: dict[str, dict[str, str]] = {
    "16 headers": {f"X-{n}": "a" for n in range(16)},
    "a long name": {"X" * 127: "a"},
    "a long value": {"X-A": "a " * 498},
    "both together": {"X" * 10: "a " * 494},
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_headers_that_ses_does_not_take(fake: FakeSes, sender: SesSender, headers: dict[str, str]) -> None:
    with pytest.raises(PermanentError):
        sender.send(mail(headers=headers))
    assert fake.calls == []


def test_as_many_and_as_long_headers_as_ses_takes(fake: FakeSes, sender: SesSender) -> None:
    sender.send(mail(headers={f"X-{n}": "a" for n in range(15)}))
    sender.send(mail(headers={"X" * 10: "a " * 493}))
    assert len(fake.mails) == 2


ERRORS: dict[str, tuple[Reply, type[SendError]]] = {
    "429": (error(429, "TooManyRequestsException"), TransientError),
    "Throttling": (error(400, "Throttling"), TransientError),
    "ThrottlingException": (error(400, "ThrottlingException", "Daily message quota exceeded."), TransientError),
    **{
        name: (error(400, name), ConfigurationError)
        for name in (
            "LimitExceededException", "AccountSuspendedException", "SendingPausedException",
            "MailFromDomainNotVerifiedException",
        )
    },
    "404": (error(404, "NotFoundException"), ConfigurationError),
    "403": (error(403, "InvalidSignatureException"), ConfigurationError),
    "AccessDenied": (error(403, "AccessDeniedException"), ConfigurationError),
    "MessageRejected": (error(400, "MessageRejected"), PermanentError),
    "BadRequestException": (error(400, "BadRequestException"), PermanentError),
    "500": (error(500, "InternalFailure"), AmbiguousError),
    "503": (error(503, "ServiceUnavailable"), TransientError),
    "in the body": (reply(400, {"__type": "com.amazon.ses#SendingPausedException"}), ConfigurationError),
    "without a name": (reply(400, {"message": "?"}), PermanentError),
    "200 without an id": (reply(200, {}), AmbiguousError),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "kind"), ERRORS.values(), ids=ERRORS)
def test_errors(fake: FakeSes, sender: SesSender, answer: Reply, kind: type[SendError]) -> None:
    fake.next = [answer]
    with pytest.raises(kind) as caught:
        sender.send(mail())
    assert type(caught.value) is kind


SETTINGS = {
    "a key without its secret": {"access_key_id": "k"},
    "a token without keys": {"session_token": "t"},
    "a region that leads elsewhere": {"region": "eu.evil.example/"},
    "a topic that is none": {"topic_arn": "segflow"},
}


@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS)
def test_settings_that_do_not_do(changes: dict[str, str]) -> None:
    given = {"type": "ses", "region": "eu-west-1", "from": "a@b.example"}
    assert settings_of("ses").model_validate(given)
    with pytest.raises(ValueError, match="|".join(changes)):
        settings_of("ses").model_validate(given | changes)


TIME = NOW.isoformat().replace("+00:00", ".000Z")
MAIL = {"messageId": "0102018e", "destination": ["ana@home.example"], "tags": {"segflow_id": ["m1"]}}
ANA = [{"emailAddress": "ana@home.example", "status": "5.1.1"}]


def bounce(kind: str, finer: str) -> dict[str, Any]:
    facts = {"bounceType": kind, "bounceSubType": finer, "bouncedRecipients": ANA, "timestamp": TIME}
    return {"eventType": "Bounce", "bounce": facts | {"feedbackId": "f1"}}


def complaint(**facts: Any) -> dict[str, Any]:
    told = {"complainedRecipients": ANA, "timestamp": TIME, "feedbackId": "f1"}
    return {"eventType": "Complaint", "complaint": told | facts}


EVENTS: dict[str, tuple[dict[str, Any], tuple[Any, ...] | None]] = {
    "Send": ({"eventType": "Send", "send": {}}, None),
    "DeliveryDelay": ({"eventType": "DeliveryDelay"}, None),
    "Subscription": ({"eventType": "Subscription"}, None),
    "of tomorrow": ({"eventType": "Teleport"}, None),
    "Delivery": (
        {"eventType": "Delivery", "delivery": {"recipients": ["ana@home.example"], "timestamp": TIME}},
        ("delivered", False, None),
    ),
    "Delivery of the older kind": (
        {"notificationType": "Delivery", "delivery": {"recipients": ["ana@home.example"], "timestamp": TIME}},
        ("delivered", False, None),
    ),
    "General": (bounce("Permanent", "General"), ("bounced", True, "hard General 5.1.1")),
    "NoEmail": (bounce("Permanent", "NoEmail"), ("bounced", True, "hard NoEmail 5.1.1")),
    "Suppressed": (bounce("Permanent", "Suppressed"), ("failed", True, "suppressed by SES")),
    "on the list": (bounce("Permanent", "OnAccountSuppressionList"), ("failed", True, "suppressed by SES")),
    "MailboxFull": (bounce("Transient", "MailboxFull"), ("bounced", False, "soft MailboxFull 5.1.1")),
    "Undetermined": (bounce("Undetermined", "Undetermined"), ("bounced", False, "soft Undetermined 5.1.1")),
    "Complaint": (complaint(), ("complained", True, None)),
    "a complaint that was there": (
        complaint(complaintSubType="OnAccountSuppressionList"),
        ("failed", True, "suppressed by SES"),
    ),
    "not spam": (complaint(complaintFeedbackType="not-spam"), None),
    "Reject": ({"eventType": "Reject", "reject": {"reason": "Bad content"}}, ("failed", False, "rejected by SES")),
    "Rendering Failure": (
        {"eventType": "Rendering Failure", "failure": {"templateName": "t"}},
        ("failed", False, "SES could not render it"),
    ),
    "Open": ({"eventType": "Open", "open": {"timestamp": TIME}}, ("opened", False, None)),
    "Click": (
        {"eventType": "Click", "click": {"timestamp": TIME, "link": "https://a.example/b?who=ana"}},
        ("clicked", False, "https://a.example/b"),
    ),
}


@pytest.mark.parametrize(("told", "expected"), EVENTS.values(), ids=EVENTS)
def test_events(hearing: SesSender, sns: FakeSns, told: dict[str, Any], expected: tuple[Any, ...] | None) -> None:
    call = sns.call(Message=json.dumps({"mail": MAIL, "unknown": "é", **told}))
    assert hearing.answer(call) is None
    hearing.verify(call)
    found = hearing.events(call)
    assert [(one.kind, one.suppress, one.detail) for one in found] == ([] if expected is None else [expected])
    for one in found:
        assert (one.message_id, one.provider_id, one.address) == ("m1", "0102018e", "ana@home.example")
        assert (one.at, one.channel) == (NOW, "email")
        assert one.event_id == ("f1" if "feedbackId" in str(told) else "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324")


def test_each_recipient_has_an_event(hearing: SesSender, sns: FakeSns) -> None:
    several = [*ANA, {"emailAddress": "bob@home.example"}]
    told = complaint(complainedRecipients=several)
    found = hearing.events(sns.call(Message=json.dumps({"mail": MAIL, **told})))
    # Who of them complained is a guess: nobody is suppressed.
    assert [(one.event_id, one.address, one.suppress) for one in found] == [
        ("f1/0", "ana@home.example", False),
        ("f1/1", "bob@home.example", False),
    ]


PLAIN = "Successfully validated SNS topic for Amazon SES event publishing."


@pytest.mark.parametrize("message", [PLAIN, "[]", "7", "{}", '{"eventType": ["x"]}', '{"eventType": "Open"}'])
def test_a_message_that_tells_nothing(hearing: SesSender, sns: FakeSns, message: str) -> None:
    call = sns.call(Message=message)
    hearing.verify(call)
    assert hearing.events(call) == []


GOOD: dict[str, dict[str, Any]] = {
    "version 1": {"version": "1"},
    "version 2": {"version": "2"},
    "with a subject": {"Subject": "Amazon SES"},
    "without a subject": {"Subject": None},
    "an hour old": {"at": NOW - timedelta(minutes=60)},
    "a certificate of China": {"SigningCertURL": "https://sns.cn-north-1.amazonaws.com.cn/x.pem"},
}


@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD)
def test_a_call_of_sns(hearing: SesSender, sns: FakeSns, changes: dict[str, Any]) -> None:
    if "cn-north" in str(changes):
        with pytest.raises(TransientError, match="SigningCertURL: cannot connect"):
            hearing.verify(sns.call(**changes))  # our fake has a certificate for another host: it was asked
        return
    hearing.verify(sns.call(**changes))


def test_a_certificate_is_fetched_once(hearing: SesSender, sns: FakeSns) -> None:
    for _ in range(3):
        hearing.verify(sns.call())
    assert len(sns.asked) == 1
    hearing.verify(sns.call(SigningCertURL=f"https://{HOST}/another.pem"))
    assert len(sns.asked) == 2


FORGED: dict[str, dict[str, Any]] = {
    "another message": {"_Message": "{}" + " "},
    "another subject": {"_Subject": "x"},
    "another topic, signed": {"TopicArn": f"{TOPIC}-of-another"},
    "no topic": {"TopicArn": None},
    "signed by version 1, said to be 2": {"_SignatureVersion": "2"},
    "version 3": {"_SignatureVersion": "3"},
    "no version": {"_SignatureVersion": None},
    "no signature": {"_Signature": None},
    "no base64": {"_Signature": "%%%"},
    "another signature": {"_Signature": "eA=="},
    "another type": {"_Type": "Advertisement"},
    "a type that is none": {"_Type": ["Notification"]},
    "two hours old": {"at": NOW - timedelta(hours=2)},
    "from the future": {"at": NOW + timedelta(minutes=6)},
    "no time": {"Timestamp": None},
}


@pytest.mark.parametrize("changes", FORGED.values(), ids=FORGED)
def test_a_call_that_does_not_count(hearing: SesSender, sns: FakeSns, changes: dict[str, Any]) -> None:
    with pytest.raises(RefusedCallbackError):
        hearing.verify(sns.call(**changes))


URLS = {
    "no URL": None,
    "a number": 7,
    "http": f"http://{HOST}/x.pem",
    "another host": "https://sns.evil.example/x.pem",
    "a host that begins alike": f"https://{HOST}.evil.example/x.pem",
    "a host that ends alike": "https://evil-sns.eu-west-1.amazonaws.com/x.pem",
    "a bucket": "https://sns.s3.evil.amazonaws.com/x.pem",
    "a user": f"https://{HOST}@evil.example/x.pem",
    "a backslash": f"https://evil.example\\@{HOST}/x.pem",
    "another port": f"https://{HOST}:8443/x.pem",
    "no port": f"https://{HOST}:x/x.pem",
    "a line break": f"https://{HOST}/x\r\nHost: evil.example.pem",
    "no certificate": f"https://{HOST}/x.txt",
    "a query that looks like one": f"https://{HOST}/x?a=.pem",
}


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_certificates_come_from_amazon_alone(hearing: SesSender, sns: FakeSns, url: Any) -> None:
    with pytest.raises(RefusedCallbackError, match="SigningCertURL"):
        hearing.verify(sns.call(SigningCertURL=url))
    assert sns.asked == []


def test_a_certificate_that_cannot_be_had(hearing: SesSender, sns: FakeSns, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not refused: SNS does not call again after that."""
    for status in (302, 404, 500):
        sns.status = status
        with pytest.raises(TransientError, match=f"cannot be fetched: HTTP {status}"):
            hearing.verify(sns.call())
    sns.status, sns.body = 200, b"x" * 200_000
    with pytest.raises(TransientError, match="cannot be read"):
        hearing.verify(sns.call())
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    with pytest.raises(TransientError, match="SigningCertURL: cannot connect"):
        hearing.verify(sns.call())
    monkeypatch.undo()


def test_no_other_certificate_than_that_of_the_host(hearing: SesSender, sns: FakeSns, tmp_path: Path) -> None:
    other = FakeSns(tmp_path)
    with pytest.raises(RefusedCallbackError, match="not Amazon's"):
        hearing.verify(other.call())  # signed with a key of its own; the host has another


def test_without_a_topic_every_call_is_refused(sns: FakeSns) -> None:
    sender = PROVIDER.make("http://127.0.0.1:1")
    for ask in (sender.verify, lambda call: sender.answer(call)):
        with pytest.raises(RefusedCallbackError, match="has no topic_arn:"):
            ask(sns.call("SubscriptionConfirmation"))
    assert sns.asked == []


def test_the_subscription_is_confirmed(hearing: SesSender, sns: FakeSns) -> None:
    for version in ("1", "2"):
        assert hearing.answer(sns.call("SubscriptionConfirmation", version=version)) == CallbackAnswer()
    confirmed = [one for one in sns.asked if "ConfirmSubscription" in one]
    assert confirmed == [f"{HOST}:443/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37f"] * 2


@pytest.mark.parametrize("without_token", [False, True], ids=["with the token", "without"])
def test_the_end_of_a_subscription_is_taken_note_of(hearing: SesSender, sns: FakeSns, without_token: bool) -> None:
    call = sns.call("UnsubscribeConfirmation", _without_token=without_token)
    assert hearing.answer(call) == CallbackAnswer()
    assert not any("Action" in one for one in sns.asked)


NOT_CONFIRMED: dict[str, dict[str, Any]] = {
    "another topic": {"TopicArn": f"{TOPIC}-of-another"},
    "not signed": {"_Token": "another"},
    "another host": {"SubscribeURL": "https://evil.example/?Action=ConfirmSubscription"},
    "an address inside": {"SubscribeURL": "https://169.254.169.254/latest/meta-data"},
    "http": {"SubscribeURL": f"http://{HOST}/?Action=ConfirmSubscription"},
    "no URL": {"SubscribeURL": None},
    "too old": {"at": NOW - timedelta(hours=2)},
}


@pytest.mark.parametrize("changes", NOT_CONFIRMED.values(), ids=NOT_CONFIRMED)
def test_a_subscription_that_is_not_confirmed(hearing: SesSender, sns: FakeSns, changes: dict[str, Any]) -> None:
    with pytest.raises(RefusedCallbackError):
        hearing.answer(sns.call("SubscriptionConfirmation", **changes))
    assert not any("Action" in one for one in sns.asked)


def test_a_confirmation_that_fails_is_asked_for_again(hearing: SesSender, sns: FakeSns) -> None:
    hearing.verify(sns.call())
    sns.status = 500
    with pytest.raises(TransientError, match="could not be confirmed: HTTP 500"):
        hearing.answer(sns.call("SubscriptionConfirmation"))


BODIES: dict[str, Callback] = {
    "empty": callback(b""),
    "no JSON": callback(b"{"),
    "a list": callback([]),
    "an object": callback({}),
    "a message that is none": callback({"Type": "Notification", "Message": {}, "TopicArn": TOPIC}),
}


@pytest.mark.parametrize("call", BODIES.values(), ids=BODIES)
def test_a_body_that_cannot_be_read(hearing: SesSender, call: Callback) -> None:
    for read in (hearing.verify, hearing.events):
        with pytest.raises(RefusedCallbackError):
            read(replace(call, received_at=NOW))

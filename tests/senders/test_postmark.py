"""Postmark: batches, its error codes, its webhooks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, SendError, TransientError
from segflow.messages import Receipt
from segflow.senders.callbacks import RefusedCallbackError
from segflow.senders.postmark import PostmarkSender
from tests.senders.email_providers import PROVIDERS, mail
from tests.senders.fakes.base import LOSSES, NOW, Reply, basic, callback, reply
from tests.senders.fakes.postmark import LOGIN, FakePostmark, error, event

PROVIDER = PROVIDERS["postmark"]


@pytest.fixture
def fake() -> FakePostmark:
    return FakePostmark()


@pytest.fixture
def sender(fake: FakePostmark) -> Iterator[PostmarkSender]:
    with fake.running() as url, PROVIDER.make(url, webhook_login=LOGIN) as made:
        yield made


def test_what_is_sent(fake: FakePostmark, sender: PostmarkSender) -> None:
    sender.send(mail(headers={"List-Unsubscribe": "<https://a.example/u>"}, reply_to="Zoë <z@b.example>"))
    assert fake.calls[0].path == "/email"
    assert fake.mails == [
        {
            "From": "Shop <news@shop.example>",
            "To": "ana1@home.example",
            "ReplyTo": "=?utf-8?q?Zo=C3=AB?= <z@b.example>",
            "Subject": "Grüße",
            "TextBody": "Dear Ana €",
            "HtmlBody": "<p>Dear Ana €</p>",
            "Headers": [{"Name": "List-Unsubscribe", "Value": "<https://a.example/u>"}],
            "Metadata": {"segflow_id": "m1"},
            "MessageStream": "outbound",
        }
    ]


def test_a_stream_of_its_own(fake: FakePostmark) -> None:
    with fake.running() as url, PROVIDER.make(url, message_stream="broadcast") as sender:
        sender.send(mail())
    assert fake.mails[0]["MessageStream"] == "broadcast"


def test_five_hundred_in_a_batch(fake: FakePostmark, sender: PostmarkSender) -> None:
    told = sender.send_many([mail(n) for n in range(501)])
    assert [len(json.loads(call.body)) for call in fake.calls] == [500, 1]
    assert {call.path for call in fake.calls} == {"/email/batch"}
    assert len({one.provider_id for one in told if isinstance(one, Receipt)}) == 501


def test_fifty_megabytes_in_a_batch(fake: FakePostmark) -> None:
    with fake.running() as url, PROVIDER.make(url, timeout=60) as sender:
        told = sender.send_many([mail(n, text="x" * 9_000_000) for n in range(6)])
    assert [len(json.loads(call.body)) for call in fake.calls] == [5, 1]
    assert all(isinstance(one, Receipt) for one in told)


def test_a_message_over_ten_megabytes_is_refused(fake: FakePostmark, sender: PostmarkSender) -> None:
    told = sender.send_many([mail(1, text="x" * 10_000_000), mail(2)])
    assert [type(one) for one in told] == [PermanentError, Receipt]


def test_each_message_of_a_batch_has_its_own_outcome(fake: FakePostmark, sender: PostmarkSender) -> None:
    fake.inactive = {"ana1@home.example"}
    fake.codes = {"ana2@home.example": 300, "ana3@home.example": 429, "ana4@home.example": 405}
    told = sender.send_many([mail(n) for n in range(6)])
    kinds = [Receipt, PermanentError, PermanentError, TransientError, ConfigurationError, Receipt]
    assert [type(one) for one in told] == kinds
    assert [PROVIDER.reads(one)[0] for one in fake.mails] == ["m0", "m5"]


def test_a_batch_of_which_nothing_was_taken_stops_the_sender(fake: FakePostmark, sender: PostmarkSender) -> None:
    fake.codes = {"ana0@home.example": 300, "ana1@home.example": 405}
    with pytest.raises(ConfigurationError, match="405"):
        sender.send_many([mail(0), mail(1)])


@pytest.mark.parametrize("loss", [*LOSSES, "accepts, then cuts its answer"])
def test_a_batch_whose_answer_is_lost(fake: FakePostmark, sender: PostmarkSender, loss: str) -> None:
    fake.next = [loss]
    told = sender.send_many([mail(n) for n in range(501)])
    assert [type(one) for one in told] == [AmbiguousError] * 500 + [Receipt]


def test_a_token_that_stops_working_takes_back_nothing(fake: FakePostmark, sender: PostmarkSender) -> None:
    fake.next = ["", error(10, "Bad or missing server token.", 401)]
    told = sender.send_many([mail(n) for n in range(502)])
    assert [type(one) for one in told] == [Receipt] * 500 + [ConfigurationError] * 2


def test_a_token_that_never_worked_is_raised(fake: FakePostmark, sender: PostmarkSender) -> None:
    fake.next = [error(10, "Bad or missing server token.", 401)]
    with pytest.raises(ConfigurationError):
        sender.send_many([mail(n) for n in range(3)])


ERRORS: dict[str, tuple[Reply, type[SendError]]] = {
    "401": (error(10, "Bad or missing server token.", 401), ConfigurationError),
    "404": (reply(404), ConfigurationError),
    "413": (reply(413), PermanentError),
    "415": (reply(415), ConfigurationError),
    "300": (error(300, "Invalid 'To' address: 'ana'."), PermanentError),
    "300 of From": (error(300, "Invalid 'From' address: 'shop'."), ConfigurationError),
    "406": (error(406, "inactive"), PermanentError),
    "411": (error(411, "forbidden attachment"), PermanentError),
    **{
        str(code): (error(code, "told by the test"), ConfigurationError)
        for code in (400, 401, 402, 403, 405, 409, 410, 412, 413)
    },
    "a code of tomorrow": (error(999, "?"), PermanentError),
    "429": (error(429, "slow down", 429), TransientError),
    "500": (error(0, "internal", 500), AmbiguousError),
    "503": (error(100, "maintenance", 503), TransientError),
    "200 with a code": (error(405, "no credits", 200), ConfigurationError),
    "200 with another body": (reply(200, [1]), AmbiguousError),
    "200 with a null": (reply(200, {"ErrorCode": 0, "MessageID": None}), AmbiguousError),
}


@pytest.mark.parametrize(("answer", "kind"), ERRORS.values(), ids=ERRORS)
def test_errors(fake: FakePostmark, sender: PostmarkSender, answer: Reply, kind: type[SendError]) -> None:
    fake.next = [answer]
    with pytest.raises(kind) as caught:
        sender.send(mail())
    assert type(caught.value) is kind


def test_a_delayed_message_has_no_code(fake: FakePostmark, sender: PostmarkSender) -> None:
    fake.next = [reply(200, {"MessageID": "x7", "Message": "Message accepted, but delivery may be delayed."})]
    assert sender.send(mail()).provider_id == "x7"


TIME = NOW.isoformat().replace("+00:00", ".0000000Z")
BASE = {"MessageID": "b7bc2f4a", "Metadata": {"segflow_id": "m1"}, "Unknown": {"é": 1}}


def bounce(kind: str) -> dict[str, Any]:
    return {"RecordType": "Bounce", "Type": kind, "ID": 42, "Email": "ana@home.example", "BouncedAt": TIME}


def change(stops: Any, reason: str | None) -> dict[str, Any]:
    told = {"RecordType": "SubscriptionChange", "Recipient": "ana@home.example", "ChangedAt": TIME}
    return told | {"SuppressSending": stops, "SuppressionReason": reason}


OTHER = {"Recipient": "ana@home.example"}
EVENTS: dict[str, tuple[dict[str, Any], tuple[Any, ...] | None]] = {
    "Delivery": ({"RecordType": "Delivery", "DeliveredAt": TIME, **OTHER}, ("delivered", False, None)),
    "Open": ({"RecordType": "Open", "ReceivedAt": TIME, **OTHER}, ("opened", False, None)),
    "Click": (
        {"RecordType": "Click", "ReceivedAt": TIME, "OriginalLink": "https://a.example/b?who=ana", **OTHER},
        ("clicked", False, "https://a.example/b"),
    ),
    "SpamComplaint": (
        {"RecordType": "SpamComplaint", "ID": 42, "Email": "ana@home.example", "BouncedAt": TIME},
        ("complained", True, None),
    ),
    **{kind: (bounce(kind), ("bounced", True, kind)) for kind in ("HardBounce", "BadEmailAddress")},
    **{kind: (bounce(kind), ("bounced", False, kind)) for kind in ("SoftBounce", "VirusNotification")},
    **{
        kind: (bounce(kind), ("failed", False, kind))
        for kind in ("Blocked", "DMARCPolicy", "ManuallyDeactivated", "Unconfirmed", "SMTPApiError",
                     "TemplateRenderingFailed")
    },
    "SpamNotification": (bounce("SpamNotification"), ("complained", True, "SpamNotification")),
    "Unsubscribe": (bounce("Unsubscribe"), ("unsubscribed", True, "Unsubscribe")),
    **{
        kind: (bounce(kind), None)
        for kind in ("Transient", "DnsError", "OpenRelayTest", "AutoResponder", "AddressChange",
                     "ChallengeVerification", "OfTomorrow")
    },
    "inactive from now on": ({**bounce("SoftBounce"), "Inactive": True}, ("bounced", True, "SoftBounce")),
    "still active": ({**bounce("Blocked"), "Inactive": False}, ("failed", False, "Blocked")),
    "unsubscribed by hand": (change(True, "ManualSuppression"), ("unsubscribed", True, None)),
    "suppressed by a bounce": (change(True, "HardBounce"), None),
    "suppressed by a complaint": (change(True, "SpamComplaint"), None),
    "subscribed again": (change(False, None), ("subscribed", False, None)),
    "a change of nothing": (change(None, None), None),
    "Inbound": ({"RecordType": "Inbound", "From": "ana@home.example"}, None),
    "of tomorrow": ({"RecordType": "Teleported", **OTHER}, None),
}  # fmt: skip


@pytest.mark.parametrize(("told", "expected"), EVENTS.values(), ids=EVENTS)
def test_events(sender: PostmarkSender, told: dict[str, Any], expected: tuple[Any, ...] | None) -> None:
    call = event(**{"record": told["RecordType"], **BASE, **{k: v for k, v in told.items() if k != "RecordType"}})
    sender.verify(call)
    assert sender.answer(call) is None
    found = sender.events(call)
    assert [(one.kind, one.suppress, one.detail) for one in found] == ([] if expected is None else [expected])
    for one in found:
        assert (one.message_id, one.provider_id, one.address) == ("m1", "b7bc2f4a", "ana@home.example")
        assert (one.at, one.channel) == (NOW, "email")
        assert one.event_id == sender.events(call)[0].event_id
        if "ID" in told:
            assert one.event_id == f"{told['RecordType']}/42"


def test_two_events_have_two_ids(sender: PostmarkSender) -> None:
    first = {**BASE, **OTHER, "DeliveredAt": TIME}
    calls = [
        event("Delivery", **first),
        event("Open", **{**first, "DeliveredAt": None, "ReceivedAt": TIME}),
        event("Delivery", **{**first, "MessageID": "other"}),
        event("Delivery", **{**first, "Recipient": "bob@home.example"}),
        event("Click", **{**first, "OriginalLink": "https://a.example/1"}),
        event("Click", **{**first, "OriginalLink": "https://a.example/2"}),
    ]
    assert len({one.event_id for call in calls for one in sender.events(call)}) == len(calls)


FORGED: dict[str, str | None] = {
    "nothing": None,
    "another password": basic("segflow:pass"),
    "another user": basic("other:pa:ss"),
    "no password": basic("segflow"),
    "empty": basic(""),
    "another scheme": basic(LOGIN).replace("Basic", "Bearer"),
    "no base64": "Basic %%%",
    "no UTF-8": "Basic /w==",
    "not ASCII": "Basic é",
}


@pytest.mark.parametrize("given", FORGED.values(), ids=FORGED)
def test_a_call_without_the_password(sender: PostmarkSender, given: str | None) -> None:
    call = event("Delivery", **BASE)
    headers = {name: value for name, value in call.headers.items() if name != "authorization"}
    with pytest.raises(RefusedCallbackError) as caught:
        sender.verify(replace(call, headers=headers | ({"authorization": given} if given else {})))
    assert "pa:ss" not in caught.value.reason


@pytest.mark.parametrize("login", [None, "", ":", "user", "user:", ":word"], ids=repr)
def test_without_a_password_every_call_is_refused(login: str | None) -> None:
    sender = PROVIDER.make("http://127.0.0.1:1", webhook_login=login)
    with pytest.raises(RefusedCallbackError, match="has no webhook_login:"):
        sender.verify(event("Delivery", login=login or "", **BASE))


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b"7", b'{"a":"\xff"}'], ids=repr)
def test_a_body_that_cannot_be_read(sender: PostmarkSender, body: bytes) -> None:
    with pytest.raises(RefusedCallbackError):
        sender.events(callback(body))

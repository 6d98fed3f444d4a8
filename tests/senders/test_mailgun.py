"""Mailgun: its forms, its errors, its webhooks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, SendError, TransientError
from segflow.senders import settings_of
from segflow.senders.callbacks import RefusedCallbackError
from segflow.senders.mailgun import MailgunSender
from tests.senders.email_providers import PROVIDERS, mail
from tests.senders.fakes.base import NOW, Reply, callback, reply
from tests.senders.fakes.mailgun import SIGNING_KEY, FakeMailgun, event

PROVIDER = PROVIDERS["mailgun"]


@pytest.fixture
def fake() -> FakeMailgun:
    return FakeMailgun()


@pytest.fixture
def sender(fake: FakeMailgun) -> Iterator[MailgunSender]:
    with fake.running() as url, PROVIDER.make(url, webhook_signing_key=SIGNING_KEY) as made:
        yield made


def test_what_is_sent(fake: FakeMailgun, sender: MailgunSender) -> None:
    receipt = sender.send(
        mail(headers={"List-Unsubscribe": "<https://a.example/u?a=b&c=d>"}, reply_to='"Tea, Inc" <z@b.example>')
    )
    assert fake.mails == [
        {
            "from": "Shop <news@shop.example>",
            "to": "ana1@home.example",
            "subject": "Grüße",
            "text": "Dear Ana €",
            "html": "<p>Dear Ana €</p>",
            "h:Reply-To": '"Tea, Inc" <z@b.example>',
            "h:List-Unsubscribe": "<https://a.example/u?a=b&c=d>",
            "v:segflow_id": "m1",
        }
    ]
    assert receipt.provider_id == "0.20260301@mg.shop.example"
    assert fake.leaks == 0


def test_a_from_with_other_letters_is_refused(fake: FakeMailgun, sender: MailgunSender) -> None:
    with pytest.raises(PermanentError, match="no valid From header"):
        sender.send(mail(sender_address="jörg@shop.example"))
    assert fake.calls == []


def test_sizes_are_known_before(fake: FakeMailgun, sender: MailgunSender) -> None:
    with pytest.raises(PermanentError, match="16384"):
        sender.send(mail(headers={"X-A": "x " * 8192}))
    with pytest.raises(PermanentError, match="25 MB"):
        sender.send(mail(text="x" * 25_000_001))
    assert fake.calls == []


ERRORS: dict[str, tuple[Reply, type[SendError]]] = {
    "another place": (reply(200, "Mailgun Magnificent API"), ConfigurationError),
    "200 without an id": (reply(200, {"message": "Queued."}), AmbiguousError),
    "400": (reply(400, {"message": "'to' parameter is not a valid address"}), PermanentError),
    "400 of a disabled domain": (reply(400, {"message": "Domain is disabled: mg.shop.example"}), ConfigurationError),
    "400 of what is not allowed": (
        reply(400, {"message": "Domain mg.shop.example is not allowed to send"}),
        ConfigurationError,
    ),
    "401": (reply(401, "Forbidden"), ConfigurationError),
    "403": (reply(403, "Forbidden"), ConfigurationError),
    "404 of the domain": (reply(404, {"message": "Domain not found: mg.shop.example"}), ConfigurationError),
    "404": (reply(404, {"message": "try again"}), TransientError),
    "413": (reply(413), PermanentError),
    "429": (reply(429, {"message": "Too many requests"}), TransientError),
    "500": (reply(500, {"message": "Internal"}), AmbiguousError),
}


@pytest.mark.parametrize(("answer", "kind"), ERRORS.values(), ids=ERRORS)
def test_errors(fake: FakeMailgun, sender: MailgunSender, answer: Reply, kind: type[SendError]) -> None:
    fake.next = [answer]
    with pytest.raises(kind) as caught:
        sender.send(mail())
    assert type(caught.value) is kind


WAITS: dict[str, tuple[Reply, float | None]] = {
    "in the text": (reply(429, {"message": "Domain sends too much, try again after 1234 seconds"}), 1234),
    "in a header": (reply(429, {"message": "Too many requests"}, Retry_After="7"), 7),
    "nowhere": (reply(429, {"message": "Too many requests"}), None),
}


@pytest.mark.parametrize(("answer", "seconds"), WAITS.values(), ids=WAITS)
def test_how_long_to_wait(fake: FakeMailgun, sender: MailgunSender, answer: Reply, seconds: float | None) -> None:
    fake.next = [answer]
    with pytest.raises(TransientError) as caught:
        sender.send(mail())
    assert caught.value.retry_after == seconds


BASE: dict[str, Any] = {
    "recipient": "ana@home.example",
    "user-variables": {"segflow_id": "m1"},
    "message": {"headers": {"message-id": "0.20260301@mg.shop.example"}},
    "unknown": {"é": 1},
}


def failed(severity: str, reason: str, code: Any) -> dict[str, Any]:
    return {"severity": severity, "reason": reason, "delivery-status": {"code": code}}


EVENTS: dict[str, tuple[str, dict[str, Any], tuple[Any, ...] | None]] = {
    "accepted": ("accepted", {}, None),
    "of tomorrow": ("teleported", {}, None),
    "delivered": ("delivered", {}, ("delivered", False, None)),
    "bounced": ("failed", failed("permanent", "bounce", 550), ("bounced", True, "hard 550")),
    "suppressed": ("failed", failed("permanent", "suppress-bounce", 605), ("failed", True, "suppressed by Mailgun")),
    "suppressed otherwise": (
        "failed",
        failed("permanent", "suppress-other", 606),
        ("failed", False, "suppressed by Mailgun"),
    ),
    "tried for too long": ("failed", failed("permanent", "bounce", 421), ("bounced", False, "soft 421")),
    "failed for another reason": ("failed", failed("permanent", "generic", 552), ("bounced", False, "soft 552")),
    "failed without a code": ("failed", failed("permanent", "bounce", None), ("bounced", True, "hard")),
    "failed for now": ("failed", failed("temporary", "generic", 451), None),
    "rejected": ("rejected", {"reject": {"reason": "x"}}, ("failed", False, None)),
    "opened": ("opened", {}, ("opened", False, None)),
    "clicked": ("clicked", {"url": "https://a.example/b?who=ana"}, ("clicked", False, "https://a.example/b")),
    "complained": ("complained", {}, ("complained", True, None)),
    "unsubscribed": ("unsubscribed", {}, ("unsubscribed", True, None)),
}


@pytest.mark.parametrize(("name", "fields", "expected"), EVENTS.values(), ids=EVENTS)
def test_events(sender: MailgunSender, name: str, fields: dict[str, Any], expected: tuple[Any, ...] | None) -> None:
    call = event(name, **BASE, **fields)
    sender.verify(call)
    assert sender.answer(call) is None
    found = sender.events(call)
    assert [(one.kind, one.suppress, one.detail) for one in found] == ([] if expected is None else [expected])
    for one in found:
        assert (one.message_id, one.address) == ("m1", "ana@home.example")
        assert one.provider_id == "0.20260301@mg.shop.example"
        assert (one.event_id, one.at, one.channel) == ("t1", NOW + timedelta(seconds=0.25), "email")


def test_a_call_may_come_again_as_it_was(sender: MailgunSender) -> None:
    call = event("opened", **BASE)
    sender.verify(call)
    sender.verify(replace(call, received_at=NOW + timedelta(hours=8)))


def test_a_token_does_not_sign_another_body(sender: MailgunSender) -> None:
    call = event("opened", **BASE)
    sender.verify(call)
    forged = json.loads(call.body) | {"event-data": {"event": "complained", "recipient": "bob@home.example"}}
    with pytest.raises(RefusedCallbackError, match="came before, with another body"):
        sender.verify(callback(forged))


def test_a_forged_body_before_the_true_one_counts_once(sender: MailgunSender) -> None:
    """What is taken in is told apart by the token: whichever comes first."""
    call = event("opened", **BASE)
    forged = callback(json.loads(call.body) | {"event-data": {"event": "complained", "recipient": "bob@home.example"}})
    assert {one.event_id for one in (*sender.events(call), *sender.events(forged))} == {"t1"}


def test_tokens_are_not_kept_for_ever(sender: MailgunSender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segflow.senders.mailgun._TOKENS", 3)
    for number in range(10):
        sender.verify(event("opened", token=f"t{number}", **BASE))
    assert list(sender._seen) == ["t7", "t8", "t9"]


FORGED: dict[str, dict[str, Any]] = {
    "another key": {"key": "other"},
    "ten hours old": {"at": NOW - timedelta(hours=10)},
    "from the future": {"at": NOW + timedelta(minutes=6)},
}


@pytest.mark.parametrize("changes", FORGED.values(), ids=FORGED)
def test_a_call_that_is_not_mailguns(sender: MailgunSender, changes: dict[str, Any]) -> None:
    with pytest.raises(RefusedCallbackError):
        sender.verify(event("opened", **BASE, **changes))


SIGNATURES: dict[str, Any] = {
    "none": None,
    "a text": "x",
    "no token": {"token": None},
    "another token": {"token": "t2"},
    "another time": {"timestamp": str(int(NOW.timestamp()) + 1)},
    "a time that is none": {"timestamp": "soon"},
    "no signature": {"signature": ""},
    "another signature": {"signature": "0" * 64},
    "not ASCII": {"signature": "é"},
    "a list": {"signature": ["0"]},
}


@pytest.mark.parametrize("signature", SIGNATURES.values(), ids=SIGNATURES)
def test_a_call_whose_signature_does_not_do(sender: MailgunSender, signature: Any) -> None:
    told = json.loads(event("opened", **BASE).body)
    told["signature"] = {**told["signature"], **signature} if isinstance(signature, dict) else signature
    with pytest.raises(RefusedCallbackError):
        sender.verify(callback(told))


@pytest.mark.parametrize("key", [None, ""], ids=repr)
def test_without_a_key_every_call_is_refused(key: str | None) -> None:
    sender = PROVIDER.make("http://127.0.0.1:1", webhook_signing_key=key)
    with pytest.raises(RefusedCallbackError, match="has no webhook_signing_key:"):
        sender.verify(event("opened", key=key or "", **BASE))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"a=b&c=d", b'{"event-data": 7}'], ids=repr)
def test_a_body_that_cannot_be_read(sender: MailgunSender, body: bytes) -> None:
    for read in (sender.verify, sender.events):
        with pytest.raises(RefusedCallbackError):
            read(callback(body))


@pytest.mark.parametrize("domain", ["", "a/b", "a b", "mg.shop.example/", "a\n"], ids=repr)
def test_a_domain_that_would_lead_elsewhere_is_refused(domain: str) -> None:
    given = {"type": "mailgun", "domain": domain, "api_key": "k", "from": "a@b.example"}
    with pytest.raises(ValueError, match="domain"):
        settings_of("mailgun").model_validate(given)


def test_regions() -> None:
    eu, us = (PROVIDER.make(None, region=region) for region in ("eu", "us"))
    assert (eu._url, us._url) == (
        "https://api.eu.mailgun.net/v3/mg.shop.example/messages",
        "https://api.mailgun.net/v3/mg.shop.example/messages",
    )

"""SMS through Twilio, against a strict fake of its API, and its callbacks."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from pydantic import ValidationError

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, SendError, TransientError
from segflow.messages import Notify, Sms
from segflow.senders.callbacks import Callback, CallbackAnswer, RefusedCallbackError
from segflow.senders.shared.http import TOTAL_TIMEOUTS
from segflow.senders.twilio import ERRORS, FAILURES, START_WORDS, STOP_WORDS, TwilioSender, TwilioSettings, with_query

from .fakes.phone import Fake, Misbehaviour, Refused, broken_json, hang, in_two_packets, reset, said
from .fakes.twilio import ACCOUNT, KEY, KEY_SECRET, LANDLINE, OPTED_OUT, SERVICE, TOKEN, UNREACHABLE, sign, twilio
from .fakes.twilio import error as refusal
from .servers import free_port

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
COMMON: dict[str, Any] = {"message_id": "m1", "contact_id": "c1", "flow": "f", "step": "s", "planned_at": NOW}
PUBLIC = "https://hooks.shop.example/callbacks/sms"
NUMBER = "+442079460018"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def sms(**changes: Any) -> Sms:
    return Sms(**{**COMMON, "to": NUMBER, "text": "Grüße an Ana & Co", **changes})


def sender(fake: Fake, **changes: Any) -> TwilioSender:
    given = {"account_sid": ACCOUNT, "auth_token": TOKEN, "from_": "+15005550006", "timeout": 0.5, **changes}
    return TwilioSender("sms", url=fake.url, **given)


REQUESTS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, str]]] = {
    "a number": ({}, {}, {"From": "+15005550006"}),
    "the step's sender": ({}, {"sender_id": "Shop"}, {"From": "Shop"}),
    "a service": ({"from_": None, "messaging_service_sid": SERVICE}, {}, {"MessagingServiceSid": SERVICE}),
    "a sender of a service": (
        {"messaging_service_sid": SERVICE},
        {"sender_id": "Shop"},
        {"From": "Shop", "MessagingServiceSid": SERVICE},
    ),
    "an API key": (
        {"auth_token": None, "api_key": KEY, "api_secret": KEY_SECRET},
        {},
        {"From": "+15005550006"},
    ),
    "a callback": (
        {"callback_url": PUBLIC},
        {},
        {"From": "+15005550006", "StatusCallback": f"{PUBLIC}?message_id=m1"},
    ),
}


@pytest.mark.parametrize(("settings", "changes", "form"), REQUESTS.values(), ids=REQUESTS.keys())
def test_what_is_sent(settings: dict[str, Any], changes: dict[str, Any], form: dict[str, str]) -> None:
    with twilio() as fake, sender(fake, **settings) as sending:
        receipt = sending.send(sms(**changes))
    [call] = fake.taken
    assert dict(parse_qsl(call.body.decode())) == {"To": NUMBER, "Body": "Grüße an Ana & Co", **form}
    assert receipt.provider_id == "SM" + "1".zfill(32)


def test_a_connection_is_used_again() -> None:
    with twilio() as fake, sender(fake) as sending:
        ids = [sending.send(sms(message_id=f"m{number}")).provider_id for number in range(3)]
    assert len(set(ids)) == 3


URLS = {
    "plain": (PUBLIC, f"{PUBLIC}?message_id=m%2F1"),
    "with a query": (f"{PUBLIC}?a=b", f"{PUBLIC}?a=b&message_id=m%2F1"),
    "with overrides": (f"{PUBLIC}#rc=2&rt=1500", f"{PUBLIC}?message_id=m%2F1#rc=2&rt=1500"),
}


@pytest.mark.parametrize(("url", "told"), URLS.values(), ids=URLS.keys())
def test_our_id_in_the_callback(url: str, told: str) -> None:
    assert with_query(url, "message_id", "m/1") == told


BEFORE: dict[str, tuple[Any, str]] = {
    "no number": (sms(to="020 7946 0018"), "the number is not in the form"),
    "whatsapp": (sms(to="whatsapp:+442079460018"), "the number is not in the form"),
    "empty": (sms(text=""), "the text is empty"),
    "long": (sms(text="x" * 1601), "the text has 1,601 characters; Twilio takes 1,600"),
    "another channel": (Notify(**COMMON, to="x", text="x"), "Twilio sends SMS here, not notify"),
}


@pytest.mark.parametrize(("message", "why"), BEFORE.values(), ids=BEFORE.keys())
def test_refused_before_anything_is_sent(message: Any, why: str) -> None:
    with twilio() as fake, sender(fake) as sending:
        with pytest.raises(PermanentError, match=why):
            sending.send(message)
        sending.send(sms(text="x" * 1600))
    assert len(fake.asked) == 1


@pytest.mark.parametrize(
    ("to", "why"),
    [
        pytest.param(OPTED_OUT, "Twilio 21610: the recipient has opted out", id="opted out"),
        pytest.param(LANDLINE, "Twilio 21635: the number is a landline", id="landline"),
        pytest.param(UNREACHABLE, "Twilio 21612: from cannot reach this number", id="no route"),
    ],
)
def test_what_is_wrong_with_a_recipient_fails_one_message(to: str, why: str) -> None:
    with twilio() as fake, sender(fake) as sending:
        with pytest.raises(PermanentError, match=why) as raised:
            sending.send(sms(to=to))
        sending.send(sms())
    assert raised.value.unsubscribed is (to == OPTED_OUT)
    assert raised.value.suppress == {OPTED_OUT: "unsubscribed", LANDLINE: "bounced"}.get(to)


KINDS: dict[str, type[SendError]] = {
    "transient": TransientError, "permanent": PermanentError, "configuration": ConfigurationError,
}  # fmt: skip


@pytest.mark.parametrize("code", ERRORS, ids=str)
@pytest.mark.parametrize("status", [400, 500])
def test_a_known_code_wins_over_the_status(code: int, status: int) -> None:
    with twilio() as fake, sender(fake) as sending:
        fake.refuse = refusal(status, code)
        with pytest.raises(SendError) as raised:
            sending.send(sms())
    assert type(raised.value) is KINDS[ERRORS[code].kind]
    assert str(raised.value) == f"Twilio {code}: {ERRORS[code].says}"


STATUSES: dict[str, tuple[Refused, type[SendError], str]] = {
    "400": (refusal(400, 29999, "Bad\nthing"), PermanentError, "^Twilio 29999: Bad thing$"),
    "401": (Refused(401, {}), ConfigurationError, "^HTTP 401$"),
    "403": (Refused(403, {}), ConfigurationError, "^HTTP 403$"),
    "404": (Refused(404, {}), ConfigurationError, "^HTTP 404$"),
    "302": (Refused(302, {}), ConfigurationError, "redirects are not followed"),
    "408": (Refused(408, {}), TransientError, "^HTTP 408$"),
    "425": (Refused(425, {}), TransientError, "^HTTP 425$"),
    "429": (Refused(429, {}), TransientError, "^HTTP 429$"),
    "500": (Refused(500, {}), AmbiguousError, "^HTTP 500$"),
    "502": (Refused(502, {}), AmbiguousError, "^HTTP 502$"),
    "a text as code": (Refused(400, {"code": "21610"}), PermanentError, "^HTTP 400$"),
}


@pytest.mark.parametrize(("refused", "error", "words"), STATUSES.values(), ids=STATUSES.keys())
def test_what_an_unknown_answer_means(refused: Refused, error: type[SendError], words: str) -> None:
    with twilio() as fake, sender(fake) as sending:
        fake.refuse = refused
        with pytest.raises(error, match=words):
            sending.send(sms())


AFTER: dict[str, Misbehaviour] = {
    "dropped": reset,
    "no answer": hang,
    "500": said(500),
    "200": said(200, b'{"sid": "SM1"}'),
    "broken JSON": broken_json(201),
    "no sid": said(201, b"{}"),
    "a list": said(201, b"[]"),
}


@pytest.mark.parametrize("after", AFTER.values(), ids=AFTER.keys())
def test_what_was_taken_without_a_clear_answer_is_in_doubt(after: Misbehaviour) -> None:
    with twilio() as fake, sender(fake, timeout=0.3) as sending:
        fake.after = after
        begun = time.monotonic()
        with pytest.raises(AmbiguousError):
            sending.send(sms())
        assert time.monotonic() - begun < 0.3 * TOTAL_TIMEOUTS + 1
    assert len(fake.taken) == 1
    assert not sending.idempotent  # a repeat would be a second message


def test_an_answer_in_pieces_is_one() -> None:
    with twilio() as fake, sender(fake) as sending:
        fake.after = in_two_packets(201, {"sid": "SM7"})
        assert sending.send(sms()).provider_id == "SM7"


def test_a_wait_is_passed_on() -> None:
    with twilio() as fake, sender(fake) as sending:
        fake.refuse, fake.headers = refusal(429, 20429), {"Retry-After": "9"}
        with pytest.raises(TransientError) as raised:
            sending.send(sms())
    assert raised.value.retry_after == 9


def test_no_server_is_transient() -> None:
    fake = Fake(lambda _: (201, {}), url=f"http://127.0.0.1:{free_port()}")
    with sender(fake) as sending, pytest.raises(TransientError, match="cannot connect"):
        sending.send(sms())


def test_three_refusals_in_a_row_that_nobody_knows_stop_the_sender() -> None:
    with twilio() as fake, sender(fake) as sending:
        for rounds in range(2):
            fake.refuse = refusal(400, 29999)
            for _ in range(2):
                with pytest.raises(PermanentError):
                    sending.send(sms())
            if rounds == 0:
                fake.refuse = None
                sending.send(sms())
        with pytest.raises(ConfigurationError, match="the third refusal in a row that is not known"):
            sending.send(sms())


def test_secrets_are_in_no_error() -> None:
    with twilio() as fake, sender(fake, api_key=KEY, api_secret=KEY_SECRET) as sending:
        basic = "SK" + "1" * 32
        echo = f"key {KEY_SECRET} token {TOKEN}"
        fake.refuse = refusal(400, 29999, echo)
        with pytest.raises(PermanentError) as raised:
            sending.send(sms())
        echoed = fake.asked[0].headers["authorization"].partition(" ")[2]
        fake.refuse = refusal(400, 29999, f"you sent {echoed}")
        with pytest.raises(PermanentError) as again:
            sending.send(sms())
    for text in (str(raised.value), str(again.value), repr(sending)):
        assert all(secret not in text for secret in (KEY_SECRET, TOKEN, echoed))
    settings = TwilioSettings.model_validate(
        {"type": "twilio", "account_sid": ACCOUNT, "auth_token": TOKEN, "api_key": basic, "api_secret": KEY_SECRET,
         "from": "+15005550006"}
    )  # fmt: skip
    assert TOKEN not in repr(settings)
    assert KEY_SECRET not in repr(settings)


def test_the_check_sends_nothing() -> None:
    with twilio() as fake, sender(fake) as sending:
        assert sending.check() == f"Twilio takes the credentials of account {ACCOUNT}"
        [call] = fake.asked
        assert (call.method, urlsplit(call.path).query) == ("GET", "PageSize=1")
    with twilio() as fake, sender(fake, auth_token="wrong") as sending:
        with pytest.raises(ConfigurationError, match="Twilio 20003"):
            sending.check()
        fake.refuse = Refused(503, {"code": 20503})
        with pytest.raises(TransientError):
            sending.check()
        fake.refuse = Refused(418, {})
        with pytest.raises(ConfigurationError, match="HTTP 418"):
            sending.check()


GIVEN: dict[str, Any] = {"type": "twilio", "account_sid": ACCOUNT, "auth_token": TOKEN, "from": "+15005550006"}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no account": ({"account_sid": "AC1"}, "account_sid: is not AC and 32 hexadecimal digits"),
    "no credentials": ({"auth_token": None}, "give auth_token:, or api_key: and api_secret:"),
    "an empty token": ({"auth_token": ""}, "give auth_token:, or api_key: and api_secret:"),
    "half a key": ({"api_key": KEY}, "api_key: and api_secret: go together"),
    "no sender": ({"from": None}, "give from: or messaging_service_sid:"),
    "no service": ({"messaging_service_sid": "x"}, "messaging_service_sid: is not MG"),
    "a callback without the token": (
        {"auth_token": None, "api_key": KEY, "api_secret": "x", "callback_url": PUBLIC},
        "callback_url: needs auth_token:",
    ),
    "a callback with an underscore": ({"callback_url": "https://a_b.example/x"}, "no host with an underscore"),
    "a callback that is none": ({"callback_url": "ftp://a.example"}, "callback_url: must be an http or https URL"),
    "credentials in the clear": ({"url": "http://api.example.com"}, "url: must be https://"),
    "half a price": ({"price_per_part": 0.01}, "price_per_part and currency go together"),
    "a negative price": ({"price_per_part": -1, "currency": "EUR"}, "price_per_part: is a price"),
    "no currency": ({"price_per_part": 1, "currency": "euro"}, "currency: write three capital letters, like EUR"),
    "a price that is a text": ({"price_per_part": "x", "currency": "EUR"}, "'x' is not a number"),
}


@pytest.mark.parametrize(("changes", "why"), BAD.values(), ids=BAD.keys())
def test_settings_that_cannot_work(changes: dict[str, Any], why: str) -> None:
    given = {key: value for key, value in {**GIVEN, **changes}.items() if value is not None}
    with pytest.raises(ValidationError, match=why):
        TwilioSettings.model_validate(given)


def test_what_parts_cost() -> None:
    settings = TwilioSettings.model_validate({**GIVEN, "price_per_part": 0.0079, "currency": "USD"})
    assert [settings.cost(parts) for parts in (1, 3, 1000)] == ["0.0079 USD", "0.0237 USD", "7.9 USD"]
    assert TwilioSettings.model_validate(GIVEN).cost(3) is None


# Callbacks.


def form(**fields: str) -> dict[str, str]:
    return {"MessageSid": "SM1", "AccountSid": ACCOUNT, "To": NUMBER, "From": "+15005550006", **fields}


def status(word: str, **fields: str) -> dict[str, str]:
    return form(MessageStatus=word, SmsStatus=word, Unheard="of", **fields)


def inbound(body: str, **fields: str) -> dict[str, str]:
    return form(
        **{"From": NUMBER, "To": "+15005550006", "Body": body, "NumMedia": "0", "SmsStatus": "received"} | fields
    )


def call(
    fields: dict[str, str] | list[tuple[str, str]] | bytes,
    *,
    url: str = f"{PUBLIC}?message_id=m1",
    signed: str | None = None,
    token: str = TOKEN,
    kind: str = "application/x-www-form-urlencoded; charset=utf-8",
    method: str = "POST",
) -> Callback:
    """A callback that Twilio signed for the URL `signed`; None: for `url`."""
    body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
    formed = kind.startswith("application/x-www-form-urlencoded")
    headers = {"content-type": kind, "x-twilio-signature": sign(signed or url, body if formed else b"", token)}
    return Callback(method=method, url=url, headers=headers, body=body, received_at=NOW)


def receiver(**changes: Any) -> TwilioSender:
    return TwilioSender(
        "sms", **{"account_sid": ACCOUNT, "auth_token": TOKEN, "from_": "x", "callback_url": PUBLIC, **changes}
    )


JSON = b'{"a": 1}\r\n'
HASH = hashlib.sha256(JSON).hexdigest()
VALID: dict[str, Callback] = {
    "a form": call(status("delivered")),
    "blanks are kept": call(inbound("  hi  ", Empty="")),
    "letters, plus signs and line breaks": call(inbound("Gruß + 1 & 2\r\n😀")),
    "a name twice": call([("MessageSid", "SM1"), ("Media", "b"), ("Media", "a"), ("Media", "b")]),
    "with the port": call(status("sent"), signed="https://hooks.shop.example:443/callbacks/sms?message_id=m1"),
    "without the port": call(
        status("sent"),
        url="https://hooks.shop.example:443/callbacks/sms?message_id=m1",
        signed=f"{PUBLIC}?message_id=m1",
    ),
    "behind a proxy": call(
        status("sent"), url="http://10.0.0.5:8080/callbacks/sms?message_id=m1", signed=f"{PUBLIC}?message_id=m1"
    ),
    "no form": call(JSON, url=f"{PUBLIC}?bodySHA256={HASH}", kind="application/json"),
    "a GET": call(b"", url=f"{PUBLIC}?MessageSid=SM1", kind="", method="GET"),
}  # fmt: skip


@pytest.mark.parametrize("callback", VALID.values(), ids=VALID.keys())
def test_what_twilio_signed_is_taken(callback: Callback) -> None:
    receiver().verify(callback)


def changed(callback: Callback, **changes: Any) -> Callback:
    return Callback(**{**{name: getattr(callback, name) for name in callback.__dataclass_fields__}, **changes})


GOOD = call(status("delivered"))
FORGED: dict[str, tuple[Callback, str]] = {
    "another token": (call(status("delivered"), token="other"), "does not match"),
    "another body": (changed(GOOD, body=urlencode(status("failed")).encode()), "does not match"),
    "another message": (changed(GOOD, url=f"{PUBLIC}?message_id=m2"), "does not match"),
    "another path": (changed(GOOD, url="https://hooks.shop.example/other?message_id=m2"), "does not match"),
    "one more field": (changed(GOOD, body=GOOD.body + b"&X=1"), "does not match"),
    "trimmed": (changed(call(inbound(" x ")), body=urlencode(inbound("x")).encode()), "does not match"),
    "no signature": (changed(GOOD, headers={"content-type": GOOD.headers["content-type"]}), "no X-Twilio-Signature"),
    "an empty signature": (changed(GOOD, headers={**GOOD.headers, "x-twilio-signature": ""}), "does not match"),
    "letters in the signature": (changed(GOOD, headers={**GOOD.headers, "x-twilio-signature": "é"}), "does not match"),
    "another JSON": (
        changed(call(JSON, url=f"{PUBLIC}?bodySHA256={HASH}", kind="application/json"), body=b'{"a": 2}'),
        "bodySHA256 does not match",
    ),
    "JSON without a hash": (call(JSON, url=PUBLIC, kind="application/json"), "bodySHA256 does not match"),
    "a form said to be JSON": (changed(GOOD, headers={**GOOD.headers, "content-type": "text/plain"}), "bodySHA256"),
    "no UTF-8": (changed(GOOD, body=b"MessageSid=%ff"), "cannot be read"),
    "too many fields": (changed(GOOD, body=b"&".join(b"a%d=" % n for n in range(600))), "cannot be read"),
}


@pytest.mark.parametrize(("callback", "why"), FORGED.values(), ids=FORGED.keys())
def test_what_twilio_did_not_sign_is_refused(callback: Callback, why: str) -> None:
    with pytest.raises(RefusedCallbackError, match=why):
        receiver().verify(callback)


def test_without_the_token_nothing_is_taken() -> None:
    with pytest.raises(RefusedCallbackError, match="auth_token is not set"):
        receiver(auth_token=None, api_key=KEY, api_secret="x").verify(GOOD)


OUTCOMES: dict[str, tuple[dict[str, str], tuple[str, bool, str | None] | None]] = {
    "queued": (status("queued"), None),
    "sent": (status("sent"), None),
    "a word of tomorrow": (status("teleported"), None),
    "delivered": (status("delivered"), ("delivered", False, None)),
    "read": (status("read"), ("opened", False, None)),
    "failed": (status("failed"), ("failed", False, "failed")),
    "canceled": (status("canceled"), ("failed", False, "canceled")),
    "an unknown code": (status("failed", ErrorCode="39999"), ("failed", False, "Twilio 39999: failed")),
    "no code": (status("undelivered", ErrorCode="x"), ("failed", False, "undelivered")),
} | {
    str(code): (status("undelivered", ErrorCode=str(code)), (kind, suppress, f"Twilio {code}: {says}"))
    for code, (kind, suppress, says) in FAILURES.items()
}  # fmt: skip


@pytest.mark.parametrize(("fields", "told"), OUTCOMES.values(), ids=OUTCOMES.keys())
def test_outcomes(fields: dict[str, str], told: tuple[str, bool, str | None] | None) -> None:
    found = receiver().events(call(fields))
    assert [(one.kind, one.suppress, one.detail) for one in found] == ([] if told is None else [told])
    for one in found:
        assert (one.message_id, one.provider_id, one.channel, one.address) == ("m1", "SM1", "sms", NUMBER)
        assert (one.at, one.event_id) == (NOW, f"SM1:{fields['MessageStatus']}")


def test_a_code_that_suppresses() -> None:
    assert {code for code, (_, suppress, _) in FAILURES.items() if suppress} == {21610, 30005, 30006}


def test_a_repeat_is_the_same_event_and_a_later_status_another() -> None:
    ids = [receiver().events(call(status(word)))[0].event_id for word in ("read", "delivered", "delivered")]
    assert (ids[1] == ids[2], ids[0] == ids[1]) == (True, False)


def test_without_our_id_the_message_is_known_by_its_sid() -> None:
    [event] = receiver().events(call(status("delivered"), url=PUBLIC))
    assert (event.message_id, event.provider_id) == (None, "SM1")


INBOUND: dict[str, tuple[dict[str, str], str]] = {
    **{word: (inbound(f" {word.title()}\n"), "unsubscribed") for word in sorted(STOP_WORDS)},
    **{word: (inbound(word.lower()), "subscribed") for word in sorted(START_WORDS)},
    "stop and more": (inbound("stop it"), "replied"),
    "help": (inbound("HELP"), "replied"),
    "empty": (inbound(""), "replied"),
    "words of one's own": (inbound("ARRET", OptOutType="STOP"), "unsubscribed"),
    "to come back in words of one's own": (inbound("ENCORE", OptOutType="START"), "subscribed"),
    "help of one's own": (inbound("AIDE", OptOutType="HELP"), "replied"),
}


@pytest.mark.parametrize(("fields", "kind"), INBOUND.values(), ids=INBOUND.keys())
def test_what_people_write(fields: dict[str, str], kind: str) -> None:
    [event] = receiver().events(call(fields, url=PUBLIC))
    assert (event.kind, event.suppress, event.address) == (kind, kind == "unsubscribed", NUMBER)
    assert (event.text, event.event_id, event.provider_id) == (fields["Body"], "SM1:received", None)
    assert fields["Body"] == "" or fields["Body"] not in repr(event)


def test_a_get_tells_the_same() -> None:
    callback = call(b"", url=f"{PUBLIC}?{urlencode(inbound('stop'))}", kind="", method="GET")
    receiver().verify(callback)
    assert [one.kind for one in receiver().events(callback)] == ["unsubscribed"]


def test_what_came_by_whatsapp_is_not_ours() -> None:
    assert receiver().events(call(inbound("stop", From="whatsapp:+442079460018"), url=PUBLIC)) == []


def test_a_callback_without_a_sid_cannot_be_read() -> None:
    with pytest.raises(RefusedCallbackError, match="no MessageSid"):
        receiver().events(call({"MessageStatus": "delivered"}))


def test_nobody_is_answered() -> None:
    assert receiver().answer(call(inbound("HELP"))) is None
    assert TwilioSender.taken == CallbackAnswer(status=204)


def test_our_id_goes_out_and_comes_back() -> None:
    with twilio() as fake, sender(fake, callback_url=PUBLIC) as sending:
        sending.send(sms(message_id="m 7/é"))
        url = parse_qs(fake.taken[0].body.decode())["StatusCallback"][0]
        callback = call(status("delivered"), url=url)
        sending.verify(callback)
        assert sending.events(callback)[0].message_id == "m 7/é"

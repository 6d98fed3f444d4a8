"""WhatsApp through Meta's Cloud API, against a strict fake of it, and its callbacks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, SendError, TransientError
from segflow.messages import Sms, WhatsApp, WhatsAppButton, WhatsAppHeader
from segflow.senders.callbacks import Callback, CallbackAnswer, RefusedCallbackError
from segflow.senders.whatsapp import ERRORS, START_WORDS, STOP_WORDS, WhatsAppSender, WhatsAppSettings

from .fakes.phone import Fake, Misbehaviour, Refused, broken_json, hang, in_two_packets, reset, said
from .fakes.whatsapp import NO_WHATSAPP, NUMBER, SECRET, STOPPED, TOKEN, VERSION, as_meta_writes, sign, whatsapp
from .fakes.whatsapp import error as refusal
from .servers import free_port

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
COMMON: dict[str, Any] = {"message_id": "m1", "contact_id": "c1", "flow": "f", "step": "s", "planned_at": NOW}
PUBLIC = "https://hooks.shop.example/callbacks/wa"
TO = "+442079460018"
AT = 1_772_354_000
VERIFY = "of-our-own-making"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def message(**changes: Any) -> WhatsApp:
    given = {"to": TO, "template": "order_shipped", "language": "en", "variables": ("Ünal", "Tuesday")}
    return WhatsApp(**{**COMMON, **given, **changes})


def sender(fake: Fake, **changes: Any) -> WhatsAppSender:
    given = {"phone_number_id": NUMBER, "access_token": TOKEN, "api_version": VERSION, "timeout": 0.5, **changes}
    return WhatsAppSender("wa", url=fake.url, **given)


def positional(*values: str) -> dict[str, Any]:
    return {"components": [{"type": "body", "parameters": [{"type": "text", "text": one} for one in values]}]}


def named(**values: str) -> dict[str, Any]:
    parameters = [{"type": "text", "parameter_name": name, "text": value} for name, value in values.items()]
    return {"components": [{"type": "body", "parameters": parameters}]}


def header(parameter: dict[str, Any]) -> dict[str, Any]:
    return {"type": "header", "parameters": [parameter]}


def button(kind: str, index: str, parameter: dict[str, Any]) -> dict[str, Any]:
    return {"type": "button", "sub_type": kind, "index": index, "parameters": [parameter]}


REQUESTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "by position": (
        {},
        {"name": "order_shipped", "language": {"code": "en"}, **positional("Ünal", "Tuesday")},
    ),
    "by name": (
        {"template": "tea_offer", "language": "en_US", "variables": {"city": "Köln", "tea": "Assam"}},
        {"name": "tea_offer", "language": {"code": "en_US"}, **named(city="Köln", tea="Assam")},
    ),
    "without variables": (
        {"template": "hello_world", "language": "en_US", "variables": ()},
        {"name": "hello_world", "language": {"code": "en_US"}},
    ),
    "a header, the body and buttons": (
        {
            "template": "invoice",
            "variables": ("Ünal",),
            "header": WhatsAppHeader("document", {"link": "https://shop.example/1.pdf", "filename": "Bill.pdf"}),
            "buttons": (WhatsAppButton(0, "url", "orders/7"), WhatsAppButton(2, "quick_reply", "more")),
        },
        {
            "name": "invoice",
            "language": {"code": "en"},
            "components": [
                header(
                    {"type": "document", "document": {"link": "https://shop.example/1.pdf", "filename": "Bill.pdf"}}
                ),
                *positional("Ünal")["components"],
                button("url", "0", {"type": "text", "text": "orders/7"}),
                button("quick_reply", "2", {"type": "payload", "payload": "more"}),
            ],
        },
    ),
    "an image of WhatsApp's": (
        {"template": "picture", "variables": (), "header": WhatsAppHeader("image", {"id": "1013859600285441"})},
        {
            "name": "picture",
            "language": {"code": "en"},
            "components": [header({"type": "image", "image": {"id": "1013859600285441"}})],
        },
    ),
    "a header by name": (
        {
            "template": "sale",
            "variables": {"tea": "Assam"},
            "header": WhatsAppHeader("text", {"name": "day", "text": "Mon"}),
        },
        {
            "name": "sale",
            "language": {"code": "en"},
            "components": [
                header({"type": "text", "parameter_name": "day", "text": "Mon"}),
                *named(tea="Assam")["components"],
            ],
        },
    ),
}


@pytest.mark.parametrize(("changes", "template"), REQUESTS.values(), ids=REQUESTS.keys())
def test_what_is_sent(changes: dict[str, Any], template: dict[str, Any]) -> None:
    with whatsapp() as fake, sender(fake) as sending:
        receipt = sending.send(message(**changes))
    [call] = fake.taken
    assert json.loads(call.body) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": TO,
        "type": "template",
        "template": template,
        "biz_opaque_callback_data": "m1",
    }
    assert (receipt.provider_id, receipt.detail) == ("wamid.1", None)


BEFORE: dict[str, tuple[Any, str]] = {
    "no number": (message(to="020 7946"), "the number is not in the form"),
    "an empty variable": (message(variables=("Ana", "")), "variable 2 is empty"),
    "an empty named one": (message(variables={"city": ""}), "variable city is empty"),
    "an empty header": (message(header=WhatsAppHeader("text", {"text": ""})), "the header's text is empty"),
    "an empty button": (message(buttons=(WhatsAppButton(1, "url", ""),)), "button 1 is empty"),
    "another channel": (Sms(**COMMON, to=TO, text="x"), "sends WhatsApp, not sms"),
}


@pytest.mark.parametrize(("given", "why"), BEFORE.values(), ids=BEFORE.keys())
def test_refused_before_anything_is_sent(given: Any, why: str) -> None:
    with whatsapp() as fake, sender(fake) as sending, pytest.raises(PermanentError, match=why):
        sending.send(given)
    assert fake.asked == []


TEMPLATES: dict[str, tuple[dict[str, Any], str]] = {
    "another language": ({"language": "en_GB"}, "WhatsApp 132001: there is no such template in this language"),
    "one variable too few": ({"variables": ("a",)}, "WhatsApp 132000: the template wants another number of variables"),
    "no header": ({"template": "picture", "variables": ()}, "WhatsApp 132012: the template wants variables of another"),
    "another header": (
        {"template": "picture", "variables": (), "header": WhatsAppHeader("text", {"text": "x"})},
        "WhatsApp 132012: the template wants variables of another",
    ),
    "a button that it has not": (
        {"buttons": (WhatsAppButton(0, "url", "x"),)},
        "WhatsApp 132012: the template wants variables of another",
    ),
    "by name where by position": ({"variables": {"a": "1", "b": "2"}}, "WhatsApp 132012: the template wants variables"),
}


@pytest.mark.parametrize(("changes", "why"), TEMPLATES.values(), ids=TEMPLATES.keys())
def test_a_template_that_does_not_fit_stops_the_sender(changes: dict[str, Any], why: str) -> None:
    with whatsapp() as fake, sender(fake) as sending, pytest.raises(ConfigurationError, match=why):
        sending.send(message(**changes))


def test_what_is_wrong_with_a_recipient_concerns_one_message() -> None:
    with whatsapp() as fake, sender(fake) as sending:
        sending.send(message())
        with pytest.raises(TransientError, match="WhatsApp 131056: too many messages to this recipient") as pair:
            sending.send(message())
        with pytest.raises(PermanentError, match="131050: the recipient has stopped marketing") as stopped:
            sending.send(message(to=STOPPED))
        with pytest.raises(PermanentError, match="131026: the number has no WhatsApp") as none:
            sending.send(message(to=NO_WHATSAPP))
        sending.send(message(to="+442079460019"))
    assert (pair.value.of_message, pair.value.retry_after) == (True, 6)
    assert (stopped.value.unsubscribed, none.value.unsubscribed) == (True, False)


KINDS: dict[str, type[SendError]] = {
    "transient": TransientError, "permanent": PermanentError, "configuration": ConfigurationError,
}  # fmt: skip


@pytest.mark.parametrize("code", [code for code in ERRORS if not 201 <= code <= 299], ids=str)
def test_a_known_code_wins_over_the_status(code: int) -> None:
    with whatsapp() as fake, sender(fake) as sending:
        for status in (400, 500):
            fake.refuse = refusal(status, code, "Meta's own words")
            with pytest.raises(SendError) as raised:
                sending.send(message())
            assert type(raised.value) is KINDS[ERRORS[code].kind]
            assert str(raised.value) == f"WhatsApp {code}: {ERRORS[code].says}: Meta's own words"


def test_codes_that_say_nothing_of_how_the_provider_is() -> None:
    assert {code for code, fault in ERRORS.items() if fault.of_message} == {131056, 132015, 132069}


STATUSES: dict[str, tuple[Refused, type[SendError], str]] = {
    "400": (refusal(400, 999999, "Bad\nthing"), PermanentError, "^WhatsApp 999999: Bad thing$"),
    "400 without details": (Refused(400, {"error": {"code": 999999, "message": "no"}}), PermanentError, "999999: no$"),
    "400 of another shape": (Refused(400, {"error": "x"}), PermanentError, "^HTTP 400$"),
    "401": (Refused(401, {}), ConfigurationError, "^HTTP 401$"),
    "404": (Refused(404, {}), ConfigurationError, "^HTTP 404$"),
    "302": (Refused(302, {}), ConfigurationError, "redirects are not followed"),
    "429": (Refused(429, {}), TransientError, "^HTTP 429$"),
    "500": (Refused(500, {}), AmbiguousError, "^HTTP 500$"),
}


@pytest.mark.parametrize(("refused", "error", "words"), STATUSES.values(), ids=STATUSES.keys())
def test_what_an_unknown_answer_means(refused: Refused, error: type[SendError], words: str) -> None:
    with whatsapp() as fake, sender(fake) as sending:
        fake.refuse = refused
        with pytest.raises(error, match=words):
            sending.send(message())


AFTER: dict[str, Misbehaviour] = {
    "dropped": reset,
    "no answer": hang,
    "503": said(503),
    "broken JSON": broken_json(200),
    "no messages": said(200, b'{"messages": []}'),
    "no id": said(200, b'{"messages": [{}]}'),
    "a list": said(200, b"[]"),
}


@pytest.mark.parametrize("after", AFTER.values(), ids=AFTER.keys())
def test_what_was_taken_without_a_clear_answer_is_in_doubt(after: Misbehaviour) -> None:
    with whatsapp() as fake, sender(fake, timeout=0.3) as sending:
        fake.after = after
        with pytest.raises(AmbiguousError):
            sending.send(message())
    assert (len(fake.taken), sending.idempotent) == (1, False)


def test_what_is_held_says_so_and_an_answer_in_pieces_is_one() -> None:
    held = {"messages": [{"id": "wamid.9", "message_status": "held_for_quality_assessment"}]}
    with whatsapp() as fake, sender(fake) as sending:
        fake.after = in_two_packets(200, held)
        receipt = sending.send(message())
    assert (receipt.provider_id, receipt.detail) == ("wamid.9", "held for a look at the template's quality")


def test_no_server_is_transient() -> None:
    fake = Fake(lambda _: (200, {}), url=f"http://127.0.0.1:{free_port()}")
    with sender(fake) as sending, pytest.raises(TransientError, match="cannot connect"):
        sending.send(message())


def test_three_refusals_in_a_row_that_nobody_knows_stop_the_sender() -> None:
    with whatsapp() as fake, sender(fake) as sending:
        fake.refuse = refusal(400, 999999)
        for error in (PermanentError, PermanentError, ConfigurationError):
            with pytest.raises(error):
                sending.send(message())


def test_secrets_are_in_no_error() -> None:
    with whatsapp() as fake, sender(fake, app_secret=SECRET) as sending:
        fake.refuse = refusal(400, 999999, f"token {TOKEN} secret {SECRET}")
        with pytest.raises(PermanentError) as raised:
            sending.send(message())
    settings = WhatsAppSettings.model_validate({**GIVEN, "app_secret": SECRET, "verify_token": VERIFY})
    for text in (str(raised.value), repr(sending), repr(settings)):
        assert all(secret not in text for secret in (TOKEN, SECRET, VERIFY))


def test_the_check_sends_nothing() -> None:
    with whatsapp() as fake, sender(fake) as sending:
        assert sending.check() == f"WhatsApp takes the access token for number {NUMBER}"
        assert [one.method for one in fake.asked] == ["GET"]
    with whatsapp() as fake, sender(fake, access_token="wrong") as sending:
        with pytest.raises(ConfigurationError, match="WhatsApp 190"):
            sending.check()
        fake.refuse = refusal(503, 2)
        with pytest.raises(TransientError):
            sending.check()


GIVEN: dict[str, Any] = {
    "type": "whatsapp", "phone_number_id": NUMBER, "access_token": TOKEN, "api_version": VERSION,
}  # fmt: skip
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "the number in place of its id": ({"phone_number_id": "+442079460018"}, "phone_number_id: is the id"),
    "an empty token": ({"access_token": ""}, "access_token: is empty"),
    "a version without v": ({"api_version": "23.0"}, r"api_version: write it like v23\.0"),
    "the token in the clear": ({"url": "http://graph.example.com"}, "url: must be https://"),
}


@pytest.mark.parametrize(("changes", "why"), BAD.values(), ids=BAD.keys())
def test_settings_that_cannot_work(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        WhatsAppSettings.model_validate({**GIVEN, **changes})


# Callbacks.


def receiver(**changes: Any) -> WhatsAppSender:
    given = {"phone_number_id": NUMBER, "access_token": TOKEN, "api_version": VERSION}
    return WhatsAppSender("wa", **{**given, "app_secret": SECRET, "verify_token": VERIFY, **changes})


def call(body: bytes, *, signed: bytes | None = None, secret: str = SECRET) -> Callback:
    headers = {"x-hub-signature-256": sign(body if signed is None else signed, secret)}
    return Callback(method="POST", url=PUBLIC, headers=headers, body=body, received_at=NOW)


def told(*values: dict[str, Any], number: str = NUMBER) -> bytes:
    """A callback with one change per value, in an entry each, among what nobody knows yet."""
    metadata = {"display_phone_number": "442079460000", "phone_number_id": number}
    changes = [
        {"field": "x", "value": {"messaging_product": "whatsapp", "metadata": metadata, "later": 1, **one}}
        for one in values
    ]
    entries = [{"id": "1", "changes": [one]} for one in changes]
    return as_meta_writes({"object": "whatsapp_business_account", "entry": entries})


def status(word: str, **changes: Any) -> dict[str, Any]:
    given = {"id": "wamid.1", "status": word, "timestamp": str(AT), "recipient_id": "442079460018"}
    return given | {"biz_opaque_callback_data": "m1", "pricing": {"billable": True}} | changes


def failed(*codes: Any) -> dict[str, Any]:
    return status("failed", errors=[{"code": code, "title": "x"} for code in codes])


OUTCOMES: dict[str, tuple[dict[str, Any], tuple[str, bool, str | None] | None]] = {
    "sent": (status("sent"), None),
    "a word of tomorrow": (status("teleported"), None),
    "delivered": (status("delivered"), ("delivered", False, None)),
    "read": (status("read"), ("opened", False, None)),
    "failed without a code": (failed(), ("failed", False, "failed")),
    "an unknown code": (failed(999999), ("failed", False, "WhatsApp 999999")),
    "a code that is none": (failed("x"), ("failed", False, "failed")),
    "no WhatsApp": (failed(131026), ("bounced", False, f"WhatsApp 131026: {ERRORS[131026].says}")),
    "marketing stopped": (failed(131050), ("unsubscribed", True, f"WhatsApp 131050: {ERRORS[131050].says}")),
    "withheld": (failed(131049), ("failed", False, f"WhatsApp 131049: {ERRORS[131049].says}")),
}


@pytest.mark.parametrize(("given", "wanted"), OUTCOMES.values(), ids=OUTCOMES.keys())
def test_outcomes(given: dict[str, Any], wanted: tuple[str, bool, str | None] | None) -> None:
    found = receiver().events(call(told({"statuses": [given]})))
    assert [(one.kind, one.suppress, one.detail) for one in found] == ([] if wanted is None else [wanted])
    for one in found:
        assert (one.message_id, one.provider_id, one.channel, one.address) == ("m1", "wamid.1", "whatsapp", TO)
        assert (one.at, one.event_id) == (datetime.fromtimestamp(AT, UTC), f"wamid.1:{given['status']}")


def inbound(text: str | None, **changes: Any) -> dict[str, Any]:
    body = {"type": "text", "text": {"body": text}} if text is not None else {"type": "image", "image": {"id": "1"}}
    return {"from": "442079460018", "id": "wamid.in", "timestamp": str(AT), **body, **changes}


INBOUND: dict[str, tuple[dict[str, Any], str, str | None]] = {
    **{word: (inbound(f" {word.title()} "), "unsubscribed", f" {word.title()} ") for word in sorted(STOP_WORDS)},
    **{word: (inbound(word.lower()), "subscribed", word.lower()) for word in sorted(START_WORDS)},
    "a text": (inbound("Grüße 😀"), "replied", "Grüße 😀"),
    "a picture": (inbound(None), "replied", None),
    "a button's payload": (
        inbound(None, type="button", button={"text": "No more", "payload": "stop"}),
        "unsubscribed",
        "No more",
    ),
    "a button": (inbound(None, type="button", button={"text": "Stop", "payload": "x"}), "unsubscribed", "Stop"),
}


@pytest.mark.parametrize(("given", "kind", "text"), INBOUND.values(), ids=INBOUND.keys())
def test_what_people_write(given: dict[str, Any], kind: str, text: str | None) -> None:
    [event] = receiver().events(call(told({"messages": [given], "contacts": [{"wa_id": "442079460018"}]})))
    assert (event.kind, event.text, event.address, event.suppress) == (kind, text, TO, kind == "unsubscribed")
    assert (event.event_id, event.provider_id, event.message_id) == ("wamid.in:received", None, None)


def test_an_answer_names_the_message_that_it_answers() -> None:
    [event] = receiver().events(call(told({"messages": [inbound("yes", context={"id": "wamid.1", "from": "44"})]})))
    assert event.provider_id == "wamid.1"


@pytest.mark.parametrize(("value", "kind"), [("stop", "unsubscribed"), ("resume", "subscribed")])
def test_marketing_stopped_in_whatsapp_itself(value: str, kind: str) -> None:
    one = {"wa_id": "442079460018", "detail": "x", "category": "marketing_messages", "value": value, "timestamp": AT}
    [event] = receiver().events(call(told({"user_preferences": [one]})))
    assert (event.kind, event.suppress, event.address) == (kind, value == "stop", TO)
    assert event.event_id == f"{TO}:{value}:{AT}"


def test_many_in_one_call_and_odd_ones_among_them() -> None:
    odd = [None, 7, {}, {"id": 5}, {"id": "wamid.2"}, {"id": "", "status": "read"}]
    statuses = {"statuses": [*odd, status("read"), status("delivered", timestamp="soon", recipient_id=None)]}
    messages = {
        "messages": [*odd, inbound("hi"), inbound("x", type="system")],
        "user_preferences": [*odd, {"value": []}],
    }
    found = receiver().events(call(told(statuses, messages, {"statuses": 3})))
    assert [(one.kind, one.at == NOW) for one in found] == [("opened", False), ("delivered", True), ("replied", False)]


def test_another_number_of_the_app_is_not_ours() -> None:
    assert receiver().events(call(told({"statuses": [status("read")]}, number="9"))) == []


def test_the_bytes_are_what_is_signed() -> None:
    body = told({"messages": [inbound("Grüße 😀")]})
    assert b"\\u00fc" in body
    receiver().verify(call(body))
    with pytest.raises(RefusedCallbackError):
        receiver().verify(call(json.dumps(json.loads(body), ensure_ascii=False).encode(), signed=body))


BODY = told({"statuses": [status("read")]})
FORGED: dict[str, tuple[Callback, str]] = {
    "another secret": (call(BODY, secret="other"), "does not match"),
    "another body": (call(BODY + b" ", signed=BODY), "does not match"),
    "no signature": (Callback(method="POST", url=PUBLIC, headers={}, body=BODY, received_at=NOW), "does not match"),
    "SHA-1": (
        Callback(
            method="POST",
            url=PUBLIC,
            headers={"x-hub-signature-256": sign(BODY).replace("sha256", "sha1")},
            body=BODY,
            received_at=NOW,
        ),
        "does not match",
    ),
    "letters": (
        Callback(method="POST", url=PUBLIC, headers={"x-hub-signature-256": "sha256=é"}, body=BODY, received_at=NOW),
        "does not match",
    ),
}


@pytest.mark.parametrize(("callback", "why"), FORGED.values(), ids=FORGED.keys())
def test_what_meta_did_not_sign_is_refused(callback: Callback, why: str) -> None:
    with pytest.raises(RefusedCallbackError, match=why):
        receiver().verify(callback)


def test_without_the_secret_nothing_is_taken() -> None:
    with pytest.raises(RefusedCallbackError, match="app_secret is not set"):
        receiver(app_secret=None).verify(call(BODY))


UNREADABLE = {
    "empty": b"",
    "half": b"{",
    "a list": b"[]",
    "no entry": b"{}",
    "no UTF-8": b"\xff",
    "another entry": b'{"entry": 1}',
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(RefusedCallbackError):
        receiver().events(call(body))


def challenge(token: str, mode: str = "subscribe", method: str = "GET") -> Callback:
    url = f"{PUBLIC}?hub.mode={mode}&hub.verify_token={token}&hub.challenge=1158201444"
    return Callback(method=method, url=url, headers={}, body=b"", received_at=NOW)


def test_the_challenge_is_answered() -> None:
    assert receiver().answer(challenge(VERIFY)) == CallbackAnswer(body="1158201444")
    assert receiver().answer(challenge(VERIFY, method="POST")) is None


@pytest.mark.parametrize(
    ("callback", "given"),
    [
        pytest.param(challenge("other"), {}, id="another token"),
        pytest.param(challenge("%C3%A9"), {}, id="letters"),
        pytest.param(challenge(VERIFY, mode="unsubscribe"), {}, id="another mode"),
        pytest.param(challenge(""), {"verify_token": None}, id="no token of ours"),
        pytest.param(challenge(""), {"verify_token": ""}, id="an empty token of ours"),
    ],
)
def test_a_challenge_with_another_token_is_refused(callback: Callback, given: dict[str, Any]) -> None:
    with pytest.raises(RefusedCallbackError):
        receiver(**given).answer(callback)

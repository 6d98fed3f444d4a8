"""What holds for every provider of email: what is refused before it is sent, lost answers, errors without secrets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, SendError, TransientError
from segflow.messages import Attachment, Receipt, Sms
from segflow.senders import build, settings_of
from segflow.senders.shared.api import parts_of
from segflow.senders.shared.email_api import EmailApiSettings
from segflow.senders.shared.http import TOTAL_TIMEOUTS
from tests.senders.email_providers import PROVIDERS, Provider, mail
from tests.senders.fakes.base import LOSSES, Fake, Reply, reply
from tests.senders.servers import drip_headers, free_port, http_server
from tests.senders.test_docs_of_senders import examples

UNSUBSCRIBE = {
    "List-Unsubscribe": f"<https://shop.example/u/{'x' * 300}>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> Provider:
    return PROVIDERS[request.param]


@pytest.fixture
def running(provider: Provider) -> Iterator[tuple[Fake, Any]]:
    """A fake and a sender to it."""
    fake = provider.fake()
    with fake.running() as url, provider.make(url) as sender:
        yield fake, sender


def test_messages_are_taken_as_the_provider_wants_them(provider: Provider, running: tuple[Fake, Any]) -> None:
    fake, sender = running
    messages = [
        mail(1),
        mail(2, text=None, headers=UNSUBSCRIBE, reply_to="Zoë <zoe@bücher.example>"),
        mail(3, html=None, to="ana3@BÜCHER.example", sender_address="Other <other@shop.example>"),
        mail(4, headers={"X-Name": "Zoë", "List-Help": "<https://a.example/é>"}, subject="Plain"),
    ]
    receipts = [sender.send(one) for one in messages]
    assert [provider.reads(one) for one in fake.mails] == [
        ("m1", "ana1@home.example"),
        ("m2", "ana2@home.example"),
        ("m3", "ana3@xn--bcher-kva.example"),
        ("m4", "ana4@home.example"),
    ]
    assert len({one.provider_id for one in receipts} - {None}) == 4
    body = fake.calls[3].body.decode()
    body = unquote(body) if "%3Futf-8" in body else body
    assert all(word in body for word in ("=?utf-8?", "<https://a.example/%C3%A9>"))


def test_many_come_out_in_their_order(provider: Provider, running: tuple[Fake, Any]) -> None:
    fake, sender = running
    messages: list[Any] = [mail(n, text=f"Body {n % 2}") for n in range(6)]
    messages[2] = mail(2, to="not an address")
    messages[4] = Sms(**{**_common(messages[4]), "to": "+442079460018", "text": "x"})
    told = sender.send_many(messages)
    assert [type(one).__name__ for one in told] == [
        "Receipt", "Receipt", "PermanentError", "Receipt", "PermanentError", "Receipt",
    ]  # fmt: skip
    assert sorted(provider.reads(one)[0] for one in fake.mails) == ["m0", "m1", "m3", "m5"]


def _common(message: Any) -> dict[str, Any]:
    return {name: getattr(message, name) for name in ("message_id", "contact_id", "flow", "step", "planned_at")}


REFUSED: dict[str, dict[str, Any]] = {
    "an address that is none": {"to": "ana"},
    "two addresses": {"to": "ana@home.example, bob@home.example"},
    "a line break in the address": {"to": "ana@home.example\r\nBcc: bob@home.example"},
    "a line break in the subject": {"subject": "a\nBcc: bob@home.example"},
    "NUL in the subject": {"subject": "a\0"},
    "half a letter in the subject": {"subject": "a\ud800"},
    "half a letter in a name": {"reply_to": "A\ud800 <a@b.example>"},
    "half a letter in the text": {"text": "a\ud800"},
    "a line break in a header": {"headers": {"X-A": "b\r\nBcc: bob@home.example"}},
    "a line break in a header's name": {"headers": {"X-A\r\nBcc": "bob@home.example"}},
    "a header that is ours": {"headers": {"bcc": "bob@home.example"}},
    "a header of the content": {"headers": {"Content-Type": "text/html"}},
    "a header twice": {"headers": {"X-A": "1", "x-a": "2"}},
    "a header with a blank": {"headers": {"X A": "1"}},
    "half a letter in a header": {"headers": {"X-A": "a\ud800"}},
    "half a letter in a link": {"headers": {"List-Unsubscribe": "<https://a.example/\ud800>"}},
    "a link longer than a line": {"headers": {"List-Unsubscribe": f"<https://a.example/{'x' * 1000}>"}},
    "no body": {"text": None, "html": None},
    "two empty bodies": {"text": "", "html": ""},
    "a From that is none": {"sender_address": "shop"},
    "a Reply-To that is none": {"reply_to": "shop"},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
def test_refused_before_anything_is_sent(running: tuple[Fake, Any], changes: dict[str, Any]) -> None:
    fake, sender = running
    with pytest.raises(PermanentError):
        sender.send(mail(**changes))
    assert fake.calls == []


ASCII_ONLY = {"sendgrid": False, "postmark": True, "resend": True, "mailgun": False, "ses": True}


@pytest.mark.parametrize(("name", "refuses"), ASCII_ONLY.items(), ids=ASCII_ONLY)
def test_letters_before_the_at_sign(name: str, refuses: bool) -> None:
    fake = PROVIDERS[name].fake()
    with fake.running() as url, PROVIDERS[name].make(url) as sender:
        if not refuses:
            sender.send(mail(to="jörg@home.example"))
            assert PROVIDERS[name].reads(fake.mails[0])[1] == "jörg@home.example"
            return
        with pytest.raises(PermanentError, match=r"ASCII letters before the @ of an address: jörg@home\.example"):
            sender.send(mail(to="jörg@home.example"))
        assert fake.calls == []


@pytest.mark.parametrize("loss", [*LOSSES, "accepts, then cuts its answer"])
def test_what_may_have_been_taken_is_ambiguous(provider: Provider, running: tuple[Fake, Any], loss: str) -> None:
    fake, sender = running
    fake.next = [loss]
    if isinstance(fake, PROVIDERS["sendgrid"].fake) and "cuts" in loss:
        assert sender.send(mail()).provider_id is not None  # the id is in a header, and the body is empty
        return
    with pytest.raises(AmbiguousError):
        sender.send(mail())
    assert len(fake.mails) == 1
    # Again, as the outbox does with a sender that is idempotent.
    if sender.idempotent:
        assert sender.send(mail()).provider_id is not None
        assert len(fake.mails) == 1


def test_an_answer_in_two_packets_is_read(running: tuple[Fake, Any]) -> None:
    fake, sender = running
    fake.next = ["in two packets"]
    assert sender.send(mail()).provider_id is not None


def test_the_whole_takes_bounded_time(provider: Provider) -> None:
    with http_server(drip_headers) as server, provider.make(server.url, timeout=0.3) as sender:
        begun = time.monotonic()
        with pytest.raises(AmbiguousError, match="it took too long"):
            sender.send(mail())
        assert time.monotonic() - begun < 0.3 * TOTAL_TIMEOUTS + 1


def test_no_server_is_transient(provider: Provider) -> None:
    with provider.make(f"http://127.0.0.1:{free_port()}") as sender, pytest.raises(TransientError, match="connect"):
        sender.send(mail())


ANSWERS: dict[str, tuple[Reply, type[SendError]]] = {
    "301": (reply(301, Location="http://other.example/"), ConfigurationError),
    "308": (reply(308, Location="http://other.example/"), ConfigurationError),
    "403": (reply(403), ConfigurationError),
    "408": (reply(408), TransientError),
    "425": (reply(425), TransientError),
    "429": (reply(429), TransientError),
    "500 of a gateway": (reply(500, "<html>"), AmbiguousError),
    "502 of a gateway": (reply(502, "<html>"), AmbiguousError),
    "503 of a gateway": (reply(503, "<html>"), AmbiguousError),
    "504 of a gateway": (reply(504), AmbiguousError),
    "204 without an id": (reply(204), AmbiguousError),
    "an unknown refusal": (reply(418, "a teapot"), PermanentError),
}


@pytest.mark.parametrize(("answer", "error"), ANSWERS.values(), ids=ANSWERS)
def test_answers_that_all_give(running: tuple[Fake, Any], answer: Reply, error: type[SendError]) -> None:
    fake, sender = running
    fake.next = [answer]
    with pytest.raises(error) as caught:
        sender.send(mail())
    assert type(caught.value) is error
    assert len(fake.calls) == 1


def test_unknown_refusals_in_a_row_stop_the_sender(running: tuple[Fake, Any]) -> None:
    fake, sender = running
    unknown = [reply(418, "a teapot")] * 2
    fake.next = [*unknown, "", *unknown, reply(418, "a teapot")]
    kinds = []
    for _ in range(6):
        try:
            sender.send(mail())
            kinds.append("sent")
        except SendError as error:
            kinds.append(type(error).__name__)
    assert kinds == ["PermanentError", "PermanentError", "sent", "PermanentError", "PermanentError",
                     "ConfigurationError"]  # fmt: skip


def test_a_wrong_key_stops_the_sender_and_is_not_told(provider: Provider) -> None:
    fake, key = provider.fake(), "wr0ng+key/of-the-tests"
    with fake.running() as url, provider.make(url, **{provider.secret: key}) as sender:
        with pytest.raises(ConfigurationError) as caught:
            sender.send(mail())
        assert key not in str(caught.value)
        fake.next = [reply(418, f"your key {key} has\nno right")]
        with pytest.raises(PermanentError, match=r"your key \*\*\* has no right") as echoed:
            sender.send(mail())
        assert key not in str(echoed.value)


@pytest.mark.parametrize("key", ["", "a b", "k\r\nX-A: b", "schlüssel", "k\0"], ids=repr)
def test_a_key_that_can_be_none_is_refused_without_being_told(provider: Provider, key: str) -> None:
    fake = provider.fake()
    with fake.running() as url:
        sender = provider.make(url, **{provider.secret: key})
        for attempt in (sender.open, lambda: sender.send(mail())):
            with pytest.raises(
                ConfigurationError, match=f"sender news: {provider.secret}: is empty, or holds"
            ) as caught:
                attempt()
            assert not key or key not in str(caught.value)
        assert fake.calls == []


def test_settings_do_not_show_their_secrets(tmp_path: Path) -> None:
    for name, options in examples().items():
        if not issubclass(settings_of(options["type"]), EmailApiSettings):
            continue
        given = {key: "s3cret-of-the-test" if "${env:" in str(value) else value for key, value in options.items()}
        model = settings_of(given["type"]).model_validate(given)
        assert "s3cret" not in repr(model).replace("webhook_key='s3cret-of-the-test'", ""), name  # a public key
        assert build(name, model.model_dump(), tmp_path).at_once >= 1


URLS = {
    "https://api.shop.example": True,
    "https://api.shop.example:8443/base": True,
    "http://127.0.0.1:80": True,
    "http://localhost:1": True,
    "http://api.shop.example": False,
    "https://user:word@api.shop.example": False,
    "https://api.shop.example/?a=b": False,
    "https://": False,
    "https://a b": False,
    "https://a.example:port": False,
    "ftp://a.example": False,
    "http://127.0.0.1.shop.example": False,
}


@pytest.mark.parametrize(("url", "good"), URLS.items(), ids=URLS)
def test_where_a_key_may_go(url: str, good: bool) -> None:
    given = yaml.safe_load("{type: resend, api_key: k, from: a@b.example}") | {"url": url}
    if good:
        assert settings_of("resend").model_validate(given)
        return
    with pytest.raises(ValueError, match=r"https://HOST|not a URL"):
        settings_of("resend").model_validate(given)


def test_runs_are_cut_by_number_and_size() -> None:
    assert parts_of([5, 5, 5, 50, 5], 2, 12) == [range(2), range(2, 3), range(3, 4), range(4, 5)]
    assert parts_of([], 2, 12) == []


class TestManyOneByOne:
    """`Sender.send_many` as the base has it."""

    def test_an_error_of_all_after_some_were_sent_is_told_for_the_rest(self) -> None:
        fake = PROVIDERS["mailgun"].fake()
        with fake.running() as url, PROVIDERS["mailgun"].make(url) as sender:
            fake.next = ["", reply(401, "Forbidden")]
            told = sender.send_many([mail(n) for n in range(4)])
            assert isinstance(told[0], Receipt)
            assert [type(one) for one in told[1:]] == [ConfigurationError] * 3
            assert len(fake.calls) == 2

    def test_before_anything_was_sent_it_is_raised(self) -> None:
        fake = PROVIDERS["mailgun"].fake()
        with fake.running() as url, PROVIDERS["mailgun"].make(url) as sender:
            fake.next = [reply(401, "Forbidden")]
            with pytest.raises(ConfigurationError):
                sender.send_many([mail(n) for n in range(4)])


FILE = Attachment("Prüfung.pdf", "application/pdf", b"%PDF-1.7 \x00\xff")
ATTACHED: dict[str, Any] = {
    "sendgrid": {
        "content": "JVBERi0xLjcgAP8=",
        "filename": "Prüfung.pdf",
        "type": "application/pdf",
        "disposition": "attachment",
    },
    "postmark": {"Name": "Prüfung.pdf", "Content": "JVBERi0xLjcgAP8=", "ContentType": "application/pdf"},
    "resend": {"filename": "Prüfung.pdf", "content": "JVBERi0xLjcgAP8=", "content_type": "application/pdf"},
    "mailgun": ("Prüfung.pdf", "application/pdf", b"%PDF-1.7 \x00\xff"),
    "ses": {
        "FileName": "Prüfung.pdf",
        "RawContent": "JVBERi0xLjcgAP8=",
        "ContentType": "application/pdf",
        "ContentDisposition": "ATTACHMENT",
        "ContentTransferEncoding": "BASE64",
    },
}


@pytest.mark.parametrize(("name", "expected"), ATTACHED.items(), ids=ATTACHED)
def test_attachments_are_sent(name: str, expected: Any) -> None:
    fake, provider = PROVIDERS[name].fake(), PROVIDERS[name]
    assert provider.sender.settings.sends_attachments
    with fake.running() as url, provider.make(url) as sender:
        assert all(isinstance(one, Receipt) for one in sender.send_many([mail(1, attachments=(FILE,)), mail(2)]))
        with pytest.raises(PermanentError, match="line break"):
            sender.send(mail(attachments=(Attachment("a\r\nb", "text/plain", b""),)))
    assert [_files(one) for one in fake.mails] == [[expected], None]


def _files(told: dict[str, Any]) -> Any:
    inside = told.get("Content", {}).get("Simple", {})
    return told.get("attachments", told.get("Attachments", inside.get("Attachments")))


REFUSED: dict[str, tuple[str, tuple[Attachment, ...], str]] = {
    "mailgun, too large": (
        "mailgun",
        (Attachment("a.bin", "application/octet-stream", b"x" * 25_000_001),),
        "larger than 25 MB",
    ),
    "mailgun, without a name": ("mailgun", (Attachment(" ", "text/plain", b"x"),), "has no name"),
    "ses, too large": (
        "ses",
        (Attachment("a.bin", "application/octet-stream", b"x" * 31_000_000),),
        "larger than 40 MB",
    ),
    "ses, without an extension": ("ses", (Attachment("README", "text/plain", b"x"),), "with an extension"),
    "ses, a long name": ("ses", (Attachment(f"{'a' * 252}.pdf", "text/plain", b"x"),), "with an extension, of 255"),
}


@pytest.mark.parametrize(("name", "files", "why"), REFUSED.values(), ids=REFUSED)
def test_attachments_that_a_provider_would_refuse(name: str, files: tuple[Attachment, ...], why: str) -> None:
    fake = PROVIDERS[name].fake()
    with fake.running() as url, PROVIDERS[name].make(url) as sender, pytest.raises(PermanentError, match=why):
        sender.send(mail(attachments=files))
    assert fake.calls == []

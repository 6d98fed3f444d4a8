"""The SMTP sender against aiosmtpd and against servers that break off."""

from __future__ import annotations

import contextlib
import email
import email.policy
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, SendError, TransientError
from segflow.messages import Email
from segflow.senders.smtp import TOTAL_TIMEOUTS, SmtpSender

from .servers import free_port, raw_server

TLS = Path(__file__).parent / "tls"
"""A self-signed certificate for localhost with its key, valid for 100 years; it protects nothing."""
COMMON: dict[str, Any] = {
    "message_id": "m1",
    "contact_id": "c1",
    "flow": "f",
    "step": "s",
    "planned_at": datetime(2026, 3, 1, 9, 0, tzinfo=UTC),
    "to": "ana@shop.example.com",
    "subject": "Hello",
    "text": "Dear Ana",
}


def mail(**changes: Any) -> Email:
    return Email(**{**COMMON, **changes})


class Inbox:
    """Keeps what arrives; answers what `answers` says for a command."""

    offers: tuple[str, ...] = ()
    """Extensions beside the usual ones."""

    def __init__(self) -> None:
        self.envelopes: list[Any] = []
        self.sessions: list[Any] = []
        self.answers: dict[str, str] = {}

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, host: str, lines: list[str]) -> list[str]:
        session.host_name = host
        return [*lines[:-1], *(f"250-{one}" for one in self.offers), lines[-1]]

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if "RCPT" not in self.answers:
            envelope.rcpt_tos.append(address)
        return self.answers.get("RCPT", "250 OK")

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.envelopes.append(envelope)
        self.sessions.append(session)
        return self.answers.get("DATA", "250 queued as 42")


@contextlib.contextmanager
def smtp_server(**options: Any) -> Iterator[tuple[Inbox, int]]:
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        yield inbox, controller.port
    finally:
        controller.stop()


def sender(port: int, **options: Any) -> SmtpSender:
    given = {"host": "127.0.0.1", "from_": "Shop <shop@shop.example.com>", "security": "none", "timeout": 5, **options}
    return SmtpSender("mail", port=port, **given)


def test_a_sharp_s_in_the_domain_of_the_sender_stays_a_letter() -> None:
    with smtp_server() as (inbox, port), sender(port) as smtp:
        smtp.send(mail(sender_address="hello@straße.example"))
    assert inbox.envelopes[0].mail_from == "hello@xn--strae-oqa.example"


UTF8 = {
    "to": ({"to": "jörg@bücher.example"}, "shop@shop.example.com", "jörg@xn--bcher-kva.example"),
    "from": ({"sender_address": "Zoë <zoë@bücher.example>"}, "zoë@xn--bcher-kva.example", "ana@shop.example.com"),
    "reply to": ({"reply_to": "zoë@bücher.example"}, "shop@shop.example.com", "ana@shop.example.com"),
}


@pytest.mark.parametrize(("changes", "mail_from", "to"), UTF8.values(), ids=UTF8)
def test_an_address_with_other_letters_goes_to_a_server_that_takes_it(
    changes: dict[str, str], mail_from: str, to: str
) -> None:
    with smtp_server(enable_SMTPUTF8=True) as (inbox, port), sender(port) as smtp:
        smtp.send(mail(**changes))
        smtp.send(mail(message_id="m2"))
    first, second = inbox.envelopes
    assert (first.mail_from, first.rcpt_tos, first.smtp_utf8) == (mail_from, [to], True)
    assert (second.mail_from, second.smtp_utf8) == ("shop@shop.example.com", False)
    got = email.message_from_bytes(first.content, policy=email.policy.SMTPUTF8)
    assert got["To"] == to
    assert got["From"].addresses[0].addr_spec.encode("ascii", "surrogateescape").decode() == mail_from
    assert got["From"].addresses[0].display_name == ("Zoë" if "zoë" in mail_from else "Shop")
    if "reply_to" in changes:
        assert got["Reply-To"] == "zoë@xn--bcher-kva.example"


@pytest.mark.parametrize("changes", [changes for changes, *_ in UTF8.values()], ids=list(UTF8))
def test_an_address_with_other_letters_is_kept_from_a_server_that_does_not_take_it(changes: dict[str, str]) -> None:
    with smtp_server(enable_SMTPUTF8=False) as (inbox, port), sender(port) as smtp:
        with pytest.raises(PermanentError, match="does not offer SMTPUTF8"):
            smtp.send(mail(**changes))
        smtp.send(mail(message_id="m2"))
    assert [one.mail_from for one in inbox.envelopes] == ["shop@shop.example.com"]
    assert len({id(session) for session in inbox.sessions}) == 1


def test_what_arrives() -> None:
    text = "line one\n.dot\n..dots\nFrom here\nGrüße " + "x" * 2000
    with smtp_server() as (inbox, port), sender(port) as smtp:
        receipt = smtp.send(
            mail(
                subject="Tee für Ana",
                text=text,
                html="<b>Grüße</b>",
                sender_address="Tee, Inc <tee@shop.example.com>",
                reply_to="help@shop.example.com",
                headers={"List-Unsubscribe": "<https://shop.example.com/" + "u" * 200 + ">"},
            )
        )
    envelope = inbox.envelopes[0]
    got = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert (envelope.mail_from, envelope.rcpt_tos) == ("tee@shop.example.com", ["ana@shop.example.com"])
    assert got["From"] == '"Tee, Inc" <tee@shop.example.com>'
    assert got["To"] == "ana@shop.example.com"
    assert got["Subject"] == "Tee für Ana"
    assert got["Reply-To"] == "help@shop.example.com"
    assert got["Message-ID"] == "<m1@shop.example.com>" == receipt.provider_id
    assert got["List-Unsubscribe"] == "<https://shop.example.com/" + "u" * 200 + ">"
    assert got.get_body(("plain",)).get_content().replace("\r\n", "\n").rstrip("\n") == text  # type: ignore[union-attr]
    assert got.get_body(("html",)).get_content().strip() == "<b>Grüße</b>"  # type: ignore[union-attr]
    assert max(len(line) for line in envelope.content.splitlines()) <= 998
    assert receipt.detail == "queued as 42"


def test_one_connection_is_kept_over_a_batch_and_replaced_when_it_broke() -> None:
    with smtp_server() as (inbox, port), sender(port) as smtp:
        smtp.send(mail(message_id="a"))
        smtp.send(mail(message_id="b"))
        assert inbox.sessions[0] is inbox.sessions[1]
        assert smtp._client is not None
        assert smtp._client.sock is not None
        smtp._client.sock.shutdown(socket.SHUT_RDWR)
        smtp.send(mail(message_id="c"))
    assert len(inbox.envelopes) == 3
    assert inbox.sessions[2] is not inbox.sessions[1]


ANSWERS: dict[str, tuple[dict[str, str], type[SendError], str]] = {
    "sender refused": ({"MAIL": "550 no such sender"}, PermanentError, "refused the sender .* 550"),
    "login wanted": ({"MAIL": "530 authentication required"}, ConfigurationError, "530"),
    "greylisted": ({"RCPT": "451 try later"}, TransientError, "refused the recipient ana@shop.example.com: 451"),
    "no such recipient": ({"RCPT": "550 unknown"}, PermanentError, "550 unknown"),
    "over quota": ({"DATA": "452 full"}, TransientError, "452 full"),
    "spam": ({"DATA": "554 spam"}, PermanentError, "554 spam"),
    "closing": ({"DATA": "421 closing"}, TransientError, "421 closing"),
}


@pytest.mark.parametrize("offers", [(), ("PIPELINING",)], ids=["one by one", "at once"])
@pytest.mark.parametrize(("answers", "error", "text"), ANSWERS.values(), ids=ANSWERS.keys())
def test_answers(answers: dict[str, str], error: type[SendError], text: str, offers: tuple[str, ...]) -> None:
    with smtp_server() as (inbox, port), sender(port) as smtp:
        inbox.answers, inbox.offers = answers, offers
        with pytest.raises(error, match=text):
            smtp.send(mail())
        inbox.answers = {}
        smtp.send(mail())
    assert inbox.envelopes[-1].rcpt_tos == ["ana@shop.example.com"]


def script(*lines: bytes, then: Callable[[socket.socket], None] = lambda _: None) -> Callable[[socket.socket], None]:
    """Greet, answer one line per command, then do `then` and close."""

    def talk(connection: socket.socket) -> None:
        reader = connection.makefile("rb")
        connection.sendall(b"220 ready\r\n")
        for line in lines:
            while reader.readline() not in (b".\r\n", b"") and line.startswith(b"END "):
                pass
            connection.sendall(line.removeprefix(b"END "))
        then(connection)
        # Close with nothing unread, so that the client sees an end and not a reset of what it still sends.
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(1)
            while connection.recv(65536):
                pass

    return talk


def drip(connection: socket.socket) -> None:
    for _ in range(200):
        connection.sendall(b"2")
        time.sleep(0.05)


def hang(connection: socket.socket) -> None:
    time.sleep(4)


OK = b"250 OK\r\n"
GO = b"354 go on\r\n"
BREAKS: dict[str, tuple[Callable[[socket.socket], None], type[SendError]]] = {
    "closes before MAIL is answered": (script(OK), TransientError),
    "closes before DATA is answered": (script(OK, OK, OK), TransientError),
    "closes after DATA": (script(OK, OK, OK, GO), AmbiguousError),
    "hangs at RCPT": (script(OK, OK, then=hang), TransientError),
    "hangs after DATA": (script(OK, OK, OK, GO, then=hang), AmbiguousError),
    "drips the answer to MAIL": (script(OK, then=drip), TransientError),
    "drips the last answer": (script(OK, OK, OK, GO, then=drip), AmbiguousError),
    "makes no sense at the end": (script(OK, OK, OK, GO, b"END what?\r\n"), AmbiguousError),
    "greets with 554": (lambda c: c.sendall(b"554 go away\r\n"), ConfigurationError),
    "greets with 421": (lambda c: c.sendall(b"421 busy\r\n"), TransientError),
    "does not greet": (hang, TransientError),
    "closes at once": (lambda c: None, TransientError),
}


@pytest.mark.parametrize(("talk", "error"), BREAKS.values(), ids=BREAKS.keys())
def test_broken_off(talk: Callable[[socket.socket], None], error: type[SendError]) -> None:
    timeout = 0.4
    with raw_server(talk) as port, sender(port, timeout=timeout) as smtp:
        begun = time.monotonic()
        with pytest.raises(error):
            smtp.send(mail())
        assert time.monotonic() - begun < timeout * TOTAL_TIMEOUTS + 1


def heard(answers: bytes, wait: float = 0.2) -> tuple[Callable[[socket.socket], None], list[bytes]]:
    """A server that offers PIPELINING and answers the envelope with `answers`, and what it got with each read."""
    got: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"220 ready\r\n")
        connection.recv(1000)
        connection.sendall(b"250-hello\r\n250 PIPELINING\r\n")
        time.sleep(wait)
        got.append(connection.recv(1000))
        connection.sendall(answers)
        connection.settimeout(5)
        with contextlib.suppress(OSError):
            while part := connection.recv(10_000):
                got.append(part)
                if part.endswith(b"\r\n.\r\n"):
                    connection.sendall(b"250 taken\r\n")

    return talk, got


def test_the_envelope_is_written_at_once_where_the_server_says_it_may_be() -> None:
    talk, got = heard(b"250 a\r\n250 b\r\n354 go on\r\n")
    with raw_server(talk) as port, sender(port) as smtp:
        assert smtp.send(mail()).detail == "taken"
    assert got[0] == b"mail FROM:<shop@shop.example.com>\r\nrcpt TO:<ana@shop.example.com>\r\ndata\r\n"


def test_no_message_is_ended_that_nobody_is_to_get() -> None:
    talk, got = heard(b"250 a\r\n550 unknown\r\n354 go on\r\n")
    with (
        raw_server(talk) as port,
        sender(port) as smtp,
        pytest.raises(PermanentError, match="550 unknown"),
    ):
        smtp.send(mail())
    assert len(got) == 1, got


def test_a_server_that_hangs_up_after_the_sender_is_not_waited_for() -> None:
    talk, _ = heard(b"421 busy\r\n")
    with raw_server(talk) as port, sender(port) as smtp, pytest.raises(TransientError, match="421 busy"):
        smtp.send(mail())


def test_no_server_is_transient_and_no_host_is_configuration() -> None:
    with sender(free_port()) as smtp, pytest.raises(TransientError, match=r"cannot connect to 127\.0\.0\.1"):
        smtp.send(mail())
    with sender(25, host="no.such.host.invalid") as smtp, pytest.raises((ConfigurationError, TransientError)) as caught:
        smtp.send(mail())
    assert "no.such.host.invalid" in str(caught.value)


REFUSED: dict[str, dict[str, Any]] = {
    "subject with line break": {"subject": "a\r\nBcc: x@y.example.com"},
    "to with line break": {"to": "a@b.example.com\nBcc: x@y.example.com"},
    "two recipients": {"to": "a@b.example.com, c@d.example.com"},
    "to with NUL": {"to": "a\0@b.example.com"},
    "no address": {"to": "Ana"},
    "bad From": {"sender_address": "Shop"},
    "bad Reply-To": {"reply_to": "x\r\ny"},
    "header with line break": {"headers": {"X-A": "a\nb"}},
    "header name with line break": {"headers": {"X-A\r\nBcc": "a"}},
    "our header": {"headers": {"bcc": "x@y.example.com"}},
    "content header": {"headers": {"Content-Type": "text/html"}},
    "message id with line break": {"message_id": "a\r\nb"},
    "no content": {"text": None},
    "half a character": {"text": "\ud800"},
    "half a character in the subject": {"subject": "\ud800"},
    "half a character in a header": {"headers": {"X-A": "\ud800"}},
    "half a character in a link": {"headers": {"List-Unsubscribe": "<https://a.example/\ud800>"}},
    "half a character in a name": {"reply_to": "A\ud800 <a@b.example>"},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED.keys())
def test_refused_before_anything_is_sent(changes: dict[str, Any]) -> None:
    with smtp_server() as (inbox, port), sender(port) as smtp:
        with pytest.raises(PermanentError):
            smtp.send(mail(**changes))
        assert inbox.envelopes == []


@pytest.fixture
def server_tls() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")
    return context


def authenticator(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    good = (data.login, data.password) == (b"shop", b"secret")
    return AuthResult(success=good, handled=False)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_tls_and_login(security: str, server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "cert.pem"))
    options = {"ssl_context": server_tls} if security == "tls" else {"tls_context": server_tls}
    login = {"authenticator": authenticator, "auth_require_tls": security == "starttls"}
    with smtp_server(**options, **login) as (inbox, port):
        account = {"security": security, "username": "shop"}
        with sender(port, password="secret", **account) as smtp:
            smtp.send(mail())
        assert inbox.sessions[0].authenticated
        refused = pytest.raises(ConfigurationError, match="refused the login: 535")
        with sender(port, password="wrong", **account) as smtp, refused:
            smtp.send(mail())
        assert len(inbox.envelopes) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_unknown_certificate_is_refused(security: str, server_tls: ssl.SSLContext) -> None:
    options = {"ssl_context": server_tls} if security == "tls" else {"tls_context": server_tls}
    with smtp_server(**options) as (inbox, port), sender(port, security=security) as smtp:
        with pytest.raises(ConfigurationError, match="self-signed certificate"):
            smtp.send(mail())
        assert inbox.envelopes == []


def test_a_server_without_starttls_gets_no_password() -> None:
    with smtp_server() as (inbox, port):
        refused = pytest.raises(ConfigurationError, match="STARTTLS")
        with sender(port, security="starttls", username="shop", password="secret") as smtp, refused:
            smtp.send(mail())
        assert inbox.envelopes == []

"""The webhook sender against real HTTP servers."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import standardwebhooks

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, SendError, TransientError
from segflow.messages import Sms, Task, WebhookCall, WhatsApp
from segflow.senders.shared.http import TOTAL_TIMEOUTS, retry_after
from segflow.senders.webhook import WebhookSender as AnySender

from .servers import (
    Answer,
    drip_body,
    drip_headers,
    endless,
    free_port,
    hang,
    http_server,
    reset,
    status,
)


def WebhookSender(name: str, **options: Any) -> AnySender:
    """One that may call the servers of these tests."""
    return AnySender(name, allow_private=True, **options)


NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
COMMON: dict[str, Any] = {"message_id": "m1", "contact_id": "c1", "flow": "f", "step": "s", "planned_at": NOW}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def call(url: str, **changes: Any) -> WebhookCall:
    return WebhookCall(**{**COMMON, "url": url, "body": {"name": "Ünal", "n": 1}, **changes})


def test_what_is_sent() -> None:
    with http_server(status(204)) as server, WebhookSender("hooks") as sender:
        receipt = sender.send(call(f"{server.url}/a?b=c", headers={"X-Key": "k"}))
        sender.send(call(server.url, method="DELETE", body=None))
    assert receipt.detail == "HTTP 204"
    first, second = server.calls
    assert (first.method, first.path) == ("POST", "/a?b=c")
    assert json.loads(first.body) == {"name": "Ünal", "n": 1}
    assert first.headers["content-type"] == "application/json"
    assert first.headers["idempotency-key"] == "m1"
    assert first.headers["x-key"] == "k"
    assert (second.method, second.body) == ("DELETE", b"")


def test_signature() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    with http_server(status(200)) as server, WebhookSender("hooks", secret=secret) as sender:
        sender.send(call(server.url))
        sender.send(call(server.url, body=None))
    signed = standardwebhooks.Webhook(secret)
    assert signed.verify(server.calls[0].body, server.calls[0].headers) == {"name": "Ünal", "n": 1}
    signed.verify(server.calls[1].body, server.calls[1].headers, json_parse=False)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        signed.verify(server.calls[0].body + b" ", server.calls[0].headers)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_é", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_"])
def test_a_bad_secret_is_a_configuration_error(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="whsec_"):
        WebhookSender("hooks", secret=secret).open()


ANSWERS: dict[str, tuple[Answer, type[SendError], str]] = {
    "301": (status(301, Location="http://other.example"), PermanentError, "redirects are not followed"),
    "400": (status(400, b"no\nsuch  field"), PermanentError, "^HTTP 400: no such field$"),
    "401": (status(401), ConfigurationError, "HTTP 401"),
    "403": (status(403), ConfigurationError, "HTTP 403"),
    "404": (status(404), PermanentError, "HTTP 404"),
    "408": (status(408), TransientError, "HTTP 408"),
    "425": (status(425), TransientError, "HTTP 425"),
    "429": (status(429), TransientError, "HTTP 429"),
    "500": (status(500), TransientError, "HTTP 500"),
    "503": (status(503), TransientError, "HTTP 503"),
    "endless": (endless, PermanentError, "^HTTP 400: x{200}$"),
    "hang": (hang, AmbiguousError, "no answer after the request was sent"),
    "reset": (reset, AmbiguousError, "no answer after the request was sent"),
    "drip": (drip_headers, AmbiguousError, "it took too long"),
}


@pytest.mark.parametrize(("answer", "error", "text"), ANSWERS.values(), ids=ANSWERS.keys())
def test_answers(answer: Answer, error: type[SendError], text: str) -> None:
    timeout = 0.3
    with http_server(answer) as server, WebhookSender("hooks", timeout=timeout) as sender:
        begun = time.monotonic()
        with pytest.raises(error, match=text):
            sender.send(call(server.url))
        assert time.monotonic() - begun < timeout * TOTAL_TIMEOUTS + 1
        assert len(server.calls) == 1


def test_a_dripping_body_does_not_unsend_the_call() -> None:
    with http_server(drip_body) as server, WebhookSender("hooks", timeout=0.2) as sender:
        begun = time.monotonic()
        assert sender.send(call(server.url)).detail == "HTTP 200"
        assert time.monotonic() - begun < 0.2 * TOTAL_TIMEOUTS + 1


@pytest.mark.parametrize("answer", [hang, reset], ids=["hang", "reset"])
def test_an_idempotent_receiver_is_called_again(answer: Answer) -> None:
    with http_server(answer) as server, WebhookSender("hooks", timeout=0.2, idempotent=True) as sender:
        with pytest.raises(TransientError):
            sender.send(call(server.url))
        server.answer = status(200)
        sender.send(call(server.url))
    assert [c.headers["idempotency-key"] for c in server.calls] == ["m1", "m1"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "https://127.0.0.1:{port}", "http://no.such.host.invalid"])
def test_no_connection_is_transient(url: str) -> None:
    with WebhookSender("hooks", timeout=2) as sender, pytest.raises(TransientError, match="cannot connect"):
        sender.send(call(url.format(port=free_port())))


def test_plain_http_behind_an_https_url_is_transient() -> None:
    with http_server(status(200)) as server, WebhookSender("hooks", timeout=2) as sender:
        with pytest.raises(TransientError, match="cannot connect"):
            sender.send(call(server.url.replace("http:", "https:")))
        assert server.calls == []


REFUSED: dict[str, dict[str, Any]] = {
    "file": {"url": "file:///etc/passwd"},
    "ftp": {"url": "ftp://a.example/x"},
    "no scheme": {"url": "a.example/x"},
    "no host": {"url": "http:///x"},
    "bad port": {"url": "http://a.example:port/"},
    "line break": {"url": "http://a.example/\r\nX: y"},
    "bad brackets": {"url": "http://[a"},
    "header with line break": {"headers": {"X": "a\r\nY: b"}},
    "our header": {"headers": {"Idempotency-Key": "x"}},
    "host header": {"headers": {"host": "x"}},
    "header out of latin-1": {"headers": {"X": "日本"}},
    "header name with blank": {"headers": {"X Y": "a"}},
    "nan": {"body": {"a": float("nan")}},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED.keys())
def test_refused_before_anything_is_sent(changes: dict[str, Any]) -> None:
    with http_server(status(200)) as server, WebhookSender("hooks", timeout=1) as sender:
        with pytest.raises(PermanentError):
            sender.send(call(**{"url": server.url, **changes}))
        assert server.calls == []


def test_other_channels_are_refused() -> None:
    with WebhookSender("hooks") as sender, pytest.raises(PermanentError, match="sms"):
        sender.send(Sms(**COMMON, to="+442079460018", text="x"))


def test_with_a_url_messages_of_other_channels_are_posted() -> None:
    with http_server(status(200)) as server, WebhookSender("crm", url=f"{server.url}/in") as sender:
        sender.send(Task(**COMMON, title="Call Ana", due_at=NOW))
        sender.send(WhatsApp(**COMMON, to="+442079460018", template="hi", language="en", variables=("Ana",)))
    task, whatsapp = (json.loads(one.body) for one in server.calls)
    assert {one.path for one in server.calls} == {"/in"}
    assert (task["channel"], task["title"], task["due_at"]) == ("task", "Call Ana", NOW.isoformat())
    assert (whatsapp["channel"], whatsapp["variables"]) == ("whatsapp", ["Ana"])
    assert server.calls[0].headers["idempotency-key"] == task["message_id"]


RETRY_AFTER: dict[str, tuple[str | None, float | None]] = {
    "none": (None, None),
    "seconds": ("120", 120),
    "date": (format_datetime((NOW + timedelta(minutes=2)), usegmt=True), 120),
    "past": (format_datetime(NOW - timedelta(minutes=2), usegmt=True), 0),
    "capped": ("999999999999999999", 86_400),
    "capped date": (format_datetime(NOW + timedelta(days=900), usegmt=True), 86_400),
    "negative": ("-5", None),
    "nonsense": ("soon", None),
    "other digits": ("²", None),
}


@pytest.mark.parametrize(("value", "seconds"), RETRY_AFTER.values(), ids=RETRY_AFTER.keys())
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


def test_retry_after_reaches_the_error() -> None:
    with http_server(status(429, Retry_After="7")) as server, WebhookSender("hooks") as sender:
        with pytest.raises(TransientError) as caught:
            sender.send(call(server.url))
        assert caught.value.retry_after == 7


def test_credentials_come_from_the_url_only(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with http_server(status(200)) as server, WebhookSender("hooks") as sender:
        sender.send(call(server.url))
        sender.send(call(server.url.replace("://", "://user:word@")))
    assert "authorization" not in server.calls[0].headers
    assert server.calls[1].headers["authorization"] == "Basic dXNlcjp3b3Jk"

"""People are told through apprise: whom, and what becomes of it."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, SendError, TransientError
from segflow.messages import Notify, Sms
from segflow.senders.notify import NotifySender

from .servers import Answer, hang, http_server, reset, status

COMMON: dict[str, Any] = {
    "message_id": "m1",
    "contact_id": "c1",
    "flow": "f",
    "step": "s",
    "planned_at": datetime(2026, 3, 1, 9, 0, tzinfo=UTC),
}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def note(to: str = "manager", **changes: Any) -> Notify:
    return Notify(**COMMON, **{"to": to, "text": "Call Ana", "title": "About Ana", **changes})


def url(server: Any, path: str = "x") -> str:
    return str(server.url).replace("http://", "json://") + f"/{path}" + "?cto=1&rto=1"


def test_a_name_and_an_address_are_found() -> None:
    with http_server(status(200)) as server:
        sender = NotifySender("people", people={"manager": url(server)}, email=url(server, "mail/{to}"))
        for to in ("manager", "ana@example.com"):
            sender.send(note(to))
    told = [json.loads(one.body) for one in server.calls]
    assert [one.path for one in server.calls] == ["/x", "/mail/ana@example.com"]
    assert {(one["title"], one["message"]) for one in told} == {("About Ana", "Call Ana")}


def test_one_of_two_is_sent_and_says_so() -> None:
    with http_server(status(200)) as server, http_server(status(500)) as broken:
        sender = NotifySender("people", people={"manager": [url(server), url(broken)]})
        assert sender.send(note()).detail == "not taken by JSON"
    assert (len(server.calls), len(broken.calls)) == (1, 1)


ANSWERS: dict[str, tuple[Answer, type[SendError]]] = {
    "500": (status(500), TransientError),
    "reset": (reset, TransientError),
    "hang": (hang, AmbiguousError),
}


@pytest.mark.parametrize(("answer", "error"), ANSWERS.values(), ids=ANSWERS.keys())
def test_what_does_not_work_is_told_apart(answer: Answer, error: type[SendError]) -> None:
    with http_server(answer) as server:
        patient = url(server).replace("cto=1&rto=1", "cto=9&rto=9")
        with pytest.raises(error):
            NotifySender("people", people={"manager": patient}, timeout=0.3).send(note())


REFUSED: dict[str, tuple[Any, dict[str, Any], type[SendError], str]] = {
    "unknown name": (note("boss"), {}, PermanentError, "knows nobody called boss; add them to people:"),
    "address without email": (note("a@b.example"), {}, PermanentError, "knows nobody called a@b.example; give email:"),
    "no URL": (note(), {"people": {"manager": "secret"}}, ConfigurationError, "a URL of manager is none"),
    "nobody": (note(), {"people": {"manager": []}}, ConfigurationError, "nobody to tell for manager"),
    "empty text": (note(text=""), {}, PermanentError, "the text is empty"),
    "another channel": (Sms(**COMMON, to="+1", text="x"), {}, PermanentError, "it sends no sms"),
}


@pytest.mark.parametrize(("message", "options", "error", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_before_anything_is_sent(message: Any, options: Any, error: type[SendError], said: str) -> None:
    with pytest.raises(error, match=said.replace("(", r"\(")) as raised:
        NotifySender("people", **options).send(message)
    assert "secret" not in str(raised.value)


def test_secrets_of_urls_reach_neither_errors_nor_logs(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, logger="apprise")
    with http_server(status(403)) as server, pytest.raises(TransientError) as raised:
        NotifySender("people", people={"manager": url(server, "hush-hush")}).send(note())
    said = capsys.readouterr()
    assert "hush" not in f"{raised.value}{said.out}{said.err}{caplog.messages}"

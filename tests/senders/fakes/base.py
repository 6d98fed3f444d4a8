"""What all fakes share: a server, refusals, and the ways in which an answer gets lost."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jsonschema

from segflow.senders.callbacks import Callback
from tests.senders.servers import Call, Handler, HttpServer, hang, http_server, reset

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@dataclass
class Reply:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def reply(status: int, told: Any = None, **headers: str) -> Reply:
    """An answer with JSON, or a text as it is."""
    body = b"" if told is None else told.encode() if isinstance(told, str) else json.dumps(told).encode()
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


class RefusedError(Exception):
    """What the provider answers to a request that breaks its rules."""

    def __init__(self, answer: Reply) -> None:
        super().__init__(answer.body.decode())
        self.answer = answer


class Fake:
    """One provider. `mails` are those that it accepted, in order; `calls` the requests."""

    def __init__(self) -> None:
        self.mails: list[dict[str, Any]] = []
        self.next: list[str | Reply] = []
        """What to do in place of the usual with the next requests: an answer to give without a look at the request, or
        one of LOSSES."""
        self.server: HttpServer

    @property
    def calls(self) -> list[Call]:
        return self.server.calls

    @contextlib.contextmanager
    def running(self) -> Iterator[str]:
        """Its URL."""
        with http_server(self._answer) as self.server:
            yield self.server.url

    def accept(self, call: Call) -> tuple[list[dict[str, Any]], Reply]:
        """Check a request: its mails and the answer. Raises RefusedError. Nothing is kept by it."""
        raise NotImplementedError

    def handle(self, call: Call) -> Reply:
        try:
            mails, answer = self.accept(call)
        except RefusedError as refused:
            return refused.answer
        self.mails += mails
        return answer

    def _answer(self, handler: Handler) -> None:
        call, turn = self.calls[-1], self.next.pop(0) if self.next else ""
        if isinstance(turn, Reply):
            return _send(handler, turn)
        answer = self.handle(call)
        if turn == "accepts, then hangs":
            hang(handler)
        elif turn == "accepts, then resets":
            reset(handler)
        elif turn == "accepts, then closes":
            handler.connection.shutdown(socket.SHUT_RDWR)
        elif turn == "accepts, then fails as a gateway":
            _send(handler, reply(502, "<html>Bad Gateway</html>"))
        elif turn == "accepts, then cuts its answer":
            _send(handler, Reply(answer.status, b'{"id": "', answer.headers))
        elif turn == "in two packets":
            _send(handler, answer, cut=True)
        else:
            assert turn == ""
            _send(handler, answer)


LOSSES = ("accepts, then hangs", "accepts, then resets", "accepts, then closes", "accepts, then fails as a gateway")


def _send(handler: Handler, answer: Reply, *, cut: bool = False) -> None:
    handler.send_response(answer.status)
    for name, value in ({"Content-Type": "application/json"} | answer.headers).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(answer.body)))
    handler.end_headers()
    half = len(answer.body) // 2 if cut else 0
    handler.wfile.write(answer.body[:half])
    handler.wfile.flush()
    if cut:
        time.sleep(0.05)
    handler.wfile.write(answer.body[half:])


def objects(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """JSON Schema of an object that has these fields and no others."""
    return {
        "type": "object",
        "properties": required | (optional or {}),
        "required": list(required),
        "additionalProperties": False,
    }


TEXT: dict[str, Any] = {"type": "string"}
FULL: dict[str, Any] = {"type": "string", "minLength": 1}
BASE64: dict[str, Any] = {
    "type": "string",
    "pattern": r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
}
TEXTS: dict[str, Any] = {"type": "object", "additionalProperties": TEXT}


def wrong(schema: dict[str, Any], value: Any) -> str | None:
    """What a value breaks of a schema, in a line; None when nothing."""
    found = jsonschema.Draft7Validator(schema).iter_errors(value)
    error = next(iter(found), None)
    return None if error is None else f"{'.'.join(str(one) for one in error.absolute_path)}: {error.message[:200]}"


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def callback(body: Any, headers: dict[str, str] | None = None, at: datetime = NOW, url: str = "") -> Callback:
    """A call as the receiving server hands it on. `body`: bytes, or what becomes JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lowered = {name.lower(): value for name, value in (headers or {}).items()}
    return Callback(method="POST", url=url, headers=lowered, body=raw, received_at=at)

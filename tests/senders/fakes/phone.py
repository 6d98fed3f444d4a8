"""What the fakes of Twilio and WhatsApp share: a server that judges each request, and ways to misbehave after that."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.senders.servers import Call, Handler, hang, http_server, reset

Misbehaviour = Callable[[Handler], None]


class Refused(Exception):
    """A request that the provider does not take: the status and the body of its answer."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(status)
        self.status, self.body = status, body


@dataclass
class Fake:
    """One provider. `judge` raises Refused, or returns the status and the body of the answer to what it took."""

    judge: Callable[[Call], tuple[int, Mapping[str, Any]]]
    url: str = ""
    taken: list[Call] = field(default_factory=list)
    asked: list[Call] = field(default_factory=list)
    refuse: Refused | None = None
    """What to answer to the next request in place of taking it."""
    after: Misbehaviour | None = None
    """What to do in place of an answer once a request was taken."""
    headers: dict[str, str] = field(default_factory=dict)

    def answer(self, handler: Handler) -> None:
        call = handler.http.calls[-1]
        self.asked.append(call)
        try:
            if self.refuse is not None:
                raise self.refuse
            status, body = self.judge(call)
            self.taken.append(call)
        except Refused as refused:
            status, body = refused.status, refused.body
        else:
            if self.after is not None:
                return self.after(handler)
        say(handler, status, json.dumps(body).encode(), **self.headers)


def say(handler: Handler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def broken_json(status: int) -> Misbehaviour:
    return lambda handler: say(handler, status, b'{"sid": "SM')


def said(status: int, body: bytes = b"", **headers: str) -> Misbehaviour:
    return lambda handler: say(handler, status, body, **headers)


def in_two_packets(status: int, body: Mapping[str, Any]) -> Misbehaviour:
    def answer(handler: Handler) -> None:
        data = json.dumps(body).encode()
        handler.wfile.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data[:5])
        handler.wfile.flush()
        handler.wfile.write(data[5:])

    return answer


@contextlib.contextmanager
def serving(fake: Fake) -> Iterator[Fake]:
    with http_server(fake.answer) as server:
        fake.url = server.url
        yield fake


__all__ = ["Fake", "Misbehaviour", "Refused", "broken_json", "hang", "in_two_packets", "reset", "said", "serving"]

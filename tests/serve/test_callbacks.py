"""`POST /callbacks/NAME`, asked of a real server on loopback."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from segflow.outbox.spool import Call, Spool
from tests.serve.caller import SECRET, body_of, event, signed
from tests.serve.server import Served
from tests.serve.shop import LINK_SECRET, shop

LIMITS = {"max_body_bytes": 10_000, "seconds": 2, "requests_per_second": 1_000, "connections": 40}
BODY = body_of([event("delivered", 1, message_id="m1", address="ana@shop.example")])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = shop(tmp_path_factory.mktemp("world"), serve=LIMITS)
    world.close()
    return world.root


@pytest.fixture(scope="module")
def served(root: Path, packages: Path) -> Iterator[Served]:
    with Served(root, packages) as server:
        yield server
        log = server.stop()
    # What a log may not hold, whatever was asked of the server.
    for secret in (SECRET, LINK_SECRET, "ana@shop.example", "127.0.0.1", "m1"):
        assert secret not in log
    assert "POST /callbacks 200" in log


@pytest.fixture
def spool(root: Path) -> Iterator[Spool]:
    found = Spool(root / ".segflow/spool")
    found.remove(found.files())
    yield found
    found.remove(found.files())


def calls(spool: Spool) -> list[Call]:
    found = [line.read() for path in spool.files() for line in spool.lines(path)]
    assert all(isinstance(one, Call) for one in found)
    return found  # type: ignore[return-value]


def test_a_call_is_kept_as_it_came(served: Served, spool: Spool) -> None:
    body = b' [{"kind":  "delivered"}]\xff\x00'
    answer = served.session.post(f"{served.url}/callbacks/caller?a=%2B&b", data=body, headers=signed(body))
    assert (answer.status_code, answer.content) == (200, b"")
    (call,) = calls(spool)
    assert call.body == body
    assert call.sender == "caller"
    assert call.method == "POST"
    assert call.url == "https://links.shop.example/callbacks/caller?a=%2B&b"
    assert call.headers["content-type"] == "application/json"
    assert abs(call.received_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_challenge_is_answered(served: Served, spool: Spool) -> None:
    answer = served.session.get(f"{served.url}/callbacks/caller", params={"challenge": "<b>1"})
    assert (answer.status_code, answer.text) == (200, "<b>1")
    assert answer.headers["content-type"].startswith("text/plain")
    assert calls(spool) == []


def stale() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=6)


def wrong(name: str) -> tuple[str, str, bytes, dict[str, str]]:
    """(method, path, body, headers)."""
    mine = "/callbacks/caller"
    return {
        "no signature": ("POST", mine, BODY, {}),
        "another secret": ("POST", mine, BODY, signed(BODY, secret="guessed")),
        "another body": ("POST", mine, BODY + b" ", signed(BODY)),
        "a replay, too late": ("POST", mine, BODY, signed(BODY, stale())),
        "from the future": ("POST", mine, BODY, signed(BODY, datetime.now(UTC) + timedelta(minutes=6))),
        "a time that is none": ("POST", mine, BODY, {**signed(BODY), "X-Time": "now"}),
        "no challenge": ("GET", mine, b"", {}),
        "a defect of the sender": ("POST", mine, b'"a defect"', signed(b'"a defect"')),
        "a sender that is not called": ("POST", "/callbacks/mailbox", BODY, signed(BODY)),
        "an unknown sender": ("POST", "/callbacks/nobody", BODY, signed(BODY)),
        "a path": ("POST", "/callbacks/../callbacks/caller", BODY, signed(BODY)),
        "an encoded path": ("POST", "/callbacks/%2e%2e%2fcaller", BODY, signed(BODY)),
        "deeper": ("POST", "/callbacks/caller/1", BODY, signed(BODY)),
        "a slash too many": ("POST", "/callbacks/caller/", BODY, signed(BODY)),
        "NUL": ("POST", "/callbacks/caller%00", BODY, signed(BODY)),
        "another method": ("PUT", mine, BODY, signed(BODY)),
        "docs": ("GET", "/docs", b"", {}),
        "the API without a key": ("GET", "/api/v1/segments", b"", {}),
        "a file": ("GET", "/segflow.yml", b"", {}),
        "said to be too large": ("POST", mine, b"x" * 10_001, signed(b"x" * 10_001)),
    }[name]  # fmt: skip


REFUSED = {
    "no signature": 403, "another secret": 403, "another body": 403, "a replay, too late": 403,
    "from the future": 403, "a time that is none": 403, "no challenge": 403, "a defect of the sender": 500,
    "a sender that is not called": 404, "an unknown sender": 404, "a path": 404, "an encoded path": 404, "deeper": 404,
    "a slash too many": 404, "NUL": 404, "another method": 405, "docs": 404, "a file": 404,
    "said to be too large": 413, "the API without a key": 401,
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(served: Served, spool: Spool, name: str) -> None:
    method, path, body, headers = wrong(name)
    request = served.session.prepare_request(requests.Request(method, served.url, data=body, headers=headers))
    request.url = served.url + path  # as it is: the library would tidy it up
    answer = served.session.send(request)
    assert answer.status_code == REFUSED[name]
    assert "Traceback" not in answer.text
    assert "ana" not in answer.text
    for header in ("content-security-policy", "x-content-type-options", "referrer-policy"):
        assert header in answer.headers
    assert "server" not in answer.headers
    assert calls(spool) == []


def raw(served: Served, *parts: bytes, pause: float = 0.0, wait: float = 10) -> bytes:
    """What a server answers to bytes that are sent in parts, until it closes."""
    answer = b""
    with socket.create_connection(("127.0.0.1", served.port), timeout=wait) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            while data := connection.recv(65536):
                answer += data
        except (ConnectionResetError, BrokenPipeError):
            pass
    return answer


START = b"POST /callbacks/caller HTTP/1.1\r\nHost: x\r\n"
BODY_TO_COME = START + b"Content-Length: 99\r\n\r\n"


def test_a_body_without_a_length_is_bounded(served: Served, spool: Spool) -> None:
    chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
    answer = raw(served, START + b"Transfer-Encoding: chunked\r\n\r\n", chunk, chunk, chunk)
    assert answer.startswith(b"HTTP/1.1 413")
    assert calls(spool) == []


@pytest.mark.parametrize(
    ("parts", "pause", "answer"),
    [
        pytest.param([BODY_TO_COME, b"x"], 0.0, b"HTTP/1.1 408", id="a body that does not come"),
        pytest.param([BODY_TO_COME, *[b"x"] * 4], 0.3, b"HTTP/1.1 408", id="a byte now and then"),
        pytest.param([START, *[b"a: b\r\n"] * 10], 0.3, b"", id="a header now and then"),
        pytest.param([], 0.0, b"", id="nothing at all"),
        pytest.param([START, b"a: " + b"b" * 100_000], 0.0, b"", id="endless headers"),
        pytest.param([b"\x16\x03\x01 what\r\n\r\n"], 0.0, b"HTTP/1.1 400", id="not HTTP"),
    ],
)  # fmt: skip
def test_slow_clients_are_let_go(served: Served, parts: list[bytes], pause: float, answer: bytes) -> None:
    began = time.monotonic()
    said = raw(served, *parts, pause=pause)
    assert said.startswith(answer)
    assert bool(said) == bool(answer)
    assert time.monotonic() - began < 8


def test_more_connections_than_there_may_be(served: Served, spool: Spool) -> None:
    held = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(45)]
    try:
        # A connection of its own: it comes after the others.
        with requests.Session() as last:
            last.trust_env = False
            assert last.post(f"{served.url}/callbacks/caller", data=BODY, headers=signed(BODY)).status_code == 503
        assert calls(spool) == []
    finally:
        for connection in held:
            connection.close()
    time.sleep(0.5)
    assert served.session.post(f"{served.url}/callbacks/caller", data=BODY, headers=signed(BODY)).status_code == 200


def test_a_spool_that_cannot_be_written(served: Served, spool: Spool) -> None:
    moved = spool.folder.with_name("elsewhere")
    spool.folder.rename(moved)
    try:
        answer = served.session.post(f"{served.url}/callbacks/caller", data=BODY, headers=signed(BODY))
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "10"
    finally:
        moved.rename(spool.folder)
    assert served.session.post(f"{served.url}/callbacks/caller", data=BODY, headers=signed(BODY)).status_code == 200


def test_too_many_requests(root: Path, packages: Path, tmp_path: Path) -> None:
    world = shop(tmp_path / "other", serve={"callbacks_per_second": 5, "requests_per_second": 2})
    world.close()
    with Served(world.root, packages) as server:
        statuses = [server.session.get(f"{server.url}/health").status_code for _ in range(10)]
        assert statuses[:2] == [200, 200]
        assert 429 in statuses
        statuses = [server.session.post(f"{server.url}/callbacks/x").status_code for _ in range(20)]
        assert statuses[:5] == [404] * 5
        assert 429 in statuses


def certificate(folder: Path) -> tuple[Path, Path]:
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


def test_tls(root: Path, packages: Path, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    with Served(root, packages, ["--tls-cert", str(cert), "--tls-key", str(key)]) as server:
        assert server.url.startswith("https://127.0.0.1:")
        answer = server.session.get(f"{server.url}/health", verify=str(cert))
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", server.port)) as plain:
            ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")


def test_behind_a_proxy(root: Path, packages: Path) -> None:
    with Served(root, packages, ["--host", "127.0.0.1", "--behind-proxy", "10.0.0.5"]) as server:
        # Whoever is not the proxy cannot say that it is somebody else.
        answer = server.session.get(f"{server.url}/health", headers={"X-Forwarded-For": "10.0.0.5"})
        assert answer.status_code == 403
    with Served(root, packages, ["--host", "0.0.0.0", "--behind-proxy", "127.0.0.0/8,10.0.0.5"]) as server:
        url = f"http://127.0.0.1:{server.port}/health"
        answer = server.session.get(url, headers={"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https"})
        assert answer.status_code == 200
        assert "strict-transport-security" in answer.headers

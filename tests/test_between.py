"""`segflow outbox drain`: sending between two ticks."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segflow.cli.main import main
from segflow.errors import InputError, LeaseHeldError, RunError, SegflowError
from segflow.outbox.breaker import MARK, Rest
from segflow.outbox.dead_letters import Chosen
from segflow.outbox.lease import held_lease
from segflow.outbox.spool import LinkUse
from tests.direct_dbt import DirectProject
from tests.senders.servers import Handler, HttpServer, http_server, status
from tests.serve.shop import PEOPLE, START, arrive, messages, shop
from tests.world import World

HOUR = timedelta(hours=1)


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server(status(400, b"closed today")) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, server: HttpServer) -> World:
    """Four messages that their provider has refused, and now would take."""
    gateway = {"type": "webhook", "url": f"{server.url}/in", "allow_private": True}
    world = shop(
        tmp_path / "world",
        senders={"gateway": gateway, "other": {"type": "console"}},
        default_senders={"sms": "gateway"},
    )
    hello = {"id": "hello", "send_sms": {"text": "Hello {{ contact.contact_id }}"}}
    world.flow("welcome", {"trigger": {"enters": "londoners"}, "status": "active", "steps": [hello]})
    world.tick(START, send=True)
    assert len(server.calls) == len(PEOPLE)
    assert world.project.decide("retry", Chosen(outcomes=("failed",))) == len(PEOPLE)
    server.calls.clear()
    server.answer = status(200)
    return world


def run(world: World, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    world.close()
    monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(world.root), *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def outcomes(world: World) -> Counter[str]:
    return Counter(row["outcome"] for row in world.rows("SELECT outcome FROM segflow.deliveries"))


def test_what_is_due_goes_out_without_a_tick(
    world: World, server: HttpServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(world, monkeypatch, "outbox", "drain", "--sender", "other") == 0
    assert (capsys.readouterr().out, server.calls) == ("Nothing is due.\n", [])
    assert run(world, monkeypatch, "outbox", "drain") == 0
    assert capsys.readouterr().out.split()[-3:] == ["gateway", "sent", "4"]
    assert len(server.calls) == len(PEOPLE)
    assert outcomes(world) == {"failed": 4, "retried": 4, "sent": 4}
    assert {row["tick_id"] for row in world.rows("SELECT tick_id FROM segflow.deliveries WHERE outcome = 'sent'")} == {
        row["tick_id"] for row in world.rows("SELECT tick_id FROM segflow.ticks")
    }
    world.check_replay()
    world.tick(START + HOUR, send=True)
    assert len(server.calls) == len(PEOPLE)
    assert outcomes(world) == {"failed": 4, "retried": 4, "sent": 4}
    world.check_replay()


def test_who_left_meanwhile_gets_nothing(world: World, server: HttpServer) -> None:
    told = [
        LinkUse(kind="unsubscribed", message_id=message, contact_id=contact, channel="sms", received_at=START)
        for contact, message in messages(world).items()
        if contact == "ana"
    ]
    assert world.project.spool is not None
    world.project.spool.prepare()
    world.project.spool.write(told)
    report = world.project.drain()
    assert report.outcomes == {"gateway": {"sent": 3, "skipped": 1}}
    assert not [call for call in server.calls if b"Hello ana" in call.body]


def stopped(world: World) -> None:
    world.project.store.stop_sending("wrong price")


def attribute_is_new(world: World) -> None:
    catalog = world.root / "segment_specs/catalog.yml"
    catalog.write_text(catalog.read_text().replace("city: text", "city: text\n    country: text"))
    world.project.reload()


def died(world: World) -> None:
    def die(_: object, stage: str) -> None:
        if stage == "cross":
            raise SegflowError("power cut")

    with pytest.raises(SegflowError, match="power cut"):
        world.tick(START + HOUR, progress=die)


@pytest.mark.parametrize(
    ("before", "only", "error", "words"),
    [
        (lambda world: None, ["gatewy"], InputError, "segflow.yml has no sender gatewy .did you mean gateway"),
        (attribute_is_new, [], RunError, "has not read attribute country of contacts: run segflow tick"),
        (died, [], RunError, "died before its end: run segflow tick"),
    ],
    ids=["unknown sender", "attribute that no tick has read", "tick that died"],
)
def test_refused(
    world: World,
    server: HttpServer,
    before: Callable[[World], None],
    only: list[str],
    error: type[Exception],
    words: str,
) -> None:
    before(world)
    with pytest.raises(error, match=words):
        world.project.drain(only)
    assert server.calls == []


def test_refused_before_the_first_tick(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no outbox before the first tick"):
        World(tmp_path, settings={}).project.drain()


def test_nothing_goes_out_while_sending_is_stopped_or_a_tick_runs(world: World, server: HttpServer) -> None:
    world.project.store.stop_sending("wrong price")
    assert world.project.drain().stopped == "wrong price"
    world.project.store.resume_sending()
    with held_lease(world.project.store.leases, "a tick"), pytest.raises(LeaseHeldError, match="another tick runs"):
        world.project.drain()
    assert server.calls == []


def test_a_provider_that_is_down_is_left_alone_and_told(
    world: World, server: HttpServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = Rest.after(None, datetime.now(UTC), "HTTP 503")
    world.project.store.set_mark(f"{MARK}gateway", rest.dump())
    assert world.project.drain().deferred == {"gateway": str(rest)}
    assert server.calls == []
    assert run(world, monkeypatch, "outbox", "list") == 0
    assert "sender gateway: left alone until" in " ".join(capsys.readouterr().out.split())
    over = dataclasses.replace(rest, until=START)
    world.project.store.set_mark(f"{MARK}gateway", over.dump())
    assert world.project.drain().outcomes == {"gateway": {"sent": 4}}
    assert world.project.resting_senders() == {}


def test_a_tick_is_let_in_between_two_messages(world: World, server: HttpServer) -> None:
    def slowly(handler: Handler) -> None:
        time.sleep(1)
        status(200)(handler)

    server.answer = slowly
    told: dict[str, Any] = {}
    draining = threading.Thread(target=lambda: told.update(drained=DirectProject(world.root).drain()))
    draining.start()
    while not server.calls:
        time.sleep(0.05)
    with pytest.raises(LeaseHeldError, match="segflow outbox drain is sending"):
        world.project.drain()
    arrive(world, "Paris")
    report = world.tick(START + HOUR, send=True)
    draining.join()
    first, then = told["drained"].outcomes["gateway"], report.sent.outcomes.get("gateway", {})
    assert first["sent"] + then["sent"] == len(PEOPLE)
    assert then["sent"] > 0
    assert Counter(call.headers["idempotency-key"] for call in server.calls) == Counter(messages(world).values())


def test_a_watch_sends_until_it_is_ended(world: World, server: HttpServer) -> None:
    world.project.store.stop_sending("wrong price")
    world.close()
    command = [sys.executable, "-m", "segflow", "--project-dir", str(world.root), "outbox", "drain"]
    process = subprocess.Popen(
        [*command, "--watch", "--every", "1 second", "--format", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        assert b"Looking every 1 s" in process.stderr.readline()
        assert server.calls == []
        world.project.store.resume_sending()
        end = time.monotonic() + 30
        while len(server.calls) < len(PEOPLE) and time.monotonic() < end:
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, b"")
    assert b'"sent": 4' in out
    assert outcomes(world)["sent"] == len(PEOPLE)

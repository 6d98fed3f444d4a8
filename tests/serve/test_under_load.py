"""The server killed and restarted under load: what was acknowledged is there once, whatever the provider repeats."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from segflow.outbox.spool import Spool
from tests.serve.load import Load, make_requests, send
from tests.serve.server import Served
from tests.serve.shop import PEOPLE, START, messages, shop

CALLS = 1_200
KILLS = 2


def test_killed_and_restarted(tmp_path: Path, packages: Path) -> None:
    world = shop(tmp_path / "world", serve={"connections": 200})
    assert world.tick(START, send=True).sent.total("sent") == 4
    ids = messages(world)
    calls = make_requests(range(CALLS), lambda number: ids[PEOPLE[number % len(PEOPLE)]])
    loads: list[Load] = []
    chance = random.Random(5)
    with contextlib.ExitStack() as servers:
        now = servers.enter_context(Served(world.root, packages))
        port = now.port
        provider = threading.Thread(target=lambda: loads.append(asyncio.run(send(lambda: port, calls, 20, 400))))
        provider.start()
        for number in range(1, KILLS + 1):
            time.sleep(0.3 + chance.random())
            now.kill()
            now = servers.enter_context(Served(world.root, packages))
            port = now.port
            # A tick at work while the calls come in: what it does not see, the next one does.
            world.tick(START + timedelta(minutes=number))
        provider.join(120)
        assert not provider.is_alive()
    (load,) = loads
    assert load.acknowledged == set(range(CALLS))
    assert load.others.get("lost", 0) > 0
    assert set(load.others) == {"lost"}
    report = world.tick(START + timedelta(days=1000))
    assert report.answers.refused == {}
    kept = world.rows("SELECT contact_id, count(*) AS events FROM segflow.message_events GROUP BY ALL ORDER BY ALL")
    assert [(row["contact_id"], row["events"]) for row in kept] == [(name, CALLS // 4) for name in PEOPLE]
    assert Spool(world.project.spool_path).files() == []


@pytest.mark.parametrize("place", ["spool.written:3", "spool.durable:3"])
def test_killed_between_two_durable_operations(tmp_path: Path, packages: Path, place: str) -> None:
    """Right before a file gets its name nobody was told; right after it, it is there."""
    world = shop(tmp_path / "world")
    world.tick(START, send=True)
    ids = messages(world)
    calls = make_requests(range(20), lambda number: ids["ana"])
    loads: list[Load] = []
    with contextlib.ExitStack() as servers:
        now = servers.enter_context(Served(world.root, packages, crash=place))
        port = now.port
        provider = threading.Thread(target=lambda: loads.append(asyncio.run(send(lambda: port, calls, 1))))
        provider.start()
        now.process.wait(30)
        before = len(Spool(world.project.spool_path).files())
        assert before == (2 if place.startswith("spool.written") else 3)
        port = servers.enter_context(Served(world.root, packages)).port
        provider.join(60)
    assert len(loads[0].acknowledged) == 20
    report = world.tick(START + timedelta(minutes=1))
    assert (report.answers.new, report.answers.repeated) == (20, 0 if before == 2 else 1)
    assert len(world.rows("SELECT * FROM segflow.message_events")) == 20


def test_a_stop_answers_what_is_under_way(tmp_path: Path, packages: Path) -> None:
    world = shop(tmp_path / "world")
    world.close()
    calls = make_requests(range(300), lambda number: "m")
    with Served(world.root, packages) as served:
        loads: list[Load] = []
        port = served.port

        def run() -> None:
            with contextlib.suppress(TimeoutError):
                loads.append(asyncio.run(send(lambda: port, calls, 10, 300)))

        provider = threading.Thread(target=run, daemon=True)
        provider.start()
        time.sleep(0.5)
        began = time.monotonic()
        served.process.terminate()
        served.process.wait(30)
        assert time.monotonic() - began < 10
        spool = Spool(world.project.spool_path)
        kept = sum(1 for path in spool.files() for _ in spool.lines(path))
        assert kept > 0
        with Served(world.root, packages) as again:
            port = again.port
            provider.join(60)
    assert len(loads[0].acknowledged) == 300

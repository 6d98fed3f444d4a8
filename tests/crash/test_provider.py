"""SIGKILL while messages go to a provider that also refuses, breaks down, hangs, cuts lines and talks nonsense.

A few kills in the suite; `SEGFLOW_KILLS=200 SEGFLOW_MESSAGES=2000` for all of them.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from segflow.outbox.store import DeliveryStore
from segflow.specs.settings import Settings
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.crash.provider_victim import CONNECTIONS, IN_DOUBT
from tests.outbox.conftest import World, contact, planned
from tests.senders.servers import Handler, http_server, reset, status

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("SEGFLOW_KILLS", "6"))
MESSAGES = int(os.environ.get("SEGFLOW_MESSAGES", "150"))
DIED = "the process died between handing it over and recording the outcome"


class Provider:
    """Takes messages by their Idempotency-Key; takes one again when it honours none."""

    def __init__(self, idempotent: bool, seed: int) -> None:
        self.idempotent, self.chance = idempotent, random.Random(seed)
        self.taken: Counter[str] = Counter()
        self.did: Counter[str] = Counter()
        self.lock = threading.Lock()

    def __call__(self, handler: Handler) -> None:
        key = handler.headers["Idempotency-Key"]
        kinds = ["fine", "slow", "429", "500", "late", "reset", "nonsense"]
        with self.lock:
            kind = self.chance.choices(kinds, [80, 4, 4, 4, 1, 2, 2])[0]
            self.did[kind] += 1
            if kind in ("fine", "slow", "late", "nonsense") and not (self.idempotent and key in self.taken):
                self.taken[key] += 1
        if kind == "429":
            status(429, Retry_After="1")(handler)
        elif kind == "500":
            status(500)(handler)
        elif kind == "reset":
            reset(handler)
        elif kind == "nonsense":
            handler.wfile.write(b"\0 no HTTP at all\r\n\r\n")
            handler.close_connection = True
        else:
            time.sleep({"slow": 0.02, "late": 0.5}.get(kind, 0))
            status(200)(handler)


def lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def sent_until_done(root: Path, provider: Provider, seed: int) -> list[int]:
    """Ticks, of which the first KILLS are killed a random while after they began, until nothing waits. Returns how many
    messages each kill left in doubt: announced, and without an outcome."""
    chance = random.Random(seed)
    doubtful: list[int] = []
    killed = number = 0
    command = [
        sys.executable,
        "-m",
        "tests.crash.provider_victim",
        str(root),
        "idempotent" if provider.idempotent else "not",
    ]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as victims:
        assert victims.stdin is not None
        assert victims.stdout is not None
        while True:
            # A SIGKILL can break a DuckDB file (`segflow rebuild` mends that); this test is about the delivery store.
            shutil.copyfile(root / "good.duckdb", root / "warehouse.duckdb")
            (root / "warehouse.duckdb.wal").unlink(missing_ok=True)
            number += 1
            victims.stdin.write(f"{number}\n")
            victims.stdin.flush()
            child, began = int(victims.stdout.readline()), time.monotonic()
            if killed < KILLS:
                # Mostly while messages go: while it opens its files there is nothing to be doubled.
                calls = sum(provider.did.values()) + chance.randint(0, 60 if provider.idempotent else 10)
                while sum(provider.did.values()) < calls and time.monotonic() - began < 20 and lives(child):
                    time.sleep(0.002)
                time.sleep(chance.uniform(0, 0.03))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            ended = int(victims.stdout.readline())
            assert ended in (0, signal.SIGKILL)
            killed += ended != 0
            if ended:
                with contextlib.closing(sqlite3.connect(root / "delivery.db")) as delivery:
                    [(left,)] = delivery.execute("SELECT count(*) FROM messages WHERE handed_at IS NOT NULL")
                doubtful.append(left)
            with DeliveryStore(root / "delivery.db") as store:
                counts = store.counts()
            if sum(counts.values()) == MESSAGES and {what for _, what in counts} <= {"sent", "unknown"}:
                victims.stdin.close()
                return doubtful
            assert number < 4 * KILLS + 60


@pytest.mark.parametrize("idempotent", [True, False], ids=["idempotent", "not idempotent"])
def test_killed_while_sending(tmp_path: Path, idempotent: bool) -> None:
    provider = Provider(idempotent, seed=5)
    with http_server(provider) as server:
        url = f"{server.url}/in"
        with DeliveryStore(tmp_path / "delivery.db") as store, DuckDBWarehouse(tmp_path / "warehouse.duckdb") as house:
            house.ensure_tables()
            world = World(tmp_path, house, store, store.leases.acquire("test", 600), Settings())
            world.contacts([contact(n) for n in range(MESSAGES)])
            hook = {"method": "POST", "url": url, "body": {"id": "{{ contact.contact_id }}"}}
            rows = [planned(n, sender="hooks", channel="webhook", content=hook) for n in range(MESSAGES)]
            world.plan(rows)
            store.leases.release(world.lease)
        shutil.copyfile(tmp_path / "warehouse.duckdb", tmp_path / "good.duckdb")
        doubtful = sent_until_done(tmp_path, provider, seed=3)
    killed = len(doubtful)
    assert killed >= KILLS // 2
    with DeliveryStore(tmp_path / "delivery.db") as store:
        unknown = {row["message_id"]: row["reason"] for row in store.listing("unknown", limit=MESSAGES)}
        counts = store.counts()
    ids = {f"m{n:05}" for n in range(MESSAGES)}
    by_kill = sum(reason == DIED for reason in unknown.values())
    print(f"{killed} killed, {dict(provider.did)}, {len(unknown)} unknown, {by_kill} of them by a kill")
    assert counts.get(("hooks", "sent"), 0) + len(unknown) == MESSAGES
    assert max(provider.taken.values()) == 1
    if idempotent:
        assert not unknown
        assert set(provider.taken) == ids
    else:
        assert max(doubtful) <= IN_DOUBT * CONNECTIONS
        assert by_kill <= sum(doubtful)
        assert ids - set(provider.taken) <= set(unknown)

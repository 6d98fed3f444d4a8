"""SIGKILL while messages are sent: nothing is lost, and nothing is sent twice by guess."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from segflow.outbox.store import DeliveryStore
from tests.disk import tmp_path, tmp_path_factory

from .conftest import World, contact, planned

__all__ = ["tmp_path", "tmp_path_factory"]

ROOT = Path(__file__).parents[2]
MESSAGES = 300
IN_DOUBT = 4


def run_killed(root: Path, kills: int, seed: int, longest: float) -> int:
    """Drain again and again, killing the first `kills` runs a random while after their start, until one is done.

    Returns how many were killed.
    """
    chance = random.Random(seed)
    killed = 0
    command = [sys.executable, "-m", "tests.outbox.drain_victim", str(root)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as victims:
        assert victims.stdin is not None
        assert victims.stdout is not None
        status = -1
        while status != 0:
            # A SIGKILL can break a DuckDB file (`segflow rebuild` mends that); this test is about the delivery store.
            shutil.copyfile(root / "good.duckdb", root / "warehouse.duckdb")
            (root / "warehouse.duckdb.wal").unlink(missing_ok=True)
            victims.stdin.write("go\n")
            victims.stdin.flush()
            child = int(victims.stdout.readline())
            if killed < kills:
                # Later and later, so that the first kill is sure and the last ones meet a drain well under way.
                time.sleep(chance.uniform(0, longest * (killed + 1) / kills))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            status = int(victims.stdout.readline())
            assert status in (0, signal.SIGKILL)
            killed += status != 0
        victims.stdin.close()
    return killed


def prepare(world: World, sender: str) -> None:
    world.contacts([contact(n) for n in range(MESSAGES)])
    world.plan([planned(n, sender=sender) for n in range(MESSAGES)])
    world.store.leases.release(world.lease)
    world.store.close()
    world.warehouse.close()
    shutil.copyfile(world.root / "warehouse.duckdb", world.root / "good.duckdb")


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
@pytest.mark.parametrize("seed", [1, 2])
def test_an_idempotent_sender_gets_every_message(world: World, seed: int) -> None:
    prepare(world, "mailbox")
    assert run_killed(world.root, 5, seed, longest=1.0) > 0
    files = world.files()
    assert [name for name in files if name.endswith(".eml")] == files
    assert len(files) == MESSAGES
    with DeliveryStore(world.root / "delivery.db") as store:
        assert store.counts() == {("mailbox", "sent"): MESSAGES}
        rows = store.attempts_of("t1")
        assert [row["outcome"] for row in rows] == ["sent"] * MESSAGES


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
@pytest.mark.parametrize("seed", [1, 2])
def test_any_other_sender_gets_each_message_at_most_once(world: World, seed: int) -> None:
    prepare(world, "ledger")
    killed = run_killed(world.root, 5, seed, longest=1.5)
    assert killed > 0
    handed = Counter((world.root / "ledger.txt").read_text().split())
    assert max(handed.values()) == 1
    with DeliveryStore(world.root / "delivery.db") as store:
        unknown = {row["message_id"] for row in store.listing("unknown", limit=MESSAGES)}
        counts = store.counts()
    # Each kill leaves at most so many in doubt as were announced together; everything else was handed over.
    assert len(unknown) <= killed * IN_DOUBT
    assert counts[("ledger", "sent")] + len(unknown) == MESSAGES
    assert set(handed) | unknown == {f"m{n:05}" for n in range(MESSAGES)}

"""A tick that sleeps beyond its lease: another one takes over, and the sleeper writes nothing more anywhere."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from segflow.errors import LeaseHeldError, RunError
from segflow.outbox.schema import lease as leases
from segflow.outbox.schema import metadata
from tests.test_resume import REPO, THIRD, made
from tests.world import World

SLEEPER = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from segflow.errors import LeaseLostError
from segflow.outbox.lease import held_lease
from segflow.stages.order import STAGES
from segflow.stages.tick import begin, finish, run_stage
from segflow.senders.mailbox import MailboxSender
from tests.direct_dbt import DirectProject

def sleep():
    print("asleep", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)

project, at, place = DirectProject(Path(sys.argv[1])), datetime.fromisoformat(sys.argv[2]), sys.argv[3]
send = MailboxSender.send
handed = []

def send_or_sleep(self, message):
    handed.append(message)
    if len(handed) == 5:
        sleep()
    return send(self, message)

if place == "a batch":
    MailboxSender.send = send_or_sleep
project.compiled
project.warehouse().close()
try:
    with held_lease(project.store.leases, "sleeper", 1) as lease:
        run = begin(project, at, lease)
        for stage in STAGES:  # as Dagster runs them: the warehouse is closed in between
            if stage.name == place:
                sleep()
            run_stage(run, stage)
        if place == "the end":
            sleep()
        finish(run)
except LeaseLostError as error:
    print(error, flush=True)
"""


@contextmanager
def asleep(world: World, place: str) -> Iterator[subprocess.Popen[str]]:
    """A ticking process that stopped at `place` (a stage, `a batch`, `the end`), its lease of one second run out."""
    world.close()
    arguments = [sys.executable, "-c", SLEEPER, str(world.root), THIRD.isoformat(), place]
    with subprocess.Popen(arguments, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said == "asleep\n", said
            time.sleep(1.1)
            yield process
        finally:
            process.kill()


def everything(world: World) -> dict[str, Any]:
    """All files of the project with their times, the rows of the warehouse and those of the delivery store."""
    with world.project.store._database.read() as connection:
        rows: dict[str, Any] = {
            table.name: sorted(connection.execute(table.select()).all(), key=repr) for table in metadata.sorted_tables
        }
    rows |= world.ledgers()
    ours = [path for path in world.root.rglob("*") if path.is_file() and "delivery.db" not in path.name]
    return rows | {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in ours}


@pytest.fixture(scope="module")
def two_ticks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("takeover") / "world"
    made(root).close()
    return root


@pytest.fixture
def world(two_ticks: Path, tmp_path: Path) -> World:
    world = World.__new__(World)
    world.root, world.real, world.missing, world._open = tmp_path / "world", False, set(), None
    shutil.copytree(two_ticks, world.root)
    return world


@pytest.mark.parametrize("place", ["advance", "export", "the end"])
def test_the_sleeper_writes_nothing_more(world: World, place: str) -> None:
    with asleep(world, place) as sleeper:
        report = world.tick(THIRD, send=True)
        assert (report.resumed, report.errors) == (True, [])
        world.project.reload()
        left = everything(world)
        sleeper.send_signal(signal.SIGCONT)
        out, err = sleeper.communicate(timeout=60)
    assert "sleeper lost the lease 'tick': nobody holds it now. Nothing more is written here" in out, err
    assert everything(world) == left


def test_who_sleeps_in_a_batch_sends_no_more_of_it(world: World) -> None:
    with asleep(world, "a batch") as sleeper:
        before = world.mailbox()
        # The lease can be had, the file of the warehouse cannot: the sleeper has it open.
        with pytest.raises(RunError, match="in use by another process"):
            world.tick(THIRD, send=True)
        with world.project.store._database.write("test") as connection:
            connection.execute(update(leases).values(holder="other", host="elsewhere", pid=1, token=leases.c.token + 1))
        sleeper.send_signal(signal.SIGCONT)
        out, err = sleeper.communicate(timeout=60)
    assert "lost the lease 'tick': other (pid 1 on elsewhere) holds the lease since 20" in out, err
    # The message at hand when it fell asleep, and no other.
    assert len(set(world.mailbox()) - set(before)) == 1
    with world.project.store._database.write("test") as connection:
        connection.execute(update(leases).values(holder=None))
    world.tick(THIRD, send=True)
    sent = world.rows("SELECT message_id, count(*) AS times FROM segflow.deliveries WHERE outcome = 'sent' GROUP BY 1")
    assert len(sent) == len(world.mailbox())
    assert {row["times"] for row in sent} == {1}


def test_a_tick_of_another_machine_is_waited_for_until_its_lease_ends(world: World) -> None:
    store = world.project.store
    store.leases.acquire("their tick", 1)
    with store._database.write("test") as connection:
        connection.execute(update(leases).values(host="elsewhere", pid=os.getpid() + 1))
    with pytest.raises(LeaseHeldError, match=r"their tick \(pid \d+ on elsewhere\) holds the lease since 20.* UTC"):
        world.tick(THIRD)
    assert world.rows("SELECT max(tick_id) AS last FROM segflow.ticks") == [{"last": "20260302T000000Z"}]
    time.sleep(1.1)
    assert not world.tick(THIRD).resumed

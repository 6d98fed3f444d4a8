"""The lease, over real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from segflow.errors import LeaseHeldError, LeaseLostError
from segflow.outbox.lease import held_lease
from segflow.outbox.processes import process_identity
from segflow.outbox.schema import lease as leases
from segflow.outbox.store import DeliveryStore

HOLD = """
import sys, time
from segflow.outbox.lease import held_lease
from segflow.outbox.store import DeliveryStore
with held_lease(DeliveryStore(sys.argv[1]).leases, sys.argv[2], 600) as lease:
    print(lease.token, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def store(location: str) -> Iterator[DeliveryStore]:
    with DeliveryStore(location) as opened:
        yield opened


@pytest.fixture
def holder(location: str, store: DeliveryStore) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lease as `other` with token 1."""
    command = [sys.executable, "-c", HOLD, location, "other"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        yield process
        process.kill()


def test_a_living_holder_keeps_it(store: DeliveryStore, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(LeaseHeldError) as caught:
        store.leases.acquire("me", 60)
    for word in ("other", f"pid {holder.pid}", socket.gethostname(), "since 20"):
        assert word in str(caught.value)


@pytest.mark.parametrize("waited_for", [True, False], ids=["reaped", "zombie"])
def test_a_killed_holder_is_taken_over_at_once(
    store: DeliveryStore, holder: subprocess.Popen[str], waited_for: bool
) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    if waited_for:
        holder.wait()
    else:
        _until(lambda: process_identity(holder.pid) is None)
    assert store.leases.acquire("me", 60).token == 2


def test_a_holder_that_ends_gives_it_back(store: DeliveryStore) -> None:
    with held_lease(store.leases, "a", 60) as first:
        assert first.token == 1
    with held_lease(store.leases, "b", 60) as second:
        assert second.token == 2
    with pytest.raises(LeaseLostError, match="nobody holds it now"):
        store.leases.check(second)


def test_another_process_with_the_same_pid_is_not_the_holder(
    store: DeliveryStore, holder: subprocess.Popen[str]
) -> None:
    _edit(store, process=str(process_identity(holder.pid)) + "0")
    assert store.leases.acquire("me", 60).token == 2


OTHERS = {
    "another host": {"host": "elsewhere", "pid": 2**22 + 1},
    "another boot of this host's name": {"process": "boot/pid:[1]/5", "pid": 2**22 + 1},
    "no process": {"pid": None, "process": None},
}


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS.keys())
def test_in_doubt_the_holder_lives_until_it_expires(store: DeliveryStore, changes: dict[str, object]) -> None:
    store.leases.acquire("a", 0.3)
    _edit(store, **changes)
    with pytest.raises(LeaseHeldError):
        store.leases.acquire("b", 60)
    time.sleep(0.35)
    assert store.leases.acquire("b", 60).token == 2


def test_the_same_holder_gets_the_same_token(store: DeliveryStore) -> None:
    first = store.leases.acquire("a", 60)
    assert store.leases.acquire("a", 60) == first


def test_a_kept_lease_outlives_the_block_for_its_holder_only(store: DeliveryStore) -> None:
    with held_lease(store.leases, "run", 60, keep=True) as first:
        pass
    with pytest.raises(LeaseHeldError):
        store.leases.acquire("other", 60)
    with held_lease(store.leases, "run", 60) as second:
        assert second == first


def test_the_heartbeat_renews(store: DeliveryStore) -> None:
    with held_lease(store.leases, "a", 0.6):
        time.sleep(1.2)
        with pytest.raises(LeaseHeldError):
            store.leases.acquire("b", 60)


def test_who_lost_the_lease_writes_nothing(store: DeliveryStore) -> None:
    lost = store.leases.acquire("a", 0.01)
    time.sleep(0.02)
    now_with = store.leases.acquire("b", 60)
    writes: list[Callable[[], object]] = [
        lambda: store.leases.renew(lost, 60),
        lambda: store.insert_new(lost, [_row()]),
        lambda: store.settle(lost, "t1", []),
        lambda: store.recover(lost, "t1", _row()["planned_at"]),
        lambda: store.adopt_decisions(lost, "t1"),
        lambda: store.set_mark("last_committed_tick", "t1", lost),
        lambda: store.claim(lost, "mailbox", 1, _row()["planned_at"], hand_over=False, repeatable=False),
    ]
    for write in writes:
        with pytest.raises(LeaseLostError, match=f"a lost the lease 'tick': b .pid {os.getpid()} on .* since 20"):
            write()
    assert store.counts() == {}
    assert store.mark("last_committed_tick") is None
    store.leases.release(lost)
    store.leases.check(now_with)


def test_a_lease_that_ran_out_and_that_nobody_took_is_held_anew(store: DeliveryStore) -> None:
    late = store.leases.acquire("a", 60)
    uses: dict[str, Callable[[], object]] = {
        "check": lambda: store.leases.check(late),
        "renew": lambda: store.leases.renew(late, 60),
        "insert_new": lambda: store.insert_new(late, [_row()]),
        "set_mark": lambda: store.set_mark("last_committed_tick", "t1", late),
    }
    for name, use in uses.items():
        _edit(store, expires_at=datetime(2020, 1, 1, tzinfo=UTC))
        use()
        with pytest.raises(LeaseHeldError):
            store.leases.acquire("b", 60)
        assert store.leases.look().state == "held", name
    assert store.counts() == {("mailbox", "planned"): 1}
    assert store.leases.acquire("a", 60) == late


def test_a_process_that_stood_still_goes_on_when_nobody_took_its_lease(store: DeliveryStore) -> None:
    with held_lease(store.leases, "a", 60) as lease:
        _edit(store, expires_at=datetime(2020, 1, 1, tzinfo=UTC))
        store.set_mark("last_committed_tick", "t1", lease)
        store.leases.check(lease)
    assert store.mark("last_committed_tick") == "t1"


LOOKS = {
    "held": ({"name": "tick"}, "held"),
    "expired": ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expired"),
    "dead": ({"pid": 2**22 + 1}, "dead"),
    "on another machine": ({"host": "elsewhere", "pid": 2**22 + 1}, "held"),
    "given back": ({"holder": None}, "free"),
}


@pytest.mark.parametrize(("changes", "state"), LOOKS.values(), ids=LOOKS.keys())
def test_a_look_tells_who_has_it(store: DeliveryStore, changes: dict[str, object], state: str) -> None:
    assert store.leases.look().state == "free"
    store.leases.acquire("a", 60)
    _edit(store, **changes)
    found = store.leases.look()
    assert found.state == state
    assert found.holder.startswith("a (pid") is (state != "free")


def test_of_many_processes_one_gets_it(location: str) -> None:
    """They also create the database at the same moment."""
    command = [sys.executable, "-c", HOLD, location]
    processes = [
        subprocess.Popen([*command, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for name in "abc"
    ]
    try:
        _until(lambda: sum(p.poll() is not None for p in processes) == 2)
        winner = next(p for p in processes if p.poll() is None)
        assert winner.stdout is not None
        assert winner.stdout.readline() == "1\n"
        for process in processes:
            if process is not winner:
                assert process.stderr is not None
                assert "LeaseHeldError: another tick runs" in process.stderr.read()
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _row() -> dict[str, object]:
    from .conftest import AS_OF, planned

    return planned(1) | {"planned_at": AS_OF, "enrolled_at": AS_OF}


def _edit(store: DeliveryStore, **values: object) -> None:
    with store._database.write("test") as connection:
        connection.execute(update(leases).values(**values))


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)

"""What is Postgres' own: a server that stops, and processes that stop in the middle of a transaction."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from segflow.errors import InputError, RunError
from segflow.outbox.store import DeliveryStore
from tests.postgres import Server, server

from .conftest import AS_OF, planned
from .test_send import Scripted, World, contact


@pytest.fixture(scope="module")
def mortal() -> Iterator[Server]:
    """A server that tests may stop."""
    with server() as started:
        yield started


@pytest.fixture
def location(mortal: Server) -> str:
    if mortal.process is None:
        mortal.start()
    return mortal.new_schema()


def test_a_server_that_stops_while_messages_are_sent(world: World, mortal: Server) -> None:
    world.delivery(mode="live", max_lateness="1000 years", in_doubt_at_most=1)
    world.contacts([contact(number) for number in range(4)])
    world.plan([planned(number, sender="live") for number in range(4)])
    sender = Scripted()
    sender.before = lambda message: mortal.stop() if message.message_id == "m00001" else None
    with pytest.raises(RunError, match=r"the delivery store postgresql.* cannot be (written|read): .*connection"):
        world.send({"live": sender})
    with pytest.raises(RunError, match="cannot be read"):
        world.store.counts()
    mortal.start()
    # The message at hand was sent; that it was could not be recorded, so a person looks.
    sender.before = lambda _: None
    report = world.send({"live": sender})
    assert (report.became_unknown, report.outcomes) == (1, {"live": {"sent": 2}})
    assert sender.got == ["m00000", "m00001", "m00002", "m00003"]
    assert [row["message_id"] for row in world.store.listing("unknown")] == ["m00001"]


def test_a_restart_between_two_transactions_is_not_noticed(world: World, mortal: Server) -> None:
    mortal.stop()
    mortal.start()
    assert world.store.insert_new(world.lease, [planned(1)]) == 1


def test_a_server_that_is_gone_is_told(location: str, mortal: Server) -> None:
    mortal.stop()
    with pytest.raises(InputError, match=r"cannot open the delivery store postgresql.*(refused|failed)"):
        DeliveryStore(location)


def test_a_password_is_never_shown(location: str) -> None:
    with pytest.raises(InputError) as caught:
        DeliveryStore(location.replace("tests@", "nobody:secret@"))
    assert "secret" not in str(caught.value)
    assert "nobody:***@" in str(caught.value)


def test_it_is_durable_and_waits_for_no_stalled_process(world: World) -> None:
    with world.store._database.read() as connection:
        said = {
            name: connection.scalar(text(f"SHOW {name}"))
            for name in ("synchronous_commit", "lock_timeout", "idle_in_transaction_session_timeout")
        }
    assert said == {
        "synchronous_commit": "on",
        "lock_timeout": "30s",
        "idle_in_transaction_session_timeout": "1min",
    }


def test_durable_commits_are_not_weakened(world: World, location: str, mortal: Server) -> None:
    with DeliveryStore(f"{location}%20-csynchronous_commit%3Doff") as store, store._database.read() as connection:
        assert connection.scalar(text("SHOW synchronous_commit")) == "on"
    with DeliveryStore(f"{location}%20-csynchronous_commit%3Dremote_apply") as store, store._database.read() as c:
        assert c.scalar(text("SHOW synchronous_commit")) == "remote_apply"


def test_two_people_decide_at_once(world: World) -> None:
    """Each unknown message is released or dropped, never both."""
    ids = [f"m{number:05}" for number in range(200)]
    world.store.insert_new(world.lease, [planned(number) for number in range(200)])
    world.store.claim(world.lease, "mailbox", 200, AS_OF, hand_over=True, repeatable=False)
    assert world.store.recover(world.lease, "t1", AS_OF) == 200
    done: dict[str, int] = {}
    barrier = threading.Barrier(2)

    def decide(what: str) -> None:
        barrier.wait()
        done[what] = world.store.release(ids) if what == "release" else world.store.drop(ids)

    threads = [threading.Thread(target=decide, args=[what]) for what in ("release", "drop")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = world.store.counts()
    assert counts.get(("mailbox", "planned"), 0) == done["release"]
    assert counts.get(("mailbox", "dropped"), 0) == done["drop"]
    assert done["release"] + done["drop"] == 200

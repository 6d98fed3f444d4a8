"""A delivery store that was lost: what the warehouse knows is taken over, and nothing is sent twice by guess."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from segflow.errors import AmbiguousError, LeaseLostError, PermanentError, TransientError
from segflow.outbox.adopt import REASON, Adopted, adopt
from segflow.outbox.deliveries import copy_outcomes
from segflow.outbox.records import Outcome
from segflow.outbox.store import DeliveryStore

from .conftest import AS_OF, World, contact, later, planned
from .test_send import Scripted, outcomes

NAMES = {
    "m00000": "sent",
    "m00001": "failed",
    "m00002": "skipped",
    "m00003": "held",
    "m00004": "unknown",
    "m00005": "dropped",
    "m00006": "released",
    "m00007": "planned",
}
"""What became of each message before the store is lost."""
FINAL = {"sent", "failed", "skipped", "dropped"}
KEPT = {message_id: told for message_id, told in NAMES.items() if told in FINAL}
IN_DOUBT = [message_id for message_id in NAMES if message_id not in KEPT]


def lived(world: World) -> Scripted:
    """Messages of every status, an earlier tick behind them; one more is planned and was never looked at."""
    world.delivery(mode="live", max_lateness="1000 years")
    ambiguous = AmbiguousError("reset")
    sender = Scripted(None, PermanentError("no"), TransientError("busy"), ambiguous, ambiguous, ambiguous)
    world.contacts([contact(n, agreed=n != 2) for n in range(8)])
    world.plan([planned(n, sender="live") for n in range(7)])
    # The first five that fail in a row would put the sender aside.
    world.send({"live": sender})
    world.store.suppress("email", "gone@shop.example.com", "bounce")
    world.store.drop(["m00005"])
    world.store.release(["m00006"])
    world.plan([planned(7, sender="live", tick_id="t2")])
    copy_outcomes(world.warehouse, world.store, world.lease, "t2")
    return sender


def lose(world: World, location: str) -> None:
    """Another, empty delivery store in place of the one that is lost."""
    world.store.close()
    if "://" in location:
        from sqlalchemy import create_engine, text

        engine = create_engine(location.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            schema = connection.scalar(text("SELECT current_schema()"))
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        engine.dispose()
    else:
        for path in Path(location).parent.glob("delivery.db*"):
            path.unlink()
    world.store = DeliveryStore(location)
    world.lease = world.store.leases.acquire("test", 600)


def status(world: World) -> dict[str, str]:
    found = {}
    for name in ("planned", "claimed", "sent", "skipped", "failed", "held", "unknown", "dropped"):
        found |= {row["message_id"]: name for row in world.store.listing(name)}  # type: ignore[arg-type]
    return found


def test_final_outcomes_stay_and_all_else_waits_for_a_person(world: World, location: str) -> None:
    lived(world)
    before = world.deliveries()
    suppressed = world.store.all_suppressions()
    lose(world, location)
    assert adopt(world.warehouse, world.store, world.lease) == Adopted(8, 4, len(before) + 2, 1)
    assert status(world) == KEPT | dict.fromkeys(IN_DOUBT, "unknown")
    assert world.store.all_suppressions() == suppressed
    said = {row["message_id"]: row["reason"] for row in world.store.listing("unknown")}
    assert said == {"m00003": REASON, "m00004": "reset", "m00006": "reset", "m00007": REASON}
    # Nothing goes out by itself, and the warehouse keeps every row it had.
    sender = Scripted()
    world.send({"live": sender}, later(days=1))
    assert sender.got == []
    rows = world.deliveries()
    assert [row for row in rows if row in before] == before
    assert [(r["message_id"], r["outcome"], r["reason"]) for r in rows if r not in before] == [
        ("m00003", "unknown", REASON),
        ("m00007", "unknown", REASON),
    ]


def test_what_a_person_releases_is_sent_once(world: World, location: str) -> None:
    lived(world)
    lose(world, location)
    adopt(world.warehouse, world.store, world.lease)
    world.store.release()
    sender = Scripted()
    world.send({"live": sender}, later(days=1))
    world.send({"live": sender}, later(days=2))
    assert sender.got == IN_DOUBT
    assert ("m00007", 1, "sent", None) in outcomes(world)
    assert [row[1:3] for row in outcomes(world) if row[0] == "m00003"] == [
        (1, "held"),
        (1, "unknown"),
        (1, "released"),
        (2, "sent"),
    ]


def test_repeating_it_changes_nothing(world: World, location: str) -> None:
    lived(world)
    lose(world, location)
    first = adopt(world.warehouse, world.store, world.lease)
    before = status(world)
    assert adopt(world.warehouse, world.store, world.lease) == first
    assert status(world) == before


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
def test_an_older_copy_of_the_store_keeps_what_only_it_knows(world: World, location: str) -> None:
    """All three are planned in the copy; the warehouse knows what became of two, and of the third that it was held.
    What the copy knows and the warehouse does not (m00003) stays as it is."""
    world.delivery(mode="live", max_lateness="1000 years")
    world.contacts([contact(n) for n in range(3)])
    rows: list[dict[str, Any]] = [planned(n, sender="live") for n in range(3)]
    world.plan(rows)
    world.store.insert_new(world.lease, rows)
    world.store.insert_new(world.lease, [planned(3)])
    world.store.claim(world.lease, "mailbox", 1, AS_OF, hand_over=True, repeatable=True)
    world.store.settle(world.lease, "t1", [Outcome(message_id="m00003", attempt=1, outcome="sent", at=AS_OF)])
    world.store.close()
    shutil.copy(location, world.root / "older.db")
    world.store = DeliveryStore(location)
    world.send({"live": Scripted(None, PermanentError("no"), TransientError("busy"))})
    world.store.close()
    shutil.copy(world.root / "older.db", location)
    world.store = DeliveryStore(location)
    world.lease = world.store.leases.acquire("test", 600)
    assert adopt(world.warehouse, world.store, world.lease).unknown == 1
    assert status(world) == {"m00000": "sent", "m00001": "failed", "m00002": "unknown", "m00003": "sent"}


def test_who_lost_the_lease_takes_nothing_over(world: World, location: str) -> None:
    lived(world)
    lose(world, location)
    world.store.leases.release(world.lease)
    with pytest.raises(LeaseLostError):
        adopt(world.warehouse, world.store, world.lease)
    assert world.store.counts() == {}

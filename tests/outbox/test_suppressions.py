"""Addresses that must not be messaged, in letters or as a hash alone, on both kinds of delivery store."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy
from sqlalchemy import select
from sqlglot import exp

from segflow.errors import LeaseLostError
from segflow.outbox.adopt import adopt
from segflow.outbox.deleted import SUPPRESSED_TO, suppress_deleted
from segflow.outbox.hashes import hashed, read_hash
from segflow.outbox.lease import held_lease
from segflow.outbox.schema import SCHEMA_VERSION, marks, suppression_salts, suppressions
from segflow.outbox.schema_people import restores
from segflow.outbox.store import DeliveryStore
from segflow.warehouse.base import relation

from .conftest import EMAIL, World, contact, planned

ANA = "ana@shop.example.com"
PLAIN_HASH = hashlib.sha256(ANA.encode()).hexdigest()
ONE_NUMBER = {
    "Argentina": ("+54 9 11 2345-6789", "+54 11 15 2345-6789", "+54 11 2345-6789", "+54 (011) 15-2345-6789"),
    "Argentina, a long area code": ("+54 9 3541 41-2345", "+54 3541 15 41-2345", "+54 3541 41-2345"),
    "Mexico": ("+52 1 55 1234 5678", "+52 55 1234 5678"),
    "Britain": ("+44 (0)20 7946 0018", "+442079460018"),
}


@pytest.mark.parametrize("numbers", ONE_NUMBER.values(), ids=ONE_NUMBER)
@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_one_number_is_suppressed_however_it_is_written(tmp_path: Path, numbers: tuple[str, ...], channel: str) -> None:
    with DeliveryStore(tmp_path / "d.db") as store:
        for written in numbers:
            for kept in (written, store.hash_address(channel, written)):
                store.suppress(channel, kept, "stop")
                assert store.suppressed(channel, [*numbers, "+49 30 123456"]) == dict.fromkeys(numbers, "stop"), kept
                assert store.unsuppress(channel, numbers[-1])
        assert store.all_suppressions() == []


def test_a_hash_is_no_address_and_tells_nobody_which_it_is(world: World) -> None:
    store = world.store
    store.suppress_deleted(world.lease, [("email", store.hash_address("email", ANA))], (SUPPRESSED_TO, "t1"))
    [row] = store.all_suppressions()
    assert row["address"].startswith("sha256$")
    assert read_hash(row["address"]) == row["address"]
    assert ANA not in str(row)
    assert store.suppressed("email", ["Ana@SHOP.example.com", "bo@shop.example.com"]) == {
        "Ana@SHOP.example.com": "deleted"
    }
    assert store.suppressed("sms", [ANA]) == {}
    # A bounce that comes late does not write the address down again.
    store.suppress("email", ANA, "bounce")
    assert [row["reason"] for row in store.all_suppressions()] == ["deleted"]


def test_what_the_list_had_in_letters_goes_when_its_contact_is_deleted(world: World) -> None:
    store = world.store
    for channel, address in (("email", ANA), ("email", "bo@shop.example.com"), ("sms", "+442079460018")):
        store.suppress(channel, address, "bounce")
    hashes = [
        (channel, store.hash_address(channel, address))
        for channel, address in (("email", ANA), ("sms", "+44 20 7946 0018"))
    ]
    store.suppress_deleted(world.lease, hashes, (SUPPRESSED_TO, "t1"))
    store.suppress_deleted(world.lease, hashes, (SUPPRESSED_TO, "t1"))
    found = {(row["channel"], row["address"][:7], row["reason"]) for row in store.all_suppressions()}
    assert found == {("email", "sha256$", "deleted"), ("sms", "sha256$", "deleted"), ("email", "bo@shop", "bounce")}
    assert store.mark(SUPPRESSED_TO) == "t1"


FOREIGN = {
    "bare digits": (PLAIN_HASH, f"sha256$${PLAIN_HASH}"),
    "bare digits in capitals": (f" {PLAIN_HASH.upper()} ", f"sha256$${PLAIN_HASH}"),
    "with the salt of another store": (hashed("email", ANA, "ab12"), hashed("email", ANA, "ab12")),
}


@pytest.mark.parametrize(("given", "kept"), FOREIGN.values(), ids=FOREIGN)
def test_hashes_of_others(world: World, given: str, kept: str) -> None:
    assert world.store.suppress_all([("email", given, "theirs"), ("email", given, "again")]) == 1
    assert [row["address"] for row in world.store.all_suppressions()] == [kept]
    assert world.store.suppressed("email", [ANA.upper()]) == {ANA.upper(): "theirs"}
    # It is known, also when the address itself comes.
    assert world.store.suppress_all([("email", ANA, "stop")]) == 0
    assert world.store.unsuppress("email", given)


def test_a_foreign_hash_of_a_number_as_it_is_dialled(world: World) -> None:
    world.store.suppress("sms", hashlib.sha256(b"+5491123456789").hexdigest(), "theirs")
    assert world.store.suppressed("sms", ["+54 11 15 2345-6789"]) == {"+54 11 15 2345-6789": "theirs"}


def test_a_message_to_an_address_that_is_known_by_its_hash_is_not_sent(world: World) -> None:
    world.contacts([contact(1, email=ANA), contact(2)])
    world.plan([planned(1), planned(2)])
    world.store.suppress("email", world.store.hash_address("email", ANA), "deleted")
    assert world.send().outcomes == {"mailbox": {"skipped": 1, "sent": 1}}
    assert [row["reason"] for row in world.deliveries()] == ["suppressed: deleted", None]


def test_deletions_are_suppressed_before_anything_is_sent_and_once(world: World) -> None:
    world.contacts([contact(1, email=ANA)])
    world.plan([planned(1, content=EMAIL)])
    _deleted(world, "t0", {"email": world.store.hash_address("email", ANA)})
    assert world.send().outcomes == {"mailbox": {"skipped": 1}}
    assert [row["reason"] for row in world.deliveries()] == ["suppressed: deleted"]
    assert world.store.unsuppress("email", ANA)
    suppress_deleted(world.warehouse, world.store, world.lease)
    assert world.store.all_suppressions() == []
    _deleted(world, "t1", {})
    suppress_deleted(world.warehouse, world.store, world.lease)
    assert world.store.mark(SUPPRESSED_TO) == "t1"


def _deleted(world: World, tick: str, addresses: dict[str, str]) -> None:
    row = {
        "contact_id": "c9",
        "at": None,
        "flow": "f",
        "step": "s",
        "enrollment_id": "e9",
        "addresses": json.dumps(addresses),
    }
    schema = pa.schema([(name, pa.timestamp("us") if name == "at" else pa.string()) for name in row])
    world.warehouse.append("contact_deletions", tick, pa.Table.from_pylist([row], schema))


def test_a_store_that_was_lost_knows_the_hashes_again(world: World, tmp_path: Path) -> None:
    world.contacts([contact(1, email=ANA)])
    world.store.suppress("email", world.store.hash_address("email", ANA), "deleted")
    world.plan([planned(1)])
    world.send()
    assert world.warehouse.count("suppressions") == 1
    with DeliveryStore(tmp_path / "new.db") as new, held_lease(new.leases, "test") as lease:
        adopt(world.warehouse, new, lease)
        assert new.suppressed("email", [ANA]) == {ANA: "deleted"}
        # Its own salt is another one.
        assert new.hash_address("email", ANA) != world.store.hash_address("email", ANA)


def test_a_store_of_the_version_before_is_put_right(location: str) -> None:
    """It has neither the table of salts nor that of restores, and an Argentine number in two forms."""
    with DeliveryStore(location) as store, store._database.write("test") as connection:
        for table in (suppression_salts, restores):
            table.drop(connection)
        connection.execute(sqlalchemy.update(marks).where(marks.c.name == "schema_version").values(value="7"))
        for channel, address, reason in (
            ("sms", "+5491123456789", "first"),
            ("sms", "+541123456789", "second"),
            ("whatsapp", "+5493541412345", "stop"),
            ("email", "+5491123456789@shop.example.com", "bounce"),
            ("sms", "+5491", "odd"),
        ):
            row: dict[str, Any] = {"channel": channel, "address": address, "reason": reason}
            now = store._database.now(connection)
            connection.execute(sqlalchemy.insert(suppressions), [{**row, "recorded_at": now}])
    with DeliveryStore(location) as store:
        assert {(row["channel"], row["address"]) for row in store.all_suppressions()} == {
            ("sms", "+541123456789"),
            ("whatsapp", "+543541412345"),
            ("email", "+5491123456789@shop.example.com"),
            ("sms", "+5491"),
        }
        assert store.suppressed("sms", ["+54 9 11 2345-6789"]) == {"+54 9 11 2345-6789": "second"}
        assert store.suppressed("whatsapp", ["+54 3541 15 41-2345"]) == {"+54 3541 15 41-2345": "stop"}
        assert store.mark("schema_version") == str(SCHEMA_VERSION)
        store.suppress("email", PLAIN_HASH, "theirs")
        assert store.suppressed("email", [ANA]) == {ANA: "theirs"}
        assert store.restores.record(["ana"])
        with store._database.read() as connection:
            assert connection.scalar(select(suppression_salts.c.salt)) == ""


def test_only_the_holder_of_the_lease_suppresses_the_deleted(world: World) -> None:
    world.store.leases.release(world.lease)
    with pytest.raises(LeaseLostError):
        world.store.suppress_deleted(world.lease, [("email", f"sha256$${PLAIN_HASH}")], (SUPPRESSED_TO, "t1"))
    assert world.store.all_suppressions() == []
    assert world.store.mark(SUPPRESSED_TO) is None


def test_the_copy_in_the_warehouse_shows_hashes(world: World) -> None:
    world.store.suppress("sms", hashed("sms", "+44 20 7946 0018", "cd"), "theirs")
    world.contacts([contact(1)])
    world.plan([planned(1)])
    world.send()
    [row] = world.warehouse.rows(exp.select("*").from_(relation("suppressions")))
    assert row["address"].startswith("sha256$cd$")

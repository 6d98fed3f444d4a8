"""Decisions of people: kept until one tick uses them, and the same for every attempt of that tick."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from segflow.errors import LeaseLostError
from segflow.outbox.schema import SCHEMA_VERSION
from segflow.outbox.store import DeliveryStore

from .conftest import World


def test_a_decision_is_used_by_one_tick(world: World) -> None:
    decisions = world.store.decisions
    (told,) = decisions.record("segment", ["tea"], "a real sale")
    assert (told["name"], told["reason"], told["tick_id"]) == ("tea", "a real sale", None)
    assert "@" in told["decided_by"]
    assert (decisions.released("segment", "t1"), decisions.released("flow", "t1")) == ({"tea"}, set())
    decisions.book(world.lease, "segment", "t1", {"tea", "coffee"})
    assert (decisions.released("segment", "t1"), decisions.released("segment", "t2")) == ({"tea"}, set())
    assert [(row["id"], row["tick_id"]) for row in decisions.used("t1")] == [(told["id"], "t1")]


def test_releasing_twice_before_a_tick_is_one_decision(world: World) -> None:
    decisions = world.store.decisions
    first = decisions.record("segment", ["tea", "tea"])
    second = decisions.record("segment", ["coffee", "tea"])
    assert [row["name"] for row in second] == ["coffee", "tea"]
    assert second[1] == first[0]
    decisions.book(world.lease, "segment", "t1", {"tea"})
    (third,) = decisions.record("segment", ["tea"])
    assert third["id"] != first[0]["id"]


def test_what_a_second_attempt_does_not_use_waits_again(world: World) -> None:
    decisions = world.store.decisions
    decisions.record("segment", ["tea", "coffee"])
    decisions.record("flow", ["tea"])
    decisions.book(world.lease, "segment", "t1", {"tea", "coffee"})
    decisions.book(world.lease, "flow", "t1", {"tea"})
    decisions.book(world.lease, "segment", "t1", {"coffee"})
    assert decisions.released("segment", "t2") == {"tea"}
    assert sorted((row["kind"], row["name"]) for row in decisions.used("t1")) == [
        ("flow", "tea"),
        ("segment", "coffee"),
    ]


def test_only_the_holder_of_the_lease_books(world: World) -> None:
    world.store.decisions.record("segment", ["tea"])
    world.store.leases.release(world.lease)
    with pytest.raises(LeaseLostError):
        world.store.decisions.book(world.lease, "segment", "t1", {"tea"})
    assert world.store.decisions.released("segment", "t2") == {"tea"}


def test_a_store_of_the_first_version_gets_the_table(tmp_path: Path) -> None:
    DeliveryStore(tmp_path / "d.db").close()
    with sqlite3.connect(tmp_path / "d.db") as connection:
        connection.execute("DROP TABLE decisions")
        connection.execute("UPDATE marks SET value = '1' WHERE name = 'schema_version'")
    connection.close()
    with DeliveryStore(tmp_path / "d.db") as store:
        store.decisions.record("contacts", ["contacts"])
        assert store.mark("schema_version") == str(SCHEMA_VERSION)

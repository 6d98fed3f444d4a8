"""Coupons: never twice, never lost."""

from __future__ import annotations

import threading

import pytest

from segflow.errors import LeaseLostError
from segflow.outbox.coupons import Claim, Pool
from segflow.outbox.store import DeliveryStore

from .conftest import World


def claims(*numbers: int, pool: str = "spring") -> list[Claim]:
    return [Claim(claim_id=f"k{number}", pool=pool, contact_id=f"c{number}") for number in numbers]


def test_codes_go_out_in_order_and_a_claim_keeps_its_code(world: World) -> None:
    coupons = world.store.coupons
    assert coupons.add("spring", ["A", "B", "A", "C"]) == 3
    assert coupons.add("spring", ["C", "D"]) == 1
    first = coupons.claim(world.lease, "t1", claims(2, 1))
    assert first == {"k1": "A", "k2": "B"}
    assert coupons.claim(world.lease, "t1", claims(1, 2, 3)) == {**first, "k3": "C"}
    assert coupons.preview(claims(3, 4)) == {"k3": "C", "k4": "D"}
    assert coupons.pools() == [Pool(pool="spring", left=1, claimed=3)]


def test_an_empty_pool_gives_what_it_has(world: World) -> None:
    coupons = world.store.coupons
    coupons.add("spring", ["A"])
    coupons.add("other", ["X"])
    assert coupons.claim(world.lease, "t1", [*claims(1, 2), *claims(3, pool="none")]) == {"k1": "A"}
    assert coupons.claim(world.lease, "t1", claims(2)) == {}
    assert coupons.add("spring", ["A"]) == 0
    assert coupons.pools() == [Pool(pool="other", left=1, claimed=0), Pool(pool="spring", left=0, claimed=1)]


def test_what_a_tick_claims_and_does_not_use_goes_back(world: World) -> None:
    coupons = world.store.coupons
    coupons.add("spring", ["A", "B", "C"])
    coupons.claim(world.lease, "t0", claims(9))
    coupons.claim(world.lease, "t1", claims(1, 2))
    coupons.book(world.lease, "t1", ["k2"])
    assert coupons.preview(claims(2, 3, 9)) == {"k9": "A", "k2": "C", "k3": "B"}


def test_without_the_lease_nothing_is_claimed(world: World) -> None:
    coupons = world.store.coupons
    coupons.add("spring", ["A"])
    world.store.leases.release(world.lease)
    with pytest.raises(LeaseLostError):
        coupons.claim(world.lease, "t1", claims(1))
    assert coupons.pools() == [Pool(pool="spring", left=1, claimed=0)]


def test_thousands_at_once(world: World) -> None:
    coupons = world.store.coupons
    codes = [f"CODE-{number:05}" for number in range(2_500)]
    assert coupons.add("spring", codes) == 2_500
    got = coupons.claim(world.lease, "t1", claims(*range(2_400)))
    assert len(set(got.values())) == 2_400
    assert coupons.claim(world.lease, "t1", claims(*range(2_400))) == got


def test_two_people_add_codes_at_once(location: str) -> None:
    with DeliveryStore(location) as store:
        store.coupons.add("spring", [])

    def add(letter: str) -> None:
        with DeliveryStore(location) as mine:
            for part in range(5):
                mine.coupons.add("spring", [f"{letter}{part}{number}" for number in range(20)])

    threads = [threading.Thread(target=add, args=(letter,)) for letter in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with DeliveryStore(location) as store:
        assert store.coupons.pools() == [Pool(pool="spring", left=200, claimed=0)]

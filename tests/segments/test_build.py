"""The build stage over real dbt: what cannot be evaluated is singled out, everything else is built."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from segflow.errors import DuplicateContactsError, RunError
from segflow.warehouse.names import own_model
from tests.segments.shop import AS_OF, Shop

MEMBERS = {
    "everybody": {"ana", "ben", "cleo", "dan"},
    "londoners": {"ana", "cleo"},
    "grown_ups": {"ana", "dan"},
    "buyers": {"ana", "ben"},
    "tea_buyers": {"ana", "cleo"},
    "just_delivered": {"ana"},
    "reviewers": {"ben", "dan"},
    "readers": {"ana", "dan"},
    "big_buyers": {"ana"},
}
QUERIES = {"big_feet": {"ana", "cleo"}, "buyers_by_query": {"ana", "ben"}}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(tmp_path_factory.mktemp("build"))
    report = shop.build()
    assert (report.stale, report.broken) == ({}, {})
    return shop


@pytest.fixture
def shop(built: Shop) -> Iterator[Shop]:
    """The built shop; what a test breaks is whole again for the next one."""
    yield built
    built.reset()


def without(*segments: str) -> dict[str, set[str]]:
    return {name: found for name, found in MEMBERS.items() if name not in segments}


def test_a_healthy_build_counts_contacts_and_agrees_with_every_view(shop: Shop) -> None:
    report = shop.build(tick_id="t2")
    assert (report.stale, report.broken) == ({}, {})
    assert (report.contacts, report.null_contacts) == (4, 2)
    assert shop.members() == MEMBERS
    assert {name: shop.own(name) for name in MEMBERS} == MEMBERS
    assert {name: shop.own(name) for name in QUERIES} == QUERIES
    parts = ["contacts", "membership_masks", "segment__big_feet", *shop.compiled.fact_models()]
    assert {model: shop.generation(model) for model in parts} == {model: {"t2"} for model in parts}
    assert {own_model(model) for model in parts} <= set(report.models)


def test_a_view_that_holds_a_window_of_its_own_moves_with_the_tick(shop: Shop) -> None:
    shop.build(AS_OF + timedelta(days=1), "t3")
    assert "just_delivered" not in shop.members()
    assert shop.own("just_delivered") == set()
    shop.build(AS_OF, "t4")
    assert shop.own("just_delivered") == {"ana"}


def test_a_dropped_column_of_an_event_makes_stale_only_what_needs_it(shop: Shop) -> None:
    shop.sql("alter table raw.purchases drop column category")
    report = shop.build()
    assert set(report.stale) == {"tea_buyers"}
    assert "category" in report.stale["tea_buyers"]
    assert [name.split(".")[0] for name in report.broken] == ["facts__event_purchase"]
    assert shop.members() == without("tea_buyers")
    assert shop.own("buyers_by_query") == QUERIES["buyers_by_query"]


def test_a_query_that_fails_is_stale_and_so_is_what_refers_to_it(shop: Shop) -> None:
    shop.sql("alter table raw.people drop column shoe_size")
    report = shop.build()
    assert set(report.stale) == {"big_feet", "big_buyers"}
    assert "shoe_size" in report.stale["big_feet"]
    assert shop.members() == without("big_buyers")


def test_a_missing_attribute_is_missing_for_all_and_its_segments_are_stale(shop: Shop) -> None:
    shop.sql("alter table raw.people drop column age")
    report = shop.build()
    assert set(report.stale) == {"grown_ups"}
    assert set(report.broken) == {"contacts.age"}
    assert report.contacts == 4
    assert shop.members() == without("grown_ups")
    assert shop.own("big_feet") == QUERIES["big_feet"]


def test_a_staging_model_that_fails_costs_its_event_only(shop: Shop) -> None:
    shop.sql("drop table raw.reviews")
    report = shop.build()
    assert set(report.stale) == {"reviewers"}
    assert "stg_reviews" in report.stale["reviewers"]
    assert shop.members() == without("reviewers")


def test_two_faults_at_once_are_both_found(shop: Shop) -> None:
    shop.sql("alter table raw.people drop column age; alter table raw.purchases drop column category")
    report = shop.build()
    assert set(report.stale) == {"grown_ups", "tea_buyers"}
    assert shop.members() == without("grown_ups", "tea_buyers")


def test_a_value_that_cannot_be_cast_is_found_when_the_model_runs(shop: Shop) -> None:
    shop.sql("alter table raw.reviews alter stars type varchar; update raw.reviews set stars = 'many'")
    report = shop.build()
    assert (report.stale, report.broken) == ({}, {}), "no segment reads stars"
    shop.sql("alter table raw.purchases alter purchased_at type varchar")
    shop.sql("update raw.purchases set purchased_at = 'yesterday'")
    report = shop.build()
    assert set(report.stale) == {"buyers", "tea_buyers", "just_delivered", "big_buyers", "buyers_by_query"}
    assert "yesterday" in report.stale["buyers"]
    assert shop.members() == without("buyers", "tea_buyers", "just_delivered", "big_buyers")


def test_a_contact_id_that_is_there_twice_stops_the_build(shop: Shop) -> None:
    shop.sql("insert into raw.people select * from raw.people where person_id in ('ana', 'dan')")
    with pytest.raises(DuplicateContactsError, match=r"stg_people.*ana \(2 times\), dan \(2 times\).*person_id"):
        shop.build()


def test_contacts_that_cannot_be_read_at_all_stop_the_build(shop: Shop) -> None:
    shop.sql("drop table raw.people")
    with pytest.raises(RunError, match=r"contacts cannot be built.*stg_people"):
        shop.build()


def test_views_of_segments_that_are_gone_are_dropped(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.build()
    (shop.root / "segment_specs" / "readers.yml").unlink()
    shop.compile()
    shop.build()
    with shop.open() as warehouse:
        assert not warehouse.exists("segment__readers")
        assert warehouse.exists("segment__buyers")
    assert shop.members() == without("readers")

"""The generator: the same rows for the same seed, and a world that holds together."""

from __future__ import annotations

from pathlib import Path

import duckdb
import phonenumbers
import pytest

from demo.shop import END, ShopSummary, build

TABLES = ("customers", "events", "list_members", "order_items", "orders", "products", "tags")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[duckdb.DuckDBPyConnection, ShopSummary]:
    path = tmp_path_factory.mktemp("shop") / "shop.duckdb"
    summary = build(path, seed=7, contacts=200)
    return duckdb.connect(str(path)), summary


def _content(path: Path) -> dict[str, tuple[object, ...] | None]:
    """A checksum per table that sees every value and the order of the rows."""
    with duckdb.connect(str(path)) as connection:
        return {
            name: connection.execute(
                f"select count(*), md5(string_agg(cast(t as varchar), chr(10) order by rowid)) from raw.{name} as t"
            ).fetchone()
            for name in TABLES
        }


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        build(tmp_path / f"{name}.duckdb", seed=seed, contacts=60)
    first, again, other = (_content(tmp_path / f"{name}.duckdb") for name in "abc")
    assert first == again
    assert all(first[name] != other[name] for name in TABLES if name != "products")


def test_building_again_replaces_the_shop(tmp_path: Path) -> None:
    path = tmp_path / "shop.duckdb"
    build(path, seed=8, contacts=80)
    build(path, seed=7, contacts=60)
    build(tmp_path / "fresh.duckdb", seed=7, contacts=60)
    assert _content(path) == _content(tmp_path / "fresh.duckdb")


def test_too_few_contacts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 20 contacts"):
        build(tmp_path / "shop.duckdb", contacts=3)


def test_the_demo_has_the_size_that_it_promises(tmp_path: Path) -> None:
    summary = build(tmp_path / "shop.duckdb")
    assert summary.customers == 5000
    assert 190_000 <= summary.events <= 215_000
    assert 15_000 <= summary.orders <= 25_000
    assert summary.end == END.replace(tzinfo=None)
    assert (summary.end - summary.start).days in range(540, 555)


def test_the_summary_counts_what_is_in_the_tables(
    shop: tuple[duckdb.DuckDBPyConnection, ShopSummary],
) -> None:
    connection, summary = shop
    for name in TABLES:
        assert connection.execute(f"select count(*) from raw.{name}").fetchone() == (getattr(summary, name),), name


# Each query returns the rows that must not be there.
INVARIANTS = {
    "customer-ids-are-unique": "select customer_id from raw.customers group by 1 having count(*) > 1",
    "emails-are-unique": "select email from raw.customers where email is not null group by 1 having count(*) > 1",
    "emails-are-at-reserved-domains": """
        select email from raw.customers
        where not regexp_full_match(email, '[a-z]+\\.[a-z]+[0-9]*@(example|example\\.(com|org|net))')""",
    "orders-come-after-signing-up": """
        select order_id from raw.orders join raw.customers using (customer_id) where ordered_at < signed_up_at""",
    "events-come-after-signing-up": """
        select event_id from raw.events join raw.customers using (customer_id) where occurred_at < signed_up_at""",
    "labels-come-after-signing-up": """
        select name from (from raw.list_members union all by name from raw.tags)
        join raw.customers using (customer_id) where added_at < signed_up_at""",
    "every-event-has-a-customer": "select event_id from raw.events anti join raw.customers using (customer_id)",
    "every-order-has-items": "select order_id from raw.orders anti join raw.order_items using (order_id)",
    "every-item-has-an-order-and-a-product": """
        select order_item_id from raw.order_items left join raw.orders using (order_id)
        left join raw.products using (product_id) where customer_id is null or category is null""",
    "totals-are-the-sum-of-the-items": """
        select order_id from raw.orders join raw.order_items using (order_id)
        group by order_id, total having sum(amount) <> total""",
    "items-cost-price-times-quantity": "select * from raw.order_items where unit_price * quantity <> amount",
    "each-order-is-one-purchase-event": """
        select order_id from raw.orders full join
        (select properties ->> '$.order_id' as order_id, occurred_at, customer_id,
            cast(properties ->> '$.amount' as decimal(10, 2)) as amount
         from raw.events where event_name = 'purchase') as p using (order_id, customer_id)
        where p.amount is distinct from total_gbp or p.occurred_at is distinct from ordered_at""",
    "nothing-lies-outside-the-story": """
        select occurred_at from raw.events where occurred_at >= timestamp '2026-03-01'
        or occurred_at < timestamp '2024-09-01'""",
    "events-are-stored-in-the-order-of-time": """
        select * from (select occurred_at < lag(occurred_at) over (order by rowid) as earlier from raw.events)
        where earlier""",
    "one-label-of-a-kind-per-customer": """
        select customer_id, name from (from raw.list_members union all by name from raw.tags)
        group by all having count(*) > 1""",
}


@pytest.mark.parametrize("query", INVARIANTS.values(), ids=INVARIANTS.keys())
def test_the_world_holds_together(shop: tuple[duckdb.DuckDBPyConnection, ShopSummary], query: str) -> None:
    assert shop[0].execute(query).fetchall() == []


@pytest.mark.parametrize(
    ("column", "least", "most"),
    [
        ("city", 0.02, 0.20),
        ("time_zone", 0.01, 0.15),
        ("phone", 0.25, 0.60),
        ("birthday", 0.20, 0.42),
        ("email_subscribed", 0.02, 0.18),
        ("sms_subscribed", 0.12, 0.35),
    ],
)
def test_some_values_are_missing_on_purpose(
    shop: tuple[duckdb.DuckDBPyConnection, ShopSummary], column: str, least: float, most: float
) -> None:
    (share,) = shop[0].execute(f"select avg(cast({column} is null as integer)) from raw.customers").fetchone() or (0,)
    assert least <= share <= most


def test_phone_numbers_are_written_in_e164_and_possible(
    shop: tuple[duckdb.DuckDBPyConnection, ShopSummary],
) -> None:
    phones = [row[0] for row in shop[0].execute("select phone from raw.customers where phone is not null").fetchall()]
    assert len(phones) > 50
    for phone in phones:
        number = phonenumbers.parse(phone, None)
        assert phonenumbers.is_possible_number(number), phone
        assert phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == phone


def test_people_come_and_order_on_almost_every_day_of_the_last_month(
    shop: tuple[duckdb.DuckDBPyConnection, ShopSummary],
) -> None:
    """Otherwise the demo's segments would stand still."""
    days = shop[0].execute(
        "select count(distinct cast(ordered_at as date)) from raw.orders where ordered_at >= timestamp '2026-01-30'"
    ).fetchone() or (0,)
    assert days[0] >= 20

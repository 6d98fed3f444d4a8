"""The demo shop: a seeded generator of eighteen months of a tea and homeware shop, written as raw tables.

The same seed and size always give the same rows. Nothing here is about a real person: addresses are at domains
reserved for examples, phone numbers come from ranges that regulators keep for fiction.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from demo.activity import make_events, make_orders
from demo.people import make_people
from demo.stock import PRODUCT_IDS, PRODUCTS

END = datetime(2026, 3, 1, tzinfo=UTC)
"""Everything happens before, unless `build` is told another end."""
MONTHS = 18
LETTERS = list("23456789ABCDEFGHJKLMNPQRSTUVWXYZ")
"""Of coupon codes: none that looks like another one."""


@dataclass(frozen=True)
class ShopSummary:
    """How many rows were written, and the time they span: naive UTC, `start` included, `end` excluded."""

    customers: int
    events: int
    orders: int
    order_items: int
    products: int
    list_members: int
    tags: int
    start: datetime
    end: datetime


def build(path: Path, seed: int = 7, contacts: int = 5000, end: datetime = END) -> ShopSummary:
    """Write schema `raw` of the DuckDB file at `path`, replacing the shop that is there. It lives until `end` (UTC).

    5,000 contacts give about 200,000 events. All times are naive UTC timestamps in whole seconds. Either all tables
    are replaced or none. Raises ValueError for fewer than 20 contacts: the shares would come out empty.
    """
    if contacts < 20:
        raise ValueError(f"a shop needs at least 20 contacts, not {contacts}")
    rng = np.random.default_rng(seed)
    until = pd.Timestamp(end).tz_localize(None)
    start = until - pd.DateOffset(months=MONTHS)
    people = make_people(rng, contacts, start, until)
    orders, items = make_orders(rng, people, start, until)
    events = make_events(rng, people, orders, start, until)
    lists, tags = _lists(rng, people, orders), _tags(rng, people, orders)
    # Drawn last: what was in the shop before is as it was.
    people["favourite_channel"] = rng.choice(
        np.array(["email", "sms", "whatsapp", None], dtype=object), len(people), p=[0.3, 0.1, 0.15, 0.45]
    )
    people["points_until"] = _points_until(people, orders)
    frames = {
        "people": people.drop(columns=["habit", "utc_hours", "currency"]),
        "orders": orders,
        "items": items,
        "events": events,
        "products": pd.DataFrame(PRODUCTS, columns=["name", "category", "price"]).assign(product_id=PRODUCT_IDS),
        "list_members": lists,
        "tags": tags,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, frame in frames.items():
            connection.register(f"shop_{name}", frame)
        connection.begin()
        for statement in (Path(__file__).parent / "raw_tables.sql").read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                connection.execute(statement)
        connection.commit()
    return ShopSummary(
        customers=len(people),
        events=len(events),
        orders=len(orders),
        order_items=len(items),
        products=len(PRODUCTS),
        list_members=len(frames["list_members"]),
        tags=len(frames["tags"]),
        start=start.to_pydatetime(),
        end=until.to_pydatetime(),
    )


def raw_tables() -> tuple[ShopSummary, dict[str, pa.Table]]:
    """The same tables by name, for a warehouse that is another one."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "shop.duckdb"
        made = build(file)
        with duckdb.connect(str(file)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            names = [name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()]
            return made, {name: connection.table(f"raw.{name}").to_arrow_table() for name in names}


def codes_of(pool: str, seed: int = 7, size: int = 1500) -> list[str]:
    """`size` different coupon codes for the pool of that name, like `FIRST_CUP-7K2MQ`; always the same ones."""
    rng = np.random.default_rng([seed, *pool.encode()])
    codes: dict[str, None] = {}
    while len(codes) < size:
        codes[f"{pool.upper()}-{''.join(rng.choice(LETTERS, 5))}"] = None
    return list(codes)


def _lists(rng: np.random.Generator, people: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """The newsletter (joined when signing up), the loyalty club (after the third order), the tasting evenings."""
    newsletter = people[people["email_subscribed"].fillna(False).to_numpy(dtype=bool)]
    third = _third_orders(orders)
    tasters = people[(people["city"].isin(["London", "Bristol"])) & (rng.random(len(people)) < 0.12)]
    parts = [
        _labels(people, newsletter.index, "newsletter", newsletter["signed_up_at"]),
        _labels(people, third["customer"], "loyalty_club", third["ordered_at"]),
        _labels(people, tasters.index, "tasting_evenings", tasters["signed_up_at"] + pd.Timedelta(hours=1)),
    ]
    return pd.concat(parts, ignore_index=True)


def _third_orders(orders: pd.DataFrame) -> pd.DataFrame:
    return orders[orders.groupby("customer").cumcount() == 2]


def _points_until(people: pd.DataFrame, orders: pd.DataFrame) -> pd.Series:
    """The day, a year after the third order, on which the loyalty club's points lapse; missing without one."""
    third = _third_orders(orders).set_index("customer")["ordered_at"]
    return (third.dt.normalize() + pd.DateOffset(years=1)).reindex(people.index)


def _tags(rng: np.random.Generator, people: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    gifts = orders[orders["category"] == "Gifts"].drop_duplicates("customer")
    refunds = orders[orders["status"] == "refunded"].drop_duplicates("customer")
    friends = people[(people["signup_source"] == "friend") & (rng.random(len(people)) < 0.2)]
    parts = [
        _labels(people, gifts["customer"], "gives_presents", gifts["ordered_at"]),
        _labels(people, refunds["customer"], "had_refund", refunds["ordered_at"] + pd.Timedelta(days=6)),
        _labels(people, friends.index, "friend_of_the_house", friends["signed_up_at"]),
    ]
    return pd.concat(parts, ignore_index=True)


def _labels(people: pd.DataFrame, rows: pd.Index | pd.Series, name: str, at: pd.Series) -> pd.DataFrame:
    return pd.DataFrame(
        {"customer_id": people["customer_id"].to_numpy()[rows], "name": name, "added_at": at.to_numpy()}
    )

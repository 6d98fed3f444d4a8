"""What the demo shop's customers do: orders, and the visits around and between them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from demo.people import HABITS
from demo.stock import DEVICES, GBP_RATES, PAGES, PRODUCT_IDS, PRODUCTS, SEARCHES, TEAS

# Local hour of the day -> how busy the shop is.
HOURS = np.array([1, 1, 0, 0, 0, 1, 3, 6, 8, 9, 10, 9, 11, 10, 8, 8, 9, 10, 13, 17, 20, 18, 11, 4], dtype=float)
DAY = 86400.0


def make_orders(
    rng: np.random.Generator, people: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`raw.orders` (with `customer`, the row of `people`, and the main `category`) and `raw.order_items`."""
    gap = np.empty(len(people))
    lasts = np.empty(len(people))
    for habit, (_, (shortest, longest), months) in HABITS.items():
        rows = np.flatnonzero(people["habit"] == habit)
        gap[rows] = rng.uniform(shortest, longest, len(rows))
        lasts[rows] = rng.exponential(months * 30.4, len(rows)) + (months > 0)
    # old customers are still here when the story starts; their next order comes some time in it
    begin = np.maximum((people["signed_up_at"] - start).dt.total_seconds().to_numpy() / DAY, 0)
    begin = begin + rng.uniform(0, 1, len(people)) * np.minimum(gap, np.where(begin > 0, 20, 120))
    until = np.minimum(begin + np.where(lasts > 0, lasts, -1), (end - start).days)
    count = np.ceil(np.maximum(until - begin, 0) / gap).astype(int)

    customer = np.repeat(np.arange(len(people)), count)
    nth = np.arange(len(customer)) - np.repeat(np.cumsum(count) - count, count)
    day = begin[customer] + (nth + rng.normal(0, 0.2, len(customer)).clip(-0.45, 0.45) * (nth > 0)) * gap[customer]
    orders = pd.DataFrame({"customer": customer, "ordered_at": _at_busy_hours(rng, people, customer, day, start)})
    orders = _inside(orders, "ordered_at", people, start, end)
    orders["order_id"] = [f"O{number:07d}" for number in range(1, len(orders) + 1)]
    orders["status"] = rng.choice(
        np.array(["completed", "cancelled", "refunded"], dtype=object), len(orders), p=[0.93, 0.03, 0.04]
    )
    orders["currency"] = people["currency"].to_numpy()[orders["customer"]]
    orders["customer_id"] = people["customer_id"].to_numpy()[orders["customer"]]

    items = _items(rng, orders, people)
    totals = items.groupby("order")[["amount", "amount_gbp"]].sum().round(2)
    orders["total"], orders["total_gbp"] = totals["amount"].to_numpy(), totals["amount_gbp"].to_numpy()
    orders["items"] = items.groupby("order")["quantity"].sum().to_numpy()
    # what most of the money went for names the order
    dearest = items.sort_values(["order", "amount_gbp"], ascending=[True, False]).drop_duplicates("order")
    orders["category"] = dearest["category"].to_numpy()
    return orders, items


def _items(rng: np.random.Generator, orders: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    lines = np.minimum(rng.geometric(0.45, len(orders)), 6)
    order = np.repeat(np.arange(len(orders)), lines)
    customer = orders["customer"].to_numpy()[order]
    product = _products(rng, people, customer)
    category = np.array([item[1] for item in PRODUCTS], dtype=object)[product]
    quantity = np.where(np.isin(category, TEAS), rng.choice([1, 2, 3, 4], len(order), p=[0.6, 0.26, 0.09, 0.05]), 1)
    rate = orders["currency"].map(GBP_RATES).to_numpy()[order]
    price_gbp = np.array([item[2] for item in PRODUCTS])[product]
    price = np.round(price_gbp / rate, 2)
    return pd.DataFrame(
        {
            "order_item_id": [f"I{number:07d}" for number in range(1, len(order) + 1)],
            "order": order,
            "order_id": orders["order_id"].to_numpy()[order],
            "product_id": np.array(PRODUCT_IDS, dtype=object)[product],
            "category": category,
            "quantity": quantity,
            "unit_price": price,
            "amount": np.round(price * quantity, 2),
            "amount_gbp": np.round(price_gbp * quantity, 2),
        }
    )


def _products(rng: np.random.Generator, people: pd.DataFrame, customer: np.ndarray) -> np.ndarray:
    """A product per row. Everyone has a taste: mostly tea, mostly things for the house, or one kind of tea."""
    category = np.array([item[1] for item in PRODUCTS], dtype=object)
    names = np.unique(category)
    # seeded by the row and not drawn here, so that orders and visits agree on what a customer likes
    taste = (np.arange(len(people)) * 2654435761) % 100
    favourite = np.array(TEAS, dtype=object)[(np.arange(len(people)) * 40503) % len(TEAS)]
    product = np.empty(len(customer), dtype=int)
    mine = taste[customer]
    for low, high, tea_weight in ((0, 45, 6.0), (45, 80, 1.2), (80, 100, 0.25)):
        for liked in TEAS:
            rows = np.flatnonzero((mine >= low) & (mine < high) & (favourite[customer] == liked))
            weight = np.array(
                [(tea_weight if name in TEAS else 1.0) * (4.0 if name == liked else 1.0) for name in names]
            )
            each = weight[np.searchsorted(names, category)]
            product[rows] = rng.choice(len(PRODUCTS), len(rows), p=each / each.sum())
    return product


def make_events(
    rng: np.random.Generator, people: pd.DataFrame, orders: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp
) -> pd.DataFrame:
    """All events in the order of time: ids, `occurred_at`, `event_name` and one column per property."""
    visits = _visits(rng, people, start, end)
    parts = [
        _purchases(orders),
        _around(rng, orders["customer"], orders["ordered_at"], "cart_add", 1.2, 25, people, at_least=1),
        _around(rng, orders["customer"], orders["ordered_at"], "product_view", 1.6, 70, people),
        _around(rng, orders["customer"], orders["ordered_at"], "page_view", 0.7, 90, people),
        _around(rng, visits["customer"], visits["at"], "page_view", 1.0, 20, people),
        _around(rng, visits["customer"], visits["at"], "product_view", 1.3, 30, people),
        _around(rng, visits["customer"], visits["at"], "cart_add", 0.16, 10, people),
        _around(rng, visits["customer"], visits["at"], "search", 0.2, 25, people),
        _clicks(rng, people, start, end),
        _reviews(rng, orders),
    ]
    events = _inside(pd.concat(parts, ignore_index=True), "occurred_at", people, start, end)
    events["event_id"] = [f"E{number:08d}" for number in range(1, len(events) + 1)]
    events["customer_id"] = people["customer_id"].to_numpy()[events["customer"]]
    return events


def _purchases(orders: pd.DataFrame) -> pd.DataFrame:
    columns = ["customer", "order_id", "currency", "category", "items"]
    return orders[columns].assign(occurred_at=orders["ordered_at"], event_name="purchase", amount=orders["total_gbp"])


def _visits(rng: np.random.Generator, people: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Visits without an order, on average one in six weeks. Interest fades with the months since signing up."""
    begin = np.maximum((people["signed_up_at"] - start).dt.total_seconds().to_numpy() / DAY, 0)
    days = (end - start).days - begin
    count = rng.poisson(np.minimum(days, 400) / 38)
    customer = np.repeat(np.arange(len(people)), count)
    day = begin[customer] + days[customer] * np.power(rng.random(len(customer)), 1.3)
    return pd.DataFrame({"customer": customer, "at": _at_busy_hours(rng, people, customer, day, start)})


def _around(
    rng: np.random.Generator,
    customer: pd.Series,
    at: pd.Series,
    name: str,
    mean: float,
    minutes: float,
    people: pd.DataFrame,
    at_least: int = 0,
) -> pd.DataFrame:
    """`mean` events of one kind per visit, spread over the `minutes` before it ends."""
    count = rng.poisson(mean - at_least, len(customer)) + at_least
    row = np.repeat(np.arange(len(customer)), count)
    who = customer.to_numpy()[row]
    before = pd.to_timedelta(np.ceil(rng.uniform(0.1, minutes, len(row)) * 60), unit="s")
    events = pd.DataFrame({"customer": who, "occurred_at": at.to_numpy()[row] - before, "event_name": name})
    if name == "page_view":
        events["path"] = rng.choice(np.array(PAGES, dtype=object), len(row))
        events["device"] = rng.choice(np.array(DEVICES, dtype=object), len(row), p=[0.62, 0.31, 0.07])
    elif name == "search":
        events["query"] = rng.choice(np.array(SEARCHES, dtype=object), len(row))
    else:
        _add_product(events, _products(rng, people, who))
    return events


def _add_product(events: pd.DataFrame, product: np.ndarray) -> None:
    events["product_id"] = np.array(PRODUCT_IDS, dtype=object)[product]
    events["category"] = np.array([item[1] for item in PRODUCTS], dtype=object)[product]
    events["price"] = np.array([item[2] for item in PRODUCTS])[product]


def _clicks(rng: np.random.Generator, people: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """The newsletter goes out every Thursday at nine; a third of its readers reads it often."""
    thursdays = pd.date_range(start.normalize(), end, freq="W-THU") + pd.Timedelta(hours=9)
    reader = people["email_subscribed"].fillna(False).to_numpy(dtype=bool) & people["email"].notna().to_numpy()
    keenness = np.where(reader, rng.beta(0.5, 4.0, len(people)), 0)
    issue, customer = np.nonzero(rng.random((len(thursdays), len(people))) < keenness)
    delay = pd.to_timedelta(np.ceil(rng.exponential(9 * 3600, len(issue))), unit="s")
    return pd.DataFrame(
        {
            "customer": customer,
            "occurred_at": thursdays.to_numpy()[issue] + delay,
            "event_name": "email_click",
            "campaign": np.array([f"newsletter_{day:%Y_%m_%d}" for day in thursdays], dtype=object)[issue],
        }
    )


def _reviews(rng: np.random.Generator, orders: pd.DataFrame) -> pd.DataFrame:
    chosen = orders[rng.random(len(orders)) < 0.16]
    waited = pd.to_timedelta(np.ceil(rng.uniform(3, 21, len(chosen)) * DAY), unit="s")
    return pd.DataFrame(
        {
            "customer": chosen["customer"].to_numpy(),
            "occurred_at": chosen["ordered_at"].to_numpy() + waited,
            "event_name": "review",
            "order_id": chosen["order_id"].to_numpy(),
            "category": chosen["category"].to_numpy(),
            "rating": rng.choice([1, 2, 3, 4, 5], len(chosen), p=[0.05, 0.06, 0.12, 0.30, 0.47]),
        }
    )


def _at_busy_hours(
    rng: np.random.Generator, people: pd.DataFrame, customer: np.ndarray, day: np.ndarray, start: pd.Timestamp
) -> pd.DatetimeIndex:
    """The given days (counted from `start`) at an hour that suits the customer's own clock, in whole seconds."""
    hour = rng.choice(24, len(day), p=HOURS / HOURS.sum()) - people["utc_hours"].to_numpy()[customer]
    seconds = np.floor(day) * DAY + np.round((hour + rng.random(len(day))) * 3600)
    return start + pd.to_timedelta(seconds, unit="s")


def _inside(
    rows: pd.DataFrame, column: str, people: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp
) -> pd.DataFrame:
    """Rows of this story that lie after the customer's sign-up, in the order of time."""
    at = rows[column].to_numpy()
    signed_up = people["signed_up_at"].to_numpy()[rows["customer"]]
    kept = rows[(at >= signed_up) & (at >= start.to_datetime64()) & (at < end.to_datetime64())]
    return kept.sort_values([column, "customer"], kind="stable", ignore_index=True)

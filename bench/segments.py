"""The segments: a dozen things that shops ask, in three forms each: YAML, SQL by hand, and Python for one contact.

In SQL a fact is an aggregate over one source (`purchase`, ..., `orders`, `items`), and `:as_of` the tick's time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

CATEGORIES = ["Black tea", "Green tea", "Oolong", "Herbal tea", "Matcha", "Teaware", "Home", "Gifts", "Books",
              "Sweets", "Coffee", "Spices"]  # fmt: skip
CITIES = ["London", "Paris", "Berlin", "Madrid", "Rome", "Vienna", "Prague", "Lisbon", "Dublin", "Oslo", "Leeds",
          "York", "Bath", "Lyon", "Nice", "Bonn", "Graz", "Porto", "Cork", "Malmo"]  # fmt: skip
WINDOWS = [14, 30, 60, 90, 180, 7, 45]
WORDS = ["matcha", "green", "gift", "earl", "pot", "honey"]


@dataclass(frozen=True)
class Person:
    """One contact with all rows of its own. `events`: (name, at, category, amount, query)."""

    contact: dict[str, Any]
    events: list[dict[str, Any]]
    orders: list[dict[str, Any]]
    items: list[dict[str, Any]]
    as_of: Any

    def did(self, name: str, days: int | None = None, category: str | None = None) -> list[dict[str, Any]]:
        """Events of one name, of the last days and of a category."""
        after = self.as_of - timedelta(days=days) if days is not None else None
        return [
            event
            for event in self.events
            if event["event_name"] == name
            and (after is None or event["occurred_at"] > after)
            and (category is None or event["category"] == category)
        ]


@dataclass(frozen=True)
class Segment:
    """`facts`: column -> (source, aggregate); `sql`: a condition over contacts and those columns; `members`: other
    segments that it refers to, as columns `in_NAME`."""

    name: str
    where: dict[str, Any]
    sql: str
    python: Callable[[Person], bool]
    facts: dict[str, tuple[str, str]] = field(default_factory=dict)
    refers: tuple[str, ...] = ()


def _within(days: int, column: str = "occurred_at") -> str:
    return f"{column} > :as_of - to_days({days})"


def _count(source: str, *conditions: str) -> tuple[str, str]:
    return source, f"count(*) filter ({' and '.join(conditions)})" if conditions else "count(*)"


def _bought_lately(k: int, category: str, days: int, n: int) -> Segment:
    where = {"event": "purchase", "where": {"property": "category", "is": category}, "within_last": f"{days} days"}
    return Segment("", where, f"f{k} > 0", lambda p: bool(p.did("purchase", days, category)),
                   {f"f{k}": _count("purchase", f"category = '{category}'", _within(days))})  # fmt: skip


def _lapsed(k: int, category: str, days: int, n: int) -> Segment:
    where = {"all": [
        {"event": "purchase", "where": {"property": "category", "is": category}, "count": {"gte": n}},
        {"event": "purchase", "within_last": f"{days} days", "count": 0},
    ]}  # fmt: skip
    facts = {f"f{k}": _count("purchase", f"category = '{category}'"), f"g{k}": _count("purchase", _within(days))}
    return Segment("", where, f"f{k} >= {n} and coalesce(g{k}, 0) = 0",
                   lambda p: len(p.did("purchase", None, category)) >= n and not p.did("purchase", days),
                   facts)  # fmt: skip


def _of_cities(k: int, category: str, days: int, n: int) -> Segment:
    cities = [CITIES[(k + i * 3) % len(CITIES)] for i in range(3)]
    where = {"all": [{"attribute": "city", "in": cities}, {"attribute": "email_subscribed", "is": True}]}
    named = ", ".join(f"'{city}'" for city in cities)
    return Segment("", where, f"city in ({named}) and email_subscribed",
                   lambda p: p.contact["city"] in cities and p.contact["email_subscribed"])  # fmt: skip


def _spent(k: int, category: str, days: int, n: int) -> Segment:
    # Between two cents: a sum of doubles that is 60 is 59.99999999999999 in another order, and no engine keeps one.
    least = 60 * n - 0.005
    where = {"event": "purchase", "within_last": f"{days} days", "sum": {"property": "amount", "gte": least}}
    return Segment("", where, f"f{k} >= {least}",
                   lambda p: sum(e["amount"] for e in p.did("purchase", days)) >= least,
                   {f"f{k}": ("purchase", f"sum(amount) filter ({_within(days)})")})  # fmt: skip


def _cart(k: int, category: str, days: int, n: int) -> Segment:
    short = 1 + k % 5
    where = {"all": [{"event": "cart_add", "within_last": f"{short} days"},
                     {"event": "purchase", "within_last": f"{short} days", "count": 0}]}  # fmt: skip
    facts = {f"f{k}": _count("cart_add", _within(short)), f"g{k}": _count("purchase", _within(short))}
    return Segment("", where, f"f{k} > 0 and coalesce(g{k}, 0) = 0",
                   lambda p: bool(p.did("cart_add", short)) and not p.did("purchase", short), facts)  # fmt: skip


def _looked(k: int, category: str, days: int, n: int) -> Segment:
    where = {"event": "product_view", "where": {"property": "category", "is": category},
             "within_last": f"{days} days", "count": {"gte": n}}  # fmt: skip
    return Segment("", where, f"f{k} >= {n}", lambda p: len(p.did("product_view", days, category)) >= n,
                   {f"f{k}": _count("product_view", f"category = '{category}'", _within(days))})  # fmt: skip


def _large_order(k: int, category: str, days: int, n: int) -> Segment:
    where = {"object": "order", "where": {"field": "status", "is": "completed"}, "within_last": f"{days} days",
             "max": {"field": "total", "gte": 20 * n}}  # fmt: skip
    return Segment("", where, f"f{k} >= {20 * n}", lambda p: any(
        o["status"] == "completed" and o["ordered_at"] > p.as_of - timedelta(days=days) and o["total"] >= 20 * n
        for o in p.orders
    ), {
        f"f{k}": ("orders", f"max(total) filter (status = 'completed' and {_within(days, 'ordered_at')})")
    })  # fmt: skip


def _new(k: int, category: str, days: int, n: int) -> Segment:
    where = {"all": [{"attribute": "signed_up_at", "within_last": f"{days} days"},
                     {"attribute": "email", "is_set": True}]}  # fmt: skip
    return Segment("", where, f"{_within(days, 'signed_up_at')} and email is not null",
                   lambda p: p.contact["signed_up_at"] > p.as_of - timedelta(days=days)
                   and p.contact["email"] is not None)  # fmt: skip


def _elsewhere(k: int, category: str, days: int, n: int) -> Segment:
    city = CITIES[k % len(CITIES)]
    where = {"all": [{"attribute": "city", "is_not": city}, {"event": "purchase", "count": {"gte": n + 1}}]}
    return Segment("", where, f"city is distinct from '{city}' and f{k} >= {n + 1}",
                   lambda p: p.contact["city"] != city and len(p.did("purchase")) > n,
                   {f"f{k}": _count("purchase")})  # fmt: skip


def _items(k: int, category: str, days: int, n: int) -> Segment:
    where = {"object": "order_item", "where": {"field": "category", "is": category},
             "sum": {"field": "quantity", "gte": 2 * n}}  # fmt: skip
    return Segment("", where, f"f{k} >= {2 * n}",
                   lambda p: sum(i["quantity"] for i in p.items if i["category"] == category) >= 2 * n,
                   {f"f{k}": ("items", f"sum(quantity) filter (category = '{category}')")})  # fmt: skip


def _asleep(k: int, category: str, days: int, n: int) -> Segment:
    where = {"all": [{"attribute": "email_subscribed", "is": True},
                     {"attribute": "signed_up_at", "not_within_last": "90 days"},
                     {"none": [{"event": "page_view", "within_last": f"{days} days"},
                               {"event": "product_view", "within_last": f"{days} days"}]}]}  # fmt: skip
    facts = {f"f{k}": _count("page_view", _within(days)), f"g{k}": _count("product_view", _within(days))}
    return Segment("", where, "email_subscribed and signed_up_at <= :as_of - to_days(90) "
                   f"and coalesce(f{k}, 0) = 0 and coalesce(g{k}, 0) = 0",
                   lambda p: p.contact["email_subscribed"] and p.contact["signed_up_at"] <= p.as_of - timedelta(days=90)
                   and not p.did("page_view", days) and not p.did("product_view", days), facts)  # fmt: skip


def _searched(k: int, category: str, days: int, n: int) -> Segment:
    word = WORDS[k % len(WORDS)]
    where = {"event": "search", "where": {"property": "query", "contains": word}, "within_last": f"{days} days"}
    return Segment("", where, f"f{k} > 0",
                   lambda p: any(e["query"] is not None and word in e["query"] for e in p.did("search", days)),
                   {f"f{k}": _count("search", f"contains(query, '{word}')", _within(days))})  # fmt: skip


TEMPLATES = (_bought_lately, _lapsed, _of_cities, _spent, _cart, _looked, _large_order, _new, _elsewhere, _items,
             _asleep, _searched)  # fmt: skip


def segments(number: int) -> dict[str, Segment]:
    """So many segments by name; every thirteenth is made of two others."""
    found: dict[str, Segment] = {}
    for k in range(number):
        name = f"s{k:04d}"
        if k % 13 == 12:
            one, other = f"s{k - 12:04d}", f"s{k - 8:04d}"
            where: dict[str, Any] = {"all": [{"segment": one}, {"not": {"segment": other}}]}
            a, b = found[one].python, found[other].python
            found[name] = Segment(name, where, f"in_{one} and not in_{other}",
                                  lambda p, a=a, b=b: a(p) and not b(p), refers=(one, other))  # type: ignore[misc]  # fmt: skip
            continue
        made = TEMPLATES[k % 13](k, CATEGORIES[(k // 2) % 12], WINDOWS[(k // 3) % 7], 1 + k % 4)
        found[name] = Segment(name, made.where, made.sql, made.python, made.facts)
    return found


def edited(number: int, without: set[str]) -> list[str]:
    """The segments that the tick `edited` changes: a tenth, of those that nothing refers to and no flow is about."""
    made = segments(number)
    used = without | {name for one in made.values() for name in one.refers}
    free = [name for name, one in made.items() if name not in used and not one.refers]
    return free[:: max(1, len(free) // max(1, number // 10))][: max(1, number // 10)]

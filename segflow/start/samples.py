"""The data that `--template` brings where nobody gives any: always the same people, their times counted from now."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta

_FIRST = (
    "Ada", "Ben", "Chiara", "David", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jonas", "Kavya", "Liam", "Mei", "Nora",
    "Omar", "Paula", "Quinn", "Rosa", "Samir", "Tilda", "Uma", "Victor", "Wanda", "Yara", "Zoe",
)  # fmt: skip
_LAST = (
    "Adler",
    "Brown",
    "Costa",
    "Diaz",
    "Evans",
    "Fischer",
    "Garcia",
    "Haas",
    "Ito",
    "Jensen",
    "Khan",
    "Lopez",
    "Moss",
)
_CITIES = (
    ("London", "Europe/London"),
    ("Berlin", "Europe/Berlin"),
    ("New York", "America/New_York"),
    ("Paris", "Europe/Paris"),
)
_PEOPLE = 300
_Rows = list[Sequence[object]]


class _World:
    """Chance that is the same for each template, and times that are counted back from a day."""

    def __init__(self, template: str, now: datetime) -> None:
        self.chance, self.now = random.Random(f"segflow {template}"), now.replace(microsecond=0)

    def ago(self, most: float, least: float = 0.1) -> str:
        """A time between so many days before now."""
        return self.before(self.chance.uniform(least, most))

    def before(self, days: float) -> str:
        return (self.now - timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S")

    def day(self, after: float) -> str:
        return (self.now + timedelta(days=after)).strftime("%Y-%m-%d")

    def birthday(self) -> str:
        """One in thirty has it today or tomorrow."""
        born = date(self.chance.randint(1950, 2005), 1, 1) + timedelta(days=self.chance.randrange(365))
        if self.chance.random() < 1 / 30:
            soon = self.now + timedelta(days=self.chance.randrange(2))
            born = date(born.year, soon.month, min(soon.day, 28))
        return born.isoformat()

    def people(self) -> list[list[str]]:
        """(number, email, first name, last name, city, zone) of each."""
        found = []
        for number in range(1, _PEOPLE + 1):
            first, last = self.chance.choice(_FIRST), self.chance.choice(_LAST)
            city, zone = self.chance.choice(_CITIES)
            found.append([str(number), f"{first}.{last}.{number}@example.com".lower(), first, last, city, zone])
        return found


def sample(template: str, now: datetime) -> dict[str, str]:
    """File -> its text, in CSV. `now`: the moment before which all of it happened, UTC."""
    world = _World(template, now)
    made = {"shop": _shop, "saas": _saas, "newsletter": _newsletter}[template](world)
    return {name: _csv(rows) for name, rows in made.items()}


def _csv(rows: _Rows) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _shop(world: _World) -> dict[str, _Rows]:
    chance = world.chance
    customers: _Rows = [("customer_id", "email", "first_name", "last_name", "city", "time_zone", "birthday",
                         "email_opt_in", "created_at")]  # fmt: skip
    orders: _Rows = [("order_id", "customer_id", "status", "total", "ordered_at")]
    items: _Rows = [("order_item_id", "order_id", "product", "quantity", "price")]
    events: _Rows = [("event_id", "customer_id", "event_name", "product", "occurred_at")]
    products = ("teapot", "green tea", "black tea", "cup", "honey", "biscuits")
    for number, email, first, last, city, zone in world.people():
        since = chance.choice((chance.uniform(0.2, 7), chance.uniform(7, 700), chance.uniform(200, 700)))
        opted = "true" if chance.random() < 0.8 else "false"
        who = f"C{int(number):04d}"
        customers.append((who, email, first, last, city, zone, world.birthday(), opted, world.before(since)))
        for _ in range(chance.choice((0, 1, 1, 2, 4))):
            at, order = world.ago(since), f"O{len(orders):05d}"
            total = 0.0
            for _ in range(chance.randint(1, 3)):
                price = round(chance.uniform(3, 60), 2)
                quantity = chance.randint(1, 3)
                total += price * quantity
                items.append((f"I{len(items):05d}", order, chance.choice(products), quantity, f"{price:.2f}"))
            status = "refunded" if chance.random() < 0.06 else "completed"
            orders.append((order, who, status, f"{total:.2f}", at))
        for _ in range(chance.randint(0, 6)):
            name = chance.choice(("page_view", "page_view", "product_view", "cart_add"))
            events.append((f"E{len(events):05d}", who, name, chance.choice(products), world.ago(min(since, 120))))
        if chance.random() < 0.08:
            events.append((f"E{len(events):05d}", who, "cart_add", chance.choice(products), world.ago(min(since, 1.5))))
    return {"customers.csv": customers, "orders.csv": orders, "order_items.csv": items, "events.csv": events}


def _saas(world: _World) -> dict[str, _Rows]:
    chance = world.chance
    users: _Rows = [("user_id", "email", "first_name", "last_name", "time_zone", "plan", "signed_up_at",
                     "trial_ends_on", "cancelled_at", "product_news_opt_in")]  # fmt: skip
    events: _Rows = [("event_id", "user_id", "event_name", "feature", "occurred_at")]
    payments: _Rows = [("payment_id", "user_id", "amount", "paid_at")]
    for number, email, first, last, _, zone in world.people():
        who, since = f"U{int(number):04d}", chance.choice((chance.uniform(0.2, 13), chance.uniform(20, 500)))
        trial, left = world.day(14 - since), ""
        plan = "trial" if since < 14 else chance.choice(("free", "team", "team", "business"))
        if plan in ("team", "business"):
            if chance.random() < 0.15:
                left = world.ago(min(since, 50))
            for month in range(int(since // 30)):
                paid = {"team": "29.00", "business": "99.00"}[plan]
                payments.append((f"P{len(payments):05d}", who, paid, world.before(since - 14 - 30 * month)))
        users.append((who, email, first, last, zone, plan, world.before(since), trial, left,
                      "yes" if chance.random() < 0.7 else "no"))  # fmt: skip
        silent = 40.0 if since > 60 and chance.random() < 0.25 else 0.1
        for _ in range(chance.randint(2, 14)):
            feature = chance.choice(("reports", "imports", "sharing", "search"))
            name = chance.choice(("login", "login", "feature_used"))
            told = feature if name == "feature_used" else ""
            events.append((f"E{len(events):05d}", who, name, told, world.ago(max(since, silent), min(silent, since))))
    return {"users.csv": users, "events.csv": events, "payments.csv": payments}


def _newsletter(world: _World) -> dict[str, _Rows]:
    chance = world.chance
    readers: _Rows = [
        ("subscriber_id", "email", "first_name", "city", "birthday", "subscribed", "created_at", "source")
    ]
    activity: _Rows = [("activity_id", "subscriber_id", "type", "campaign", "at")]
    for number, email, first, _, city, _ in world.people():
        who, since = f"S{int(number):04d}", chance.choice((chance.uniform(0.2, 7), chance.uniform(7, 900)))
        source = chance.choice(("form", "fair", "friend"))
        subscribed = "true" if chance.random() < 0.9 else "false"
        readers.append((who, email, first, city, world.birthday(), subscribed, world.before(since), source))
        silent = chance.random() < 0.3
        for week in range(min(int(since // 7), 40)):
            days, campaign = 7 * week + 1.0, f"letter {40 - week}"
            activity.append((f"A{len(activity):06d}", who, "sent", campaign, world.before(days)))
            if chance.random() < (0.0 if silent and days < 95 else 0.4):
                activity.append((f"A{len(activity):06d}", who, "open", campaign, world.before(days - 0.4)))
                if chance.random() < 0.3:
                    activity.append((f"A{len(activity):06d}", who, "click", campaign, world.before(days - 0.5)))
    return {"subscribers.csv": readers, "activity.csv": activity}

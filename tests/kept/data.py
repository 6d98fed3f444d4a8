"""The user's own tables of the kept shop, as they are at each tick: rules of whole numbers, and nothing by chance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

TICKS = tuple(
    datetime.fromisoformat(f"{moment}Z")
    for moment in (
        "2026-01-30T06:00", "2026-01-31T06:00", "2026-02-01T06:00", "2026-02-02T06:00", "2026-02-05T06:00",
        "2026-02-09T06:00", "2026-02-10T18:30", "2026-02-28T06:00", "2026-03-02T06:00",
        # What the build before did not live: clocks in Berlin go forward on 29 March.
        "2026-03-03T06:00", "2026-03-10T06:00", "2026-03-30T05:00",
    )
)  # fmt: skip
CONTACTS = 40
_BEGIN = datetime(2026, 1, 30)
_CITIES = ("London", "Paris", "Rome", None)
_CATEGORIES = ("tea", "coffee", "Tea box", "mugs", None, "tea")
_EMAILS = {17: "nobody@"}
_NAMES = ("Ana", "Ben", "Cleo", "Dörte", "Eve", "Finn", "Gül", "Hana")
_HOBBIES = (["chess", "tea"], [], None, ["tea"], ["go"])
_TIME = pa.timestamp("us")
_LABEL = {"contact_id": pa.string(), "name": pa.string(), "added_at": _TIME}
COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "contacts": {
        "contact_id": pa.string(), "email": pa.string(), "phone": pa.string(), "first_name": pa.string(),
        "town": pa.string(), "country": pa.string(), "age": pa.int64(), "score": pa.float64(), "source": pa.string(),
        "subscribed": pa.bool_(), "sms_ok": pa.bool_(), "birthday": pa.date32(), "seen_at": _TIME, "joined_at": _TIME,
        "hobbies": pa.list_(pa.string()), "company_id": pa.string(), "zone": pa.string(), "code": pa.string(),
    },
    "events": {"contact_id": pa.string(), "name": pa.string(), "at": _TIME, "properties": pa.string()},
    "reviews": {"contact_id": pa.string(), "written_at": _TIME, "stars": pa.int64(), "words": pa.string()},
    "orders": {
        "order_id": pa.string(), "contact_id": pa.string(), "status": pa.string(), "total": pa.decimal128(10, 2),
        "ordered_at": _TIME,
    },
    "items": {"item_id": pa.string(), "order_id": pa.string(), "sku": pa.string(), "quantity": pa.int64()},
    "companies": {"company_id": pa.string(), "size": pa.int64()},
    "lists": _LABEL,
    "tags": _LABEL,
    "batches": {"contact_id": pa.string(), "batch_id": pa.string(), "loaded_at": _TIME, "may_trigger": pa.bool_()},
}  # fmt: skip


def load(root: Path, tick: int) -> None:
    """Make the tables in schema `raw` of the project in `root` what they are at tick number `tick` (from 1)."""
    with duckdb.connect(str(root / ".segflow/warehouse.duckdb")) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS raw")
        for table, columns in COLUMNS.items():
            rows = list(_ROWS[table](tick))
            connection.register("given", pa.Table.from_pylist(rows, schema=pa.schema(list(columns.items()))))
            connection.execute(f"CREATE OR REPLACE TABLE raw.{table} AS SELECT * FROM given")


def _id(number: int) -> str:
    return f"c{number % CONTACTS:02}"


def _now(tick: int) -> datetime:
    return TICKS[tick - 1].replace(tzinfo=None)


def _contacts(tick: int) -> Iterator[dict[str, Any]]:
    now = _now(tick)
    for n in range(CONTACTS):
        # One is away for two ticks, two go for good.
        if (n == 9 and tick in (3, 4)) or (n == 21 and tick >= 6) or (n == 30 and tick >= 11):
            continue
        # Those of a batch that the pipeline imports move when it comes.
        moved = (n in range(10, 14) and tick >= 4) + (n in range(14, 18) and tick >= 11)
        town = _CITIES[(n + (tick + n) // 3 + moved) % 4]
        yield {
            "contact_id": _id(n),
            "email": None if n % 13 == 5 else _EMAILS.get(n, f"c{n}@kept.{'org' if n % 4 == 1 else 'example'}"),
            "phone": None if n % 9 == 4 else f"+4420794601{n:02}",
            "first_name": _NAMES[n % 8],
            "town": town.upper() if town and n % 7 == 0 else town,
            "country": ("GB", "FR", "IT", None, "gb")[(n + tick // 5) % 5],
            "age": 10 + (n * 7 + tick) % 40,
            "score": n * 1.5,
            "source": None if n % 3 else "web",
            "subscribed": None if n % 11 == 3 else (n + tick) % 5 != 0,
            "sms_ok": n % 3 == 0,
            "birthday": date(1992, 2, 29) if n == 4 else date(1980 + n % 25, 1 + (n // 2) % 5, 1 + (n * 5) % 28),
            "seen_at": now - timedelta(hours=(n * 31 + tick * 17) % 200),
            "joined_at": _BEGIN - timedelta(days=n * 11) if n < 34 else _BEGIN + timedelta(days=(n - 34) * 6),
            "hobbies": _HOBBIES[(n + tick // 4) % 5],
            "company_id": f"k{n % 5}",
            "zone": ("Europe/London", "America/New_York", None)[(n + (tick >= 6) * (n % 4 == 0)) % 3],
            # What the query of segment `fragile` cannot read, for a while.
            "code": "x1" if n == 20 and tick in (6, 8, 11) else str(n + tick),
        }
    yield {"contact_id": None, "email": "null@kept.example"}


def _purchases(tick: int) -> Iterator[tuple[int, str, datetime]]:
    """(number, contact, time) of those that have arrived; some arrive a day late."""
    for n in range(300):
        at = _BEGIN - timedelta(days=36) + timedelta(hours=9 * n)
        if at + timedelta(days=n % 17 == 0) <= _now(tick) + timedelta(hours=6):
            yield n, _id(n * 7 + n // 13 * 3), at


def _events(tick: int) -> Iterator[dict[str, Any]]:
    def event(contact: str, name: str, at: datetime, **properties: Any) -> dict[str, Any]:
        return {"contact_id": contact, "name": name, "at": at, "properties": json.dumps(properties)}

    for n, contact, at in _purchases(tick):
        amount: Any = "much" if n % 41 == 40 else round((n * 37 % 900) / 10 + 5, 2)
        yield event(contact, "purchase", at, category=_CATEGORIES[n % 6], amount=amount, gift=n % 8 == 0)
    for n in range(400):
        at = _BEGIN - timedelta(days=30) + timedelta(hours=5 * n)
        if at <= _now(tick):
            yield event(_id(n * 11), "visit", at, path=f"/{('sale', 'tea', 'about')[n % 3]}/{n}")
    for n in range(60):
        at = _BEGIN - timedelta(days=10) + timedelta(hours=29 * n)
        if at <= _now(tick):
            yield event(_id(n * 17), "click", at, campaign=f"spring_{n % 4}")


def _reviews(tick: int) -> Iterator[dict[str, Any]]:
    for n in range(70):
        at = _BEGIN - timedelta(days=20) + timedelta(hours=31 * n)
        if at <= _now(tick):
            words = ("bad", "fine", None, "bah", "so so")[n % 5]
            yield {"contact_id": _id(n * 9 + 1), "written_at": at, "stars": 1 + n * 3 % 5, "words": words}


def _orders(tick: int) -> Iterator[dict[str, Any]]:
    for n, contact, at in _purchases(tick):
        if n % 2 == 0:
            old = _now(tick) - at > timedelta(days=4)
            status = ("refunded" if n % 12 == 0 else "paid") if old else "open"
            total = Decimal(n * 53 % 700 + 50) / 10
            yield {"order_id": f"o{n}", "contact_id": contact, "status": status, "total": total, "ordered_at": at}


def _items(tick: int) -> Iterator[dict[str, Any]]:
    for n, _, _ in _purchases(tick):
        for line in range(1 + n % 3 if n % 2 == 0 else 0):
            sku = f"{('TEA', 'MUG', 'BOX')[(n + line) % 3]}-{n % 7}"
            yield {"item_id": f"o{n}-{line}", "order_id": f"o{n}", "sku": sku, "quantity": 1 + (n + line) % 3}


def _companies(tick: int) -> Iterator[dict[str, Any]]:
    for n in range(4):
        yield {"company_id": f"k{n}", "size": 150 * n + 20 * tick}


def _lists(tick: int) -> Iterator[dict[str, Any]]:
    for n in range(CONTACTS):
        if n % 2 == 0 and (n // 2 + tick) % 6:
            yield {"contact_id": _id(n), "name": "news", "added_at": _BEGIN - timedelta(days=n)}
        if n % 10 == 7:
            yield {"contact_id": _id(n), "name": "fair", "added_at": _BEGIN + timedelta(days=n)}


def _tags(tick: int) -> Iterator[dict[str, Any]]:
    for n in range(CONTACTS):
        if n % 5 == 0 or n == tick * 3 + 1:
            yield {"contact_id": _id(n), "name": "vip", "added_at": _BEGIN - timedelta(days=40 - n)}
        if n % 12 == 2:
            yield {"contact_id": _id(n), "name": "banned", "added_at": _BEGIN}


def _batches(tick: int) -> Iterator[dict[str, Any]]:
    for batch, begin, moment, may in (
        ("b1", 10, TICKS[3], False),
        ("b2", 14, TICKS[10], None),
        ("b3", 1, TICKS[11], True),
    ):
        for n in range(begin, begin + 4):
            loaded = moment.replace(tzinfo=None) - timedelta(hours=1)
            yield {"contact_id": _id(n), "batch_id": batch, "loaded_at": loaded, "may_trigger": may}


_ROWS = {
    "contacts": _contacts,
    "events": _events,
    "reviews": _reviews,
    "orders": _orders,
    "items": _items,
    "companies": _companies,
    "lists": _lists,
    "tags": _tags,
    "batches": _batches,
}

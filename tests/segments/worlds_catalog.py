"""The catalog that random worlds have, with one of everything, and the few values that they are made of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from segflow.specs.catalog import Catalog

SHOP = "Visited; {{ 'the shop' }}"
"""What the data calls event visit_shop."""
CATALOG = Catalog.model_validate(
    {
        "contacts": {
            "model": "people",
            "key": "Person No",
            "created_at": "joined",
            "attributes": {
                "city": "text",
                "age": "number",
                "vip": {"type": "boolean", "column": "is vip"},
                "birthday": "date",
                "town": "text",
                "joined": "timestamp",
                "children": "integer",
                "hobbies": "list_of_text",
                "wishes": "list_of_text",
                "seen": "timestamp",
                "level": {"type": "text", "written_by": "flows"},
                "score": {"type": "number", "written_by": "both"},
                "company": "text",
                "street": {"type": "text", "column": ["home", "the street", "0"]},
                "floor": {"type": "integer", "column": ["home", "floor"]},
                "toys": {"type": "list_of_text", "column": ["home", "pets", "toys"]},
            },
            "channels": {"email": {"address": "city", "consent": "vip"}},
        },
        "events": [
            {
                "model": "clicks",
                "contact": "person",
                "at": "happened",
                "name": "kind",
                "payload": {"column": "payload", "format": "json"},
                "types": {
                    "purchase": {
                        "category": {"type": "text", "column": 'the "category"'},
                        "amount": "number",
                        "gift": "boolean",
                        "labels": "list_of_text",
                        "pieces": "integer",
                        "skus": {"type": "list_of_text", "column": ["lines", "the sku"]},
                        "coupon": {"type": "text", "column": ["lines", "*", ""]},
                        "day": "date",
                        "moment": "timestamp",
                    },
                    "visit": {"contact_id": "text", "at": "number", "at_value": "number"},
                    "visit_shop": {
                        "is": SHOP,
                        "properties": {"contact_id": {"type": "text", "column": 'the "category"'}, "at": "number"},
                    },
                    "review_click": {"stars": {"type": "number", "column": "amount"}, "words": "number"},
                },
            },
            {
                "model": "calls",
                "event": "call",
                "at": "at",
                "payload": {"column": "events", "format": "struct"},
                "properties": {"topic": "text", "minutes": "number", "ended": {"type": "timestamp", "column": "End"}},
            },
            {
                "model": "reviews",
                "event": "review",
                "at": "written",
                "properties": {"stars": "number", "words": "text", "order": "number", "public": "boolean"},
            },
        ],
        "objects": {
            "order": {
                "model": "orders",
                "key": "no",
                "via": "person",
                "created_at": "placed",
                "fields": {"status": "text", "total": "number", "due": "date"},
            },
            "item": {
                "model": "items",
                "key": "no",
                "belongs_to": "order",
                "via": "order_no",
                "fields": {"sku": "text", "qty": "number"},
            },
            "parcel": {
                "model": "parcels",
                "key": "no",
                "belongs_to": "item",
                "via": "item_no",
                "created_at": "sent",
                "fields": {"carrier": "text", "weight": "number", "sent": "timestamp"},
            },
            "company": {
                "model": "companies",
                "key": "no",
                "contacts_by": "company",
                "created_at": "founded",
                "fields": {"size": "number"},
            },
            "plan": {
                "model": "plans",
                "key": "no",
                "belongs_to": "company",
                "via": "company_no",
                "created_at": "booked",
                "fields": {"level": "text", "price": "number"},
            },
        },
        "lists": {"model": "list_rows", "contact": "person", "name": "list", "added_at": "added", "status": "stands"},
        "tags": {"model": "tag_rows", "contact": "person", "name": "tag"},
    }
)

TEXTS = ("London", "london", "Lond", "", "Bath's {{ x }}", "São Paulo", "2", "0.3")
NUMBERS = (-1.5, 0.0, 0.1, 0.2, 0.3, 1.0, 2.0, 2.5, 7.0, 12345.67)
"""Three of them add up in decimals, and do not in doubles."""
NO_NUMBERS = (float("nan"), float("inf"), float("-inf"))
SPANS = ("1 second", "12 hours", "24 hours", "1 day", "7 days", "30 days", "1 month", "3 months", "1 year", "12 months")
WHOLE_SPANS = ("1 day", "7 days", "30 days", "1 month", "1 quarter", "1 year", "400 days")
FLOWS = (
    {"flow": "welcome", "step": "hello", "channel": "email"},
    {"flow": "welcome", "step": "text", "channel": "sms"},
    {"flow": "news", "step": "hello", "channel": "email"},
)
TOLD = ("delivered", "clicked", "bounced", "replied", "complained", "unsubscribed")
"""What providers tell about messages, besides that they were opened."""
PREFIXES = ("visit", "review", "c", "")
STANDINGS = ("subscribed", " Unsubscribed", "PENDING", "cleaned", "", None)
LABELS = ("news", "it's", "{% raw %}")
ZONES = (
    "UTC", "Europe/London", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Australia/Lord_Howe",
    "Pacific/Apia", "Asia/Kathmandu", "America/Winnipeg",
)  # fmt: skip
LOCAL_MOMENTS = (
    # On the clocks of the zone; clocks are changed in Berlin and on Lord Howe Island, and Apia has left out a day.
    datetime(2026, 3, 1),
    datetime(2026, 3, 29, 3),
    datetime(2026, 4, 29, 2, 30),
    datetime(2026, 10, 25, 2, 30),
    datetime(2026, 11, 25, 2, 15),
    datetime(2026, 11, 4, 2, 15),
    datetime(2012, 1, 30, 12),
    datetime(2027, 1, 1),
)
MOMENTS = (
    datetime(2026, 3, 30, 0, 30, tzinfo=UTC),  # the day after clocks went forward in London, before midnight elsewhere
    datetime(2024, 2, 29, 12, 0, tzinfo=UTC),
    datetime(2026, 3, 31, 23, 30, tzinfo=UTC),
)
FROM_SQL = "select contact_id from {{ ref(\"contacts\") }} where city = 'London' -- it's all;"
EXPRESSIONS: dict[str, Callable[[dict[str, Any]], bool | None]] = {
    "lower(city) like 'lon%'": lambda row: row["city"] and row["city"].lower().startswith("lon"),
    "AGE > 1 or vip -- or both": lambda row: row["vip"] or (row["age"] is not None and row["age"] > 1) or None,
    "contacts.city is null": lambda row: row["city"] is None,
    "city = '{ { it''s\n'": lambda row: None,
}
"""`sql` conditions and what they mean."""
TYPES: dict[str, dict[str, str]] = {
    name: {p: a.type for p, a in properties.items()} for s in CATALOG.events for name, properties in s.kinds().items()
} | {name: {f: a.type for f, a in spec.fields.items()} for name, spec in CATALOG.objects.items()}

_TIME = pa.timestamp("us")
SCHEMAS: dict[str, list[tuple[str, pa.DataType]]] = {
    "people": [
        ("Person No", pa.int64()),
        ("joined", _TIME),
        ("city", pa.string()),
        ("age", pa.float64()),
        ("is vip", pa.bool_()),
        ("birthday", pa.date32()),
        ("seen", _TIME),
        ("score", pa.float64()),
        ("town", pa.float64()),
        ("children", pa.float64()),
        ("hobbies", pa.list_(pa.string())),
        ("wishes", pa.string()),
        ("company", pa.string()),
        ("home", pa.string()),
    ],
    "clicks": [("person", pa.int64()), ("happened", _TIME), ("kind", pa.string()), ("payload", pa.string())],
    "calls": [
        ("contact_id", pa.string()),
        ("at", _TIME),
        ("events", pa.struct([("topic", pa.string()), ("minutes", pa.float64()), ("End", _TIME)])),
    ],
    "reviews": [
        ("contact_id", pa.string()),
        ("written", _TIME),
        ("stars", pa.float64()),
        ("words", pa.string()),
        ("order", pa.float64()),
        ("public", pa.bool_()),
    ],
    "orders": [
        ("no", pa.int64()),
        ("person", pa.int64()),
        ("placed", _TIME),
        ("status", pa.string()),
        ("total", pa.decimal128(9, 2)),
        ("due", pa.date32()),
    ],
    "items": [("no", pa.int64()), ("order_no", pa.int64()), ("sku", pa.float32()), ("qty", pa.float32())],
    "parcels": [
        ("no", pa.int64()),
        ("item_no", pa.int64()),
        ("sent", _TIME),
        ("carrier", pa.string()),
        ("weight", pa.float64()),
    ],
    "companies": [("no", pa.int64()), ("founded", _TIME), ("size", pa.float64())],
    "plans": [
        ("no", pa.int64()),
        ("company_no", pa.int64()),
        ("booked", _TIME),
        ("level", pa.string()),
        ("price", pa.decimal128(38, 4)),
    ],
    "list_rows": [("person", pa.string()), ("list", pa.string()), ("added", _TIME), ("stands", pa.string())],
    "tag_rows": [("person", pa.int64()), ("tag", pa.string())],
}

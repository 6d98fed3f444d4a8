# ruff: noqa: E501 (tables: one case per line)
"""The examples that help pages of marketing tools publish, as segments, over one small shop."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from segflow.specs.catalog import Catalog
from segflow.specs.spec_file import parse_spec_file
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.segments.engine import Engine, load_table, make_specs

AS_OF = datetime(2022, 11, 15, 12, tzinfo=UTC)
CATALOG = Catalog.model_validate(
    {
        "contacts": {"model": "people", "attributes": {"country": "text"}},
        "events": [{"model": "events", "name": "name", "types": {"add_to_cart": {}, "page_view": {}}}],
        "objects": {
            "order": {"model": "orders", "key": "no", "via": "contact_id", "created_at": "at", "fields": {"total": "number"}},
            "item": {"model": "items", "key": "no", "belongs_to": "order", "via": "order_no", "created_at": "at", "fields": {"product_group": "text"}},
        },
        "lists": {"model": "list_members"},
        "tags": {"model": "tag_members"},
    }
)  # fmt: skip


def on(day: str) -> datetime:
    return datetime.fromisoformat(f"2022-{day}T12:00:00")


TABLES: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "people": ("contact_id country", [("ana", "UK"), ("bob", "UK"), ("cleo", "DE"), ("dan", None), ("eve", "UK"), ("fay", "DE")]),
    "list_members": ("contact_id name", [("ana", "newsletter"), ("dan", "newsletter"), ("eve", "other")]),
    "tag_members": ("contact_id name", [("ana", "vip"), ("bob", "vip"), ("cleo", "vip")]),
    "events": ("contact_id name occurred_at", [("dan", "add_to_cart", on("11-01")), ("bob", "add_to_cart", on("11-01")), ("ana", "add_to_cart", on("09-01")), ("eve", "page_view", on("11-10"))]),
    "orders": ("no contact_id at total", [(1, "ana", on("10-20"), 90.0), (2, "bob", on("05-20"), 300.0), (3, "cleo", on("07-01"), 20.0), (4, "cleo", on("08-01"), 20.0), (5, "eve", on("09-15"), 10.0)]),
    "items": ("no order_no at product_group", [(1, 1, on("10-20"), "Chinese tea"), (2, 2, on("05-20"), "Chinese tea"), (3, 3, on("07-01"), "Chinese tea"), (4, 4, on("08-15"), "Cups"), (5, 5, on("09-15"), "Chinese tea"), (6, 5, on("09-15"), "Cups")]),
}  # fmt: skip
_SENT = [
    ("m1", "ana", "07-01"),
    ("m2", "bob", "08-10"),
    ("m3", "cleo", "09-30"),
    ("m4", "dan", "10-01"),
    ("m5", "eve", "06-30"),
    ("m6", "ana", "11-01"),
    ("m7", "fay", "08-01"),
]
_OPENED = [
    ("m1", "ana", "07-02"),
    ("m6", "ana", "11-02"),
    ("m3", "cleo", "10-05"),
    ("m4", "dan", "10-02"),
    ("m5", "eve", "10-16"),
    ("m7", "fay", "09-30"),
]

CASES: dict[str, tuple[str, str]] = {
    "on a given list": ("{list: newsletter}", "ana dan"),
    "opened an email campaign at least once in the last month": ("{message: opened, channel: email, within_last: 1 month, count: {gte: 1}}", "ana eve"),
    "placed an order in the last 2 months": ("{object: order, within_last: 2 months}", "ana"),
    "received a campaign between July and September 2022 and opened none in that period": (
        "{all: [{message: sent, since: 2022-07-01, until: 2022-10-01, count: {gte: 1}}, {message: opened, since: 2022-07-01, until: 2022-10-01, count: 0}]}",
        "bob cleo",
    ),
    "ordered in the last 6 months, or added to the cart in the last month and on a list": (
        "{any: [{object: order, within_last: 6 months}, {all: [{event: add_to_cart, within_last: 1 month}, {any_list: true}]}]}",
        "ana bob cleo dan eve",
    ),
    "the same with a given list": (
        "{any: [{object: order, within_last: 3 months}, {all: [{event: add_to_cart, within_last: 1 month}, {list: newsletter}]}]}",
        "ana dan eve",
    ),
    "bought from product group Chinese tea, the last such order up to three months ago": (
        "{object: item, where: {field: product_group, is: Chinese tea}, last_time: {within_last: 3 months}}",
        "ana eve",
    ),
    "bought from product group Chinese tea, the last such order longer ago": (
        "{object: item, where: {field: product_group, is: Chinese tea}, last_time: {before: 2022-08-15}}",
        "bob cleo",
    ),
    "tag and field and object data": (
        "{all: [{tag: vip}, {attribute: country, is: UK}, {object: order, sum: {field: total, gte: 90}}]}",
        "ana bob",
    ),
}  # fmt: skip


def _told(rows: list[tuple[str, str, str]], **more: str) -> pa.Table:
    place = {"flow": "campaign", "step": "mail", "channel": "email"}
    return pa.Table.from_pylist(
        [{"message_id": m, "contact_id": contact, "at": on(day), **place, **more} for m, contact, day in rows]
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    path: Path = tmp_path_factory.mktemp("published") / "warehouse.duckdb"
    rules = {f"case_{number}": parse_spec_file(rule, "case").data for number, (rule, _) in enumerate(CASES.values())}
    with DuckDBWarehouse(path) as warehouse:
        warehouse.ensure_tables()
        for name, (columns, rows) in TABLES.items():
            load_table(
                warehouse, name, pa.Table.from_pylist([dict(zip(columns.split(), r, strict=True)) for r in rows])
            )
        warehouse.append("deliveries", "t0", _told(_SENT, outcome="sent"))
        warehouse.append("message_events", "t0", _told(_OPENED, kind="opened"))
        engine = Engine(warehouse, make_specs(CATALOG, rules), AS_OF)
        engine.build()
        members = engine.memberships()
    return {case: members[f"case_{number}"] for number, case in enumerate(CASES)}


@pytest.mark.parametrize("case", CASES)
def test_who_matches(found: dict[str, set[str]], case: str) -> None:
    assert found[case] == set(CASES[case][1].split())

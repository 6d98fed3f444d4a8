# ruff: noqa: E501 (tables: one case per line)
"""Conditions on objects over hops: what lies above, and what contacts belong to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from segflow.specs.catalog import Catalog
from segflow.specs.spec_file import parse_spec_file
from segflow.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.segments.engine import Engine, load_table, make_specs

AS_OF = datetime(2026, 3, 31, 12, tzinfo=UTC)
CATALOG = Catalog.model_validate(
    {
        "contacts": {"model": "people", "attributes": {"company_id": "text", "team": "number"}},
        "objects": {
            "order": {"model": "orders", "key": "no", "via": "contact_id", "created_at": "at", "fields": {"status": "text"}},
            "item": {"model": "items", "key": "no", "belongs_to": "order", "via": "order_no", "fields": {"sku": "text", "status": "text"}},
            "parcel": {"model": "parcels", "key": "no", "belongs_to": "item", "via": "item_no", "fields": {"carrier": "text"}},
            "company": {"model": "companies", "key": "id", "contacts_by": "company_id", "fields": {"size": "number"}},
            "subscription": {"model": "subscriptions", "key": "no", "belongs_to": "company", "via": "company_id", "created_at": "at", "fields": {"plan": "text"}},
            "team": {"model": "teams", "key": "no", "contacts_by": "team", "fields": {"name": "text"}},
        },
    }
)  # fmt: skip
_SOON, _EARLY = datetime(2026, 4, 30), datetime(2026, 1, 1)
TABLES: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "people": ("contact_id company_id team", [("ana", "7", 1.0), ("ben", "7", 2.0), ("cleo", "8", None), ("dan", None, 1.0), ("eve", "9", 3.0)]),
    "orders": ("no contact_id at status", [(1, "ana", _EARLY, "paid"), (2, "ana", _EARLY, "open"), (3, "ben", _EARLY, "open"), (4, "cleo", _EARLY, None), (5, "dan", _SOON, "paid")]),
    "items": ("no order_no sku status", [(1, 1, "tea", "new"), (2, 2, "cup", "new"), (3, 3, "tea", "new"), (4, 4, "tea", "new"), (5, 5, "tea", "new"), (6, 1, "cup", "paid")]),
    "parcels": ("no item_no carrier", [(1, 1, "sea"), (2, 2, "air"), (3, 3, "sea"), (4, 5, "sea")]),
    "companies": ("id size", [(7, 50.0), (8, 2.0), (10, 1.0)]),
    "subscriptions": ("no company_id at plan", [(1, 7, _EARLY, "gold"), (2, 8, _EARLY, "free"), (3, 8, _SOON, "gold"), (4, 10, _EARLY, "gold")]),
    "teams": ("no name", [(1, "red"), (2, "blue")]),
}  # fmt: skip

CASES: dict[str, tuple[str, str]] = {
    "the parent's field": ("{object: item, where: {field: status, of: order, is: paid}}", "ana"),
    "the parent's field counts children": ("{object: item, where: {field: status, of: order, is: paid}, count: 2}", "ana"),
    "own and parent's field of one name": ("{object: item, where: {all: [{field: status, is: new}, {field: status, of: order, is: open}]}}", "ana ben"),
    "not paid is the exact complement": ("{object: item, where: {field: status, of: order, is_not: paid}}", "ana ben cleo"),
    "two hops up": ("{object: parcel, where: {field: status, of: order, is: open}}", "ana ben"),
    "three conditions on one path": ("{object: parcel, where: {all: [{field: carrier, is: sea}, {field: sku, of: item, is: tea}, {field: status, of: order, is: paid}]}}", "ana"),
    "what contacts belong to": ("{object: company, where: {field: size, gte: 10}}", "ana ben"),
    "a number as key": ("{object: team, where: {field: name, is: red}}", "ana dan"),
    "nothing above": ("{object: company, count: 0}", "dan eve"),
    "subscription of the company": ("{object: subscription, where: {field: plan, is: gold}}", "ana ben"),
    "later rows are invisible": ("{object: subscription, count: 2}", ""),
    "of the company above": ("{object: subscription, where: {field: size, of: company, lt: 10}, count: 1}", "cleo"),
    "when it was made": ("{object: subscription, last_time: {before: 2026-02-01}}", "ana ben cleo"),
}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    rules = {f"case_{number}": parse_spec_file(rule, "case").data for number, (rule, _) in enumerate(CASES.values())}
    with DuckDBWarehouse(tmp_path_factory.mktemp("objects") / "warehouse.duckdb") as warehouse:
        warehouse.ensure_tables()
        for name, (columns, rows) in TABLES.items():
            load_table(
                warehouse, name, pa.Table.from_pylist([dict(zip(columns.split(), r, strict=True)) for r in rows])
            )
        engine = Engine(warehouse, make_specs(CATALOG, rules), AS_OF)
        engine.build()
        members = engine.memberships()
        assert all(engine.standalone(name) == engine.view(name) == members[name] for name in rules)
    return {case: members[f"case_{number}"] for number, case in enumerate(CASES)}


@pytest.mark.parametrize("case", CASES)
def test_who_matches(found: dict[str, set[str]], case: str) -> None:
    assert found[case] == set(CASES[case][1].split())

"""The generated shop as a project folder of segflow's form."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from bench.flows import Flow
from bench.segments import Segment

_MACROS = Path(__file__).parents[1] / "dbt" / "macros" / "generate_schema_name.sql"
_TABLES = {"contacts": "signed_up_at", "events": "occurred_at", "orders": "ordered_at", "items": None}

_CATALOG: dict[str, Any] = {
    "contacts": {
        "model": "stg_contacts",
        "created_at": "signed_up_at",
        "attributes": {
            "email": "text",
            "phone": "text",
            "first_name": "text",
            "city": "text",
            "email_subscribed": "boolean",
            "birthday": "date",
            "signed_up_at": "timestamp",
        },
        "channels": {"email": {"address": "email", "consent": "email_subscribed"}, "sms": {"address": "phone"}},
    },
    "events": [
        {
            "model": "stg_events",
            "at": "occurred_at",
            "name": "event_name",
            "types": {
                "page_view": {"device": "text"},
                "product_view": {"category": "text", "amount": "number"},
                "search": {"query": "text"},
                "cart_add": {"category": "text", "amount": "number"},
                "purchase": {"category": "text", "amount": "number"},
                "email_click": {"device": "text"},
            },
        }
    ],
    "objects": {
        "order": {
            "model": "stg_orders",
            "key": "order_id",
            "via": "contact_id",
            "created_at": "ordered_at",
            "fields": {"status": "text", "total": "number", "ordered_at": "timestamp"},
        },
        "order_item": {
            "model": "stg_items",
            "key": "item_id",
            "belongs_to": "order",
            "via": "order_id",
            "fields": {"category": "text", "quantity": "number"},
        },
    },
}

_SETTINGS: dict[str, Any] = {
    "name": "bench",
    "time_zone": "UTC",
    "delivery": {"mode": "simulate"},
    # The floor has none. With many contacts some segments are larger than what a guard leaves alone.
    "guards": {"entries": "off", "exits": "off", "messages": "off"},
    "senders": {"mailbox": {"type": "mailbox", "path": ".segflow/mailbox", "from": "Shop <hello@shop.example>"}},
}

_DBT: dict[str, Any] = {
    "name": "bench",
    "version": "1.0.0",
    "profile": "segflow",
    "model-paths": ["models"],
    "macro-paths": ["macros"],
    "flags": {"send_anonymous_usage_stats": False},
    "models": {
        "bench": {"staging": {"+materialized": "view", "+schema": "staging"}, "segflow": {"+schema": "segflow"}}
    },
}
_PROFILE: dict[str, Any] = {
    "segflow": {
        "target": "duckdb",
        "outputs": {
            "duckdb": {
                "type": "duckdb",
                "path": "{{ env_var('SEGFLOW_WAREHOUSE') }}",
                "threads": 1,
                "settings": {"TimeZone": "UTC"},
            }
        },
    }
}


def warehouse_of(root: Path) -> Path:
    """The project's DuckDB file."""
    return root / ".segflow" / "warehouse.duckdb"


def knows_arrivals(code: Path) -> bool:
    """Has the segflow in folder `code` a key for when rows arrived?"""
    return "arrived_at" in (code / "segflow" / "specs" / "catalog.py").read_text(encoding="utf-8")


def make(
    root: Path, raw: Path | None, segments: dict[str, Segment], flows: Iterable[Flow], *, arrivals: bool = True
) -> None:
    """Make the folder `root`, over a copy of the raw tables in the DuckDB file `raw`; None: they come later.
    `arrivals`: the catalog says when rows were loaded."""
    staging = root / "dbt" / "models" / "staging"
    for folder in (staging, root / "dbt" / "macros", root / "segment_specs", root / "flow_specs", root / ".segflow"):
        folder.mkdir(parents=True)
    if raw is not None:
        shutil.copy(raw, warehouse_of(root))
    shutil.copy(_MACROS, root / "dbt" / "macros")
    _write(root / "segflow.yml", _SETTINGS)
    _write(root / "dbt" / "dbt_project.yml", _DBT)
    _write(root / "dbt" / "profiles.yml", _PROFILE)
    _write(root / "segment_specs" / "catalog.yml", _with_arrivals(_CATALOG) if arrivals else _CATALOG)
    tables = [{"name": name} for name in _TABLES]
    _write(staging / "sources.yml", {"version": 2, "sources": [{"name": "raw", "schema": "raw", "tables": tables}]})
    for name in _TABLES:
        text = f"select * from {{{{ source('raw', '{name}') }}}}\n"
        (staging / f"stg_{name}.sql").write_text(text, encoding="utf-8")
    for segment in segments.values():
        _write(root / "segment_specs" / f"{segment.name}.yml", {"where": segment.where})
    for flow in flows:
        _write(root / "flow_specs" / f"{flow.name}.yml", flow.spec())


def _with_arrivals(catalog: dict[str, Any]) -> dict[str, Any]:
    loaded = {"arrived_at": "loaded_at"}
    events = [one | loaded for one in catalog["events"]]
    return catalog | {"events": events, "objects": {name: one | loaded for name, one in catalog["objects"].items()}}


def edit(root: Path, segments: dict[str, Segment], names: Iterable[str]) -> None:
    """Change the rules of these segments: nobody from London any more."""
    for name in names:
        rule = {"all": [segments[name].where, {"attribute": "city", "is_not": "London"}]}
        _write(root / "segment_specs" / f"{name}.yml", {"where": rule})


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(json.loads(json.dumps(content)), sort_keys=False), encoding="utf-8")

"""A world whose rows say when they were loaded: what a tick does with its facts, beside what it would find in full."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segflow.segments.fact_models import fact_query
from segflow.segments.facts import by_model
from segflow.segments.membership_masks import MASKS
from segflow.warehouse.base import all_rows
from segflow.warehouse.tick import Tick
from tests.world import CATALOG, World

EVENTS = {**CATALOG["events"][0], "arrived_at": "arrived_at"}
OBJECTS: dict[str, Any] = {
    "order": {
        "model": "stg_orders",
        "key": "order_id",
        "belongs_to": "contact",
        "via": "contact_id",
        "created_at": "ordered_at",
        "arrived_at": "arrived_at",
        "fields": {"total": "number", "due": "date"},
    },
    "item": {
        "model": "stg_items",
        "key": "item_id",
        "belongs_to": "order",
        "via": "order_id",
        "arrived_at": "arrived_at",
        "fields": {"category": "text"},
    },
}
TIMES = {"at", "ordered_at", "arrived_at"}
RAW = {
    "events": ["contact_id", "name", "at", "id", "properties", "arrived_at"],
    "orders": ["order_id", "contact_id", "ordered_at", "total", "due", "arrived_at"],
    "items": ["item_id", "order_id", "category", "arrived_at"],
}


class FactsWorld(World):
    """Contacts, events, orders and their items; `add` and `run` change the rows, `facts` reads a table of facts."""

    def __init__(self, root: Path, *, real: bool = False, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(root, real=real, settings=settings, catalog={"events": [EVENTS], "objects": OBJECTS})
        for table, columns in RAW.items():
            root.joinpath(f"dbt/models/staging/stg_{table}.sql").write_text(f"select * from raw.{table}\n")
            self.empty(table, {name: "TIMESTAMP" if name in TIMES else "VARCHAR" for name in columns})
        self.rows_of("contacts", [{"contact_id": name, "city": "x"} for name in ("ana", "bo", "cy", "di")])

    def empty(self, table: str, columns: Mapping[str, str]) -> None:
        """Make a raw table without rows."""
        nothing = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in columns.items())
        self.run(f"CREATE OR REPLACE TABLE raw.{table} AS SELECT {nothing} WHERE 1 = 0")

    def add(self, table: str, **values: Any) -> None:
        """Add a row to a raw table; text stays text, times are naive UTC."""
        names = ", ".join(f'"{name}"' for name in values)
        shown = ", ".join(literal(value) for value in values.values())
        self.run(f"INSERT INTO raw.{table} ({names}) VALUES ({shown})")

    def builds(self) -> dict[str, tuple[str | None, int | None]]:
        """Fact model -> why it was computed in full in the last tick (None: patched), and how many were touched."""
        return {model: found for model, found in self._noted().items() if model.startswith("facts__")}

    def memberships(self) -> tuple[str | None, int | None]:
        """Why the memberships were made of all contacts in the last tick (None: patched), and how many were touched."""
        return self._noted()[MASKS]

    def _noted(self) -> dict[str, tuple[str | None, int | None]]:
        found = self.rows("SELECT model, reason, touched FROM segflow.model_builds")
        return {row["model"]: (row["reason"], row["touched"]) for row in found}

    def members_in_full(self) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """The masks as they are, and as they would be if all were made now; both without ticks."""
        last = self.project.last_tick()
        assert last is not None
        with self.project.warehouse() as warehouse:
            context = self.project.context(warehouse, Tick(last.tick_id, last.as_of))
            text = self.project.compiled.file_of(MASKS).split("\n", 1)[1]
            full, there = warehouse.rows(context.fill(text)), warehouse.rows(all_rows(MASKS))
        found = [sorted(tuple(v for k, v in row.items() if k != "tick_id") for row in rows) for rows in (there, full)]
        return found[0], found[1]

    def facts(self, model: str) -> list[tuple[Any, ...]]:
        """The facts of a model, without the ticks that computed them."""
        rows = self.rows(f'SELECT * FROM segflow."{model}" ORDER BY contact_id')
        return [tuple(value for name, value in row.items() if name != "tick_id") for row in rows]

    def facts_in_full(self, model: str) -> list[tuple[Any, ...]]:
        """What the facts would be if all were computed now, at the last tick's `as_of`."""
        last = self.project.last_tick()
        assert last is not None
        compiled = self.project.compiled
        with self.project.warehouse() as warehouse:
            context = self.project.context(warehouse, Tick(last.tick_id, last.as_of))
            query = context.fill(fact_query(by_model(compiled.columns)[model], compiled.specs.catalog))
            rows = warehouse.rows(query)
        found = [tuple(v for k, v in row.items() if k != "tick_id") for row in rows]
        return sorted(found, key=lambda row: row[0])


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int | float) else f"'{value}'"

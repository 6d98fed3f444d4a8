"""Tables of a server, as many of their rows as tell what they are, kept in memory while they are looked at."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from sqlglot import exp

from segflow.errors import RunError, WarehouseError
from segflow.warehouse.engine import Engine
from segflow.warehouse.reader import Reader

ROWS_AT_MOST = 500_000
"""Rows of a table that are fetched."""
_AT_ONCE = 20_000
_OWN_SCHEMAS = ("information_schema", "pg_catalog", "pg_toast")


def tables_of(engine: Engine) -> list[tuple[str, str]]:
    """(schema, name) of the tables and views that may be read there, in order. Raises InputError when it cannot be
    reached."""
    listed = exp.select("table_schema", "table_name").from_("information_schema.tables")
    with engine.look() as there:
        rows = there.rows(listed.order_by("table_schema", "table_name"))
    return [(row["table_schema"], row["table_name"]) for row in rows if row["table_schema"] not in _OWN_SCHEMAS]


def take_in(
    reader: Reader, engine: Engine, places: Sequence[tuple[str, str]], notes: list[str]
) -> dict[tuple[str, str], str]:
    """Fetch tables; `notes` gets a sentence for each that has more rows than are fetched. Returns why some cannot be
    read."""
    problems: dict[tuple[str, str], str] = {}
    with engine.look() as there:
        for place in places:
            schema, name = place
            rows = exp.select("*").from_(exp.table_(name, db=schema, quoted=True))
            try:
                kinds = there.query(rows.limit(0)).schema
                found = pa.Table.from_batches(there.batches(rows.limit(ROWS_AT_MOST + 1), _AT_ONCE), kinds)
            except (WarehouseError, RunError) as error:
                problems[place] = str(error)
                continue
            if found.num_rows > ROWS_AT_MOST:
                notes.append(f"{schema}.{name}: only {ROWS_AT_MOST:,} of its rows were looked at")
            reader.keep(schema, name, found.slice(0, ROWS_AT_MOST))
    return problems

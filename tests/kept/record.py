"""All that the kept shop holds, as plain values that can be compared and kept as JSON: tables, messages, exports."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from pyarrow import parquet

Row = tuple[Any, ...]
Record = dict[str, list[Row]]
"""Table -> its rows, sorted; the first one holds the names of the columns."""

_LEFT_OUT: dict[str, tuple[str, ...]] = {
    # Hashes and texts of generated SQL: a later build may write the same rule otherwise. Those of the build before are
    # in use: an edited segment asks its old rule once more.
    "ticks": ("bounds", "compiled"),
    "segment_versions": ("compiled_sql",),
    # By chance, or of the machine.
    "flow_offers": ("id", "decided_by"),
    "decisions": ("id", "decided_by"),
    "imports": ("decided_by",),
    # Which build of dbt made the row.
    "contacts": ("tick_id",),
}
"""Table of the warehouse -> columns that two lives need not share."""
_WAREHOUSE = (
    "ticks", "segment_versions", "segment_state", "segment_members", "segment_entries", "segment_exits",
    "segment_sizes", "contact_state", "contact_changes", "flow_versions", "flow_cursors", "flow_offers",
    "flow_enrollment_starts", "flow_enrollment_ends", "flow_positions", "flow_moves", "flow_waiting", "flow_waits",
    "flow_journal", "contact_updates", "imports", "contact_imports", "contact_takeovers", "import_marks",
    "attribute_history", "outbox", "decisions", "deliveries", "message_events", "segment_exports", "suppressions",
    "contacts",
)  # fmt: skip
_ENROLLMENTS = """
    SELECT flow, trigger_segment, status, step, end_reason, count(*) AS contacts
    FROM segflow.flow_enrollments GROUP BY ALL
"""
"""The view shows what its tables hold row by row."""
_STORE = {
    "messages": "message_id, sender, status, attempts, due_at, handed_at, repeatable, settled_tick, tick_id",
    "attempts": "message_id, attempt, outcome, tick_id",
    "suppressions": "channel, address, reason",
    "marks": "name, value",
    "message_events": "message_id, kind, event_key, at, tick_id",
    "decisions": "kind, name, reason, tick_id",
    "retriggers": "flow, segment, contacts, ignore_reentry, reason, tick_id",
    "imports": "import_id, file, list, trigger_flows, rows, refused, content is not null as content, tick_id",
}
"""Table of the delivery store -> what of it is compared."""
_OF_A_COMMIT = ("tick_id", "as_of", "stage", "status", "contacts", "null_contacts", "previous_tick", "ledger_rows")
_OF_THE_BUILD = ("schema_version",)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d)(:00(?!\.)|:\d\d(?:\.\d+)?)")
_HASH = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{24}\b")
_WALL = "2026-07"
"""No tick and no data comes near it, and the build before lived later than that."""


def tables(root: Path, left_out: Collection[str] = ()) -> Record:
    """The tables of both stores, less those `left_out`."""
    found: Record = {}
    with duckdb.connect(str(root / ".segflow/warehouse.duckdb")) as warehouse:
        cursor = warehouse.execute(_ENROLLMENTS)
        found["flow_enrollments"] = _table([column[0] for column in cursor.description], cursor.fetchall())
        for table in (name for name in _WAREHOUSE if name not in left_out):
            described = warehouse.execute(f"DESCRIBE segflow.{table}").fetchall()
            columns = [name for name, *_ in described if name not in _LEFT_OUT.get(table, ())]
            picked = ", ".join(f'"{name}"' for name in columns)
            found[table] = _table(columns, warehouse.execute(f"SELECT {picked} FROM segflow.{table}").fetchall())
    with contextlib.closing(sqlite3.connect(root / ".segflow/delivery.db")) as store:
        for table, picked in _STORE.items():
            cursor = store.execute(f"SELECT {picked} FROM {table}")
            rows = [_mark(*row) for row in cursor if row[0] not in _OF_THE_BUILD] if table == "marks" else list(cursor)
            found[f"store.{table}"] = _table([column[0] for column in cursor.description], rows)
    return found


def files(root: Path) -> Record:
    """The messages in the mailbox and the exports, by what they say."""
    found = []
    for folder in (".segflow/mailbox", "exports"):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file():
                # What a Parquet file says of its writer is another version's.
                rows = repr(parquet.read_table(path).to_pylist()) if path.suffix == ".parquet" else None
                content = path.read_bytes() if rows is None else rows.encode()
                found.append((_plain(path.relative_to(root).as_posix()), hashlib.sha256(content).hexdigest()[:8]))
    return {"files": [("path", "content"), *found]}


def view_members(root: Path) -> dict[str, list[str]]:
    """Segment -> the members that its view shows, for every segment whose members follow its rule."""
    with duckdb.connect(str(root / ".segflow/warehouse.duckdb")) as warehouse:
        live = "SELECT segment FROM segflow.segment_state WHERE status = 'ok' ORDER BY 1"
        names = [name for (name,) in warehouse.execute(live).fetchall()]
        query = "SELECT contact_id FROM segflow.segment__{}"
        return {name: sorted(key for (key,) in warehouse.execute(query.format(name)).fetchall()) for name in names}


def changes(before: Record, after: Record) -> dict[str, dict[str, list[Row]]]:
    """Table -> its columns, the rows that are gone and those that are new."""
    found = {}
    for table, rows in after.items():
        gone, new = _less(before[table], rows), _less(rows, before[table])
        if gone or new:
            found[table] = {"columns": [rows[0]], "gone": gone, "new": new}
    return found


def _less(rows: list[Row], others: list[Row]) -> list[Row]:
    left = Counter(rows[1:])
    left.subtract(Counter(others[1:]))
    return sorted((+left).elements(), key=repr)


def same_columns(record: Record, other: Record) -> Record:
    """`record` with the tables and columns of `other` only: a later build may have more."""
    found: Record = {}
    for table, rows in other.items():
        places = [record[table][0].index(name) for name in rows[0]]
        header, *below = (tuple(row[place] for place in places) for row in record[table])
        found[table] = [header, *sorted(below, key=repr)]
    return found


def _table(columns: list[str], rows: Iterable[Row]) -> list[Row]:
    return [tuple(columns), *sorted((tuple(map(_plain, row)) for row in rows), key=repr)]


def _plain(value: Any) -> Any:
    if isinstance(value, (datetime, date)):
        naive = value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) and value.tzinfo else value
        value = naive.isoformat(sep=" ") if isinstance(naive, datetime) else naive.isoformat()
    if isinstance(value, str):
        value = _TIME.sub(
            lambda found: "wall clock" if found[0] > _WALL else found[1] + found[2].removesuffix(":00"), value
        )
        return _HASH.sub(r"\1", value)
    if isinstance(value, Decimal):
        # A number was a double in older builds; it is the same number.
        return str(value) if value.as_tuple().exponent == 0 else float(value)
    return tuple(map(_plain, value)) if isinstance(value, list) else value


def _mark(name: str, value: str) -> Row:
    if not value.startswith("{"):
        return name, value
    told = json.loads(value)
    return name, json.dumps({key: told[key] for key in _OF_A_COMMIT})

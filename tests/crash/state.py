"""All that must be the same however a tick was killed: tables, messages, files."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from segflow.warehouse.ledgers import LedgerFiles
from segflow.warehouse.tables import TABLES
from tests.crash.shop import AGAIN, ONCE
from tests.world import ledgers_of

# A live sender's clock is the wall's, and a kill costs an attempt.
_DELIVERIES = f"""
    SELECT message_id, flow, step, contact_id, channel, sender, address, outcome, reason, provider_id, tick_id,
        CASE WHEN sender <> '{AGAIN}' THEN "at" END
    FROM segflow.deliveries WHERE sender <> '{ONCE}'
"""
_MESSAGES = f"""
    SELECT message_id, sender, status, settled_tick, due_at, claim_token, handed_at FROM messages
    WHERE sender <> '{ONCE}' OR status NOT IN ('sent', 'unknown')
"""
_STORE = {
    "messages": _MESSAGES,
    "marks": "SELECT name, CASE name WHEN 'last_committed' THEN json_remove(value, '$.started_at', '$.finished_at', "
    "'$.compiled') "
    "ELSE value END FROM marks",
    "lease": "SELECT holder FROM lease",
    "suppressions": "SELECT channel, address, reason FROM suppressions",
    "tests": "SELECT id, outcome FROM send_tests",
    "given up": "SELECT message_id, attempt, reason FROM attempts WHERE outcome = 'dropped'",
    "message events": "SELECT message_id, kind, event_key, tick_id FROM message_events",
    "consent changes": "SELECT contact_id, state, tick_id FROM consent_changes",
    "turns": "SELECT flow, tick_id, channel, address, contact_id FROM address_turns",
    "decisions": "SELECT kind, name, reason, tick_id FROM decisions",
    "removals": "SELECT flow, contact_id, reason, tick_id FROM removals",
    "restores": "SELECT contact_id, reason, tick_id FROM restores",
    "coupons": "SELECT pool, code, claim_id, contact_id, tick_id FROM coupon_codes",
    "imports": "SELECT import_id, list, trigger_flows, rows, content IS NULL, tick_id FROM imports",
}
_DATABASES = ("warehouse.duckdb", "delivery.db")
_OF_DBT = ("dbt/target/", "dbt/logs/")


@dataclass(frozen=True)
class State:
    """A project after a tick. `once`: message -> outcomes at the sender that is not idempotent; `again`: the messages
    that the other live one took."""

    tables: dict[str, list[tuple[Any, ...]]]
    files: dict[str, str]
    once: dict[str, list[str]]
    again: list[str]

    def differences(self, other: State) -> list[str]:
        """What is otherwise in `other`, in words; empty when all is the same."""
        found = []
        for table in sorted(self.tables.keys() | other.tables.keys()):
            ours, theirs = self.tables.get(table, []), other.tables.get(table, [])
            if ours != theirs:
                missing = [row for row in ours if row not in theirs]
                added = [row for row in theirs if row not in ours]
                found.append(f"table {table}: missing {missing[:3]}, too many {added[:3]}, {len(ours)}/{len(theirs)}")
        for path in sorted(self.files.keys() | other.files.keys()):
            if self.files.get(path) != other.files.get(path):
                fate = "missing" if path not in other.files else "left over" if path not in self.files else "differs"
                found.append(f"file {path} {fate}")
        return found


def state_of(root: Path) -> State:
    """The state of the project in `root`, which nothing has open."""
    tables: dict[str, list[tuple[Any, ...]]] = dict(ledgers_of(root))
    with duckdb.connect(str(root / ".segflow/warehouse.duckdb")) as warehouse:
        tables["deliveries"] = sorted(warehouse.execute(_DELIVERIES).fetchall(), key=repr)
        last = "(SELECT max(tick_id) FROM segflow.ticks)"
        tables["ledgers whose files differ from the table"] = _differing_ledgers(root, warehouse)
        settled = f"SELECT message_id, outcome FROM segflow.deliveries WHERE tick_id = {last} AND sender = ?"
        once: dict[str, list[str]] = {}
        for message, outcome in warehouse.execute(settled, [ONCE]).fetchall():
            once.setdefault(message, []).append(outcome)
        again = sorted(row[0] for row in warehouse.execute(settled, [AGAIN]).fetchall())
    tables |= {f"{name} of the store": rows for name, rows in store_tables(root).items()}
    return State(tables, _files(root), once, again)


def _differing_ledgers(root: Path, warehouse: duckdb.DuckDBPyConnection) -> list[tuple[str]]:
    files = LedgerFiles(root / ".segflow/ledgers")
    found = []
    for name in (table.name for table in TABLES.values() if table.ledger):
        rows = warehouse.execute(f"SELECT * FROM segflow.{name}").to_arrow_table().to_pylist()
        if sorted(map(repr, rows)) != sorted(map(repr, files.read_all(name).to_pylist())):
            found.append((name,))
    return found


def store_tables(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The delivery store's own tables, less what a kill may change."""
    with contextlib.closing(sqlite3.connect(root / ".segflow/delivery.db")) as store:
        return {name: sorted(store.execute(query).fetchall(), key=repr) for name, query in _STORE.items()}


def _files(root: Path) -> dict[str, str]:
    """Path -> hash of every file; the databases, whose tables are compared, and what dbt writes for itself left out.

    Of the ledger files the names count: they hold the wall clock, and rows in any order.
    """
    found = {}
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not path.name.startswith(_DATABASES) and not name.startswith(_OF_DBT):
            content = b"" if name.startswith(".segflow/ledgers/") else path.read_bytes()
            found[name] = hashlib.sha256(content).hexdigest()
    return found

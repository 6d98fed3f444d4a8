"""The record: the last commit of a tick, kept in the delivery store. It says what the warehouse must hold."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from segflow.crashpoints import crash_point
from segflow.errors import DamagedWarehouseError, RunError
from segflow.outbox.lease import Lease
from segflow.outbox.store import DeliveryStore
from segflow.ticks.ledger import PLACES, TickRow
from segflow.warehouse.base import Warehouse
from segflow.warehouse.engine import Engine
from segflow.warehouse.sqlfile import load_query
from segflow.warehouse.tables import TABLES

_SQL = Path(__file__).parent / "sql"
COMMITTED = "last_committed"
_OLD = "last_committed_tick"
"""An earlier version recorded the id of the last tick that was done, and nothing else."""
_TIMES = ("as_of", "started_at", "finished_at")


def write(store: DeliveryStore, row: TickRow, lease: Lease) -> None:
    """Record that the warehouse has committed `row`. Raises LeaseLostError."""
    store.set_mark(COMMITTED, json.dumps(asdict(row), default=datetime.isoformat), lease)
    crash_point("record.written")


def read(store: DeliveryStore) -> TickRow | None:
    """The row of `ticks` that was committed last, None when there was none or only an earlier version's."""
    text = store.mark(COMMITTED)
    if text is None:
        return None
    values: dict[str, Any] = json.loads(text)
    times = {name: datetime.fromisoformat(values[name]) for name in _TIMES if values[name]}
    known = {field.name for field in fields(TickRow)}
    return TickRow(**{name: value for name, value in {**values, **times}.items() if name in known})


def check(store: DeliveryStore, latest: TickRow | None, engine: Engine) -> None:
    """Hold the warehouse of `engine`, whose last tick is `latest`, against the record.

    It may be one commit ahead: the process died between the two. Raises RunError when it is behind (its file was lost
    or an older one restored) and when the delivery store is (the same): going on would repeat or swallow messages.
    """
    recorded = read(store)
    if recorded is None:
        _check_old(store, latest)
        return
    if latest is None or _place(latest) < _place(recorded):
        has = f"ends with tick {latest.tick_id}, {latest.place}" if latest else "has no tick"
        other = (
            "" if latest else ". If it is another file on purpose (a second dbt target), let delivery.store and "
            "warehouse.ledgers in segflow.yml name others, too: each warehouse has its own"
        )  # fmt: skip
        lost, todo = "the file was lost or an older one restored", "Run segflow rebuild: it replays the ledgers"
        if not engine.file_backed:
            lost = "an older backup was put back, or this is another database"
            todo = f"Restore {engine.where} to the moment of that tick, from the server's own backups and log"
        raise RunError(
            f"the warehouse {has}, but tick {recorded.tick_id}, {recorded.place} was committed: {lost}. Going on would "
            f"repeat messages. {todo}{other if engine.file_backed else ''}"
        )
    if latest.tick_id == recorded.tick_id:
        ahead = PLACES.index(latest.place) - PLACES.index(recorded.place)
    else:
        follows = latest.previous_tick == recorded.tick_id and recorded.place == "done"
        ahead = 1 if follows and latest.place == "begun" else 2
    if ahead > 1:
        raise RunError(
            f"the warehouse ends with tick {latest.tick_id}, {latest.place}, but the delivery store "
            f"{store.name} knows of tick {recorded.tick_id}, {recorded.place} only: an older delivery store was "
            "restored. Going on would repeat the messages since. Put the newer delivery store back; if it is lost, run "
            "segflow rebuild --delivery-store"
        )


def is_behind(store: DeliveryStore, latest: TickRow | None) -> bool:
    """Does the warehouse, whose last tick is `latest`, lack something that was committed?"""
    recorded = read(store)
    return recorded is not None and (latest is None or _place(latest) < _place(recorded))


def check_whole(warehouse: Warehouse, engine: Engine) -> None:
    """Hold the number of rows of every ledger against what the ticks say they added.

    An older file that was put back beside the log of a newer one opens without a word, and holds the end of the history
    but not its middle. Raises DamagedWarehouseError.
    """
    strange, totals = warehouse.answers(load_query(_SQL / "broken_history.sql"), load_query(_SQL / "ledger_totals.sql"))
    alone = [row["tick_id"] for row in strange if row["alone"]]
    if not alone and strange:
        return
    told = {row["ledger"]: int(row["rows_told"]) for row in totals}
    ledgers = [name for name, table in TABLES.items() if table.stage is not None]
    found = warehouse.counts([*ledgers, "segment_members", "flow_positions"])
    wrong = [f"{name} has {found[name]:,} rows instead of {told.get(name, 0):,}" for name in ledgers
             if found[name] != told.get(name, 0)]  # fmt: skip
    for state, came, went in (
        ("segment_members", "segment_entries", "segment_exits"),
        ("flow_positions", "flow_enrollment_starts", "flow_enrollment_ends"),
    ):
        rows, standing = found[state], found[came] - found[went]
        if rows != standing:
            wrong.append(f"{state} has {rows:,} rows instead of {standing:,}")
    if alone:
        wrong.insert(0, f"the tick before {alone[0]} is missing")
    if wrong:
        what = "the warehouse file" if engine.file_backed else "the warehouse"
        todo = "run segflow rebuild" if engine.file_backed else "put its tables back from a backup of the server"
        raise DamagedWarehouseError(
            f"{what} {engine.where} holds a part of its history only ({'; '.join(wrong)}): it was put together "
            f"from two, or changed by hand. Going on would repeat or swallow messages; {todo}"
        )


def _check_old(store: DeliveryStore, latest: TickRow | None) -> None:
    done = store.mark(_OLD)
    if done is None:
        # Begun and not recorded yet: nothing came of it.
        if latest is None or (latest.place == "begun" and latest.previous_tick is None):
            return
        raise RunError(
            f"the warehouse ends with tick {latest.tick_id}, but the delivery store {store.name} knows of no tick: it "
            "was lost, or delivery.store names another one. Going on would repeat every message. Put the delivery "
            "store back, or correct delivery.store in segflow.yml; if it is lost, run segflow rebuild --delivery-store"
        )
    if latest is None or latest.tick_id < done:
        has = f"ends with tick {latest.tick_id}" if latest else "has no tick"
        raise RunError(
            f"the warehouse {has}, but tick {done} was committed: the file was lost or an older one restored. Going on "
            "would repeat messages. Put the newer warehouse file back: that tick is older than the ledger files"
        )


def _place(row: TickRow) -> tuple[str, int]:
    return row.tick_id, PLACES.index(row.place)

"""Processes to be killed: each line on stdin is an order, carried out by a child that is forked for it.

Forked, because to start Python and import everything would take longer than the tick. An order is JSON: `act`,
`root`, `at` (of a tick), `real` (dbt itself), `crash` (a crash point), `after` (seconds until it is killed),
`statement` (the number of the statement of dbt's before which it dies), and files: `trace`, `statements`, `error`.
The answer is the child's exit code and the seconds it lived.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from segflow import crashpoints
from segflow.errors import SegflowError
from segflow.outbox.consent_changes import ConsentChange
from segflow.outbox.lease import held_lease
from segflow.outbox.message_events import MessageEvent
from segflow.outbox.store import DeliveryStore
from segflow.project import Project
from tests.crash import statements
from tests.direct_dbt import DirectProject

Order = dict[str, Any]
_FILE = pa.Table.from_pylist([{"contact_id": "c1", "stage": "met"}])


def _project(order: Order) -> Project:
    return (Project if order.get("real") else DirectProject)(Path(order["root"]))


def tick(order: Order) -> None:
    """One tick, messages included."""
    _project(order).tick(datetime.fromisoformat(order["at"]), send=True)


def decide(order: Order) -> None:
    """What people decide and providers tell between ticks, and a lease that is held long enough to be renewed."""
    with DeliveryStore(Path(order["root"]) / ".segflow/delivery.db") as store:
        store.stop_sending("we look at it")
        store.decisions.record("segment", ["romans", "grown"], "we looked")
        opened = MessageEvent(message_id=order["unknown"][0], kind="opened", at=datetime(2026, 3, 3, tzinfo=UTC))
        store.message_events.record([opened])
        said = ConsentChange(contact_id="c1", state="opted_in", at=datetime(2026, 3, 3, tzinfo=UTC), source="page")
        store.consent_changes.record([said])
        Project(Path(order["root"])).import_contacts(_FILE, trigger_flows=True)
        store.coupons.add("summer", ["S1", "S2"])
        store.suppress("email", "a@example.com", "asked for it")
        store.suppress("email", "b@example.com", "asked for it")
        store.unsuppress("email", "b@example.com")
        first, *rest = order["unknown"]
        store.release([first])
        store.drop(rest)
        row = {"id": "test-1", "flow": "hi", "step": "hello", "contact_id": "ana", "channel": "email"}
        store.tests.record({**row, "sender": "mailbox", "address": "me@my.example", "outcome": "sent"})
        store.resume_sending()
        with held_lease(store.leases, f"person {os.getpid()}", 0.3):
            time.sleep(0.15)


def rebuild(order: Order) -> None:
    """Make the warehouse again. The user's own tables in it are loaded again, from the warehouse `raw`."""
    _project(order).rebuild()
    with duckdb.connect(str(Path(order["root"]) / ".segflow/warehouse.duckdb")) as warehouse:
        warehouse.execute(f"ATTACH '{order['raw']}' AS source (READ_ONLY)")
        warehouse.execute("CREATE SCHEMA IF NOT EXISTS raw")
        there = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'source' AND schema_name = 'raw'"
        for (table,) in warehouse.execute(there).fetchall():
            warehouse.execute(f"CREATE OR REPLACE TABLE raw.{table} AS FROM source.raw.{table}")


ACTS: dict[str, Callable[[Order], None]] = {"tick": tick, "decide": decide, "rebuild": rebuild}


def _carry_out(order: Order) -> int:
    crashpoints.arm({"SEGFLOW_CRASH": order.get("crash") or "", "SEGFLOW_CRASH_TRACE": order["trace"]})
    if "statements" in order:
        statements.arm(order.get("statement"), Path(order["statements"]))
    try:
        ACTS[order["act"]](order)
    except SegflowError as error:
        Path(order["error"]).write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
        return error.exit_code
    except BaseException:
        Path(order["error"]).write_text(traceback.format_exc(), encoding="utf-8")
        return 70
    return 0


def main() -> None:
    if "dbt" in sys.argv[1:]:
        import dbt.cli.main  # noqa: F401
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        order: Order = json.loads(line)
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            status = 71
            try:
                status = _carry_out(order)
            finally:
                os._exit(status)
        if order.get("after") is not None:
            time.sleep(order["after"])
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps({"code": code, "seconds": time.monotonic() - started}), flush=True)


if __name__ == "__main__":
    main()

"""Make the warehouse again from the ledger files and the delivery store, up to the record of the last commit.

Ticks that were lived are not evaluated again: that would repeat messages and swallow others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from sqlglot import exp

from segflow.crashpoints import crash_point
from segflow.crossings.names import show_last_names
from segflow.errors import DamagedWarehouseError, InputError, RunError
from segflow.flows import renames
from segflow.flows.advance import enrollments_view
from segflow.outbox.deliveries import as_table
from segflow.outbox.lease import Lease, held_lease
from segflow.outbox.store import DeliveryStore
from segflow.rebuild.replay import REPLAYED, replayed
from segflow.ticks import ledger as ticks
from segflow.ticks import record
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.engine import Engine
from segflow.warehouse.ledgers import LedgerFiles
from segflow.warehouse.tables import TABLES
from segflow.workspace import Workspace

_TOLD = 5
"""How many of the missing files an error names."""


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild did."""

    tick_id: str
    place: str
    """How far that tick, the last one, has come: one of `ticks.PLACES`."""
    warehouse: Path
    rows: dict[str, int]
    """Table -> rows."""
    set_aside: Path | None
    """Where the damaged file is now."""
    damage: str | None
    new_file: bool
    """The file is a new one: what the user kept in the old one is not in it."""


def rebuild(project: Workspace) -> Rebuilt:
    """Replay every ledger up to the last recorded commit, and what follows from them.

    The warehouse file is kept, with the user's own tables, when it can be read; otherwise it is set aside under
    another name and a new one is made. All or nothing, and it can be repeated. Raises InputError when there is nothing
    to rebuild from, LeaseHeldError while a tick runs, RunError when ledger files are missing or damaged.
    """
    if not project.engine.file_backed:
        raise InputError(f"{project.engine.title} keeps backups of its own; segflow rebuild is for warehouse files")
    with held_lease(project.store.leases, project.holder) as lease:
        last = record.read(project.store)
        if last is None:
            raise InputError(
                f"there is nothing to rebuild: the delivery store {project.store.name} knows of no tick with ledger "
                "files. Run segflow tick"
            )
        files = LedgerFiles(project.ledgers_path)
        history = _history(files, last)
        engine = project.engine
        fault = engine.damage()
        aside = engine.set_aside() if fault or not engine.exists() else None
        try:
            rows, new_file = _load(engine, files, history, project.store, lease)
        except DamagedWarehouseError as error:
            if aside is not None:
                raise
            fault, aside = str(error), engine.set_aside()
            rows, new_file = _load(engine, files, history, project.store, lease)
        return Rebuilt(last.tick_id, last.place, engine.path, rows, aside, fault, new_file)


def _history(files: LedgerFiles, last: ticks.TickRow) -> list[ticks.TickRow]:
    """All ticks up to `last`, each found by the one after it. Raises RunError when one is missing."""
    known = {row.tick_id: row for row in ticks.from_table(files.read_all("ticks"))}
    # The models of a tick that goes on are gone; its next stage builds them again.
    found = [last if last.place == "done" else last.with_(compiled=None)]
    while (before := found[-1].previous_tick) is not None:
        if before not in known or known[before].place != "done":
            problems: list[str] = []
            list(files.read("ticks", {before: 1}, problems))
            raise _incomplete(problems or [f"{files.path('ticks', before)} does not have the end of its tick"])
        found.append(known[before])
    return found[::-1]


def _load(
    engine: Engine, files: LedgerFiles, history: list[ticks.TickRow], store: DeliveryStore, lease: Lease
) -> tuple[dict[str, int], bool]:
    """Fill the engine's tables. Returns their rows, and whether the file is a new one, with no table of the user's."""
    problems: list[str] = []
    with engine.open(keep_ledgers=False) as warehouse:
        warehouse.ensure_tables()
        crash_point("rebuild.tables")
        new_file = not _holds_tables(warehouse)
        with warehouse.transaction():
            rows = {"ticks": warehouse.restore("ticks", [ticks.as_table(history)])}
            for name in (table.name for table in TABLES.values() if table.stage is not None):
                wanted = {row.tick_id: row.counts().get(name, 0) for row in history}
                rows[name] = warehouse.restore(name, files.read(name, wanted, problems))
            if problems:
                raise _incomplete(problems)
            rows["deliveries"] = warehouse.restore("deliveries", _deliveries(store))
            rows["suppressions"] = warehouse.restore(
                "suppressions", [as_table("suppressions", store.all_suppressions())]
            )
            warehouse.restore("build_faults", [])
            show_last_names(warehouse)
            renames.show_all(warehouse)
            for state in REPLAYED:
                warehouse.replace(state, replayed(state, history[-1]))
                rows[state] = warehouse.count(state)
            store.leases.check(lease)
            crash_point("rebuild.before_commit")
        crash_point("rebuild.committed")
        warehouse.create_view("flow_enrollments", enrollments_view())
    return rows, new_file


def _holds_tables(warehouse: Warehouse) -> bool:
    """Are there tables that segflow did not make? Not ticks: who has loaded the data again after a loss has a file
    that knows of none, and nothing of theirs is gone."""
    known = exp.select("table_schema").from_(exp.table_("tables", db="information_schema"))
    others = exp.column("table_schema").isin(relation("ticks").db, "information_schema", "pg_catalog").not_()
    plain = exp.column("table_type").eq(exp.Literal.string("BASE TABLE"))
    return bool(warehouse.rows(known.where(others, plain).limit(1)))


def _deliveries(store: DeliveryStore) -> Iterator[pa.Table]:
    for tick in store.settled_since(None):
        rows = as_table("deliveries", store.attempts_of(tick))
        yield rows.append_column("tick_id", pa.array([tick] * rows.num_rows, pa.string()))


def _incomplete(problems: list[str]) -> RunError:
    more = f" and {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
    return RunError(
        f"the ledgers are not complete: {'; '.join(problems[:_TOLD])}{more}. Put the files back from a backup and run "
        "segflow rebuild again; nothing was changed"
    )

"""Check of the ledger files: can the warehouse be made again from them?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from sqlglot import exp

from segflow.doctor.findings import Checked, Finding
from segflow.doctor.workspace import ExaminedWorkspace
from segflow.outbox.lease import Lease
from segflow.ticks import ledger as ticks
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.ledgers import LedgerFiles
from segflow.warehouse.tables import TABLES


def ledgers(examined: ExaminedWorkspace) -> Checked:
    """Do the ledger files and the warehouse hold the rows that were committed?"""
    engine = examined.engine
    files = LedgerFiles(examined.ledgers_path) if engine.file_backed else None
    findings = []
    total = 0
    with examined.open_warehouse() as warehouse:
        # A tick of a version before ledger files does not tell how many rows it has.
        rows = [row for row in _ticks(warehouse) if row.ledger_rows is not None]
        for table in ("ticks", *(table.name for table in TABLES.values() if table.stage is not None)):
            wanted = {row.tick_id: _committed(row, table) for row in rows}
            total += sum(wanted.values())
            held = _counts(warehouse, table)
            differing = [tick for tick, count in wanted.items() if table != "ticks" and held.get(tick, 0) != count]
            if differing:
                findings.append(_differs(table, differing, wanted, held, engine.file_backed))
            problems: list[str] = []
            for _ in files.read(table, wanted, problems) if files is not None else ():
                pass
            if problems:
                findings.append(_incomplete(examined, table, problems, wanted, mendable=not differing))
    where = (
        "in the warehouse and as files"
        if files is not None
        else f"in the warehouse; {engine.title} keeps its own backups"
    )
    return Checked("ledgers", f"{total:,} rows of {len(rows):,} ticks, {where}", findings)


def _committed(row: ticks.TickRow, table: str) -> int:
    """How many rows of a ledger a tick has committed. Its own row becomes a file at its end."""
    return row.counts().get(table, 0) if table != "ticks" else int(row.status == "done")


def _differs(
    table: str, differing: list[str], wanted: Mapping[str, int], held: Mapping[str, int], file_backed: bool
) -> Finding:
    first = differing[0]
    return Finding(
        f"the warehouse holds {held.get(first, 0):,} rows of tick {first} in {table} instead of {wanted[first]:,}"
        + (f", and {len(differing) - 1} more ticks differ" if len(differing) > 1 else ""),
        "somebody changed the engine's tables by hand" + (", or the file is damaged" if file_backed else ""),
        "run segflow rebuild" if file_backed else "put the tables back from a backup of the server",
    )


def _incomplete(
    examined: ExaminedWorkspace, table: str, problems: list[str], wanted: Mapping[str, int], *, mendable: bool
) -> Finding:
    more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    todo = "segflow doctor --repair writes them again" if mendable else "put the files back from a backup"
    return Finding(
        f"{problems[0]}{more}",
        f"if the warehouse were lost now, {table} could not be made again",
        todo,
        repair=partial(_write_again, examined, table, wanted) if mendable else None,
    )


def _write_again(examined: ExaminedWorkspace, table: str, wanted: Mapping[str, int], _: Lease) -> str:
    """Write what cannot be read again from the warehouse."""
    files = LedgerFiles(examined.ledgers_path)
    lost = [tick for tick, rows in wanted.items() if rows and _unreadable(files, table, tick, rows)]
    columns = [exp.column(name, quoted=True) for name in TABLES[table].columns]
    with examined.open_warehouse() as warehouse:
        for tick in lost:
            of_tick = exp.column("tick_id").eq(exp.Literal.string(tick))
            rows_of = exp.select(*columns).from_(relation(table)).where(of_tick)
            files.write(table, tick, warehouse.batches(rows_of, 100_000))
    for month in {tick[:6] for tick in lost}:
        if all(tick in lost for tick, rows in wanted.items() if rows and tick.startswith(month)):
            # Nothing of the merged file could be read; left there, it would stop the next merge.
            files.path(table, month).unlink(missing_ok=True)
    return f"{len(lost):,} files written again"


def _unreadable(files: LedgerFiles, table: str, tick: str, rows: int) -> bool:
    problems: list[str] = []
    for _ in files.read(table, {tick: rows}, problems):
        pass
    return bool(problems)


def _ticks(warehouse: Warehouse) -> list[ticks.TickRow]:
    return sorted(
        ticks.from_table(warehouse.query(exp.select("*").from_(relation("ticks")))), key=lambda row: row.tick_id
    )


def _counts(warehouse: Warehouse, table: str) -> dict[str, int]:
    counted = exp.select("tick_id", exp.Count(this=exp.Star()).as_("times")).from_(relation(table)).group_by("tick_id")
    return {row["tick_id"]: row["times"] for row in warehouse.rows(counted)}

"""What a record of writes leaves behind, and how it is brought together or removed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlglot import exp

from segflow.crashpoints import crash_point
from segflow.warehouse.base import relation
from segflow.warehouse.record_sql import (
    GONE,
    RECORD,
    WRITE,
    alone,
    is_text,
    part_of,
    tried,
    unnamed,
    write_of,
    written,
)
from segflow.warehouse.recorded import RecordedWarehouse
from segflow.warehouse.tables import TABLES

_KEPT = timedelta(hours=1)
"""How long rows that no longer count stay: who began to read them may read on."""
SWEPT_AT = 60
"""So many writes must have gone before their rows are removed: each relation costs a statement."""
TOGETHER_AT = 50
"""So many ticks of a ledger have files of their own, which each reader opens, before they are brought together."""
_TRIED_FOR = timedelta(days=1)
"""So long rows of a transaction that is tried are left alone: it may be at work in another process."""


class TidyWarehouse(RecordedWarehouse):
    """Removes rows that no one sees, and brings together what many writes have made."""

    def clear(self) -> None:
        until = tried(write_of(datetime.now(UTC) - _TRIED_FOR))
        left: dict[str, list[str]] = {}
        for row in self._ask(unnamed(TABLES)).to_pylist():
            if not row["write_id"].startswith(tried("")) or row["write_id"] < until:
                left.setdefault(row["relation"], []).append(row["write_id"])
        for name, writes in sorted(left.items()):
            dead = exp.column(WRITE, quoted=True).isin(*map(exp.Literal.string, writes))
            self._run(exp.delete(written(name), where=dead))
            crash_point("rows.cleared")

    def tidy(self, *, least: int = TOGETHER_AT) -> None:
        """Write the rows of a ledger's ticks once more, as one write, when `least` of them have one of their own."""
        ledgers = (exp.Literal.string(table.name) for table in TABLES.values() if table.ledger)
        name, tick_id = exp.column("relation", quoted=True), exp.column("tick_id", quoted=True)
        each = exp.select(name).from_(written(RECORD)).where(name.isin(*ledgers), alone()).group_by(name)
        many = self._ask(each.having(exp.Count(this=exp.Star()) >= exp.Literal.number(least))).column(0).to_pylist()
        if not many:
            return
        with self._writing() as names:
            for table in sorted(many):
                parts = [part for _, part in self._recorded(exp.and_(is_text("relation", table), alone()))]
                rows = exp.select(*(exp.column(column, quoted=True) for column in TABLES[table].columns))
                rows = rows.from_(relation(table)).where(tick_id.isin(*map(exp.Literal.string, sorted(parts))))
                write = self._write(TABLES[table], rows, {})
                self._say(names, table, {part: part_of(write, part) for part in parts})

    def sweep(self, *, least: int = SWEPT_AT, kept: timedelta = _KEPT) -> int:
        """Remove rows that have not counted for `kept`, when there are `least` such writes; returns how many."""
        until = write_of(datetime.now(UTC) - kept)
        gone = self._recorded(
            exp.and_(
                exp.Like(this=exp.column("relation", quoted=True), expression=exp.Literal.string(f"{GONE}%")),
                exp.column(WRITE, quoted=True) < exp.Literal.string(until),
            )
        )
        if len(gone) < least:
            return 0
        for name in sorted({name for name, _ in gone}):
            writes = [exp.Literal.string(write) for (one, _), write in gone.items() if one == name]
            self._run(exp.delete(written(name.removeprefix(GONE)), where=exp.column(WRITE, quoted=True).isin(*writes)))
            crash_point("rows.swept")
        writes = [exp.Literal.string(write) for write in gone.values()]
        stale = exp.Like(this=exp.column("relation", quoted=True), expression=exp.Literal.string(f"{GONE}%"))
        self._run(exp.delete(written(RECORD), where=exp.and_(stale, exp.column(WRITE, quoted=True).isin(*writes))))
        return len(gone)

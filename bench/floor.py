"""The least that one engine pays: hand-written statements on bare DuckDB, from scratch at each tick.

They give the same members, crossings and planned messages, and nothing else: no causes, no versions, no guards, no
journal, nothing that survives a crash.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from bench.flows import Flow
from bench.segments import Segment

_SQL = Path(__file__).parent / "sql"
_SOURCES = {
    "orders": "raw.orders where ordered_at <= :as_of",
    "items": "raw.items inner join raw.orders using (order_id) where ordered_at <= :as_of",
}
_EVENTS = "raw.events where event_name = '{}' and occurred_at <= :as_of"


class Floor:
    """`file`: a DuckDB file with the raw tables; it keeps its own state there."""

    def __init__(self, file: Path, segments: dict[str, Segment], flows: Iterable[Flow]) -> None:
        self.file, self.segments = file, segments
        with duckdb.connect(str(file)) as connection:
            connection.execute((_SQL / "floor_schema.sql").read_text(encoding="utf-8"))
            connection.executemany("insert into flows values (?, ?, ?)", [[f.name, f.kind, f.segment] for f in flows])

    def tick(self, as_of: datetime, exports: Path, *, first: bool) -> dict[str, dict[str, float]]:
        """One tick; the seconds of each stage."""
        spent: dict[str, dict[str, float]] = {}

        @contextmanager
        def stage(name: str) -> Any:
            wall, cpu = time.perf_counter(), time.process_time()
            yield
            now = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
            spent[name] = {what: round(value, 3) for what, value in now.items()}

        with duckdb.connect(str(self.file)) as connection:
            connection.execute("SET TimeZone = 'UTC'")

            def run(sql: str) -> None:
                connection.execute(sql.replace(":as_of", f"TIMESTAMP '{as_of:%Y-%m-%d %H:%M:%S}'"))

            with stage("build"):
                for sql in self.build():
                    run(sql)
            with stage("cross"):
                run(
                    "create or replace temp table moved as select coalesce(n.segment, m.segment) as segment, "
                    "coalesce(n.contact_id, m.contact_id) as contact_id, m.contact_id is null as entered "
                    "from present as n full outer join members as m "
                    "on n.segment = m.segment and n.contact_id = m.contact_id "
                    "where n.contact_id is null or m.contact_id is null"
                )
                run(f"insert into entries select segment, contact_id, :as_of, {first} from moved where entered")
                run("insert into exits select segment, contact_id, :as_of from moved where not entered")
                run(
                    "delete from members where (segment, contact_id) in "
                    "(select segment, contact_id from exits where tick_at = :as_of)"
                )
                run("insert into members select segment, contact_id from entries where tick_at = :as_of")
            with stage("advance"):
                run((_SQL / "floor_advance.sql").read_text(encoding="utf-8"))
            with stage("send"):
                self._send(connection, as_of, exports / "mailbox")
            with stage("export"):
                exports.mkdir(parents=True, exist_ok=True)
                for name in self.segments:
                    rows = f"select contact_id from members where segment = '{name}' order by 1"
                    run(f"copy ({rows}) to '{exports}/{name}.csv'")
        return spent

    def build(self) -> list[str]:
        """The statements that make table `present` (segment, contact_id): facts per source, then one pass."""
        facts: dict[str, dict[str, str]] = defaultdict(dict)
        for segment in self.segments.values():
            for column, (source, aggregate) in segment.facts.items():
                facts[source][column] = aggregate
        made = []
        for source, columns in facts.items():
            # The same aggregate is computed once.
            once = {aggregate: column for column, aggregate in reversed(columns.items())}
            named = ", ".join(f"{aggregate} as {column}" for aggregate, column in once.items())
            rows = _SOURCES.get(source, _EVENTS.format(source))
            made.append(
                f"create or replace temp table facts_{source} as select contact_id, {named} from {rows} group by 1"
            )
            for column, aggregate in columns.items():
                columns[column] = f"facts_{source}.{once[aggregate]}"
        joins = " ".join(f"left join facts_{source} using (contact_id)" for source in facts)
        every = {column: alias for columns in facts.values() for column, alias in columns.items()}
        flags = ", ".join(
            f"coalesce({_with(segment.sql, every)}, false) as in_{name}"
            for name, segment in self.segments.items()
            if not segment.refers
        )
        later = ", ".join(f"{segment.sql} as in_{name}" for name, segment in self.segments.items() if segment.refers)
        names = ", ".join(f"case when in_{name} then '{name}' end" for name in self.segments)
        flagged = f"select contact_id, {flags} from raw.contacts {joins} where signed_up_at <= :as_of"
        made.append(
            f"create or replace temp table present as with flags as ({flagged}), "
            f"deeper as (select *{', ' + later if later else ''} from flags), "
            f"long as (select unnest([{names}]) as segment, contact_id from deeper) "
            "select segment, contact_id from long where segment is not null"
        )
        return made

    def _send(self, connection: duckdb.DuckDBPyConnection, as_of: datetime, mailbox: Path) -> None:
        """A file for each message, and a row in SQLite: in groups of 500."""
        mailbox.mkdir(parents=True, exist_ok=True)
        rows = connection.execute(
            "select flow || step || contact_id, email, first_name from messages "
            "inner join raw.contacts using (contact_id) where tick_at = ?", [as_of]
        ).fetchall()  # fmt: skip
        with sqlite3.connect(mailbox / "sent.db") as store:
            store.execute("create table if not exists sent (id text primary key, address text)")
            for begin in range(0, len(rows), 500):
                for name, address, first_name in rows[begin : begin + 500]:
                    (mailbox / f"{name}.eml").write_text(f"To: {address}\n\nTea for {first_name}, from us.\n")
                store.executemany(
                    "insert or replace into sent values (?, ?)", [row[:2] for row in rows[begin : begin + 500]]
                )
                store.commit()


def _with(sql: str, columns: dict[str, str]) -> str:
    """The condition with each fact's column in place of its name."""
    return re.sub(r"\b[fg]\d+\b", lambda found: columns[found.group()], sql)

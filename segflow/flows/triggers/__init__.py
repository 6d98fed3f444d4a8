"""Who wants into which flow: one file per kind of trigger, its model is in `segflow/specs/triggers`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
from sqlglot import exp

from segflow.flows.triggers.broadcast import Broadcasts
from segflow.flows.triggers.clocks import put
from segflow.flows.triggers.crossing import Crossing
from segflow.flows.triggers.dates import Dates
from segflow.flows.triggers.event import Event
from segflow.flows.triggers.kind import CANDIDATES, Kind, Tick, Work
from segflow.flows.triggers.level import Level
from segflow.ticks.context import TickContext
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"
TRIGGERS = pa.schema(
    [(name, pa.int64() if name == "ordinal" else pa.string())
     for name in ("flow", "kind", "segment_key", "side", "ordinal")]
)  # fmt: skip


def kinds() -> list[Kind]:
    """All of them, new: a kind may keep what it has staged."""
    return [Crossing(), Level(), Event(), Dates(), Broadcasts()]


class Triggers:
    """All triggers of all flows in one tick."""

    def __init__(self, work: Work) -> None:
        """Stages `temp.triggers`, and what the kinds need. `work.flows` must be judged: who is held, is out."""
        self._work = work
        work.context.warehouse.stage("triggers", _table(work))
        self._kinds: Sequence[Kind] = []

    def stage(self) -> None:
        self._kinds = [kind for kind in kinds() if kind.stage(self._work)]

    def candidates(self, tick: Tick) -> exp.Query:
        """Who wants into which flow: those that the triggers bring in `tick`, and with the present one those that were
        told to wait and those that are offered. The rows of `candidates.sql`."""
        query = load_query(
            _SQL / "candidates.sql",
            as_of=self._work.context.as_of,
            crossing_tick=tick.tick_id,
            crossed_at=tick.as_of,
            with_waiting=tick.present,
        )
        found = [kind.candidates(self._work, tick) for kind in self._kinds]
        # A query with CTEs of its own cannot stand in a union bare.
        parts = [
            exp.select(*CANDIDATES).from_(one.subquery(f"kind_{number}"))
            for number, one in enumerate(found)
            if one is not None
        ]
        fresh = load_query(_SQL / "nobody.sql")
        for part in parts:
            fresh = exp.union(fresh, part, distinct=False)
        return put(query, "fresh", fresh)

    def offers(self) -> list[exp.Query]:
        """Rows of the ledger `flow_offers` that say what the next tick must know."""
        return [rows for kind in self._kinds if (rows := kind.offers(self._work)) is not None]

    def record(self) -> None:
        """Append to ledgers of their own what the next tick must know."""
        for kind in self._kinds:
            kind.record(self._work)


def faults(context: TickContext, flows: Iterable[str], *, read: bool = False) -> dict[str, str]:
    """Flow -> why rows of the user's models that its triggers look at themselves cannot be read."""
    found = {}
    # Many flows look at the same rows.
    known: dict[tuple[type, str], str | None] = {}
    for flow in flows:
        for one in context.compiled.specs.flows[flow].spec.triggers():
            for kind in (kind for kind in kinds() if isinstance(one, kind.models)):
                key = (type(kind), kind.rows_read(one))
                if key not in known:
                    known[key] = kind.faults(context, one, read=read)
                if fault := known[key]:
                    found[flow] = f"{one.told()}: {fault}"
    return found


def _table(work: Work) -> pa.Table:
    """What triggers which flow. A flow that needs a segment without a key is held; one that drains takes in no one."""
    draining = {row["flow"] for row in work.flows if row["drains"]}
    rows = [
        {
            "flow": flow,
            "kind": one.word,
            "segment_key": None if (segment := one.segment_read()) is None else work.keys.get(segment),
            "side": one.side(),
            "ordinal": number,
        }
        for flow, named in work.context.compiled.specs.flows.items()
        for number, one in enumerate(named.spec.triggers())
        if flow not in draining
    ]
    return pa.Table.from_pylist(rows, schema=TRIGGERS)


__all__ = ["Tick", "Triggers", "Work", "faults"]

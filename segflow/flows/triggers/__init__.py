"""Who wants into which flow: one file per kind of trigger, its model is in `segflow/specs/triggers`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from sqlglot import exp

from segflow.flows.triggers.crossing import Crossing
from segflow.flows.triggers.kind import CANDIDATES, Kind, Tick, Work
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"
TRIGGERS = pa.schema(
    [(name, pa.int64() if name == "ordinal" else pa.string())
     for name in ("flow", "kind", "segment_key", "side", "ordinal")]
)  # fmt: skip


def kinds() -> list[Kind]:
    """All of them, new: a kind may keep what it has staged."""
    return [Crossing()]


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
        (there,) = [one for one in query.ctes if one.alias == "fresh"]
        there.set("this", fresh)
        return query

    def record(self) -> None:
        """Append to ledgers what the next tick must know."""
        for kind in self._kinds:
            kind.record(self._work)


def _table(work: Work) -> pa.Table:
    """What triggers which flow. A flow that needs a segment without a key is held."""
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
    ]
    return pa.Table.from_pylist(rows, schema=TRIGGERS)


__all__ = ["Tick", "Triggers", "Work"]

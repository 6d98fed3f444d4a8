"""`enters`, `exits`: the crossings of a tick, each once. The occasion is the tick."""

from __future__ import annotations

from pathlib import Path

from sqlglot import exp

from segflow.flows.triggers.kind import Kind, Tick, Work
from segflow.specs.triggers.crossing import EntersTrigger, ExitsTrigger
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"


class Crossing(Kind):
    models = (EntersTrigger, ExitsTrigger)

    def candidates(self, work: Work, tick: Tick) -> exp.Query:
        return load_query(_SQL / "crossing.sql", crossing_tick=tick.tick_id)

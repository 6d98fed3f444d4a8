"""`every_day_at`: the last time that the rule fired since the flow's last tick; what was missed before is one with it.
The occasion is the local time, so that nobody who moves to another zone is offered twice for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.firings import last_firing
from segflow.flows.triggers.clocks import contact_zones, lower_bounds, put, written, zones
from segflow.flows.triggers.kind import Kind, Tick, Work
from segflow.specs.clock_times import written_time
from segflow.specs.triggers.level import LevelTrigger
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"
_FIRINGS = pa.schema(
    [(name, pa.int64() if name == "ordinal" else pa.string())
     for name in ("flow", "ordinal", "zone", "occasion", "trigger_data")]
)  # fmt: skip


class Level(Kind):
    models = (LevelTrigger,)

    def stage(self, work: Work) -> bool:
        found = work.triggers(LevelTrigger)
        if not found:
            return False
        rows: list[dict[str, Any]] = []
        lower = lower_bounds(work)
        for row, ordinal, one in found:
            for name, zone in zones(work, one.timezone):
                fired = last_firing(one.every_day_at, zone, work.context.as_of, one.days)
                if fired is None or fired.instant <= lower[row["flow"]]:
                    continue
                data = {"day": fired.day.isoformat(), "at": written(fired.instant)}
                occasion = f"{one.word}/{fired.day}T{written_time(one.every_day_at)}"
                told = {"occasion": occasion, "trigger_data": json.dumps(data, sort_keys=True)}
                rows.append({"flow": row["flow"], "ordinal": ordinal, "zone": name, **told})
        self._by_contact = any(row["zone"] is not None for row in rows)
        work.context.warehouse.stage("level_firings", pa.Table.from_pylist(rows, schema=_FIRINGS))
        return bool(rows)

    def candidates(self, work: Work, tick: Tick) -> exp.Query | None:
        if not tick.present:
            return None
        return put(load_query(_SQL / "level.sql"), "zones", contact_zones(work, self._by_contact))

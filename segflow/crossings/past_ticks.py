"""Reads from the ledgers what earlier ticks did to segments, for guards and for `segflow history`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.crossings.past import AT_LEAST, LOOK_BACK, Compared
from segflow.ticks.ledger import as_of_of, tick_id_of
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.sqlfile import literal, load_query

_SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True)
class PastTick:
    """What a tick did to a segment by `data`; `members` are those before it."""

    tick_id: str
    as_of: datetime
    members: int
    status: str
    fingerprint: str | None
    """Of the rule that its members followed."""
    entered: int
    exited: int


def past_of(warehouse: Warehouse, segment_keys: Collection[str], tick_id: str) -> dict[str, list[PastTick]]:
    """segment_key -> the ticks before `tick_id` that say what to expect of it, oldest first.

    Only as far back as anybody looks: the ledgers of crossings are long.
    """
    stage_suspects(warehouse, segment_keys)
    return all_past_of(warehouse, _since(warehouse, segment_keys, tick_id), tick_id)


def stage_suspects(warehouse: Warehouse, segment_keys: Collection[str]) -> None:
    """Keep them as `temp.suspects`."""
    warehouse.stage("suspects", pa.table({"segment_key": pa.array(segment_keys, pa.string())}))


def all_past_of(warehouse: Warehouse, since: str = "", tick_id: str = "~") -> dict[str, list[PastTick]]:
    """The same of all ticks from `since` up to `tick_id`, that one left out, of the segments in `temp.suspects`."""
    found: dict[str, list[PastTick]] = {}
    for row in warehouse.rows(load_query(_SQL / "past.sql", since=since, tick_id=tick_id)):
        found.setdefault(row.pop("segment_key"), []).append(_past_tick(row))
    return found


def compared(ticks: Iterable[PastTick], fingerprint: str | None) -> list[Compared]:
    """The ticks that compared the segment with its members, by the rule `fingerprint` or another one.

    The first one gave it its members; what is between two of them is what the later one made up for.
    """
    found: list[Compared] = []
    before: datetime | None = None
    for one in ticks:
        if one.status == "deleted":
            before = None
        elif one.status == "ok":
            if before is not None:
                same = one.fingerprint == fingerprint
                found.append(Compared(before, one.as_of, one.members, one.entered, one.exited, same))
            before = one.as_of
    return found


def _since(warehouse: Warehouse, segment_keys: Collection[str], tick_id: str) -> str:
    query = (
        exp.select("segment_key", "tick_id")
        .from_(relation("segment_sizes"))
        .where(
            exp.column("segment_key").isin(*segment_keys),
            exp.column("status").eq(exp.Literal.string("ok")),
            exp.column("tick_id") < literal(tick_id),
        )
        .order_by("tick_id")
    )
    ticks: dict[str, list[str]] = {}
    for row in warehouse.rows(query):
        ticks.setdefault(row["segment_key"], []).append(row["tick_id"])
    # One more than is looked at: it says since when the first one counts.
    starts = [
        min(tick_id_of(as_of_of(of_one[-1]) - LOOK_BACK), of_one[-AT_LEAST - 1 :][0]) for of_one in ticks.values()
    ]
    return min(starts, default=tick_id)


def _past_tick(row: Mapping[str, Any]) -> PastTick:
    return PastTick(**{**row, "as_of": as_of_of(row["tick_id"])})

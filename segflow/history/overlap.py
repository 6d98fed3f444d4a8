"""How many members segments share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from segflow.errors import InputError
from segflow.history.lookup import key_of, tick_at
from segflow.history.members import Wanted, members_query, stage_wanted
from segflow.specs.segment import NamedSegment
from segflow.warehouse.base import Warehouse
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True)
class Pair:
    """Two segments: the members of each, of both, and of only one of them."""

    segment: str
    other: str
    members: int
    other_members: int
    both: int
    only_segment: int
    only_other: int


@dataclass(frozen=True)
class Overlap:
    """`sizes`: segment -> members. `joint`: number of segments -> contacts that are in exactly so many of them."""

    tick_id: str
    as_of: datetime
    sizes: dict[str, int]
    pairs: list[Pair]
    joint: dict[int, int]

    @property
    def in_all(self) -> int:
        """Contacts that are members of every one."""
        return self.joint.get(len(self.sizes), 0)

    @property
    def in_any(self) -> int:
        """Contacts that are members of at least one."""
        return sum(self.joint.values())


def overlap(
    warehouse: Warehouse, segments: Mapping[str, NamedSegment], names: Sequence[str], at: str | datetime | None = None
) -> Overlap:
    """The overlap of two or more segments now, or as of the tick that `at` names.

    Raises InputError for less than two segments and unknown ones.
    """
    names = list(dict.fromkeys(names))
    if len(names) < 2:
        raise InputError("an overlap is between two segments or more; name another one")
    tick, last = tick_at(warehouse, at), tick_at(warehouse, None)
    stage_wanted(warehouse, [Wanted(name, key_of(warehouse, name, segments)) for name in names])
    warehouse.stage("overlapping", members_query(tick.tick_id, past=tick.tick_id != last.tick_id))
    order = pa.Table.from_pydict({"segment": names, "position": list(range(len(names)))})
    warehouse.stage("positions", order)
    sizes = {row["segment"]: row["members"] for row in warehouse.rows(load_query(_SQL / "overlap_sizes.sql"))}
    joint = {row["segments"]: row["contacts"] for row in warehouse.rows(load_query(_SQL / "overlap_joint.sql"))}
    pairs = [Pair(**row) for row in warehouse.rows(load_query(_SQL / "overlap_pairs.sql"))]
    return Overlap(tick.tick_id, tick.as_of, sizes, pairs, joint)

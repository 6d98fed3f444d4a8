"""What became of a segment: versions of its definition, sizes over time, one contact's crossings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlglot import exp

from segflow.crossings.allowed import Bounds, bounds
from segflow.crossings.past import expected
from segflow.crossings.past_ticks import PastTick, all_past_of, compared, stage_suspects
from segflow.errors import InputError
from segflow.history.lookup import key_of
from segflow.specs.guards import Guards, segment_guards
from segflow.specs.segment import NamedSegment
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True)
class Version:
    """One version of a definition, and since when its members are by it."""

    segment_version: int
    tick_id: str
    as_of: datetime
    changed: list[str]
    """What differs from the version before, by key; of the first one: nothing."""
    spec: dict[str, Any]


@dataclass(frozen=True)
class Size:
    """What one tick did to the segment."""

    tick_id: str
    as_of: datetime
    segment: str
    """Its name then."""
    members: int
    entered: int
    exited: int
    status: str
    reason: str | None
    segment_version: int
    allowed: Bounds | None = None
    """What the guards, as the files have them now, let pass in this tick. None for a tick that gave it its first
    members, for ticks before the last BOUNDS_OF, and for a segment that was removed."""


BOUNDS_OF = 100
"""Of so many ticks `history` says what the guards let pass: each is judged by the weeks before it."""


@dataclass(frozen=True)
class Crossing:
    """A contact entered or exited."""

    at: datetime
    crossing: str
    entry_number: int
    cause: str
    triggers: bool
    segment_version: int
    tick_id: str


@dataclass(frozen=True)
class History:
    """All that the ledgers say of a segment; `crossings` of one contact, None when nobody was asked for."""

    segment: str
    segment_key: str
    versions: list[Version]
    sizes: list[Size]
    contact_id: str | None = None
    crossings: list[Crossing] | None = None


def history(
    warehouse: Warehouse,
    segments: Mapping[str, NamedSegment],
    guards: Guards,
    segment: str,
    contact_id: str | None = None,
) -> History:
    """The history of a segment of the specs (`segments`), or of one that was removed, oldest first.

    `guards` are those of the project. Raises InputError for a segment or a contact that no tick has seen.
    """
    segment_key = key_of(warehouse, segment, segments)
    rows = warehouse.rows(load_query(_SQL / "versions.sql", segment_key=segment_key))
    specs = [json.loads(row.pop("spec")) for row in rows]
    if not rows:
        raise InputError(f"no tick has seen segment {segment} yet; run segflow tick")
    changes = [[], *(_changes(before, after) for before, after in pairwise(specs))]
    versions = [Version(**row, changed=c, spec=spec) for row, c, spec in zip(rows, changes, specs, strict=True)]
    sizes = [Size(**row) for row in warehouse.rows(load_query(_SQL / "sizes.sql", segment_key=segment_key))]
    if not sizes:
        raise InputError(f"no tick has seen segment {segment} yet; run segflow tick")
    if contact_id is None:
        if segment in segments:
            allowed = _allowed(warehouse, guards, segments[segment], segment_key)
            sizes = [replace(one, allowed=allowed.get(one.tick_id)) for one in sizes]
        return History(segment, segment_key, versions, sizes)
    found = warehouse.rows(load_query(_SQL / "crossings.sql", segment_key=segment_key, contact_id=contact_id))
    if not found:
        _check_contact(warehouse, contact_id)
    return History(segment, segment_key, versions, sizes, contact_id, [Crossing(**row) for row in found])


def _allowed(warehouse: Warehouse, guards: Guards, segment: NamedSegment, segment_key: str) -> dict[str, Bounds]:
    """tick_id -> what the guards let pass in it."""
    stage_suspects(warehouse, [segment_key])
    ticks: list[PastTick] = all_past_of(warehouse).get(segment_key, [])
    found: dict[str, Bounds] = {}
    for number in range(max(1, len(ticks) - BOUNDS_OF), len(ticks)):
        at = ticks[number]
        past = compared(ticks[:number], at.fingerprint)
        if any(one.status == "ok" for one in ticks[:number]):
            wanted = expected(past, at.as_of, at.members)
            found[at.tick_id] = bounds(*segment_guards(guards, segment.spec.guards), at.members, wanted)
    return found


def _check_contact(warehouse: Warehouse, contact_id: str) -> None:
    mine = exp.column("contact_id").eq(exp.Literal.string(contact_id))
    if not warehouse.rows(exp.select("contact_id").from_(relation("contact_state")).where(mine)):
        raise InputError(f"unknown contact {contact_id}: no tick has seen one of this id")


def _changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """`key: old -> new` for each value that differs. Two versions of one text differ by what the text stands for."""
    told = list(_differences(before, after, ""))
    return told or ["the same file: the catalog, or a segment that it refers to, changed"]


def _differences(before: Any, after: Any, path: str) -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            yield from _differences(before.get(key), after.get(key), f"{path}.{key}" if path else key)
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            old, new = (side[index] if index < len(side) else None for side in (before, after))
            yield from _differences(old, new, f"{path}[{index}]")
    else:
        yield f"{path}: {_shown(before)} -> {_shown(after)}"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

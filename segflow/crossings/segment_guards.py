"""Guards on segments and contacts: what changed too much in one tick to be believed before a person has looked."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from sqlglot import exp

from segflow.crossings.versions import Judged
from segflow.segments.compiler import Compiled
from segflow.segments.order import closure
from segflow.specs.guards import ContactsLostGuard, EntriesGuard, ExitsGuard, guard_of
from segflow.ticks.context import TickContext
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"


def held_segments(context: TickContext, judged: list[Judged], released: Collection[str]) -> dict[str, str]:
    """Segment -> reason, of those over a guard and of whatever refers to them. Reads what `cross` has staged.

    Only crossings by `data` count: an edit, a first tick or contacts that are gone are no surprise.
    """
    compiled, warehouse = context.compiled, context.warehouse
    suspects: list[tuple[Judged, int, int]] = []
    by_key = {one.segment_key: one for one in judged if one.evaluated and one.segment not in released}
    for row in warehouse.rows(load_query(_SQL / "data_crossings.sql")):
        one = by_key.get(row["segment_key"])
        if one is None:
            continue
        exits, entries = _guards(compiled, one.segment)
        # Members are many; they are only counted for segments that the numbers alone make suspect.
        enough = exits is not None and row["exited"] * 100 > exits.percent * exits.of_at_least
        if enough or (entries is not None and row["entered"] > entries.above):
            suspects.append((one, row["entered"], row["exited"]))
    if not suspects:
        return {}
    members = _members(warehouse, [one.segment_key for one, _, _ in suspects])
    held: dict[str, str] = {}
    for one, entered, exited in suspects:
        exits, entries = _guards(compiled, one.segment)
        before = members.get(one.segment_key, 0)
        reason = exits_reason(exits, exited, before) or entries_reason(entries, entered, before)
        if reason:
            held[one.segment] = f"{reason}; look at the data, then: segflow release {one.segment}"
    return held | _referring(compiled, held)


def exits_reason(guard: ExitsGuard | None, exited: int, members: int) -> str | None:
    """Why so many exits are too many; None when they are not."""
    if guard is None or members < guard.of_at_least or exited * 100 <= guard.percent * members:
        return None
    share = f"{_percent(exited, members)}, the guard allows {guard.percent:g}%"
    return f"{exited:,} of {members:,} members would exit ({share})"


def entries_reason(guard: EntriesGuard | None, entered: int, members: int) -> str | None:
    """Why so many entries are too many; None when they are not."""
    if guard is None or entered <= guard.above or entered <= guard.times * members:
        return None
    allowed = max(guard.above, int(guard.times * members))
    return f"{entered:,} contacts would enter where {members:,} are members (the guard allows {allowed:,})"


def contacts_lost(warehouse: Warehouse, guard: ContactsLostGuard | None) -> str | None:
    """Why too many contacts are missing from the present build; None when they are not."""
    if guard is None:
        return None
    (found,) = warehouse.rows(load_query(_SQL / "contacts_lost.sql"))
    known, lost = found["known"], found["lost"]
    if known < guard.of_at_least or lost * 100 <= guard.percent * known:
        return None
    share = f"{_percent(lost, known)}, the guard allows {guard.percent:g}%"
    return f"{lost:,} of {known:,} contacts are missing ({share})"


def _guards(compiled: Compiled, segment: str) -> tuple[ExitsGuard | None, EntriesGuard | None]:
    project, own = compiled.specs.settings.guards, compiled.specs.segments[segment].spec.guards
    return guard_of(project.exits, own.exits), guard_of(project.entries, own.entries)


def _members(warehouse: Warehouse, keys: list[str]) -> dict[str, int]:
    counted = (
        exp.select("segment_key", exp.Count(this=exp.Star()).as_("contacts"))
        .from_(relation("segment_members"))
        .where(exp.column("segment_key").isin(*keys))
        .group_by("segment_key")
    )
    return {row["segment_key"]: row["contacts"] for row in warehouse.rows(counted)}


def _referring(compiled: Compiled, held: Collection[str]) -> dict[str, str]:
    """What refers to a held segment, directly or through others, and is not over a guard itself."""
    found: dict[str, str] = {}
    for name in compiled.segments:
        needed = [other for other in closure(name, compiled.graph) if other in held]
        if needed and name not in held:
            found[name] = f"refers to segment {needed[0]}, which is held"
    return found


def _percent(part: int, whole: int) -> str:
    return f"{part * 100 / whole:.1f}".removesuffix(".0") + "%"

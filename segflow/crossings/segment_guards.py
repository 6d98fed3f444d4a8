"""Guards on segments and contacts: what changed too much in one tick to be believed before a person has looked."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from sqlglot import exp

from segflow.crossings.allowed import Crossed, bounds, least, over_lowest, too_many
from segflow.crossings.deleted import deleted_now
from segflow.crossings.past import expected
from segflow.crossings.past_ticks import compared, past_of
from segflow.crossings.versions import Judged
from segflow.segments.compiler import Compiled
from segflow.segments.order import closure
from segflow.specs.guards import ContactsLostGuard, EntriesGuard, ExitsGuard, segment_guards
from segflow.ticks.context import TickContext
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.sqlfile import literal, load_query

_SQL = Path(__file__).parent / "sql"


def held_segments(context: TickContext, judged: list[Judged], released: Collection[str]) -> dict[str, str]:
    """Segment -> reason, of those over a guard and of whatever refers to them. Reads what `cross` has staged.

    Only crossings by `data` count: an edit, a first tick or contacts that are gone are no surprise.
    """
    compiled, warehouse = context.compiled, context.warehouse
    by_key = {one.segment_key: one for one in judged if one.evaluated and one.segment not in released}
    many: list[tuple[Judged, int, int]] = []
    for row in warehouse.rows(load_query(_SQL / "data_crossings.sql")):
        one = by_key.get(row["segment_key"])
        # The numbers alone clear nearly all; sizes are asked for the others, and the past for still fewer.
        if one is not None and _may_be_many(*_guards(compiled, one.segment), row["entered"], row["exited"]):
            many.append((one, row["entered"], row["exited"]))
    if not many:
        return {}
    members = _members_before(warehouse, [one.segment_key for one, _, _ in many])
    suspects = [(one, Crossed(members.get(one.segment_key, 0), entered, exited)) for one, entered, exited in many]
    suspects = [(one, crossed) for one, crossed in suspects if over_lowest(*_guards(compiled, one.segment), crossed)]
    if not suspects:
        return {}
    pasts = past_of(warehouse, [one.segment_key for one, _ in suspects], context.tick_id)
    held: dict[str, str] = {}
    for one, crossed in suspects:
        rule = None if one.definition is None else one.definition.fingerprint
        past = expected(compared(pasts.get(one.segment_key, []), rule), context.as_of, crossed.members)
        reason = too_many(bounds(*_guards(compiled, one.segment), crossed.members, past), crossed)
        if reason:
            held[one.segment] = f"{reason}; look at the data, then: segflow release {one.segment}"
    return held | _referring(compiled, held, {one.segment for one in judged if one.status == "resting"})


def contacts_lost(warehouse: Warehouse, guard: ContactsLostGuard | None) -> str | None:
    """Why the contacts that are missing from the present build stop the tick; None when they do not: their ids are
    written another way, or they are too many for the guard, which may be off. Whom flows have deleted is not
    missing."""
    warehouse.stage("deleted", deleted_now())
    (found,) = warehouse.rows(load_query(_SQL / "contacts_lost.sql"))
    known, lost = found["known"], found["lost"]
    if lost and (fault := _ids_rewritten(warehouse, lost)):
        return fault
    if guard is None or known < guard.of_at_least or lost * 100 <= guard.percent * known:
        return None
    share = f"{_percent(lost, known)}, the guard allows {guard.percent:g}%"
    return f"{lost:,} of {known:,} contacts are missing ({share})"


def _ids_rewritten(warehouse: Warehouse, lost: int) -> str | None:
    """Are half or more of the `lost` contacts here under ids that differ in the way of writing alone? In words.

    They would be gone, and come again as new contacts who are welcomed once more.
    """
    (found,) = warehouse.rows(load_query(_SQL / "rewritten_ids.sql"))
    if not found["times"] or found["times"] * 2 < lost:
        return None
    return (
        f"the contacts' ids are written another way than in the tick before: {found['old']} is {found['new']} now "
        f"({found['times']:,} of {lost:,} contacts that are missing). They are the same people; write the ids as before"
    )


def _guards(compiled: Compiled, segment: str) -> tuple[ExitsGuard | None, EntriesGuard | None]:
    return segment_guards(compiled.specs.settings.guards, compiled.specs.segments[segment].spec.guards)


def _may_be_many(exits: ExitsGuard | None, entries: EntriesGuard | None, entered: int, exited: int) -> bool:
    """Are they too many for the smallest segment that the guards look at?"""
    if exits is not None and exited * 100 > least(exits.percent, exits.lowest) * exits.of_at_least:
        return True
    return entries is not None and entered > entries.above


def _members_before(warehouse: Warehouse, keys: list[str]) -> dict[str, int]:
    """segment_key -> members before this tick, as the tick before has written them: counting them takes longer."""
    sizes = relation("segment_sizes")
    last = warehouse.scalar(exp.select(exp.Max(this=exp.column("tick_id"))).from_(sizes))
    mine = exp.column("segment_key").isin(*keys), exp.column("tick_id").eq(literal(last))
    rows = warehouse.rows(exp.select("segment_key", "members").from_(sizes).where(*mine))
    return {row["segment_key"]: row["members"] for row in rows}


def _referring(compiled: Compiled, held: Collection[str], resting: Collection[str]) -> dict[str, str]:
    """What refers to a held segment, directly or through others, and is not over a guard itself. Whoever refers to a
    resting one reads its members, whatever that one refers to."""
    found: dict[str, str] = {}
    graph = {name: set() if name in resting else needed for name, needed in compiled.graph.items()}
    for name in (name for name in compiled.segments if name not in resting):
        needed = [other for other in closure(name, graph) if other in held]
        if needed and name not in held:
            found[name] = f"refers to segment {needed[0]}, which is held"
    return found


def _percent(part: int, whole: int) -> str:
    return f"{part * 100 / whole:.1f}".removesuffix(".0") + "%"

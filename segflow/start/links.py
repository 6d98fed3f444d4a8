"""Which columns hold the keys of other tables: by their names, and by where their values are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segflow.start.names import CONTACT_WORDS, contact_rank, is_id_name, singular, without_id, words
from segflow.start.plan import Link
from segflow.start.profile import Overlap, Table

_BY_NAME, _BY_VALUES = 0.5, 0.95
"""The share of a column's values that must be found: where its name says where it leads, and where it does not."""
_ENOUGH = 20
"""Different values that cannot be alike by accident."""


def links(tables: Sequence[Table], overlaps: Sequence[Overlap]) -> list[Link]:
    """The columns that lead to other tables, of each the likeliest place it leads to."""
    known = {table.name: table for table in tables}
    best: dict[tuple[str, str], Link] = {}
    for overlap in overlaps:
        found = _link(known, overlap)
        place = (overlap.table, overlap.column)
        if found is not None and (place not in best or found.rank > best[place].rank):
            best[place] = found
    return list(best.values())


def _link(known: Mapping[str, Table], overlap: Overlap) -> Link | None:
    table, there = known[overlap.table], known[overlap.to_table]
    said = _said_by_name(table, overlap.column, there, overlap.to_column)
    if said < 0:
        return None
    column = table.column(overlap.column)
    by_values = column.type == "text" and not column.share("integers") and overlap.different >= _ENOUGH
    if said >= 2:
        enough = overlap.share >= _BY_NAME
    elif said == 1:
        enough = overlap.share >= _BY_VALUES
    else:
        enough = by_values and overlap.share >= _BY_VALUES and overlap.column not in table.keys
    if not enough:
        return None
    why = f"{overlap.found:,} of its {overlap.different:,} different values are in {there.name}.{overlap.to_column}"
    return Link(table.name, overlap.column, there.name, overlap.to_column, why, said + overlap.share)


def _said_by_name(table: Table, column: str, there: Table, key: str) -> int:
    """How clearly a column's name says that it leads to a key: 0 not at all, 4 plainly; below 0: it leads nowhere."""
    base, own, other = without_id(column), singular(table.name), singular(there.name)
    last = singular(base).split("_")[-1] if base else ""
    if column in table.keys and (not base or singular(base) in (own, own.split("_")[-1])):
        return -1  # its own key
    if base and is_id_name(column) and (singular(base) == other or last == other.split("_")[-1]):
        return 4
    if base and not is_id_name(column) and singular(column) == other:
        return 4
    if column == key and (is_id_name(column) or "email" in words(column)) and base:
        return 3
    person = (is_id_name(column) and contact_rank(base) is not None) or singular(column) in CONTACT_WORDS
    if base and person and contact_rank(there.name) is not None:
        return 2
    if table.column(column).share("emails") > 0.9 and there.column(key).share("emails") > 0.9:
        return 2
    return 1 if is_id_name(column) and base and words(base) & words(there.name) else 0

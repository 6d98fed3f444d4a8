"""Names of segments: files are renamed, `segment_key` is for ever. Tables show the name that a segment has now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlglot import exp

from segflow.segments.compiler import Compiled
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"
NAMED = ("segment_versions", "segment_entries", "segment_exits", "segment_sizes", "segment_exports")
"""The ledgers that show the name of a segment beside its key."""


def segment_keys(compiled: Compiled, warehouse: Warehouse, state: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Segment -> its key. `state` are the rows of `segment_state` by name.

    A file that says `renamed_from` has the key of the segment that bears that name in `state`: after the tick nobody
    does, so the word may stay in the file. A file whose name was removed before goes on with the key it had; one that
    takes a name whose key lives on under another name gets a new key.
    """
    found: dict[str, str] = {}
    for name, segment in compiled.specs.segments.items():
        earlier = [old for old in segment.spec.earlier_names if old in state]
        if earlier or name in state:
            found[name] = state[earlier[-1] if earlier else name]["segment_key"]
    new = [name for name in compiled.specs.segments if name not in found]
    if not new:
        return found
    ever = warehouse.rows(load_query(_SQL / "last_names.sql"))
    used = {*found.values(), *(row["segment_key"] for row in state.values())}
    free = {row["segment"]: row["segment_key"] for row in ever if row["segment_key"] not in used}
    for name in new:
        found[name] = free.get(name) or _unused(name, {*used, *(row["segment_key"] for row in ever)})
    return found


def current_names(warehouse: Warehouse, tick_id: str) -> dict[str, str]:
    """Segment -> its key, of the segments that a tick has looked at."""
    return {row["segment"]: row["segment_key"] for row in warehouse.rows(names_query(tick_id))}


def names_query(tick_id: str) -> exp.Query:
    """(segment, segment_key) of the segments that a tick has looked at."""
    mine = exp.column("tick_id").eq(exp.Literal.string(tick_id))
    is_there = exp.column("status").neq(exp.Literal.string("deleted"))
    return exp.select("segment", "segment_key").from_(relation("segment_sizes")).where(mine, is_there)


def show_last_names(warehouse: Warehouse) -> None:
    """Give the rows of renamed segments their last name. The ledger files keep the name of their time.

    The one place that changes rows of ledgers: a name is no fact of the tick, and who asks for a segment by its name
    wants all of it. Call it in a transaction.
    """
    for row in warehouse.rows(load_query(_SQL / "renamed.sql")):
        name, key = exp.Literal.string(row["segment"]), exp.Literal.string(row["segment_key"])
        other = exp.column("segment").neq(name)
        for ledger in NAMED:
            mine = exp.and_(exp.column("segment_key").eq(key), other)
            warehouse.amend(ledger, {"segment": name}, mine)


def _unused(name: str, keys: set[str]) -> str:
    """The name itself or, when another segment began under it, one that no file can have."""
    key, number = name, 1
    while key in keys:
        number += 1
        key = f"{name}#{number}"
    return key

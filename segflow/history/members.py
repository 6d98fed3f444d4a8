"""Who was a member when: the state, or what the two ledgers say of an earlier tick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.history.lookup import key_of
from segflow.specs.segment import NamedSegment
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True)
class Wanted:
    """A segment whose rows are asked for; crossings later than tick `since`, or all of them."""

    segment: str
    segment_key: str
    since: str | None = None


def stage_wanted(warehouse: Warehouse, wanted: Sequence[Wanted]) -> None:
    """Make `wanted` the segments that `members_query` and `crossings_query` are about."""
    schema = pa.schema([(name, pa.string()) for name in ("segment", "segment_key", "since")])
    warehouse.stage("wanted", pa.Table.from_pylist([vars(one) for one in wanted], schema=schema))


def members_query(tick_id: str, *, past: bool) -> exp.Query:
    """(segment, contact_id, entered_at, entry_number) of the wanted segments. `past`: as of tick `tick_id`, from the
    ledgers; else the present state, which is the last tick's."""
    return load_query(_SQL / "members_at.sql", tick_id=tick_id) if past else load_query(_SQL / "members.sql")


def entered_query(tick_id: str) -> exp.Query:
    """(segment, contact_id, entered_at, entry_number, cause) of the wanted segments, up to tick `tick_id`."""
    return load_query(_SQL / "entered.sql", tick_id=tick_id)


def exited_query(tick_id: str) -> exp.Query:
    """(segment, contact_id, exited_at, entered_at, entry_number, cause) of the wanted segments, up to `tick_id`."""
    return load_query(_SQL / "exited.sql", tick_id=tick_id)


def memberships_of(warehouse: Warehouse, contact: str) -> list[dict[str, Any]]:
    """(segment, entered_at, entry_number) of the segments that a contact is in after the last tick, by segment."""
    rows = exp.select("segment", "entered_at", "entry_number").from_(relation("segment_members"))
    mine = rows.where(exp.column("contact_id").eq(exp.Literal.string(contact)))
    return warehouse.rows(mine.order_by("segment"))


def present_members(warehouse: Warehouse, segment: str, segments: Mapping[str, NamedSegment]) -> pa.Table:
    """(contact_id) of the members of a segment after the last tick, in order. `segments`: those of the specs."""
    stage_wanted(warehouse, [Wanted(segment, key_of(warehouse, segment, segments))])
    rows = members_query("", past=False).subquery("members")
    return warehouse.query(exp.select("contact_id").from_(rows).order_by("contact_id"))

"""One page of the members, entries or exits of a segment, for who reads them over HTTP."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlglot import exp

from segflow.errors import InputError
from segflow.exports.fetch import fetch
from segflow.exports.matching import stage_matching
from segflow.exports.rows import KEY, Order, base_query, check_contacts, reads_contacts
from segflow.history.lookup import key_of, tick_at
from segflow.history.members import Wanted, stage_wanted
from segflow.segments.sql import col, literal
from segflow.specs.conditions import Condition
from segflow.specs.exports import Kind
from segflow.specs.project import Specs
from segflow.warehouse.base import Warehouse

KEYS = ("contact_id", "entry_number")
"""What every row has, and what rows are ordered by."""
_TIMES: dict[Kind, str] = {"members": "entered_at", "entered": "entered_at", "exited": "exited_at"}
"""The column that `first` and `last` are about."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is asked for. `at`: a tick's id or a time, the last tick when None; `first` (inclusive) and `last`
    (exclusive): when it was entered or exited, UTC. `after`: the mark that the page before gave."""

    segment: str
    kind: Kind = "members"
    columns: Sequence[str]
    at: str | None = None
    first: datetime | None = None
    last: datetime | None = None
    where: Condition | None = None
    after: str | None = None
    limit: int = 1000


@dataclass(frozen=True)
class Page:
    """A page. `lines`: one JSON object a row. `next`: what the next page asks for as `after`, None at the end."""

    tick_id: str
    as_of: datetime
    lines: list[str]
    next: str | None


def page(specs: Specs, warehouse: Warehouse, wish: Wish, resolve: Callable[[str], exp.Table]) -> Page:
    """A page by contact_id and entry_number, which no later tick changes the order of. `resolve` gives the relation of
    a dbt model. Raises InputError for what is not known and for a mark that no page gave, RunError when the condition
    cannot be evaluated."""
    attributes = list(specs.catalog.contacts.attributes)
    tick, last = tick_at(warehouse, wish.at, "at"), tick_at(warehouse, None)
    past = tick.tick_id != last.tick_id
    segment_key = key_of(warehouse, wish.segment, specs.segments)
    if reads_contacts(wish.columns, attributes):
        check_contacts(warehouse)
    matching = None
    if wish.where is not None:
        matching = stage_matching(specs, warehouse, wish.where, tick, past=past, resolve=resolve)
    stage_wanted(warehouse, [Wanted(wish.segment, segment_key)])
    rows = exp.select("*").from_(base_query(wish.kind, tick.tick_id, past=past).subquery("base"))
    time = col(_TIMES[wish.kind])
    if wish.first is not None:
        rows = rows.where(exp.GTE(this=time.copy(), expression=_instant(wish.first)))
    if wish.last is not None:
        rows = rows.where(exp.LT(this=time.copy(), expression=_instant(wish.last)))
    if wish.after is not None:
        contact, entry = _read_mark(wish.after)
        same = col("contact_id").eq(exp.Literal.string(contact))
        later = exp.GT(this=col("contact_id"), expression=exp.Literal.string(contact))
        rows = rows.where(later.or_(same.and_(exp.GT(this=col("entry_number"), expression=exp.Literal.number(entry)))))
    order = [Order(name) for name in KEYS]
    columns = [*KEYS, *(name for name in wish.columns if name not in KEYS)]
    _, batches = fetch(
        specs, warehouse, rows, wish.kind, columns, "jsonl", matching=matching, order=order, limit=wish.limit + 1
    )
    lines = [str(line).rstrip("\n") for batch in batches for line in batch.drop_columns(KEY).column(0).to_pylist()]
    mark = None
    if len(lines) > wish.limit:
        lines = lines[: wish.limit]
        end = json.loads(lines[-1])
        mark = _mark(end["contact_id"], end["entry_number"])
    return Page(tick.tick_id, tick.as_of, lines, mark)


def _mark(contact: str, entry: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([contact, entry]).encode()).decode()


def _read_mark(text: str) -> tuple[str, int]:
    try:
        contact, entry = json.loads(base64.urlsafe_b64decode(text.encode("ascii")))
        if not isinstance(contact, str) or isinstance(entry, bool) or not isinstance(entry, int):
            raise ValueError
    except ValueError as error:
        raise InputError("after: no page gave this; leave it out to begin") from error
    return contact, entry


def _instant(value: datetime) -> exp.Cast:
    naive = value.astimezone(UTC).replace(tzinfo=None)
    return literal(naive.isoformat(sep=" "), "timestamp")

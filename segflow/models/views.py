"""The views that stand on what a tick has built: `memberships`, and one per YAML segment."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

import pyarrow as pa
from sqlglot import exp

from segflow.crashpoints import crash_point
from segflow.segments.compiler import MEMBERSHIPS
from segflow.segments.emit import bound_keys
from segflow.segments.membership_models import segment_model
from segflow.segments.order import levels
from segflow.specs.sql_file import SEGMENT_MODEL
from segflow.ticks.context import TickContext
from segflow.warehouse.base import relation
from segflow.warehouse.names import own_model

_ALL = "(memberships)"
"""The view of all segments among those of single ones. No segment is called so."""


def keep_views(context: TickContext, stale: Collection[str]) -> None:
    """Bring `memberships` and the views of YAML segments up to date. Only those whose SQL changed are touched; those of
    `stale` segments stay."""
    warehouse, compiled = context.warehouse, context.compiled
    stored = {r["segment"]: r["fingerprint"] for r in warehouse.rows(exp.select("*").from_(relation("segment_views")))}
    wanted = {n: _mark(context, n, text) for n, text in compiled.views.items() if n not in stale}
    wanted[_ALL] = hashlib.sha256(_of_all(context).encode()).hexdigest()
    lost = warehouse.lost_views([_view(name) for name in stored])
    stored = {name: mark for name, mark in stored.items() if _view(name) not in lost}
    kept = {name: mark for name, mark in stored.items() if name in stale}
    if stored == {**kept, **wanted}:
        return
    with warehouse.transaction():
        _make(context, stored, wanted, kept)
    crash_point("views.recorded")


def _make(context: TickContext, stored: dict[str, str], wanted: dict[str, str], kept: dict[str, str]) -> None:
    """Make the views that are `wanted` and not `stored` as they are, and record them: view -> its mark."""
    warehouse, compiled = context.warehouse, context.compiled
    if stored.get(_ALL) != wanted[_ALL]:
        warehouse.create_view(MEMBERSHIPS, context.fill(_of_all(context)))
        crash_point("views.created")
    # A view is bound when it is created: those it refers to come first, and it may go with one that is made anew.
    made: set[str] = set()
    for name in (name for level in levels(compiled.graph) for name in level if name in wanted):
        if stored.get(name) != wanted[name] or made & compiled.graph[name]:
            made.add(name)
            warehouse.create_view(segment_model(name), context.fill(compiled.views[name]))
            if not _plain(name):
                warehouse.drop_view(f"{SEGMENT_MODEL}{name}")  # as builds before called it
            crash_point("views.created")
    for name in set(stored) - set(wanted) - set(kept):
        warehouse.drop_view(_view(name))
        crash_point("views.dropped")
    rows = [{"segment": name, "fingerprint": mark} for name, mark in sorted({**kept, **wanted}.items())]
    schema = pa.schema([("segment", pa.string()), ("fingerprint", pa.string())])
    warehouse.replace("segment_views", pa.Table.from_pylist(rows, schema=schema))


def _of_all(context: TickContext) -> str:
    return context.compiled.files[f"{own_model(MEMBERSHIPS)}.sql"].split("\n", 1)[1]


def _mark(context: TickContext, segment: str, text: str) -> str:
    """A view with a bound of its own (`last: {property: day, within_last: ...}`) is another view in every tick."""
    moment = context.as_of.isoformat() if bound_keys(text) else ""
    model = "" if _plain(segment) else segment_model(segment)
    return hashlib.sha256(f"{moment}{model}{text}".encode()).hexdigest()


def _view(name: str) -> str:
    return MEMBERSHIPS if name == _ALL else segment_model(name)


def _plain(segment: str) -> bool:
    """Is the view called by the whole id?"""
    return segment_model(segment) == f"{SEGMENT_MODEL}{segment}"

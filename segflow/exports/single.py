"""`segflow export`: one file about one segment, now or as of an earlier tick."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlglot import exp

from segflow.errors import InputError, did_you_mean
from segflow.exports.fetch import fetch
from segflow.exports.matching import stage_matching
from segflow.exports.rows import KEY, Order, base_query, check_contacts, reads_contacts
from segflow.exports.write import writer
from segflow.files import make_folder, reason, replacing
from segflow.history.lookup import key_of, tick_at
from segflow.history.members import Wanted, stage_wanted
from segflow.specs.conditions import Condition
from segflow.specs.exports import OWN_COLUMNS, Format, Kind
from segflow.specs.project import Specs
from segflow.ticks import ledger as ticks
from segflow.warehouse.base import Warehouse


@dataclass(frozen=True)
class Request:
    """What is asked for. `at` and `since`: a tick's id or a time; entries and exits are those of later ticks than
    `since`, by default of the tick itself."""

    segment: str
    format: Format = "csv"
    output: Path | None = None
    columns: Sequence[str] = ()
    sort: Sequence[str] = ()
    where: Condition | None = None
    only: Kind = "members"
    at: str | datetime | None = None
    since: str | datetime | None = None
    formula_guard: bool | None = None
    """Apostrophes before what a spreadsheet would run; None: what segflow.yml says."""


@dataclass(frozen=True)
class Exported:
    """One written file. `rows` are in it, out of `of` that the segment has; it is `full` when nothing filtered them."""

    segment: str
    path: Path
    rows: int
    only: Kind
    tick_id: str
    as_of: datetime
    since: str | None
    of: int
    full: bool
    past: bool = field(default=False)
    """The rows are of an earlier tick than the last; attributes are as they are now all the same."""


def export_segment(
    specs: Specs, warehouse: Warehouse, request: Request, resolve: Callable[[str], exp.Table]
) -> Exported:
    """Write the file that is asked for; it appears when it is whole. `resolve` gives the relation of a dbt model.

    Raises InputError for an unknown segment, column or moment and for a path that can hold no file, RunError when
    evaluating the condition or writing fails; a file that was there is untouched then.
    """
    columns, order = _columns(specs, request), _order(specs, request)
    tick, last = tick_at(warehouse, request.at), tick_at(warehouse, None)
    since = _since(warehouse, request, tick)
    past = tick.tick_id != last.tick_id
    segment_key = key_of(warehouse, request.segment, specs.segments)
    attributes = list(specs.catalog.contacts.attributes)
    target = _target(specs, request, tick if past else None, filtered=request.where is not None)
    if reads_contacts([*columns, *(one.column for one in order)], attributes):
        check_contacts(warehouse)
    matching = None
    if request.where is not None:
        matching = stage_matching(specs, warehouse, request.where, tick, past=past, resolve=resolve)
    stage_wanted(warehouse, [Wanted(request.segment, segment_key, since)])
    base = base_query(request.only, tick.tick_id, past=past)
    size = int(warehouse.scalar(exp.select(exp.Count(this=exp.Star())).from_(base.subquery("counted"))))
    schema, batches = fetch(
        specs, warehouse, base, request.only, columns, request.format, matching=matching, order=order
    )
    rows = 0
    guard = specs.settings.exports.formula_guard if request.formula_guard is None else request.formula_guard
    with replacing(target) as partial, writer(request.format, partial, schema, formula_guard=guard) as write:
        for batch in batches:
            write(batch.drop_columns(KEY))
            rows += batch.num_rows
    return Exported(
        request.segment, target, rows, request.only, tick.tick_id, tick.as_of, since, size, matching is None, past
    )


def _columns(specs: Specs, request: Request) -> list[str]:
    attributes = specs.catalog.contacts.attributes
    if not request.columns:
        settings = specs.settings.exports.columns
        return [name for name in settings if name in attributes or name in OWN_COLUMNS[request.only]]
    for number, name in enumerate(request.columns):
        _check_column(specs, request.only, name)
        if name in request.columns[:number]:
            raise InputError(f"column {name} is given twice")
    return list(request.columns)


def _check_column(specs: Specs, only: Kind, name: str) -> None:
    known = [*OWN_COLUMNS[only], *specs.catalog.contacts.attributes]
    if name not in known:
        raise InputError(f"unknown column {name}{did_you_mean(name, known)}")


def _order(specs: Specs, request: Request) -> list[Order]:
    found = []
    for text in request.sort:
        column, _, direction = text.partition(":")
        if direction not in ("", "asc", "desc"):
            raise InputError(f"--sort {text}: write a column, or column:desc")
        _check_column(specs, request.only, column)
        found.append(Order(column, direction == "desc"))
    return found


def _since(warehouse: Warehouse, request: Request, tick: ticks.TickRow) -> str | None:
    """The tick after which entries and exits count; None for members, which have no beginning."""
    if request.since is not None and request.only == "members":
        raise InputError("--since goes with --only entered or --only exited; members are those of one tick")
    if request.only == "members":
        return None
    if request.since is None:
        return tick.previous_tick
    since = tick_at(warehouse, request.since, "--since")
    if since.tick_id >= tick.tick_id:
        raise InputError(f"--since {request.since}: nothing lies between tick {since.tick_id} and {tick.tick_id}")
    return since.tick_id


def _target(specs: Specs, request: Request, tick: ticks.TickRow | None, *, filtered: bool) -> Path:
    """Where to write. A name of ours says what the file holds when that is not the whole present segment."""
    target = request.output
    if target is None:
        words = [request.segment, *([request.only] if request.only != "members" else [])]
        words += [tick.tick_id] if tick is not None else []
        words += ["filtered"] if filtered else []
        target = specs.path(specs.settings.exports.path) / ".".join([*words, request.format])
        make_folder(target.parent)
    try:
        _check_target(target)
    except OSError as error:
        raise InputError(f"cannot write {target}: {reason(error)}") from error
    return target


def _check_target(target: Path) -> None:
    """Raise InputError when a file cannot, or should not, take this place."""
    folder = target.parent
    if target.is_symlink():
        raise InputError(f"{target} is a symbolic link to {os.readlink(target)}; give the path of the file itself")
    if target.is_dir():
        raise InputError(f"{target} is a folder; give the path of a file in it")
    if target.exists() and not target.is_file():
        raise InputError(f"{target} is not a file but a device or a pipe; give the path of a file")
    if not folder.is_dir():
        raise InputError(f"cannot write {target}: {folder} is no folder; make it or choose another path")
    for place in (folder, target):
        if place.exists() and not os.access(place, os.W_OK):
            raise InputError(f"cannot write {target}: this user may not write to {place}; choose another path")

"""Who would be in a segment at a moment, by the files as they are: `segflow preview`. Nothing is written."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.errors import InputError, RunError, WarehouseError
from segflow.explain.columns import columns_of, models_of
from segflow.explain.one_segment import compile_one
from segflow.segments.compiler import Compiled
from segflow.segments.emit import indent, template
from segflow.segments.membership_models import CONTACTS, contacts_query, segment_model
from segflow.segments.sql import col, ident, left_join, named, select
from segflow.specs.project import Specs
from segflow.specs.sql_file import OWN_CONTACTS
from segflow.ticks import ledger as ticks
from segflow.ticks.context import TickContext
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.tick import Tick
from segflow.workspace import Workspace

_FOUND, _PRESENT = "looked_at", "present"
NO_HISTORY = "Attributes have no history: they are read as they are now."


@dataclass(frozen=True)
class Look:
    """What a segment, or a condition that is in no file, would be at `as_of`."""

    segment: str | None
    as_of: datetime
    members: int
    compared_with: str | None
    """The last tick; None before the first, and for a condition."""
    would_enter: int | None
    would_exit: int | None
    columns: list[str]
    """What the conditions look at: attributes, facts, other segments."""
    sample: list[dict[str, Any]]
    """contact_id, `columns`, and `enters`: is it no member now? Those that would enter come first."""
    exiting: list[str]
    """Some of those that would exit."""
    sql: str
    seconds: float
    """What the warehouse took."""
    notes: list[str]
    """What to know about these numbers."""


def look(workspace: Workspace, specs: Specs, segment: str, as_of: datetime | None, limit: int, ad_hoc: bool) -> Look:
    """Evaluate `segment` of `specs` and compare it with its members as of the last tick. `ad_hoc`: it is a condition
    that no tick knows. `limit` bounds the samples. Raises InputError when dbt has not built anything yet, RunError
    when it cannot be evaluated, TimeLimitError."""
    compiled, moment = compile_one(specs, segment), ticks.moment_of(as_of)
    with opened(workspace) as warehouse:
        last = ticks.last(warehouse)
        members = members_query(context_at(workspace, compiled, warehouse, moment), segment)
        started = time.perf_counter()
        node = compiled.segments[segment].node
        shown = columns_of(node, compiled.columns) if node is not None else _named(compiled, segment)
        # By number: words for people are too long for a name, and two of them may differ in case alone.
        places = {f"value {number}": name for number, name in enumerate(shown)}
        columns = dict(zip(places, shown.values(), strict=True))
        with limited(warehouse, compiled):
            warehouse.stage(_FOUND, _with_columns(members, compiled, segment, columns))
        numbers = _numbers(warehouse, segment)
        rows = warehouse.rows(_sample(list(places), segment, limit))
        sample = [{places.get(name, name): value for name, value in row.items()} for row in rows]
        exiting = [] if ad_hoc else warehouse.query(_exiting(segment, limit)).column("contact_id").to_pylist()
        seconds = time.perf_counter() - started
        notes = [] if ad_hoc else _notes(warehouse, segment, last)
    if as_of is not None and moment < datetime.now(UTC):
        notes.append(NO_HISTORY)
    known = last is not None and not ad_hoc
    return Look(
        segment=None if ad_hoc else segment,
        as_of=moment,
        members=numbers["members"],
        compared_with=last.tick_id if last is not None and known else None,
        would_enter=numbers["would_enter"] if known else None,
        would_exit=numbers["would_exit"] if known else None,
        columns=list(shown),
        sample=sample if known else [{k: v for k, v in row.items() if k != "enters"} for row in sample],
        exiting=exiting,
        sql=compiled.words.pretty(members),
        seconds=round(seconds, 3),
        notes=notes,
    )


def members(workspace: Workspace, segment: str, as_of: datetime | None) -> pa.Table:
    """(contact_id) of who would be a member, in order. Raises what `look` raises."""
    compiled = compile_one(workspace.specs, segment)
    with opened(workspace) as warehouse:
        query = members_query(context_at(workspace, compiled, warehouse, ticks.moment_of(as_of)), segment)
        with limited(warehouse, compiled):
            return warehouse.query(exp.select("contact_id").from_(query.subquery("preview")).order_by("contact_id"))


def opened(workspace: Workspace) -> Warehouse:
    """The warehouse of a project that dbt has built. Raises InputError when it has not."""
    if not workspace.engine.exists():
        raise InputError(f"there is no warehouse {workspace.engine.where} yet; run segflow tick")
    warehouse = workspace.warehouse()
    try:
        warehouse.ensure_tables()
        if ticks.last(warehouse) is None:
            _check_built(workspace, warehouse)
    except BaseException:
        warehouse.close()
        raise
    return warehouse


def context_at(workspace: Workspace, compiled: Compiled, warehouse: Warehouse, as_of: datetime) -> TickContext:
    """What a question about a part of the project works with, at a moment that is no tick."""
    return TickContext(compiled, warehouse, workspace.models, Tick("", as_of))


def members_query(context: TickContext, segment: str) -> exp.Select:
    """(contact_id) of the members, from the user's models alone: contacts, facts and other segments are computed in
    it. Raises RunError when the warehouse does not understand it."""
    compiled = context.compiled
    contacts = template(contacts_query(compiled.specs.catalog, not_read(compiled, segment)), compiled.words)
    standalone = compiled.segments[segment].standalone.removeprefix("with ")

    def place(model: str) -> exp.Table:
        return exp.table_(CONTACTS) if model == OWN_CONTACTS else context.models.relation(model)

    query = context.fill(f"with {CONTACTS} as (\n{indent(contacts)}\n),\n{standalone}", place)
    if problem := context.warehouse.bind(query):
        raise RunError(
            f"segment {segment} cannot be evaluated: {problem}. Mend the model or the catalog; if the model is new, "
            "segflow tick builds it"
        )
    assert isinstance(query, exp.Select)
    return query


def not_read(compiled: Compiled, segment: str) -> set[str]:
    """The attributes that a segment does not read: a column that is not there must not be in the way of others."""
    read = {part.removeprefix(f"{CONTACTS}.") for part in compiled.depends_on(segment)}
    # Also what its query names in any other way: one that is read and null for everybody would change the answer.
    read |= set(re.findall(r"\w+", compiled.segments[segment].standalone))
    return set(compiled.specs.catalog.contacts.attributes) - read


def _check_built(workspace: Workspace, warehouse: Warehouse) -> None:
    """Somebody may have run dbt by hand; to ask dbt itself where the model is may take seconds."""
    model = workspace.specs.catalog.contacts.model
    tables = exp.select(exp.Count(this=exp.Star())).from_("information_schema.tables")
    if warehouse.scalar(tables.where(exp.column("table_name").eq(exp.Literal.string(model)))):
        return
    if warehouse.bind(exp.select("*").from_(workspace.models.relation(model))):
        raise InputError(f"no tick has run yet, and dbt has not built {model}; run segflow tick")


@contextmanager
def limited(warehouse: Warehouse, compiled: Compiled) -> Iterator[None]:
    """The time limit of `.sql` segments, where there are any. Raises RunError for a query that fails."""
    timeout = compiled.specs.settings.sql_segments.timeout
    try:
        with warehouse.time_limit(timeout) if compiled.sql_segments() else nullcontext():
            yield
    except WarehouseError as error:
        raise RunError(f"the query of the segment fails: {error}. Mend the segment or the model") from error


def _named(compiled: Compiled, segment: str) -> dict[str, exp.Expr]:
    """The attributes that the query of a .sql segment names."""
    parts = (part.partition(".") for part in sorted(compiled.depends_on(segment)))
    return {name: col(name, CONTACTS) for model, _, name in parts if model == CONTACTS and name}


def _with_columns(members: exp.Select, compiled: Compiled, segment: str, shown: dict[str, exp.Expr]) -> exp.Select:
    node = compiled.segments[segment].node
    model = segment_model(segment)
    columns = [named(column, name) for name, column in shown.items()]
    query = select([col("contact_id", model), *columns], exp.Table(this=ident(model)))
    for joined in [CONTACTS, *sorted(models_of(node, compiled.columns) if node is not None else ())]:
        same = exp.EQ(this=col("contact_id", joined), expression=col("contact_id", model))
        left_join(query, exp.Table(this=ident(joined)), same)
    query.set("with_", members.args["with_"].copy())
    return query


def _numbers(warehouse: Warehouse, segment: str) -> dict[str, int]:
    both = exp.select(
        exp.Count(this=col("contact_id", _FOUND)).as_("members"),
        exp.CountIf(this=col("contact_id", _PRESENT).is_(exp.null())).as_("would_enter"),
        exp.CountIf(this=col("contact_id", _FOUND).is_(exp.null())).as_("would_exit"),
    )
    [found] = warehouse.rows(both.from_(_found()).join(_present(segment), on=_same(), join_type="full"))
    # Nobody on either side: a sum of no rows is missing.
    return {name: int(number or 0) for name, number in found.items()}


def _sample(shown: list[str], segment: str, limit: int) -> exp.Select:
    enters = named(col("contact_id", _PRESENT).is_(exp.null()), "enters")
    query = exp.select(col("contact_id", _FOUND), enters, *(col(name, _FOUND) for name in shown))
    query = query.from_(_found()).join(_present(segment), on=_same(), join_type="left")
    return query.order_by(exp.Ordered(this=col("enters"), desc=True), col("contact_id", _FOUND)).limit(limit)


def _exiting(segment: str, limit: int) -> exp.Select:
    query = exp.select(col("contact_id", _PRESENT)).from_(_present(segment))
    query = query.join(_found(), on=_same(), join_type="left").where(col("contact_id", _FOUND).is_(exp.null()))
    return query.order_by(col("contact_id", _PRESENT)).limit(limit)


def _found() -> exp.Table:
    return exp.table_(_FOUND, db="temp", alias=_FOUND)


def _present(segment: str) -> exp.Subquery:
    rows = exp.select("contact_id").from_(relation("segment_members"))
    return rows.where(col("segment").eq(exp.Literal.string(segment))).subquery(_PRESENT)


def _same() -> exp.Expr:
    return col("contact_id", _FOUND).eq(col("contact_id", _PRESENT))


def _notes(warehouse: Warehouse, segment: str, last: ticks.TickRow | None) -> list[str]:
    if last is None:
        return ["No tick has run yet, so there is nothing to compare with."]
    state = exp.select("status", "reason").from_(relation("segment_state"))
    rows = warehouse.rows(state.where(col("segment").eq(exp.Literal.string(segment))))
    if not rows:
        return ["No tick has seen this segment yet: those who enter at its first one are its baseline."]
    [row] = rows
    return [] if row["status"] == "ok" else [f"At the last tick the segment was {row['status']}: {row['reason']}"]

"""Imports become rows of ledgers, and those that say no to flows mark the contacts that they changed."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet
from sqlglot import exp

from segflow.errors import RunError
from segflow.segments.bounds import AS_OF
from segflow.segments.compiler import CONTACTS, Compiled
from segflow.segments.emit import fill, template
from segflow.segments.fact_models import label_rows
from segflow.segments.membership_models import model_contacts
from segflow.segments.sql import all_of, bound_call, col, named, ref, select, typed, union_all
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.dbt import DbtProject
from segflow.warehouse.sqlfile import literal, load_query

_SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True)
class ImportResult:
    """What one import did in the tick that took it in. `changed`: contacts with a new value, on the list, or new."""

    file: str
    rows: int
    changed: int
    trigger_flows: bool


def results(warehouse: Warehouse, tick_id: str) -> list[ImportResult]:
    """The imports that a tick took in, in the order in which they were made."""
    rows = warehouse.rows(
        exp.select("file", exp.column("rows", quoted=True), "changed", "trigger_flows")
        .from_(relation("imports"))
        .where(exp.column("tick_id").eq(exp.Literal.string(tick_id)))
        .order_by("decided_at", "import_id")
    )
    return [ImportResult(**row) for row in rows]


def on_lists(
    compiled: Compiled, warehouse: Warehouse, dbt: DbtProject, tick_id: str, as_of: datetime, lists: Collection[str]
) -> dict[str, pa.Table]:
    """List -> (contact_id) of who is on it at `as_of`. Where the user's lists cannot be read nobody is."""
    found = {}
    for name in sorted(lists):
        rows = label_rows("list", compiled.specs.catalog).subquery("listed")
        mine = exp.select("contact_id").from_(rows).where(col("name").eq(exp.Literal.string(name)))
        members = warehouse.attempt(_filled(mine, compiled, warehouse, dbt, tick_id, as_of))
        found[name] = members if not isinstance(members, str) else _NOBODY
    return found


_NOBODY = pa.schema([("contact_id", pa.string())]).empty_table()


def take_in(
    compiled: Compiled,
    warehouse: Warehouse,
    dbt: DbtProject,
    tick_id: str,
    as_of: datetime,
    imports: Sequence[Mapping[str, Any]],
    listed: Mapping[str, pa.Table],
) -> None:
    """Add `imports` to the ledgers, in their order: the contacts that are new, the values that differ from those of
    `contacts` at this `as_of`, and who is not on the list yet (`listed`, see `on_lists`).

    The caller holds the transaction and has built the contacts. Raises RunError when the rows of an import cannot be
    read.
    """
    known = {row["import_id"] for row in warehouse.rows(load_query(_SQL / "imports_known.sql", tick_id=tick_id))}
    warehouse.stage("imported", load_query(_SQL / "imports_none.sql"))
    resolved = _filled(model_contacts(compiled.specs.catalog), compiled, warehouse, dbt, tick_id, as_of)
    told = []
    # A delivery store that was put back from a backup has some that an earlier tick took in.
    for number, one in enumerate(one for one in imports if one["import_id"] not in known):
        warehouse.stage("import_rows", _rows(one))
        warehouse.stage("import_values", _values(compiled, warehouse))
        warehouse.stage("import_present", _present(compiled, warehouse))
        warehouse.stage("import_model", load_query(_SQL / "imports_of_model.sql").with_("model", as_=resolved))
        warehouse.stage("import_listed", listed.get(one["list"], _NOBODY))
        changes = load_query(
            _SQL / "imports_changes.sql", import_id=one["import_id"], list=one["list"], ordinal=number, as_of=as_of
        )
        warehouse.stage("import_changes", changes)
        both = exp.union(
            exp.select("*").from_("temp.imported"), exp.select("*").from_("temp.import_changes"), distinct=False
        )
        warehouse.stage("imported", both)
        changed = exp.select(exp.Count(this=exp.Distinct(expressions=[col("contact_id")]))).from_("temp.import_changes")
        told.append({**one, "changed": warehouse.scalar(changed)})
    warehouse.append("contact_imports", tick_id, exp.select("*").from_("temp.imported"))
    warehouse.append("imports", tick_id, _told(told))


def mark(compiled: Compiled, warehouse: Warehouse, dbt: DbtProject, tick_id: str, as_of: datetime) -> None:
    """Record whom imports of this tick changed that said no to flows: those that were taken in, and the batches of the
    catalog's `imports`. Before the first tick there is nothing to compare, and no mark."""
    query = load_query(_SQL / "imports_marks.sql", tick_id=tick_id)
    source = compiled.specs.catalog.imports
    before = warehouse.scalar(load_query(_SQL / "tick_before.sql", tick_id=tick_id))
    if source is not None and source.trigger_flows is not True and before is not None:
        at = typed(col(source.imported_at), "timestamp")
        said_yes = typed(col(str(source.trigger_flows)), "boolean") if source.trigger_flows else exp.false()
        conditions: list[exp.Expr] = [
            exp.GT(this=at, expression=literal(before)),
            exp.LTE(this=at.copy(), expression=bound_call(AS_OF.key)),
            exp.Is(this=typed(col(source.contact), "text"), expression=exp.Not(this=exp.null())),
            # Unknown is no: what must not be sent cannot be called back.
            exp.Not(this=exp.Coalesce(this=said_yes, expressions=[exp.false()])),
        ]
        batch = typed(col(source.batch) if source.batch else exp.null(), "text")
        projections = [named(typed(col(source.contact), "text"), "contact_id"), named(batch, "import_id")]
        loaded = select(projections, ref(source.model, "batches"), all_of(conditions)).distinct()
        query = exp.union(query, _filled(loaded, compiled, warehouse, dbt, tick_id, as_of), distinct=False)
    warehouse.append("import_marks", tick_id, query)


def take_over(compiled: Compiled, warehouse: Warehouse, dbt: DbtProject, tick_id: str, as_of: datetime) -> None:
    """Record the imported contacts that the user's model has for the first time."""
    brought = exp.select("contact_id").from_(relation("contact_imports")).limit(1)
    if warehouse.scalar(brought.where(col("kind").eq(exp.Literal.string("contact")))) is None:
        return  # most projects import nobody, and the model is as large as the contacts
    model = _filled(model_contacts(compiled.specs.catalog), compiled, warehouse, dbt, tick_id, as_of)
    query = load_query(_SQL / "takeovers.sql", tick_id=tick_id, as_of=as_of).with_("model", as_=model)
    warehouse.append("contact_takeovers", tick_id, query)


def _filled(
    query: exp.Query, compiled: Compiled, warehouse: Warehouse, dbt: DbtProject, tick_id: str, as_of: datetime
) -> exp.Query:
    return fill(
        template(query),
        relation=dbt.relation,
        as_of=as_of,
        zone=compiled.zone,
        tick_id=tick_id,
        dialect=warehouse.dialect,
    )


def _rows(one: Mapping[str, Any]) -> pa.Table:
    try:
        with parquet.ParquetFile(io.BytesIO(one["content"] or b""), page_checksum_verification=True) as file:
            return file.read()
    except (OSError, pa.ArrowException, ValueError) as error:
        why = " ".join(str(error).split())
        raise RunError(
            f"the rows of import {one['import_id']} ({one['file']}) in the delivery store cannot be read: {why}. Put "
            "the delivery store back from a backup"
        ) from error


def _values(compiled: Compiled, warehouse: Warehouse) -> exp.Query:
    """(contact_id, name, value, of_source) of what the staged import says."""
    attributes = compiled.specs.catalog.contacts.attributes
    of_source = {name for name, attribute in attributes.items() if attribute.written_by == "source"}
    names = [name for name in _columns(warehouse, exp.to_table("temp.import_rows")) if name != "contact_id"]
    return _long(names, exp.to_table("temp.import_rows"), lambda name: [named(_flag(name in of_source), "of_source")])


def _present(compiled: Compiled, warehouse: Warehouse) -> exp.Query:
    """(contact_id, name, value) of the same contacts and attributes as they are without the import."""
    given = _columns(warehouse, exp.to_table("temp.import_rows"))
    names = [name for name in _columns(warehouse, relation(CONTACTS)) if name in given and name != "contact_id"]
    return load_query(_SQL / "imports_present.sql").with_("present", as_=_long(names, relation(CONTACTS), lambda _: []))


def _long(names: Sequence[str], table: exp.Table, more: Any) -> exp.Query:
    """A row per value that is not missing."""
    rows = []
    for name in names or ["contact_id"]:
        value = exp.cast(exp.column(name, quoted=True), "VARCHAR")
        projections = [col("contact_id"), named(exp.Literal.string(name), "name"), named(value, "value"), *more(name)]
        is_set = exp.Not(this=exp.Is(this=exp.column(name, quoted=True), expression=exp.null()))
        rows.append(select(projections, table.copy(), is_set if names else exp.false()))
    return union_all(rows)


def _columns(warehouse: Warehouse, table: exp.Table) -> list[str]:
    return list(warehouse.query(exp.select("*").from_(table).limit(0)).schema.names)


def _flag(value: bool) -> exp.Expr:
    return exp.true() if value else exp.false()


def _told(imports: Sequence[Mapping[str, Any]]) -> pa.Table:
    columns = ["import_id", "file", "list", "trigger_flows", "rows", "refused", "changed", "decided_by", "decided_at"]
    kinds = [pa.string(), pa.string(), pa.string(), pa.bool_(), *[pa.int64()] * 3, pa.string(), pa.timestamp("us")]
    naive = [{**one, "decided_at": one["decided_at"].replace(tzinfo=None)} for one in imports]
    return pa.Table.from_pylist(
        [{name: one[name] for name in columns} for one in naive], pa.schema(list(zip(columns, kinds, strict=True)))
    )

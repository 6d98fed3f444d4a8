"""Imports that people made become rows of ledgers."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet
from sqlglot import exp

from segflow.crossings.deleted import deleted_now
from segflow.errors import RunError
from segflow.segments.compiler import CONTACTS, Compiled
from segflow.segments.fact_models import label_rows
from segflow.segments.membership_models import model_contacts
from segflow.segments.sql import col, named, select, typed, union_all
from segflow.specs.columns import Attribute
from segflow.specs.types import NUMBERS
from segflow.ticks.context import TickContext
from segflow.warehouse import words
from segflow.warehouse.base import Warehouse, relation
from segflow.warehouse.sqlfile import load_query

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


def on_lists(context: TickContext, lists: Collection[str]) -> dict[str, pa.Table]:
    """List -> (contact_id) of who is on it at `as_of`. Where the user's lists cannot be read nobody is."""
    found = {}
    for name in sorted(lists):
        rows = label_rows("list", context.compiled.specs.catalog).subquery("listed")
        mine = exp.select("contact_id").from_(rows).where(col("name").eq(exp.Literal.string(name)))
        members = context.warehouse.attempt(context.fill(mine))
        found[name] = members if not isinstance(members, str) else _NOBODY
    return found


_NOBODY = pa.schema([("contact_id", pa.string())]).empty_table()


def take_in(
    context: TickContext,
    imports: Sequence[Mapping[str, Any]],
    listed: Mapping[str, pa.Table],
) -> None:
    """Add `imports` to the ledgers, in their order: the contacts that are new, the values that differ from those of
    `contacts` at this `as_of`, and who is not on the list yet (`listed`, see `on_lists`).

    The caller holds the transaction and has built the contacts. Raises RunError when the rows of an import cannot be
    read.
    """
    compiled, warehouse, tick_id, as_of = context.compiled, context.warehouse, context.tick_id, context.as_of
    known = {row["import_id"] for row in warehouse.rows(load_query(_SQL / "known.sql", tick_id=tick_id))}
    warehouse.stage("imported", load_query(_SQL / "none.sql"))
    resolved = context.fill(model_contacts(compiled.specs.catalog))
    told = []
    # A delivery store that was put back from a backup has some that an earlier tick took in.
    for number, one in enumerate(one for one in imports if one["import_id"] not in known):
        warehouse.stage("import_given", _rows(one))
        # Who was deleted since it was recorded is left out.
        warehouse.stage("import_rows", load_query(_SQL / "not_deleted.sql").with_("deleted", as_=deleted_now()))
        warehouse.stage("import_values", _values(compiled, warehouse))
        warehouse.stage("import_present", _present(compiled, warehouse))
        warehouse.stage("import_model", load_query(_SQL / "present_in_model.sql").with_("model", as_=resolved))
        warehouse.stage("import_listed", listed.get(one["list"], _NOBODY))
        changes = load_query(
            _SQL / "changes.sql", import_id=one["import_id"], list=one["list"], ordinal=number, as_of=as_of
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
    return _long(
        names, exp.to_table("temp.import_rows"), attributes, lambda name: [named(_flag(name in of_source), "of_source")]
    )


def _present(compiled: Compiled, warehouse: Warehouse) -> exp.Query:
    """(contact_id, name, value) of the same contacts and attributes as they are without the import."""
    given = _columns(warehouse, exp.to_table("temp.import_rows"))
    names = [name for name in _columns(warehouse, relation(CONTACTS)) if name in given and name != "contact_id"]
    present = _long(names, relation(CONTACTS), compiled.specs.catalog.contacts.attributes, lambda _: [])
    return load_query(_SQL / "present.sql").with_("present", as_=present)


def _long(names: Sequence[str], table: exp.Table, attributes: Mapping[str, Attribute], more: Any) -> exp.Query:
    """A row per value that is not missing. One value has one text: that of a contact is compared with what is given."""
    rows = []
    for name in names or ["contact_id"]:
        value: exp.Expr = exp.column(name, quoted=True)
        if name in attributes and attributes[name].type in NUMBERS:
            # Rows that waited since an earlier version may say 2.0 for 2.
            value = typed(value, attributes[name].type)
        value = words.text(value)
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

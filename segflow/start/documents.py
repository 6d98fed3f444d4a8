"""What is inside of columns that hold JSON objects or structs: a value of its own for each key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlglot import exp

from segflow.specs.types import ValueType
from segflow.start.names import identifier, is_secret, unique
from segflow.start.plan import Proposal, Value
from segflow.start.profile import Table
from segflow.warehouse.base import Warehouse
from segflow.warehouse.sqlfile import load_query

_SQL = Path(__file__).parent / "sql"
_LOOKED_AT = 20_000
_KEYS_AT_MOST = 40


def open_documents(warehouse: Warehouse, proposal: Proposal) -> None:
    """Add what the keys of documents lead to, to attributes, properties and fields."""
    contacts = proposal.contacts
    if contacts.derived is None:
        _add(warehouse, contacts.table, None, {"": contacts.attributes})
    for source in proposal.events:
        _add(warehouse, source.table, source.name_column, {one.text: one.properties for one in source.kinds})
    for thing in proposal.objects:
        _add(warehouse, thing.table, None, {"": thing.fields})


def _add(warehouse: Warehouse, table: Table, by: str | None, into: dict[str, list[Value]]) -> None:
    """`into`: kind of row -> the values that are known of it. Without `by` all rows are of one kind."""
    for column in [one for one in table.columns if one.document and one.filled]:
        for kind, key, type_ in _keys(warehouse, table, column.name, by):
            values = next(iter(into.values())) if by is None else into.get(kind, [])
            if (by is not None and kind not in into) or is_secret(identifier(key)):
                continue
            if sum(one.column == column.name for one in values) < _KEYS_AT_MOST:
                name = unique(identifier(key), [one.name for one in values])
                values.append(Value(name, column.name, type_, None, (key,)))


def _keys(warehouse: Warehouse, table: Table, column: str, by: str | None) -> Sequence[tuple[str, str, ValueType]]:
    """(kind of row, key, type of its values); the fullest keys of a kind first. What is nested deeper is left out."""
    kind = exp.column(by, quoted=True) if by is not None else exp.Literal.string("")
    document = exp.cast(exp.func("to_json", exp.column(column, quoted=True)), "VARCHAR")
    if (
        table.column(column).stats["documents"]
        and not table.source.schema.field(table.column(column).theirs).type.num_fields
    ):
        document = exp.cast(exp.column(column, quoted=True), "VARCHAR")
    picked = exp.select(kind.as_("kind"), document.as_("document")).from_(table.typed.copy())
    picked = picked.where(exp.Not(this=exp.column(column, quoted=True).is_(exp.null())))
    warehouse.stage("documents", picked.limit(_LOOKED_AT))
    found: list[tuple[str, str, ValueType]] = []
    for row in warehouse.rows(load_query(_SQL / "documents.sql")):
        if row["filled"] and not row["nested"] and row["key"]:
            found.append((str(row["kind"]), row["key"], _type(row)))
    return found


def _type(row: dict[str, int]) -> ValueType:
    kinds: tuple[tuple[str, ValueType], ...] = (
        ("numbers", "number"), ("booleans", "boolean"), ("days", "date"), ("times", "timestamp"),
    )  # fmt: skip
    return next((kind for name, kind in kinds if row[name] == row["filled"]), "text")

"""Rows out of the warehouse, in the shape that a format's writer takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
from sqlglot import exp

from segflow.exports.rows import Order, json_lines, own_types, plain_numbers, rows_query
from segflow.exports.write import NUMBER, ROWS_AT_ONCE
from segflow.specs.exports import Format, Kind
from segflow.specs.project import Specs
from segflow.warehouse.base import Warehouse


def fetch(
    specs: Specs,
    warehouse: Warehouse,
    base: exp.Query,
    only: Kind,
    columns: Sequence[str],
    file_format: Format,
    *,
    matching: exp.Table | None = None,
    order: Sequence[Order] = (),
    limit: int | None = None,
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The schema that the file has, and the rows, at most `limit`: KEY, then that schema. See `rows_query`."""
    attributes = specs.catalog.contacts.attributes
    query = rows_query(base, columns, list(attributes), matching=matching, order=order)
    types = own_types(only) | {name: attribute.type for name, attribute in attributes.items()}
    numbers = [name for name in columns if types[name] == "number"]
    if file_format == "jsonl":
        query = json_lines(query, [(name, types[name]) for name in columns])
    else:
        query = plain_numbers(query, numbers, as_text=file_format == "csv")
    query = query if limit is None else query.limit(limit)
    schema = warehouse.query(query.copy().limit(0)).schema.remove(0)
    if file_format == "csv":
        for name in numbers:
            place = schema.get_field_index(name)
            schema = schema.set(place, schema.field(place).with_metadata(NUMBER))
    return schema, warehouse.batches(query, ROWS_AT_ONCE)

"""Rows out of the warehouse, in the shape that a format's writer takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
from sqlglot import exp

from segflow.exports.rows import Order, json_lines, own_types, rows_query
from segflow.exports.write import ROWS_AT_ONCE
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
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The schema that the file has, and the rows: KEY, then that schema. See `rows_query`."""
    attributes = specs.catalog.contacts.attributes
    query = rows_query(base, columns, list(attributes), matching=matching, order=order)
    if file_format == "jsonl":
        types = own_types(only) | {name: attribute.type for name, attribute in attributes.items()}
        query = json_lines(query, [(name, types[name]) for name in columns])
    schema = warehouse.query(query.copy().limit(0)).schema
    return schema.remove(0), warehouse.batches(query, ROWS_AT_ONCE)

"""Rows of Postgres as Arrow tables, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from decimal import Context, Decimal
from typing import Any

import psycopg
import pyarrow as pa

_TYPES: dict[int, pa.DataType] = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    25: pa.string(),
    18: pa.string(),
    19: pa.string(),
    114: pa.string(),
    3802: pa.string(),
    700: pa.float32(),
    701: pa.float64(),
    1042: pa.string(),
    1043: pa.string(),
    705: pa.string(),
    2950: pa.string(),
    1082: pa.date32(),
    1083: pa.time64("us"),
    1114: pa.timestamp("us"),
    1184: pa.timestamp("us", tz="UTC"),
    1009: pa.list_(pa.string()),
    1015: pa.list_(pa.string()),
    1016: pa.list_(pa.int64()),
    1007: pa.list_(pa.int32()),
    1000: pa.list_(pa.bool_()),
    1115: pa.list_(pa.timestamp("us")),
}
"""Postgres' number of a type -> Arrow's."""
_NUMERIC = 1700


def schema_of(columns: Sequence[psycopg.Column]) -> pa.Schema:
    """The Arrow schema of a result. A number without declared places has those of DECIMAL(38, 13)."""
    return pa.schema([(column.name, _type(column)) for column in columns])


def _type(column: psycopg.Column) -> pa.DataType:
    if column.type_code == _NUMERIC:
        return pa.decimal128(38, 13 if column.scale is None else column.scale)
    return _TYPES.get(column.type_code, pa.string())


def batch_of(schema: pa.Schema, rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
    """Rows as psycopg gives them, as Arrow's."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    arrays = [pa.array(_values(column, field.type), field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _values(column: Sequence[Any], kind: pa.DataType) -> Sequence[Any]:
    if pa.types.is_decimal(kind):
        place, wide = Decimal(1).scaleb(-kind.scale), Context(prec=80)
        return [
            None if value is None or not value.is_finite() else value.quantize(place, context=wide) for value in column
        ]
    if pa.types.is_string(kind):
        return [value if value is None or isinstance(value, str) else str(value) for value in column]
    return column


def type_of(kind: pa.DataType) -> str:
    """Postgres' name of an Arrow type. Raises ValueError for one that no table of segflow's has."""
    for test, name in _NAMES:
        if test(kind):
            return name
    if pa.types.is_decimal(kind):
        return f"NUMERIC({kind.precision}, {kind.scale})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ" if kind.tz else "TIMESTAMP"
    if _is_document(kind):
        return "JSONB"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"{type_of(kind.value_type)}[]"
    if pa.types.is_dictionary(kind):
        return type_of(kind.value_type)
    raise ValueError(f"no Postgres type for {kind}")


def rows_of(batch: pa.RecordBatch) -> Iterator[Sequence[Any]]:
    """Rows as psycopg takes them for columns of these types."""
    columns = []
    for field, column in zip(batch.schema, batch.columns, strict=True):
        values = column.to_pylist()
        columns.append(list(map(_document, values)) if _is_document(field.type) else values)
    return zip(*columns, strict=True)


def _is_document(kind: pa.DataType) -> bool:
    """Structs have no type of their own: they are JSON."""
    nested = pa.types.is_struct(kind) or pa.types.is_map(kind)
    return nested or (pa.types.is_list(kind) and _is_document(kind.value_type))


def _document(value: Any) -> str | None:
    return None if value is None else json.dumps(_plain(value), default=str, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """JSON has no infinity, and segflow takes it for no number anyway."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


_NAMES = (
    (pa.types.is_string, "TEXT"),
    (pa.types.is_large_string, "TEXT"),
    (pa.types.is_null, "TEXT"),
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_uint64, "NUMERIC"),
    (pa.types.is_integer, "BIGINT"),
    (pa.types.is_float32, "REAL"),
    (pa.types.is_floating, "DOUBLE PRECISION"),
    (pa.types.is_date, "DATE"),
    (pa.types.is_time, "TIME"),
    (pa.types.is_binary, "BYTEA"),
)


class JsonText(psycopg.adapt.Loader):
    """JSON as its text."""

    format = psycopg.pq.Format.BINARY

    def load(self, data: psycopg.abc.Buffer) -> str:
        found = bytes(data)
        # jsonb comes with the number of its format in front.
        return (found[1:] if found[:1] == b"\1" else found).decode()

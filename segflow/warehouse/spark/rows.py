"""Rows of Arrow tables in the types that Spark takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from sqlglot import exp

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

Type = exp.DataType.Type
_TYPES = (
    (pa.types.is_boolean, Type.BOOLEAN),
    (pa.types.is_int8, Type.TINYINT),
    (pa.types.is_int16, Type.SMALLINT),
    (pa.types.is_int32, Type.INT),
    (pa.types.is_integer, Type.BIGINT),
    (pa.types.is_float32, Type.FLOAT),
    (pa.types.is_floating, Type.DOUBLE),
    (pa.types.is_date, Type.DATE),
    (pa.types.is_binary, Type.BINARY),
)


def stored(rows: pa.Table) -> pa.Table:
    """The same rows, in which a column of nothing but nulls is one of texts."""
    kinds = [pa.string() if pa.types.is_null(field.type) else field.type for field in rows.schema]
    return rows.cast(pa.schema(zip(rows.schema.names, kinds, strict=True)))


def none_of(schema: pa.Schema) -> exp.Select:
    """A query with these columns and no rows: Spark Connect refuses a table without any."""
    columns = [
        exp.alias_(exp.Cast(this=exp.null(), to=type_of(field.type)), field.name, quoted=True) for field in schema
    ]
    return exp.select(*columns).where(exp.false())


def has_types(schema: pa.Schema) -> bool:
    """Is the type that `type_of` finds for each column its own? Of a struct or a map it is not."""
    return not any(_is_nested(field.type) for field in schema)


def _is_nested(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _is_nested(kind.value_type)
    return bool(pa.types.is_nested(kind))


def type_of(kind: pa.DataType) -> exp.DataType:
    """Spark's type for one of Arrow's; text for any other."""
    if pa.types.is_timestamp(kind):
        return exp.DataType(this=Type.TIMESTAMPTZ if kind.tz else Type.TIMESTAMPNTZ, nested=False)
    if pa.types.is_decimal(kind):
        size = [exp.DataTypeParam(this=exp.Literal.number(number)) for number in (kind.precision, kind.scale)]
        return exp.DataType(this=Type.DECIMAL, expressions=size, nested=False)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return exp.DataType(this=Type.ARRAY, expressions=[type_of(kind.value_type)], nested=True)
    for is_it, found in _TYPES:
        if is_it(kind):
            return exp.DataType(this=found, nested=False)
    return exp.DataType(this=Type.TEXT, nested=False)


def typed(rows: exp.Expr, schema: StructType) -> exp.Expr:
    """A query, of whose columns `schema` has the types, with a type for each that can be stored."""
    if not any(field.dataType.typeName() == "void" for field in schema):
        return rows
    columns = [
        exp.alias_(
            exp.Cast(this=column, to=exp.DataType(this=exp.DataType.Type.TEXT))
            if field.dataType.typeName() == "void"
            else column,
            field.name,
            quoted=True,
        )
        for field in schema
        for column in [exp.column(field.name, quoted=True)]
    ]
    return exp.select(*columns).from_(rows.subquery("rows"))  # type: ignore[attr-defined]

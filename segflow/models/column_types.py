"""The types that columns have in the warehouse, and what can be read from them."""

from __future__ import annotations

import pyarrow as pa

from segflow.specs.columns import Unix
from segflow.specs.types import ValueType


def is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def always_fits(actual: pa.DataType, wanted: ValueType, unix: Unix | None) -> bool:
    """Can every value of this type be read as `wanted`?"""
    if unix is not None:
        return bool(pa.types.is_null(actual))
    if wanted == "text" or pa.types.is_null(actual):
        return True
    if wanted == "list_of_text":
        return bool(pa.types.is_list(actual))
    if wanted == "integer":
        return bool(pa.types.is_integer(actual) or pa.types.is_boolean(actual))
    if wanted in ("number", "boolean"):
        return is_number(actual) or bool(pa.types.is_boolean(actual))
    return bool(pa.types.is_date(actual) or pa.types.is_timestamp(actual))

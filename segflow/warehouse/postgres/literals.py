"""A few rows as a query of literals: they need no table, and no way to the server of their own."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from sqlglot import exp

from segflow.warehouse.postgres.results import type_of

_ROWS_AT_MOST = 20
_BYTES_AT_MOST = 50_000
_PLAIN = (pa.types.is_string, pa.types.is_int64, pa.types.is_boolean)


def literal_rows(rows: pa.Table) -> exp.Query | None:
    """A query for these rows; None where they are many, or of types that are better copied in."""
    kinds = [field.type for field in rows.schema]
    if not (0 < rows.num_rows <= _ROWS_AT_MOST and rows.nbytes <= _BYTES_AT_MOST and all(map(_is_plain, kinds))):
        return None
    types = [exp.DataType.build(type_of(kind), dialect="postgres") for kind in kinds]
    values = rows.to_pylist()
    if any(isinstance(value, str) and "\0" in value for row in values for value in row.values()):
        return None  # a statement would end there; copied in, it is refused
    selects = [
        exp.select(*(exp.cast(_literal(row[name]), type_).as_(name, quoted=True)
                     for name, type_ in zip(rows.schema.names, types, strict=True)))
        for row in values
    ]  # fmt: skip
    return exp.union(*selects, distinct=False) if len(selects) > 1 else selects[0]


def _is_plain(kind: pa.DataType) -> bool:
    return any(is_it(kind) for is_it in _PLAIN) or (pa.types.is_timestamp(kind) and kind.tz is None)


def _literal(value: Any) -> exp.Expr:
    if value is None:
        return exp.null()
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int):
        return exp.Literal.number(str(value)) if value >= 0 else exp.Neg(this=exp.Literal.number(str(-value)))
    return exp.Literal.string(value if isinstance(value, str) else value.isoformat(sep=" "))

"""The guard of CSV files against formulas: an apostrophe before what a spreadsheet would run, and off again."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pyarrow as pa
import pyarrow.compute as pc

# A spreadsheet runs a cell that starts like this; the quote makes it a text (OWASP, "CSV Injection"). Some take the
# full-width forms for the same signs. A text that looks guarded is guarded once more, so that taking one apostrophe
# off gives back every text.
_FORMULA = r"'*[=+\-@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]"


def guarded(table: pa.Table, safe: Collection[str] = ()) -> pa.Table:
    """The table with an apostrophe before every text that begins like a formula, apostrophes before it left aside; the
    columns `safe` as they are."""
    return _changed(table, lambda column: pc.replace_substring_regex(column, f"^({_FORMULA})", r"'\1"), safe)


def unguarded(table: pa.Table) -> pa.Table:
    """The table that `guarded` was given; of other tables, texts such as `'=1` lose their apostrophe, `'tis` keeps
    it."""
    return _changed(table, lambda column: pc.replace_substring_regex(column, f"^'({_FORMULA})", r"\1"))


def _changed(
    table: pa.Table, change: Callable[[pa.ChunkedArray], pa.ChunkedArray], safe: Collection[str] = ()
) -> pa.Table:
    columns = [
        change(column) if _is_text(column.type) and name not in safe else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    return pa.table(columns, names=table.column_names)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))

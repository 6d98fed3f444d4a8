"""The rows of an import that were refused, as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from segflow.exports.write import as_cells
from segflow.files import replacing
from segflow.imports.import_files import Refused


def write_refused(path: Path, rows: Sequence[Refused]) -> None:
    """Write line, column, value and why as CSV. Raises RunError when it cannot be written."""
    schema = pa.schema([("line", pa.int64()), *((name, pa.string()) for name in ("column", "value", "why"))])
    table = pa.Table.from_pylist([vars(one) for one in rows], schema=schema)
    with replacing(path) as partial:
        csv.write_csv(as_cells(table, formula_guard=True), partial, csv.WriteOptions(quoting_style="needed"))

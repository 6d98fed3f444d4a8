#!/usr/bin/env bash
# In pyiceberg `points < 3000000000` is true where points is NULL, if the column is an int: a delete takes these rows, too.
#
# Seen with: pyiceberg 0.12.0, pyarrow 26.0.1.
# One would expect: NULL is below no bound, however high; and that 2.5 is more than 2 for a column of integers, too, or is
#   refused, as a text that is no moment is.
# What happens: the number is made one of the column's type before it is compared. One that the type cannot hold (above
#   2147483647 for an int) makes `<`, `<=` and `!=` true for every row, and one below makes `>` so: of NULL, too. Where such
#   a bound can be met by none (`>`, `=`) it is. One with a fraction is cut: `< 2.5` is `< 2`, `= 2.5` finds 2. `scan`,
#   `delete` and `overwrite` agree with each other. On a column of longs the first filter is right.
# What hurts a user: a bound that stands for "without end" (9999999999), or milliseconds where the column has seconds, takes
#   in those of whom nothing is known; `delete` and `overwrite` with such a filter lose their rows. In a table whose
#   column was made a long later, the same line means something else.
# What segflow does about it: nothing is at stake. It reads no Iceberg by pyiceberg; bounds in segments are the engine's SQL,
#   where NULL is below nothing. Who filters by pyiceberg says `points is not null and ...`.
# Source: none found for the rows. Why numbers out of range are settled beforehand: apache/iceberg, issue 6203.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet "pyiceberg[sql-sqlite]==0.12.0" \
  pyarrow==26.0.1; } || exit 2
venv/bin/python -W ignore - <<'PY'
import sys
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

catalog = SqlCatalog("shop", uri="sqlite:///catalog.db", warehouse=Path.cwd().as_uri())
catalog.create_namespace("shop")
made = []


def table(kind):
    made.append(kind)
    rows = pa.table({"name": ["ann", "bob", "cleo"], "points": pa.array([2, 3, None], kind)})
    new = catalog.create_table(f"shop.contacts_{len(made)}", schema=rows.schema)
    new.append(rows)
    return new


def names(found):
    return sorted(found["name"].to_pylist())


CASES = [  # filter, type, who fulfils it, whom pyiceberg finds and deletes
    ("points < 2147483647", pa.int32(), ["ann", "bob"], ["ann", "bob"]),
    ("points < 3000000000", pa.int32(), ["ann", "bob"], ["ann", "bob", "cleo"]),
    ("points <= 9999999999", pa.int32(), ["ann", "bob"], ["ann", "bob", "cleo"]),
    ("points != 3000000000", pa.int32(), ["ann", "bob"], ["ann", "bob", "cleo"]),
    ("points > -3000000000", pa.int32(), ["ann", "bob"], ["ann", "bob", "cleo"]),
    ("points is not null and points < 3000000000", pa.int32(), ["ann", "bob"], ["ann", "bob"]),
    ("points < 3000000000", pa.int64(), ["ann", "bob"], ["ann", "bob"]),
    ("points < 2.5", pa.int32(), ["ann"], []),
    ("points >= 2.5", pa.int64(), ["bob"], ["ann", "bob"]),
    ("points = 2.5", pa.int64(), [], ["ann"]),
]
holds = True
print("pyiceberg", version("pyiceberg"), "| pyarrow", pa.__version__)
for where, kind, expected, known in CASES:
    one = table(kind)
    found = names(one.scan(row_filter=where).to_arrow())
    one.delete(where)
    deleted = sorted({"ann", "bob", "cleo"} - set(names(one.scan().to_arrow())))
    print(f"{where:21} {kind!s:5} expected {expected}; seen: found {found}, deleted {deleted}")
    holds &= found == deleted == known
sys.exit(0 if holds else "changed: numbers that the column cannot hold are compared by other rules now (see above)")
PY

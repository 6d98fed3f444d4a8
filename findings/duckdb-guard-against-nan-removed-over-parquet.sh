#!/usr/bin/env bash
# Over a Parquet file DuckDB takes away the guard against NaN, and NaN is inside of every upper bound.
#
# Seen with: duckdb 1.5.6 and 2.0.1, pyarrow 26.0.1.
# One would expect: that a condition holds for the same rows whether they are in a table or in a Parquet file; surely
#   isnan(x), whose whole purpose is to ask.
# What happens: a Parquet file says the least and greatest value of a column, NaN left out, as the format asks. DuckDB,
#   for which NaN is the greatest number of all, trusts that there is none: x <= 100 holds for every row of a column
#   whose greatest value is 2 (NaN too), x > 100 for none, and the optimizer folds NULLIF(x, 'nan') to x. In 2.0.1 it
#   folds isnan(x) to false as well, which still worked in 1.5.6. isfinite(x) holds out in both, x = x says nothing.
# What hurts a user: amounts of numpy, polars or Spark, where a NaN is what 0 / 0 left. "Spent at most 100" takes those
#   in of whom nothing is known, until a model is materialized: then they leave, and a flow sees them cross.
# What segflow does about it: by its design NaN is missing; where it asks (imports, JSON lines) it asks with isfinite,
#   the one form that holds. In a user's model, read_parquet's option can_have_nan = true gives the right answers.
# Source: github.com/duckdb/duckdb/issues/25521 (comparisons) and pull/25747 (why the default stays as it is).
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet duckdb==1.5.6 pyarrow==26.0.1 &&
  venv/bin/pip install --quiet --quiet --target duckdb2 duckdb==2.0.1; } || exit 2
cat > probe.py <<'PY'
import math
import sys
import duckdb
import pyarrow as pa
from pyarrow import parquet

spent = pa.table({"id": ["ana", "ben", "cleo"], "x": [1.0, 2.0, math.nan]})
parquet.write_table(spent, "spent.parquet")
duckdb.execute("CREATE TABLE spent AS FROM 'spent.parquet'")
old = duckdb.__version__.startswith("1.")
sources = ["spent", "'spent.parquet'", "read_parquet('spent.parquet', can_have_nan = true)"]
changed = []
for condition, known in {
    "x <= 100": (2, 3, 2),
    "x > 100": (1, 0, 1),
    "nullif(x, 'nan') IS NULL": (1, 0, 1),
    "isnan(x)": (1, 1 if old else 0, 1),
    "x <= 100 AND NOT isnan(x)": (2, 2 if old else 3, 2),
    "x <= 100 AND isfinite(x)": (2, 2, 2),
}.items():
    seen = tuple(duckdb.execute(f"SELECT count(*) FROM {s} WHERE {condition}").fetchall()[0][0] for s in sources)
    print(f"duckdb {duckdb.__version__} {condition:26} expected: {seen[0]}, as over the table; "
          f"seen over Parquet: {seen[1]}, with can_have_nan: {seen[2]}")
    changed += [] if seen == known else [condition]
sys.exit(f"changed in DuckDB {duckdb.__version__}: {', '.join(changed)}" if changed else 0)
PY
venv/bin/python probe.py
PYTHONPATH=duckdb2 venv/bin/python probe.py

#!/usr/bin/env bash
# In a folder of Parquet files the one whose name sorts first decides the types, and DuckDB rounds the others to fit.
#
# Seen with: duckdb 1.5.6 (2.0.1 does the same), pyarrow 26.0.1.
# One would expect: that files that disagree about a column are read in the type that holds both (DOUBLE), as
#   UNION ALL of the same files does, or that reading them raises, as it does for a column too many or a text.
# What happens: the first file's INT64 stands, and 1.6 and 7.7 of the next file are 2 and 8. A day without a
#   fraction whose file sorts first is enough; a smaller name that comes later changes the sums of files that were
#   there before. Only union_by_name = true looks at all files, though the columns have the same names.
# What hurts a user: amounts that pandas or a provider writes as integers on days without pence.
# What segflow does about it: its own ledgers are written in one fixed schema, and read by pyarrow file by file with a
#   checked cast. A user's model over a glob is theirs: union_by_name = true, or one cast per file.
# Source: duckdb.org/docs/data/multiple_files/combining_schemas says that the schema of the first file is used; it does
#   not say that values of the others are rounded to it.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet duckdb==1.5.6 pyarrow==26.0.1; } || exit 2
venv/bin/python - <<'PY'
import sys
import duckdb
import pyarrow as pa
from pyarrow import parquet

print("duckdb", duckdb.__version__, "| pyarrow", pa.__version__)
parquet.write_table(pa.table({"amount": pa.array([10, 20], pa.int64())}), "2026-03-02.parquet")
parquet.write_table(pa.table({"amount": [1.6, 7.7]}), "2026-03-03.parquet")


def ask(source):
    return duckdb.sql(f"SELECT round(sum(amount), 2), min(typeof(amount)) FROM {source}").fetchone()


seen = {
    "UNION ALL": ask("(FROM '2026-03-02.parquet' UNION ALL FROM '2026-03-03.parquet')"),
    "glob": ask("'2026-*.parquet'"),
    "union_by_name": ask("read_parquet('2026-*.parquet', union_by_name = true)"),
}
parquet.write_table(pa.table({"amount": [0.5]}), "2026-03-01.parquet")
seen["glob, one file more"] = ask("'2026-*.parquet'")
for what, (total, kind) in seen.items():
    right = 39.8 if "more" in what else 39.3
    print(f"{what:20} expected: {right} (DOUBLE); seen: {float(total)} ({kind})")
holds = seen == {
    "UNION ALL": (39.3, "DOUBLE"), "glob": (40, "BIGINT"), "union_by_name": (39.3, "DOUBLE"),
    "glob, one file more": (39.8, "DOUBLE"),
}
sys.exit(0 if holds else "changed: the first Parquet file no longer decides the type of the others (see above)")
PY

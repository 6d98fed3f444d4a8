#!/usr/bin/env bash
# sqlglot writes `unsubscribed IS NOT TRUE` as `NOT unsubscribed` for Snowflake, Trino and T-SQL: NULL is left out.
#
# Seen with: sqlglot 30.30.0; DuckDB 1.5.6 to run both.
# One would expect: that for an engine without IS TRUE the test is written so that it means the same: IS NOT TRUE is true of NULL,
#   in SQL, and as sqlglot writes it for Postgres, Spark, BigQuery and Oracle; or that what cannot be written raises with
#   `unsupported_level=RAISE`.
# What happens: in seven dialects (Snowflake, Trino, Presto, Athena, T-SQL, Fabric, StarRocks) `u IS TRUE` becomes `u`, or
#   `u = 1`, wherever it stands. As a filter of its own that is the same. Under a NOT it is not: `u IS NOT TRUE`, which is
#   parsed as NOT (u IS TRUE), becomes `NOT u`, `u IS NOT FALSE` becomes `NOT NOT u`, both unknown of NULL. Nothing is
#   reported. Snowflake's own SQL read as Snowflake and written again is changed, too.
# What hurts a user: "all who have not unsubscribed", where the column is NULL until somebody does, is nobody but those who were
#   asked and said no; tried out on DuckDB or Postgres the same segment is right. `consent IS NOT FALSE` likewise.
# What segflow does about it: it writes none of these dialects, and its own conditions are never unknown. A SQL segment to be taken
#   elsewhere says `coalesce(u, false) = false`, which is right in all of them.
# Source: tobymao/sqlglot issue 1740 asked for `u` in place of `u IS TRUE` in Trino, without a word about NULL; none found for NOT.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet sqlglot==30.30.0 duckdb==1.5.6; } || exit 2
venv/bin/python - <<'PY'
import sys

import duckdb
import sqlglot

db = duckdb.connect()
db.execute("CREATE TABLE t AS SELECT * FROM (VALUES ('yes', true), ('no', false), ('never chose', NULL)) AS v (u_is, u)")


def found(sql):  # what is written here for the other engines is plain SQL, and means the same on DuckDB
    return [name for (name,) in db.execute(sql).fetchall()]


CASES = [  # condition, whom it finds, whom it finds as written for the seven
    ("u IS TRUE", ["yes"], ["yes"]),
    ("u IS NOT TRUE", ["no", "never chose"], ["no"]),
    ("NOT (u IS TRUE)", ["no", "never chose"], ["no"]),
    ("u IS NOT FALSE", ["yes", "never chose"], ["yes"]),
    ("coalesce(u, false) = false", ["no", "never chose"], ["no", "never chose"]),
]
SEVEN = ["snowflake", "trino", "presto", "athena", "tsql", "fabric", "starrocks"]
OTHERS = ["postgres", "duckdb", "spark", "databricks", "bigquery", "redshift", "mysql", "clickhouse", "oracle"]
holds = True
print("sqlglot", sqlglot.__version__, "| duckdb", duckdb.__version__)
for condition, expected, known in CASES:
    asked = f"SELECT u_is FROM t WHERE {condition}"
    assert found(asked) == expected
    for dialect in SEVEN:
        written = sqlglot.transpile(asked, read="duckdb", write=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)[0]
        seen = found(written)
        if dialect in ("snowflake", "tsql"):
            print(f"{condition}, for {dialect}: {written.partition('WHERE ')[2]}: expected {expected}; seen {seen}")
        holds &= seen == known
    holds &= all("coalesce" in condition or " IS " in sqlglot.transpile(asked, read="duckdb", write=one)[0] for one in OTHERS)
again = sqlglot.transpile("SELECT u_is FROM t WHERE u IS NOT TRUE", read="snowflake", write="snowflake")[0]
print(f"read as Snowflake, written as Snowflake: expected: IS NOT TRUE, or the like; seen: {again.partition('WHERE ')[2]}")
sys.exit(0 if holds and again.endswith("WHERE NOT u") else "changed: IS TRUE is written by other rules now (see above)")
PY

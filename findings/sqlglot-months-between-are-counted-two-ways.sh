#!/usr/bin/env bash
# date_diff('month', ..) counts the firsts of a month that lie between; as Spark SQL it counts whole months.
#
# Seen with: sqlglot 30.30.0, duckdb 1.5.6, Sail (pysail 0.7.2 with pyspark-client 4.1.1).
#   Apache Spark 4.2.0 gives the same five answers.
# One would expect: that sqlglot, which cuts both sides to the month first when it writes Trino or Postgres, does so for
#   Spark, too, whose DATEDIFF with a unit counts whole units like Trino's.
# What happens: the three arguments are passed on. From 31 January to 1 February is a month on DuckDB, and none on Spark;
#   quarters, years and hours differ likewise, and days only of timestamps. Nothing is reported, at any level.
# What hurts a user: "ordered in each of the last three months" and cohorts ("months since the first order") shift by one
#   for most contacts, by the day of the month on which they came.
# What segflow does about it: it asks no engine for a distance in months: windows are bounds, computed in Python. A
#   .sql segment is in its engine's own SQL, so nothing is translated; who takes one to another engine is told here.
# Source: none found.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet sqlglot==30.30.0 duckdb==1.5.6 \
  pysail==0.7.2 pyspark-client==4.1.1; } || exit 2
venv/bin/python - 2> log <<'PY' || { grep -v "sail_" log >&2; exit 1; }
import sys
import duckdb
import sqlglot
from pyspark.sql import SparkSession
from pysail.spark import SparkConnectServer

server = SparkConnectServer("127.0.0.1", 0)
server.start()
spark = SparkSession.builder.remote("sc://%s:%d" % server.listening_address).getOrCreate()
print("sqlglot", sqlglot.__version__, "| duckdb", duckdb.__version__, "| pysail 0.7.2")


def written(query, dialect):
    return sqlglot.transpile(query, read="duckdb", write=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)[0]


CASES = [  # unit, from, to, what Spark has said
    ("month", "2026-01-31", "2026-02-01", 0),
    ("month", "2026-01-31", "2026-03-30", 1),
    ("month", "2026-01-15", "2026-03-15", 2),
    ("quarter", "2026-03-31", "2026-04-01", 0),
    ("year", "2025-12-31", "2026-01-01", 0),
]
holds = all("DATE_TRUNC" in written("SELECT date_diff('month', a, b) FROM t", dialect) for dialect in ("trino", "postgres"))
for unit, start, end, known in CASES:
    query = f"SELECT date_diff('{unit}', DATE '{start}', DATE '{end}')"
    here, seen = duckdb.sql(query).fetchone()[0], spark.sql(written(query, "spark")).collect()[0][0]
    print(f"{unit:7} from {start} to {end}: expected, as DuckDB says: {here}; seen: {seen}")
    holds &= seen == known and (here == known) == (start == "2026-01-15")
print("asked:", written(query, "spark"))
spark.stop()
sys.exit(0 if holds else "changed: distances reach Spark SQL in another way now (see above)")
PY

#!/usr/bin/env bash
# Three spellings of the weekday that agree on DuckDB give 1, 2 and 3 for one Monday once they are Spark SQL.
#
# Seen with: sqlglot 30.30.0, duckdb 1.5.6, Sail (pysail 0.7.2 with pyspark-client 4.1.1).
# One would expect: that sqlglot, which knows the weekday as a node of its tree, adds what the dialects differ by:
#   DuckDB counts from Sunday = 0 (isodow: Monday = 1), Spark's DAYOFWEEK from Sunday = 1.
# What happens: dayofweek() is passed on as DAYOFWEEK(), one too many. isodow() becomes DAYOFWEEK(..) % 7 + 1, which
#   turns the week two days the other way (Sunday 7 -> 2). EXTRACT(dow ..) is passed on as it is: right on Sail, and
#   one too many on Apache Spark, whose DOW is DAYOFWEEK too. Nothing is reported, and every answer is a valid weekday.
# What hurts a user: "on weekends" is Saturday and Sunday here, Friday and Saturday there.
# What segflow does about it: what it compiles itself counts weekdays in Python and hands none to an engine. Its
#   allowlist for .sql segments admits all three spellings: an engine that is fed by transpiling needs its own forms.
# Source: the formula for ISO days is told, for other sources, in github.com/tobymao/sqlglot/issues/8021.
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
seen = {}
for spelling in ["EXTRACT(dow FROM d)", "dayofweek(d)", "isodow(d)"]:
    for day, name in [("2026-03-02", "Monday"), ("2026-03-01", "Sunday")]:
        query = f"SELECT {spelling} FROM (SELECT DATE '{day}' AS d)"
        [written] = sqlglot.transpile(query, read="duckdb", write="spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
        expected = duckdb.sql(query).fetchone()[0]
        seen[spelling, name] = expected, spark.sql(written).collect()[0][0]
        print(f"{spelling:19} {name} expected, as DuckDB says: {expected}; seen: {seen[spelling, name][1]}"
              f" for Spark: {written.split(' FROM (')[0]}")
spark.stop()
holds = [one for one, _ in seen.values()] == [1, 0, 1, 0, 1, 7]
holds = holds and [other for _, other in seen.values()] == [1, 0, 2, 1, 3, 2]
sys.exit(0 if holds else "changed: the weekday reaches Spark SQL with other numbers now (see above)")
PY

#!/usr/bin/env bash
# array_agg(x ORDER BY y) becomes COLLECT_LIST(x) in Spark SQL: the order is left out, and so are the nulls.
#
# Seen with: sqlglot 30.30.0, duckdb 1.5.6, Sail (pysail 0.7.2 with pyspark-client 4.1.1); the same on Apache Spark 4.2.0.
# One would expect: that an order that a dialect has no place for is built in another way (sort_array over pairs), or is
#   refused where unsupported_level is RAISE, as BigQuery's is for a smaller matter (NULLS LAST).
# What happens: nothing is said at any level, and the list comes in the order of the rows: "the last plan" or "the first
#   channel" of a contact, taken from such a list by its index, is any of them. On the way the nulls go, so that a second
#   list that is made beside it has other places. string_agg(x ORDER BY y) keeps its order (LISTAGG), first(x ORDER BY y)
#   is passed on and refused by Spark: of the three ways to say it, only this one is silent.
# What hurts a user: a segment by the first purchase that is another one after each compaction of the table.
# What segflow does about it: it makes no lists in models for Spark; the latest of several values is found by row_number.
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
ROWS = "(VALUES ('free', 3), ('pro', 1), (NULL, 2)) AS plans(plan, day)"
CASES = {  # the aggregate -> what DuckDB says, what Spark is asked and says
    "array_agg(plan ORDER BY day)": (["pro", None, "free"], "COLLECT_LIST(plan)", ["free", "pro"]),
    "string_agg(plan, ',' ORDER BY day)": ("pro,free", "LISTAGG(plan, ',') WITHIN GROUP (ORDER BY day NULLS LAST)", "pro,free"),
}
holds = True
for aggregate, (expected, asked, known) in CASES.items():
    query = f"SELECT {aggregate} AS found FROM {ROWS}"
    [written] = sqlglot.transpile(query, read="duckdb", write="spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
    (here,), (seen,) = duckdb.sql(query).fetchone(), spark.sql(written).collect()[0]
    print(f"{aggregate}: expected, as DuckDB says: {here}; seen: {seen} for Spark: {written.split(' AS found')[0]}")
    holds &= (here, seen) == (expected, known) and asked in written
spark.stop()
sys.exit(0 if holds else "changed: ordered lists reach Spark SQL in another way now (see above)")
PY

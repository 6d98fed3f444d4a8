#!/usr/bin/env bash
# On Sail INTERSECT ALL does not count the rows of the other side; on DataFusion itself EXCEPT ALL does not, either.
#
# Seen with: pysail 0.7.2 with pyspark-client 4.2.0; datafusion 55.0.0; DuckDB 1.5.6 for comparison.
# One would expect: what the SQL standard and Spark say of ALL: of a row that is three times on the left and once on the right,
#   INTERSECT ALL has the smaller number, one, and EXCEPT ALL the difference, two.
# What happens: INTERSECT ALL has all three, in SQL and by `intersectAll`: each row of the left that is on the right at all. What
#   is on the left once and on the right three times is there once, so the two sides do not give the same. On Sail EXCEPT
#   ALL and `exceptAll` are right; in DataFusion's own SQL EXCEPT ALL has none of the three, like EXCEPT without
#   duplicates taken out.
# What hurts a user: INTERSECT ALL and EXCEPT ALL are how two loads, or two states of a table, are compared when rows may be
#   doubled. On Sail a load that lost two of three equal orders has them all in common with the one before; on DataFusion
#   it is not different from it.
# What segflow does about it: it never says INTERSECT ALL, and EXCEPT ALL is right on Sail. Checks that count equal rows group
#   them and compare counts: `SELECT g, count(*) .. GROUP BY g`, which is right everywhere.
# Source: apache/datafusion issues 12955 and 12956 (open since 2024) for DataFusion; none found for Sail.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet pysail==0.7.2 pyspark-client==4.2.0 \
  datafusion==55.0.0 duckdb==1.5.6; } || exit 2
cat > seen.py <<'PY'
import os
import sys

import datafusion
import duckdb
import pysail
from pysail.spark import SparkConnectServer
from pyspark.sql import SparkSession

server = SparkConnectServer("127.0.0.1", 0)
server.start()
spark = SparkSession.builder.remote("sc://%s:%d" % server.listening_address).getOrCreate()
fusion, duck = datafusion.SessionContext(), duckdb.connect()
for name, rows in {"before": "('a'), ('a'), ('a'), ('b')", "after": "('a'), ('c'), ('c')"}.items():
    query = f"SELECT g FROM (VALUES {rows}) AS v (g)"
    spark.sql(query).createOrReplaceTempView(name)
    fusion.sql(f"CREATE VIEW {name} AS {query}").collect()
    duck.execute(f"CREATE VIEW {name} AS {query}")
CASES = {  # query: expected, seen on Sail, seen on DataFusion
    "SELECT g FROM before INTERSECT ALL SELECT g FROM after": ("a", "aaa", "aaa"),
    "SELECT g FROM after INTERSECT ALL SELECT g FROM before": ("a", "a", "a"),
    "SELECT g FROM before EXCEPT ALL SELECT g FROM after": ("aab", "aab", "b"),
    "SELECT g FROM after EXCEPT ALL SELECT g FROM before": ("cc", "cc", "cc"),
    "SELECT g FROM before INTERSECT SELECT g FROM after": ("a", "a", "a"),
}
holds = True
print("pysail", pysail.__version__, "| datafusion", datafusion.__version__, "| duckdb", duckdb.__version__)
for query, (expected, on_sail, on_fusion) in CASES.items():
    assert "".join(sorted(g for (g,) in duck.execute(query).fetchall())) == expected
    sail = "".join(sorted(row.g for row in spark.sql(query).collect()))
    of_fusion = "".join(sorted(g for batch in fusion.sql(query).collect() for g in batch.to_pydict()["g"]))
    print(f"{query}: expected, and seen on DuckDB: {expected}; Sail: {sail}; DataFusion: {of_fusion}")
    holds &= sail == on_sail and of_fusion == on_fusion
method = "".join(sorted(row.g for row in spark.table("before").intersectAll(spark.table("after")).collect()))
print(f"intersectAll: expected: a; Sail: {method}")
sys.stdout.flush()
os._exit(0 if holds and method == "aaa" else 1)
PY
venv/bin/python -W ignore seen.py 2> log || { cat log >&2; echo "changed: see above" >&2; exit 1; }

#!/usr/bin/env bash
# On Sail a UNION that shows 2.7 stores 2, and one that shows 5000000000 stores a table that cannot be read.
#
# Seen with: Sail (pysail 0.7.2 with pyspark-client 4.1.1), tables in Delta.
# One would expect: that CREATE TABLE .. AS SELECT stores what the SELECT returns, in the type that the SELECT has.
# What happens: the SELECT finds the common type of all branches (2.7 comes back as 2.7), yet its schema is that of the
#   first branch alone (typeof says int), and that schema is what CREATE TABLE keeps. What does not fit is cut without a
#   word; what cannot be cut is accepted too: the statement succeeds and says 2 rows, and every later read fails. With
#   NULL as the first branch the column has no type, and the table cannot be read either.
# What hurts a user: memberships, journals and outboxes are unions of arms; the order of the arms decides what is kept.
# What segflow does about it: on Spark every column of every branch is to be cast to the target's type, NULLs included.
# Source: none found.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv &&
  venv/bin/pip install --quiet --quiet pysail==0.7.2 pyspark-client==4.1.1; } || exit 2
venv/bin/python - 2> log <<'PY' || { grep -v "sail_" log >&2; exit 1; }
import sys
from pathlib import Path
from pyspark.sql import SparkSession
from pysail.spark import SparkConnectServer

server = SparkConnectServer("127.0.0.1", 0)
server.start()
spark = SparkSession.builder.remote("sc://%s:%d" % server.listening_address).getOrCreate()
print("pysail 0.7.2")


def rows(query):
    try:
        return sorted(str(value) for (value,) in spark.sql(query).collect())
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"


seen = {}
for name, arms in {
    "fraction": "SELECT CAST(1 AS INT) AS x UNION ALL SELECT 2.7",
    "large": "SELECT CAST(1 AS INT) AS x UNION ALL SELECT 5000000000",
    "null": "SELECT NULL AS x UNION ALL SELECT 'abc'",
    "cast": "SELECT CAST(1 AS DECIMAL(18, 3)) AS x UNION ALL SELECT CAST(2.7 AS DECIMAL(18, 3))",
}.items():
    selected, kind = rows(arms), rows(f"SELECT DISTINCT typeof(x) FROM ({arms})")
    said = rows(f"CREATE TABLE {name}_ USING delta LOCATION '{Path(name).absolute()}' AS {arms}")
    seen[name] = selected, kind, said, rows(f"SELECT x FROM {name}_")
    print(f"{arms}\n  the SELECT: {selected}, typeof: {kind}; CREATE TABLE says: {said}"
          f"\n  expected in the table: {selected}; seen: {seen[name][3]}")
spark.stop()
holds = (
    seen["fraction"] == (["1.0", "2.7"], ["int"], ["2"], ["1", "2"])
    and seen["large"][:3] == (["1", "5000000000"], ["int"], ["2"]) and "Can't cast" in seen["large"][3]
    and seen["null"][2] == ["2"] and "Cannot cast column" in seen["null"][3]
    and seen["cast"][3] == ["1.000", "2.700"]
)
sys.exit(0 if holds else "changed: CREATE TABLE AS no longer keeps the type of the first branch (see above)")
PY

#!/usr/bin/env bash
# In Sail's local-cluster CREATE TABLE .. AS SELECT upper(x) FROM t fails, and with a filter, a join or DISTINCT it does not.
#
# Seen with: Sail (pysail 0.7.2 with pyspark-client 4.2.0), SAIL_MODE=local-cluster, a table in Delta.
# One would expect: that a query that can be read can be written, as in Sail's mode `local`, in Spark, DuckDB and Postgres;
#   and that a WHERE which is true of every row changes nothing but the time it takes.
# What happens: what is computed right on what is read, without anything in between, is handed to the workers in a form in
#   which they do not find functions by their names: "ExtendedScalarUdf: no UDF found for upper", btrim, nullif, abs, md5,
#   regexp_replace. Casts, CASE, coalesce, RLIKE, typeof and concat are no such functions. Read, the same query answers. A
#   filter, a join, DISTINCT or UNION ALL in between mends it; ORDER BY, LIMIT and a hint do not. Now and then CREATE TABLE
#   says "Table already exists" instead, of a name that was free: it was tried twice.
# What hurts a user: a staging model, `select trim(email) as email from raw.contacts`, is tried out in the console, works, and
#   fails in dbt; with `where email is not null` it works.
# What segflow does about it: its models join and filter. What an import is held against is not: imports do not work in that
#   mode, and their tests pass by there with this reason.
# Source: none found.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv &&
  venv/bin/pip install --quiet --quiet pysail==0.7.2 pyspark-client==4.2.0; } || exit 2
cat > seen.py <<'PY'
import os

from pysail.spark import SparkConnectServer
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

server = SparkConnectServer("127.0.0.1", 0)
server.start()
spark = SparkSession.builder.remote("sc://%s:%d" % server.listening_address).getOrCreate()
mode, made = os.environ["SAIL_MODE"], []


def told(query):
    try:
        return [tuple(row) for row in spark.sql(query).collect()]
    except PySparkException as error:
        return str(error)


def written(query):
    made.append(f"t{len(made)}")
    place = f"{os.getcwd()}/{mode}/{made[-1]}"
    failed = told(f"CREATE TABLE {made[-1]} USING delta LOCATION '{place}' AS {query}")
    return told(f"SELECT * FROM {made[-1]}") if isinstance(failed, list) else "an error"


written("SELECT * FROM VALUES (1, ' a '), (2, 'b') AS v (line, x)")
CASES = {  # query: rows expected, and whether the workers write them
    "SELECT upper(x) AS y FROM t0": (["B", " A "], False),
    "SELECT trim(x) AS y FROM t0": (["a", "b"], False),
    "SELECT nullif(x, 'b') AS y FROM t0 ORDER BY line": ([" a ", None], False),
    "SELECT upper(x) AS y FROM VALUES (' a '), ('b') AS v (x)": (["B", " A "], False),
    "SELECT upper(x) AS y FROM t0 WHERE line > 0": (["B", " A "], True),
    "SELECT DISTINCT upper(x) AS y FROM t0": (["B", " A "], True),
    "SELECT upper(x) AS y FROM t0 JOIN (SELECT line FROM t0) AS u USING (line)": (["B", " A "], True),
    "SELECT coalesce(x, 'c') AS y FROM t0": ([" a ", "b"], True),
    "SELECT CASE WHEN x = 'b' THEN 'c' ELSE x END AS y FROM t0": ([" a ", "c"], True),
}
holds = True
for query, (expected, works) in CASES.items():
    rows = {(y,) for y in expected}
    assert set(told(query)) == rows, (query, told(query))
    seen = written(query)
    right = not isinstance(seen, str) and set(seen) == rows
    print(f"  {query}: read as expected; written: {'as expected' if right else seen}")
    holds &= right is (works or mode == "local")
print(end="", flush=True)
os._exit(0 if holds else 1)
PY
for mode in local local-cluster; do
  echo "pysail 0.7.2, $mode"
  SAIL_MODE=$mode venv/bin/python -W ignore seen.py 2> log || { grep -v "sail_" log >&2; echo "changed: see above" >&2; exit 1; }
done

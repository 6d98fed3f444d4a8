#!/usr/bin/env bash
# On Sail a CREATE TABLE .. AS that fails leaves the table behind: it is empty, and answers.
#
# Seen with: Sail (pysail 0.7.2 with pyspark-client 4.2.0), tables in Delta.
# One would expect: that the statement makes the table with its rows or none at all, as Spark does with Delta, DuckDB and
#   Postgres; and that whoever asks for the table afterwards is told that there is none.
# What happens: the name is entered first. When the query fails while it runs (a text that is no number), the name stays.
#   A table without a LOCATION answers with no rows; CREATE TABLE IF NOT EXISTS then does nothing and says that all is
#   well. With a LOCATION, reading it is an error, and IF NOT EXISTS says that all is well, too.
# What hurts a user: a table of members that could not be made is one without members: whoever reads it later, or tries
#   again with IF NOT EXISTS, takes everybody for gone.
# What segflow does about it: a model counts as made when its statement has not failed, never because its name is there;
#   a stage that failed is dropped; what is to be made anew is dropped before.
# Source: none found.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv &&
  venv/bin/pip install --quiet --quiet pysail==0.7.2 pyspark-client==4.2.0; } || exit 2
venv/bin/python - 2> log <<'PY' || { grep -v "sail_" log >&2; exit 1; }
import os, sys
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pysail.spark import SparkConnectServer

server = SparkConnectServer("127.0.0.1", 0)
server.start()
spark = SparkSession.builder.remote("sc://%s:%d" % server.listening_address).getOrCreate()
spark.conf.set("spark.sql.ansi.enabled", "true")
print("pysail 0.7.2")


def told(query):
    try:
        return [tuple(row) for row in spark.sql(query).collect()]
    except PySparkException as error:
        return "an error: " + str(error).split("\n", 1)[0][:70]


def at(name):
    return f"USING delta LOCATION '{os.getcwd()}/{name}'"


told(f"CREATE TABLE given {at('given')} AS SELECT * FROM VALUES ('1'), ('none') AS v (x)")
seen = {}
for name, place in ("members", ""), ("elsewhere", at("elsewhere")):
    print(f"CREATE TABLE {name} .. AS: {told(f'CREATE TABLE {name} {place} AS SELECT CAST(x AS INT) AS n FROM given')}")
    there = name in {row[1] for row in told("SHOW TABLES")}
    again = told(f"CREATE TABLE IF NOT EXISTS {name} {place} AS SELECT x AS n FROM given")
    rows = told(f"SELECT * FROM {name}")
    seen[name] = there, again, rows if isinstance(rows, list) else "an error"
    print(f"  listed afterwards: expected: False; seen: {there}")
    print(f"  IF NOT EXISTS with a query that works, then its rows: expected: 2; seen: {rows}")
holds = seen == {"members": (True, [], []), "elsewhere": (True, [], "an error")}
print("" if holds else "changed: a table that could not be made is no longer left behind (see above)", file=sys.stderr)
sys.stdout.flush()
os._exit(0 if holds else 1)
PY

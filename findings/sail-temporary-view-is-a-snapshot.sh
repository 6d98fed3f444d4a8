#!/usr/bin/env bash
# On Sail a temporary view goes on showing the rows of the moment it was made; a view shows what there is.
#
# Seen with: Sail (pysail 0.7.2 with pyspark-client 4.1.1), tables in Delta.
# One would expect: that both kinds are stored queries that differ in how long they live, as in Spark and elsewhere.
# What happens: CREATE TEMPORARY VIEW binds the version that each Delta table has at that moment. Later appends, updates
#   and deletes in the same session do not show in it; a view without TEMPORARY follows.
#   DataFrame.createOrReplaceTempView makes the same kind of snapshot.
# What hurts a user: a temporary view as a name for "members now", made at the start of a tick, answers with the members
#   of before, in the very session that changed them. The other way round, code that was tried on Sail and takes the
#   view for a snapshot reads moving data on Spark.
# What segflow does about it: a stage is a table, on Spark with a new name per write, never a temporary view.
# Source: none found.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv &&
  venv/bin/pip install --quiet --quiet pysail==0.7.2 pyspark-client==4.1.1; } || exit 2
venv/bin/python - 2> log <<'PY' || { grep -v "sail_" log >&2; exit 1; }
import os, sys
from pyspark.sql import SparkSession
from pysail.spark import SparkConnectServer

server = SparkConnectServer("127.0.0.1", 0)
server.start()
spark = SparkSession.builder.remote("sc://%s:%d" % server.listening_address).getOrCreate()
print("pysail 0.7.2")


def rows(query):
    return sorted(value for (value,) in spark.sql(query).collect())


rows(f"CREATE TABLE members (id INT) USING delta LOCATION '{os.getcwd()}/members'")
rows("INSERT INTO members VALUES (1), (2)")
rows("CREATE TEMPORARY VIEW temporary_view AS SELECT id FROM members")
rows("CREATE VIEW plain_view AS SELECT id FROM members")
spark.sql("SELECT id FROM members").createOrReplaceTempView("dataframe_view")
rows("INSERT INTO members VALUES (3)")
rows("DELETE FROM members WHERE id = 1")
seen = {name: rows(f"SELECT id FROM {name}") for name in ["members", "plain_view", "temporary_view", "dataframe_view"]}
spark.stop()
for name, found in seen.items():
    print(f"{name:15} expected: [2, 3]; seen: {found}")
holds = list(seen.values()) == [[2, 3], [2, 3], [1, 2], [1, 2]]
sys.exit(0 if holds else "changed: temporary views follow their tables on Sail now (see above)")
PY

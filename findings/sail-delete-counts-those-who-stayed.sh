#!/usr/bin/env bash
# Deleting 3 of 10 rows, Sail says 7; deleting all of them, it says 0.
#
# Seen with: Sail (pysail 0.7.2 with pyspark-client 4.1.1), tables in Delta.
# One would expect: that DELETE, UPDATE and MERGE return how many rows they changed, as Delta on Spark does.
# What happens: the `count` that comes back is that of the rows in the files which were written anew. A file that loses
#   three of ten rows is written with seven; an UPDATE of three writes all ten; a file that loses every row is not
#   written at all, so that the greatest deletion says 0, like the one that finds nothing. Only INSERT is right.
# What hurts a user: a guard of the kind "more than 5% of the members would go: stop" reads the share that stays, and
#   "nothing to delete" where everything went; the number also depends on how rows lie in files.
# What segflow does about it: of a warehouse it reads no count from a statement's answer, but asks a query of its own.
# Source: none found.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv &&
  venv/bin/pip install --quiet --quiet pysail==0.7.2 pyspark-client==4.1.1; } || exit 2
venv/bin/python - 2> log <<'PY' || { grep -v "sail_" log >&2; exit 1; }
import os
import sys
from pyspark.sql import SparkSession
from pysail.spark import SparkConnectServer

server = SparkConnectServer("127.0.0.1", 0)
server.start()
spark = SparkSession.builder.remote("sc://%s:%d" % server.listening_address).getOrCreate()
print("pysail 0.7.2")


def one(query):
    return spark.sql(query).collect()[0][0]


one(f"CREATE TABLE members (id INT, name STRING) USING delta LOCATION '{os.getcwd()}/members'")
changed = []
for statement, rows, known in [
    ("INSERT INTO members SELECT id, 'x' FROM range(10) AS r(id)", 10, 10),
    ("UPDATE members SET name = 'y' WHERE id < 3", 3, 10),
    ("DELETE FROM members WHERE id >= 7", 3, 7),
    ("DELETE FROM members WHERE id = 12345", 0, 0),
    ("MERGE INTO members USING (SELECT 1 AS id UNION ALL SELECT 99) AS new ON members.id = new.id "
     "WHEN MATCHED THEN UPDATE SET name = 'z' WHEN NOT MATCHED THEN INSERT (id, name) VALUES (new.id, 'z')", 2, 8),
    ("DELETE FROM members", 8, 0),
]:
    said = one(statement)
    print(f"{statement[:44]:45} expected: {rows:2}; seen: {said:2}; left: {one('SELECT count(*) FROM members')}")
    changed += [] if said == known else [statement[:20]]
spark.stop()
sys.exit(f"changed: Sail counts another way now: {changed}" if changed else 0)
PY

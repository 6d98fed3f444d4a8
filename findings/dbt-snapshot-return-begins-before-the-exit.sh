#!/usr/bin/env bash
# dbt snapshot: who left and comes back unchanged has never been away, and a deletion ends before it begins
#
# Seen with: dbt-core 1.11.16, dbt-duckdb 1.11.1, duckdb 1.5.6
# One would expect: that the rows of a key in a snapshot follow each other, dbt_valid_to of one and dbt_valid_from of the
#   next; that dbt_scd_id, the key of a row, is unique; and that `hard_deletes: new_record`, which writes a row for what is
#   deleted, has that row for the time away.
# What happens, with strategy timestamp, when a row that was deleted is back with the updated_at of before (a filter let go
#   of it, a sync brought it back): the new row begins at updated_at, before the exit, so that two rows are valid at once,
#   with the same dbt_scd_id. With new_record the deletion is closed at updated_at: it ends before it begins, and no
#   question about a moment finds it. Strategy check takes the time of the run for all of it, and is right.
# What hurts a user: exits and returns counted by a snapshot; a join by `at between valid_from and valid_to` doubles rows.
# What segflow does about it: its own crossings carry the tick's time, whatever the row says; docs/YOUR_DBT_PROJECT.md
#   says what to do with a snapshot as a model.
# Source: none found.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --quiet dbt-core==1.11.16 dbt-duckdb==1.11.1 duckdb==1.5.6 || { echo "cannot install"; exit 2; }

mkdir models snapshots
printf 'name: shop\nversion: "1.0"\nprofile: shop\n' > dbt_project.yml
printf 'shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, threads: 1}}}\n' > profiles.yml
printf 'sources: [{name: crm, schema: main, tables: [{name: contacts}]}]\n' > models/crm.yml
for kind in invalidate new_record; do
    echo "snapshots: [{name: time_$kind, relation: \"source('crm', 'contacts')\", config: {unique_key: id, hard_deletes: $kind,
      strategy: timestamp, updated_at: updated_at}}]" > snapshots/time_$kind.yml
    echo "snapshots: [{name: check_$kind, relation: \"source('crm', 'contacts')\", config: {unique_key: id, hard_deletes: $kind,
      strategy: check, check_cols: [plan]}}]" > snapshots/check_$kind.yml
done

DO_NOT_TRACK=1 TZ=UTC venv/bin/python - <<'PY'
import subprocess
import sys
from importlib.metadata import version

import duckdb


def asked(*statements):
    with duckdb.connect("shop.duckdb") as db:
        for statement in statements:
            found = db.execute(statement).fetchall()
    return found


def snapshot():
    subprocess.run(["venv/bin/dbt", "--quiet", "--no-version-check", "snapshot", "--profiles-dir", "."], check=True)


ROW = "select 1 as id, 'free' as plan, timestamp '2026-01-01' as updated_at"
asked(f"create table contacts as {ROW}")
snapshot()
asked("delete from contacts")
snapshot()
asked(f"insert into contacts {ROW}")
snapshot()
print(f"dbt-core {version('dbt-core')}, dbt-duckdb {version('dbt-duckdb')}, duckdb {version('duckdb')}")
print("of one contact that left and came back: rows; distinct dbt_scd_id; rows that end before they begin;")
print("rows by which it was there when it left; expected: as many ids as rows, 0, 0")
seen = {}
for name in ("check_invalidate", "check_new_record", "time_invalidate", "time_new_record"):
    left = f"(select min(dbt_valid_to) from {name} where dbt_valid_to > '2026-01-01')"
    there = "dbt_is_deleted = 'False'" if name.endswith("new_record") else "true"
    (seen[name],) = asked(
        "select count(*), count(distinct dbt_scd_id), count(*) filter (where dbt_valid_to < dbt_valid_from),"
        f" count(*) filter (where {there} and dbt_valid_from <= {left} and coalesce(dbt_valid_to > {left}, true)) from {name}"
    )
    print(f"{name:17} seen: {seen[name]}")
known = {
    "check_invalidate": (2, 2, 0, 0), "check_new_record": (3, 3, 0, 0),
    "time_invalidate": (2, 1, 0, 1), "time_new_record": (3, 2, 1, 1),
}
sys.exit(0 if seen == known else "This has changed: the history of who comes back is another one now.")
PY

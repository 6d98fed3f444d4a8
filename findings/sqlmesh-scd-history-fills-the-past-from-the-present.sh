#!/usr/bin/env bash
# SQLMesh's SCD type 2: the row of the time before has the new value where it had none: who left today was never there.
#
# Seen with: sqlmesh 0.236.4, sqlglot 30.8.0, duckdb 1.5.6.
# One would expect: that the row of a version that has ended stays as it was, but for valid_to; that is what the history is for,
#   and what SQLMesh's own description of SCD_TYPE_2_BY_COLUMN and SCD_TYPE_2_BY_TIME shows.
# What happens: when a new version comes the row of the old one is written anew with COALESCE(old value, new value), column by
#   column. A column that was NULL, the one that is watched or any other, gets the value of the version after it; NULL to
#   a value is just the change that is lost. From a value to NULL, and from a value to another, all is right, and
#   nothing is reported.
# What hurts a user: `unsubscribed_at` is NULL until it is not. From the run that sees it on, the history has it for all the time
#   before as well: the question who could be written to last month leaves out all who have left since, and no entry and
#   no exit is to be found by comparing a contact's versions. First orders, scores and consents are filled in likewise.
# What segflow does about it: nothing is at stake; its crossings are written once and not changed. Who has contacts from such a model
#   does not ask it for states of the past, or replaces NULL by a value of its own (-1, 'none', 9999-12-31) before it.
# Source: SQLMesh/sqlmesh issues 5332 (by time, BigQuery) and 5757 (by column), both open.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet sqlmesh==0.236.4 sqlglot==30.8.0 duckdb==1.5.6; } || exit 2
mkdir models
cat > config.yaml <<'YML'
gateways: {local: {connection: {type: duckdb, database: warehouse.duckdb}}}
default_gateway: local
model_defaults: {dialect: duckdb, start: 2026-01-01}
disable_anonymized_analytics: true
YML
COLUMNS="SELECT name::TEXT, left_on::DATE, plan::TEXT, changed::TIMESTAMP FROM crm.contacts"
echo "MODEL (name shop.by_column, kind SCD_TYPE_2_BY_COLUMN (unique_key name, columns [left_on])); $COLUMNS" > models/by_column.sql
echo "MODEL (name shop.by_time, kind SCD_TYPE_2_BY_TIME (unique_key name, updated_at_name changed)); $COLUMNS" > models/by_time.sql
HOME="$T" venv/bin/python -W ignore - <<'PY'
import sys
from importlib.metadata import version

import duckdb
from sqlmesh import Context
from sqlmesh.core.console import NoopConsole, set_console

set_console(NoopConsole())


def asked(*statements):
    with duckdb.connect("warehouse.duckdb") as db:
        for statement in statements:
            found = db.execute(statement).fetchall()
    return found


asked("CREATE SCHEMA crm", "CREATE TABLE crm.contacts (name TEXT, left_on DATE, plan TEXT, changed TIMESTAMP)")
RUNS = [  # ann leaves, and has a plan; bob comes back; cleo's date is corrected; dora stays as she is
    "('ann', NULL, NULL, '2026-10-01'), ('bob', '2026-09-09', 'pro', '2026-10-01'), ('cleo', '2026-09-09', 'pro', '2026-10-01'),"
    " ('dora', NULL, NULL, '2026-10-01')",
    "('ann', '2026-11-02', 'pro', '2026-11-02'), ('bob', NULL, NULL, '2026-11-02'), ('cleo', '2026-09-10', 'free', '2026-11-02'),"
    " ('dora', NULL, NULL, '2026-10-01')",
]
for day, rows in enumerate(RUNS, start=1):
    asked("DELETE FROM crm.contacts", f"INSERT INTO crm.contacts VALUES {rows}")
    context = Context(paths=".")
    if day == 1:
        context.plan(auto_apply=True, no_prompts=True, execution_time="2026-11-01")
    else:
        context.run(ignore_cron=True, execution_time="2026-11-03")
    context.close()
BEFORE = [("ann", None, None), ("bob", "2026-09-09", "pro"), ("cleo", "2026-09-09", "pro"), ("dora", None, None)]
KNOWN = [("ann", "2026-11-02", "pro"), *BEFORE[1:]]
print("sqlmesh", version("sqlmesh"), "| sqlglot", version("sqlglot"), "| duckdb", duckdb.__version__)
holds = True
for name in ("by_column", "by_time"):
    at = f"FROM shop.{name} WHERE valid_from <= '2026-10-15' AND coalesce(valid_to > '2026-10-15', true)"
    seen = asked(f"SELECT name, left_on::TEXT, plan {at} ORDER BY name")
    there = [one for (one,) in asked(f"SELECT name {at} AND left_on IS NULL ORDER BY name")]
    print(f"{name}, the rows of October 15: expected {BEFORE}; seen {seen}")
    print(f"{name}, who had not left on October 15: expected ['ann', 'dora']; seen {there}")
    holds &= seen == KNOWN and there == ["dora"]
sys.exit(0 if holds else "changed: the rows of versions that have ended are written by other rules now (see above)")
PY

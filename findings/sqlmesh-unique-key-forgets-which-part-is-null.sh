#!/usr/bin/env bash
# SQLMesh on DuckDB: with a unique key of two columns a new row (NULL, 7) deletes the old row (7, NULL), another row's.
#
# Seen with: sqlmesh 0.236.4, sqlglot 30.8.0, duckdb 1.5.6.
# One would expect: of INCREMENTAL_BY_UNIQUE_KEY that a row is replaced by one with the same key; of NULL in a key either that
#   it is like NULL (the row is replaced) or that it is like nothing (the row comes a second time): of both, in any case,
#   that a row whose key is another one stays.
# What happens: DuckDB gets a DELETE and an INSERT. The DELETE joins the key's columns by CONCAT_WS, which leaves NULLs out,
#   so (7, NULL) and (NULL, 7) are the same text: the old row goes. (7, NULL) twice is the same, too, and is replaced. With
#   a key of one column NULL is like nothing: the row comes again with every run. On Postgres 18 the same model is a MERGE
#   by `=`: nothing is lost, and each row with a NULL in its key comes again with every run. All runs are successes.
# What hurts a user: a table of members whose key is (contact_id, lead_id), one of which is always NULL, loses people whose
#   number is somebody else's number in the other column. A project tried out on DuckDB and run on Postgres doubles them.
# What segflow does about it: nothing is at stake; it has one key, which is never NULL. Models by SQLMesh in front of it take a
#   key that tells its columns apart: `unique_key (COALESCE(contact_id, -1), COALESCE(lead_id, -1))`, as the last case.
# Source: none found for the lost rows. SQLMesh/sqlmesh issue 5711 shows the DELETE, and complains of its speed on MariaDB.
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
for model in "two (contact_id, lead_id)" "one (contact_id)" "told_apart (COALESCE(contact_id, -1), COALESCE(lead_id, -1))"; do
  echo "MODEL (name shop.${model%% *}, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key ${model#* }));
    SELECT contact_id::INT, lead_id::INT, name::TEXT FROM crm.people" > "models/${model%% *}.sql"
done
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


asked("CREATE SCHEMA crm", "CREATE TABLE crm.people (contact_id INT, lead_id INT, name TEXT)")
# the first run brings one of each kind, the second the lead 7 alone, the third the lead 7 once more
for day, rows in enumerate(["(7, NULL, 'contact 7'), (1, 2, 'both')", "(NULL, 7, 'lead 7')", "(NULL, 7, 'lead 7')"], start=1):
    asked("DELETE FROM crm.people", f"INSERT INTO crm.people VALUES {rows}")
    context = Context(paths=".")
    if day == 1:
        context.plan(auto_apply=True, no_prompts=True, execution_time=f"2026-11-0{day}")
    else:
        context.run(ignore_cron=True, execution_time=f"2026-11-0{day}")
    context.close()
expected = ["both", "contact 7", "lead 7"]
known = {"two": ["both", "lead 7"], "one": ["both", "contact 7", "lead 7", "lead 7"], "told_apart": expected}
print("sqlmesh", version("sqlmesh"), "| sqlglot", version("sqlglot"), "| duckdb", duckdb.__version__)
seen = {}
for name in known:
    seen[name] = [one for (one,) in asked(f"SELECT name FROM shop.{name} ORDER BY name")]
    print(f"key {name:10} after three runs: expected {expected}; seen {seen[name]}")
sys.exit(0 if seen == known else "changed: keys with a NULL in them are compared by other rules now (see above)")
PY

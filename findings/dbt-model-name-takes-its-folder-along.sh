#!/usr/bin/env bash
# dbt: the name of a model, in --select and --exclude, is the name of a folder, too
#
# Seen with: dbt-core 1.11.16, dbt-duckdb 1.11.1, duckdb 1.5.6
# One would expect: model names are unique, so `--select orders` is the model orders and `--exclude orders` all but it.
# What happens: a bare name is matched against paths, file names and fully qualified names at once, and the last of
#   these match as prefixes. With the common layout models/orders/orders.sql + order_items.sql, `--exclude orders`
#   leaves order_items out as well, and nothing is said. The method file: means one file.
# What hurts: a program that builds selections from names. To leave out one view whose SQL has not changed leaves out
#   the tables beside it: they keep the rows of an earlier run, without an error. To select one builds its neighbours.
#   segflow selects, and leaves out, by file:NAME.sql.
# Source: dbt-labs/dbt-core issue 9829 (closed: as documented), astronomer/astronomer-cosmos pull request 2328.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet dbt-core==1.11.16 dbt-duckdb==1.11.1 duckdb==1.5.6 || { echo "cannot install"; exit 2; }

mkdir -p models/orders models/staging
printf 'name: shop\nversion: "1.0"\nprofile: shop\n' > dbt_project.yml
printf 'shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, threads: 1}}}\n' > profiles.yml
echo "select 1 as id" > models/orders/orders.sql
echo "{{ config(materialized='table') }} select 1 as id" > models/orders/order_items.sql
echo "select 1 as id" > models/staging/customers.sql

DO_NOT_TRACK=1 venv/bin/python - <<'PY'
import sys
from importlib.metadata import version

from dbt.cli.main import dbtRunner

QUIET = ["--log-level", "none", "--no-version-check", "--profiles-dir", "."]


def built(*selection):
    result = dbtRunner().invoke(["run", *selection, *QUIET])
    return sorted(one.node.name for one in result.result.results)


selected = built("--select", "orders")
rest = built("--exclude", "orders")
one = built("--select", "file:orders.sql")
rest_by_file = built("--exclude", "file:orders.sql")

print(f"dbt-core {version('dbt-core')}, dbt-duckdb {version('dbt-duckdb')}, duckdb {version('duckdb')}")
print("expected: --select orders  -> orders                    seen:", ", ".join(selected))
print("expected: --exclude orders -> customers, order_items    seen:", ", ".join(rest))
print("with file:orders.sql:", ", ".join(one), "and", ", ".join(rest_by_file))
if selected != ["order_items", "orders"] or rest != ["customers"]:
    sys.exit("This has changed: the name of a model no longer stands for the folder of that name.")
if one != ["orders"] or rest_by_file != ["customers", "order_items"]:
    sys.exit("This has changed: file: no longer means one model.")
PY

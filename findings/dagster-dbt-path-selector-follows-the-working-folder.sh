#!/usr/bin/env bash
# dagster-dbt: exclude="path:..." excludes nothing when the process was started in another folder
#
# Seen with: dagster-dbt 0.29.27, dagster 1.13.27, dbt-core 1.11.16, dbt-duckdb 1.11.1
# One would expect: the manifest has the path of every model, relative to its project, and a selection from that manifest
#   is the same wherever the process was started; where a selector finds nothing, somebody says so.
# What happens: without `project=`, `path:` is looked up on disk below the process's working folder. In the dbt project's
#   folder all is well. Anywhere else `select` picks nothing (a line on stdout, and an asset definition without assets),
#   and `exclude` excludes nothing and says nothing. `file:`, `fqn` and `config.schema:` answer alike everywhere.
# What hurts: `dagster dev` in a developer's folder leaves the models out; the code server, started by systemd in `/`,
#   has them: twice defined beside whoever owns them, or built by a job that was not to touch them. segflow's pages
#   tell teams to leave its models out by `config.schema:segflow`,.
# Source: dbt's `path` method globs the disk from its project_root (docs.getdbt.com, node selection methods); that
#   dagster-dbt has no root to give it without `project=` is said nowhere.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet dagster-dbt==0.29.27 dagster==1.13.27 dbt-core==1.11.16 dbt-duckdb==1.11.1 \
    || { echo "cannot install"; exit 2; }
export DO_NOT_TRACK=1

mkdir -p shop/models/staging shop/models/marts elsewhere
cat > shop/dbt_project.yml <<'YML'
name: shop
version: "1.0"
profile: shop
YML
cat > shop/profiles.yml <<'YML'
shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb}}}
YML
echo "select 1 as id" > shop/models/staging/stg_orders.sql
echo "select * from {{ ref('stg_orders') }}" > shop/models/marts/orders.sql
(cd shop && ../venv/bin/dbt parse --quiet --profiles-dir .)

cat > look.py <<'PY'
import json
import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
from dagster_dbt import DbtProject, dbt_assets

shop = Path(sys.argv[1])


def picked(**words):
    @dbt_assets(manifest=shop / "target" / "manifest.json", **words)
    def models(context): ...

    return sorted(key.to_user_string() for key in models.keys)


print("@", json.dumps([
    picked(select="path:models/staging"),
    picked(exclude="path:models/staging"),
    picked(exclude="path:models/staging", project=DbtProject(shop)),
    picked(exclude="file:stg_orders.sql"),
]))
PY
home=$(cd shop && ../venv/bin/python ../look.py "$work/shop" 2>>"$work/log" | sed -n 's/^@ //p')
away=$(cd elsewhere && ../venv/bin/python ../look.py "$work/shop" 2>>"$work/log" | sed -n 's/^@ //p')
[ -n "$home" ] && [ -n "$away" ] || { tail -5 "$work/log"; exit 2; }

echo "select path | exclude path | exclude path, with project= | exclude file"
echo "expected, from any folder:  [[\"stg_orders\"], [\"orders\"], [\"orders\"], [\"orders\"]]"
echo "seen in the dbt project:    $home"
echo "seen in another folder:     $away"
[ "$home" = '[["stg_orders"], ["orders"], ["orders"], ["orders"]]' ] \
    && [ "$away" = '[[], ["orders", "stg_orders"], ["orders"], ["orders"]]' ] \
    || { echo "This has changed: path selectors of dagster-dbt answer in another way now."; exit 1; }

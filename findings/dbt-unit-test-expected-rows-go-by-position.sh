#!/usr/bin/env bash
# dbt unit tests: in the expected rows only the first one's names count; the values of the others go by their position.
#
# Seen with: dbt-core 1.11.16, dbt-adapters 1.24.5, dbt-duckdb 1.11.1, duckdb 1.5.6.
# One would expect: of `rows: [{id: 1, opens: 5, clicks: 2}, {id: 2, clicks: 1, opens: 9}]` that each value is held against the
#   column that it is named after, as in the rows of `given`, and as a misspelt name is an error. And of a row that leaves
#   a column out what `given` makes of it, NULL, or an error.
# What happens: each expected row becomes a SELECT with its values in the order in which they were written, and these are put
#   below each other by UNION ALL, which does not look at names. The columns that are compared are those of the first row.
#   So `{id: 2, clicks: 1, opens: 9}` expects one open and nine clicks, and `{id: 2, clicked: true}` below
#   `{id: 1, opened: true}` is held against `opened`. Nothing is said; the diff of a failure shows the values moved, too.
# What hurts a user: a model that is wrong passes, and the right one fails, whereupon somebody "mends" it. Rows that name only
#   what is true of each contact, which is how one writes them, test one column, and not that of the second row.
# What segflow does about it: nothing is at stake in its own models, which have no dbt unit tests. For those in front of it a line
#   in the docs helps: write expected rows in full and in the first row's order, or as csv, whose header does it.
# Source: none found.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet dbt-core==1.11.16 dbt-adapters==1.24.5 \
  dbt-duckdb==1.11.1 duckdb==1.5.6; } || exit 2
mkdir models
printf 'name: shop\nversion: "1.0"\nprofile: shop\n' > dbt_project.yml
printf 'shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, threads: 1}}}\n' > profiles.yml
DO_NOT_TRACK=1 venv/bin/python - <<'PY'
import json
import sys
from importlib.metadata import version

from dbt.cli.main import dbtRunner

COUNTS = "select 1 as id, 5 as opens, 2 as clicks union all select 2, {}"
FLAGS = "select 1 as id, true as opened, false as clicked union all select 2, {}"
IN_ORDER = [{"id": 1, "opens": 5, "clicks": 2}, {"id": 2, "opens": 9, "clicks": 1}]
OTHER_ORDER = [{"id": 1, "opens": 5, "clicks": 2}, {"id": 2, "clicks": 1, "opens": 9}]
BY_NAME = [{"id": 1, "opened": True}, {"id": 2, "clicked": True}]
CASES = [  # what, model, expected rows, what the test should say, what it says
    ("in the same order, the model is right", COUNTS.format("9, 1"), IN_ORDER, "pass", "pass"),
    ("in the same order, the model is wrong", COUNTS.format("1, 9"), IN_ORDER, "fail", "fail"),
    ("in another order, the model is right ", COUNTS.format("9, 1"), OTHER_ORDER, "pass", "fail"),
    ("in another order, the model is wrong ", COUNTS.format("1, 9"), OTHER_ORDER, "fail", "pass"),
    ("other names, clicked as it says      ", FLAGS.format("false, true"), BY_NAME, "pass", "fail"),
    ("other names, clicked is false for all", FLAGS.format("true, false"), BY_NAME, "fail", "pass"),
]
tests = []
for number, (_, sql, rows, _, _) in enumerate(CASES):
    with open(f"models/model_{number}.sql", "w") as file:
        file.write(sql)
    tests.append({"name": f"test_{number}", "model": f"model_{number}", "given": [], "expect": {"rows": rows}})
with open("models/tests.yml", "w") as file:
    json.dump({"unit_tests": tests}, file)
ran = dbtRunner().invoke(["test", "--log-level", "none", "--no-version-check", "--profiles-dir", "."])
said = {one.node.name: one.status.value for one in ran.result.results}
print("dbt-core", version("dbt-core"), "| dbt-adapters", version("dbt-adapters"), "| dbt-duckdb", version("dbt-duckdb"))
for number, (what, _, rows, expected, _) in enumerate(CASES):
    print(f"{what}, second row {rows[1]}: expected {expected}; seen {said[f'test_{number}']}")
known = {f"test_{number}": case[4] for number, case in enumerate(CASES)}
sys.exit(0 if said == known else "changed: expected rows are compared by other rules now (see above)")
PY
